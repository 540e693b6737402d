"""What a search leaves behind of its study."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib
import optuna
import pytest
from matplotlib import pyplot
from PIL import Image

from hf_rnn.hyperparameter_search.report import importances, write_plots, write_table
from hf_rnn.hyperparameter_search.storage import PROCESS, REASON, SEEN


@pytest.fixture
def study() -> optuna.Study:
    study = optuna.create_study(direction="maximize")
    for number in range(6):
        rate = {"learning_rate": 10.0**-number, "pooling": ("mean", "max")[number % 2]}
        distributions = {
            "learning_rate": optuna.distributions.FloatDistribution(1e-6, 1, log=True),
            "pooling": optuna.distributions.CategoricalDistribution(["mean", "max"]),
        }
        study.add_trial(optuna.create_trial(params=rate, distributions=distributions, value=0.5 + 0.05 * number))
    return study


def test_plots_are_written_twice_and_leave_pyplot_as_it_was(study: optuna.Study, tmp_path: Path) -> None:
    settings, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    names = write_plots(study, tmp_path, "validation accuracy")
    stems = ("history", "importance", "parallel_coordinates")
    assert names == [f"{stem}.{kind}" for stem in stems for kind in ("png", "html")]
    for stem in stems:
        with Image.open(tmp_path / f"{stem}.png") as image:
            assert image.width > 600 and len(image.convert("RGB").getcolors(2**24) or ()) > 10
        page = (tmp_path / f"{stem}.html").read_text(encoding="utf-8")
        # Nothing is fetched: the library lies beside them, once.
        assert 'src="plotly.min.js"' in page and len(page) < 100_000
    assert (tmp_path / "plotly.min.js").stat().st_size < 6_000_000
    assert dict(matplotlib.rcParams) == settings and matplotlib.get_backend() == backend
    assert pyplot.get_fignums() == []


def test_the_table_has_the_trials_and_not_the_processes(study: optuna.Study, tmp_path: Path) -> None:
    trial = study.ask()
    for name, value in ((PROCESS, {"host": "mine", "pid": 1}), (SEEN, 1.5), (REASON, "out of memory")):
        trial.set_user_attr(name, value)
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    write_table(study, tmp_path / "study.csv")
    rows = list(csv.DictReader((tmp_path / "study.csv").open(encoding="utf-8")))
    assert len(rows) == 7 and rows[1]["params_pooling"] == "max" and float(rows[1]["value"]) == 0.55
    assert rows[6]["user_attrs_reason"] == "out of memory" and rows[6]["state"] == "FAIL"
    assert not any("process" in name or "seen" in name for name in rows[0])


def test_what_needs_more_trials_is_left_out(study: optuna.Study, tmp_path: Path) -> None:
    assert sum((importances(study) or {}).values()) == pytest.approx(1, abs=1e-3)
    alone = optuna.create_study(direction="maximize")
    alone.add_trial(study.trials[0])
    assert importances(alone) is None
    assert "importance.png" not in write_plots(alone, tmp_path, "validation accuracy")
