"""Learning curves: the points read from a log, and that a picture of them is written without a display."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hf_rnn.runs.curves import curve_points, plot_learning_curves


LOG = [
    {"epoch": 0.5, "step": 10, "loss": 0.9, "learning_rate": 1e-3},
    {"epoch": 1.0, "step": 20, "loss": 0.6},
    {"epoch": 1.0, "step": 20, "accuracy": 0.75, "minutes": 2.0},
    {"epoch": 1.0, "step": 20, "eval_loss": 0.7, "eval_accuracy": 0.8, "eval_runtime": 1.0},
    {"epoch": 2.0, "step": 40, "eval_loss": 0.5, "eval_accuracy": 0.9},
    {"epoch": 2.0, "step": 40, "train_loss": 0.75, "train_runtime": 9.0},
]


def test_points_are_those_of_the_log() -> None:
    assert curve_points(LOG, "accuracy") == {
        "train_loss": [(0.5, 0.9), (1.0, 0.6)],
        "validation_loss": [(1.0, 0.7), (2.0, 0.5)],
        "train_metric": [(1.0, 0.75)],
        "validation_metric": [(1.0, 0.8), (2.0, 0.9)],
    }


def test_an_unlogged_metric_is_an_empty_curve() -> None:
    assert curve_points(LOG, "f1")["validation_metric"] == []


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    figures: list[Figure] = []
    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), savefig(self, *a, **k))[1])
    return figures


def lines(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    return {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in axes.lines}


def test_the_picture_shows_every_curve_by_epoch(tmp_path: Path, drawn: list[Figure]) -> None:
    path = plot_learning_curves(LOG, tmp_path / "plots" / "curves.png", "accuracy")
    assert path.read_bytes().startswith(b"\x89PNG")
    loss, metric = drawn[0].axes
    assert lines(loss) == {"train": [(0.5, 0.9), (1.0, 0.6)], "validation": [(1.0, 0.7), (2.0, 0.5)]}
    assert lines(metric) == {"train": [(1.0, 0.75)], "validation": [(1.0, 0.8), (2.0, 0.9)]}
    assert (loss.get_ylabel(), metric.get_ylabel()) == ("loss", "accuracy")
    # One axis for both; the minutes are only named.
    assert loss.get_xlabel() == metric.get_xlabel() == "epoch (2.0 minutes in all)"


def test_a_figure_that_was_counted_has_a_panel_beside_the_metric(tmp_path: Path, drawn: list[Figure]) -> None:
    log = [*LOG, {"epoch": 2.0, "step": 40, "eval_loss": 0.5, "eval_f1": 0.4}]
    plot_learning_curves(log, tmp_path / "curves.png", "f1")
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["loss", "f1", "accuracy"]
    _, f1, accuracy = drawn[0].axes
    assert lines(f1) == {"validation": [(2.0, 0.4)]}
    assert lines(accuracy) == {"train": [(1.0, 0.75)], "validation": [(1.0, 0.8), (2.0, 0.9)]}
    # The colour says which of the two it is in every panel.
    assert f1.lines[0].get_color() == accuracy.lines[1].get_color() != accuracy.lines[0].get_color()


def test_a_run_chosen_by_its_loss_has_one_panel_of_it(tmp_path: Path, drawn: list[Figure]) -> None:
    plot_learning_curves([row for row in LOG if "accuracy" not in row], tmp_path / "curves.png", "loss")
    (loss,) = drawn[0].axes
    assert loss.get_xlabel() == "epoch"
    assert set(lines(loss)) == {"train", "validation"}


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
