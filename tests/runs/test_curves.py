"""Learning curves: the points read from a log, and that a picture of them is written without a display."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hf_rnn.runs.curves import curve_points, plot_learning_curves


LOG = [
    {"epoch": 0.5, "step": 10, "loss": 0.9, "learning_rate": 1e-3},
    {"epoch": 1.0, "step": 20, "loss": 0.6},
    {"epoch": 1.0, "step": 20, "eval_loss": 0.7, "eval_accuracy": 0.8, "eval_runtime": 1.0},
    {"epoch": 2.0, "step": 40, "eval_loss": 0.5, "eval_accuracy": 0.9},
    {"epoch": 2.0, "step": 40, "train_loss": 0.75, "train_runtime": 9.0},
]


def test_points_are_those_of_the_log() -> None:
    assert curve_points(LOG, "accuracy") == {
        "train_loss": [(0.5, 0.9), (1.0, 0.6)],
        "validation_loss": [(1.0, 0.7), (2.0, 0.5)],
        "validation_metric": [(1.0, 0.8), (2.0, 0.9)],
    }


def test_an_unlogged_metric_is_an_empty_curve() -> None:
    assert curve_points(LOG, "f1")["validation_metric"] == []


def test_the_picture_shows_every_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), savefig(self, *a, **k))[1])
    path = plot_learning_curves(LOG, tmp_path / "plots" / "curves.png", "accuracy")
    assert path.read_bytes().startswith(b"\x89PNG")
    loss, metric = drawn[0].axes
    assert {line.get_label(): list(line.get_ydata()) for line in loss.lines} == {
        "train": [0.9, 0.6],
        "validation": [0.7, 0.5],
    }
    assert [list(line.get_xdata()) for line in metric.lines] == [[1.0, 2.0]]
    assert (loss.get_xlabel(), loss.get_ylabel(), metric.get_ylabel()) == ("epoch", "loss", "accuracy")


def test_a_run_without_validation_is_drawn(tmp_path: Path) -> None:
    assert plot_learning_curves(LOG[:2], tmp_path / "curves.png", "accuracy").stat().st_size > 0


def test_a_log_without_curves_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`log_history` must hold `loss`, `eval_loss` or `eval_f1`"):
        plot_learning_curves([{"epoch": 1.0, "train_runtime": 3.0}], tmp_path / "curves.png", "f1")
    assert not (tmp_path / "curves.png").exists()


def test_pyplot_and_its_backend_are_left_alone(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from hf_rnn.runs.curves import plot_learning_curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"plot_learning_curves([{{'epoch': 1.0, 'loss': 0.5}}], {str(tmp_path / 'c.png')!r}, 'accuracy')\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
