"""Writes what a search leaves behind: the table of its trials, Optuna's plots as PNG and HTML, and `search.json`."""

from __future__ import annotations

import json
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runs.provenance import provenance
from .storage import INTERRUPTED, PROCESS, REASON, SEEN


if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from .plan import Search


__all__ = [
    "PLOTS",
    "SUMMARY_FILE",
    "TABLE_FILE",
    "importances",
    "summarise",
    "write_plots",
    "write_report",
    "write_table",
]


logger = logging.getLogger(__name__)

SUMMARY_FILE = "search.json"
TABLE_FILE = "study.csv"
# File name → the function of that name in `optuna.visualization` and in `optuna.visualization.matplotlib`.
PLOTS = {
    "history": "plot_optimization_history",
    "importance": "plot_param_importances",
    "parallel_coordinates": "plot_parallel_coordinate",
}
# A search states the versions of these libraries, too, beside those of every run.
_PACKAGES = ("optuna", "plotly", "ray")


def write_report(
    search: Search,
    study: Study,
    results: Mapping[str, Any],
    comparison: Mapping[str, Any] | None,
    minutes: float,
) -> dict[str, Any]:
    """Write `study.csv`, the plots and `search.json` into the search's folder.

    Args:
        results: Those of the best trial, trained again.
        comparison: See [`compare_configurations`].
        minutes: The minutes of this process.

    Returns:
        The document in `search.json`.
    """
    write_table(study, search.output / TABLE_FILE)
    plots = write_plots(study, search.output, f"validation {search.made_for()['objective']['metric']}")
    summary = summarise(search, study, results, comparison, minutes) | {"plots": plots}
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (search.output / SUMMARY_FILE).write_text(text, encoding="utf-8")
    return summary


def write_table(study: Study, path: Path) -> None:
    """Write a row of each trial as CSV: parameters, value, times, state, and why it failed; not by which process."""
    frame = study.trials_dataframe()
    of_processes = [f"user_attrs_{name}" for name in (PROCESS, SEEN)]
    frame.drop(columns=of_processes, errors="ignore").to_csv(path, index=False)


def summarise(
    search: Search,
    study: Study,
    results: Mapping[str, Any],
    comparison: Mapping[str, Any] | None,
    minutes: float,
) -> dict[str, Any]:
    """The document in `search.json`, but for the names of the plots."""

    trials = study.get_trials(deepcopy=False)
    states = Counter(trial.state.name.lower() for trial in trials if not trial.user_attrs.get(INTERRUPTED))
    durations = [trial.duration.total_seconds() for trial in trials if trial.duration is not None]
    arguments = search.arguments
    return {
        **search.made_for(),
        "backend": arguments.backend,
        "sampler": {
            "name": arguments.sampler,
            "random_trials": arguments.startup_trials,
            "seed": arguments.search_seed,
        },
        "pruner": arguments.pruner,
        "trials": {
            "finished": states["complete"],
            "pruned": states["pruned"],
            "failed": states["fail"],
            "interrupted": sum(bool(trial.user_attrs.get(INTERRUPTED)) for trial in trials),
        },
        "failures": sorted({str(trial.user_attrs[REASON]) for trial in trials if REASON in trial.user_attrs}),
        "best": {"trial": study.best_trial.number, "value": study.best_value, "parameters": study.best_params},
        "importance": importances(study),
        "retrained": {split: figures for split, figures in results["metrics"].items() if split != "train"},
        "comparison": comparison,
        "minutes": {
            # Together; from the first that began to the last that ended; and with the training that came after them.
            "trials": round(sum(durations) / 60, 2),
            "study": round(_span(trials) / 60, 2),
            "this_process": round(minutes, 2),
            "processes": len({str(trial.user_attrs.get(PROCESS)) for trial in trials}),
        },
        **provenance(_PACKAGES),
    }


def _span(trials: Sequence[FrozenTrial]) -> float:
    """Seconds from the first trial's beginning to the last one's end."""
    begun = [trial.datetime_start for trial in trials if trial.datetime_start is not None]
    ended = [trial.datetime_complete for trial in trials if trial.datetime_complete is not None]
    return (max(ended) - min(begun)).total_seconds()


def importances(study: Study) -> dict[str, float] | None:
    """Tell how much of the objective's variation each parameter accounts for (PED-ANOVA); None: too few trials."""
    import optuna

    try:
        with warnings.catch_warnings():
            # Optuna calls all equal where it cannot tell, and warns of it.
            warnings.simplefilter("error", UserWarning)
            found = optuna.importance.get_param_importances(study)
    # There are too few trials, or they are all alike.
    except (RuntimeError, ValueError, UserWarning) as error:
        logger.warning("The importance of the parameters is not known: %s", error)
        return None
    return {name: round(float(value), 4) for name, value in found.items()}


def write_plots(study: Study, folder: Path, metric: str) -> list[str]:
    """Optuna's plots of `study` as NAME.png, by matplotlib, and as NAME.html, by plotly; these load `plotly.min.js`
    (5 MB), which is written beside them once, and need no network.

    Returns:
        The names of the files; a plot that needs more trials than there are is left out.
    """
    import optuna.visualization
    import optuna.visualization.matplotlib

    written = []
    for name, function in PLOTS.items():
        if name == "importance" and importances(study) is None:
            continue
        options = {} if name == "importance" else {"target_name": metric}
        draw = getattr(optuna.visualization.matplotlib, function)
        _write_png(partial(draw, study, **options), folder / f"{name}.png")
        figure = getattr(optuna.visualization, function)(study, **options)
        figure.write_html(folder / f"{name}.html", include_plotlyjs="directory")
        written += [f"{name}.png", f"{name}.html"]
    return written


def _write_png(draw: Callable[[], Any], path: Path) -> None:
    """Write what `draw` draws, by an Agg canvas.

    Optuna draws by pyplot and sets a style: the figure is closed, and the settings are what they were before.
    """
    import matplotlib
    import optuna
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with matplotlib.rc_context(), warnings.catch_warnings():
        # Optuna calls its plots by matplotlib experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        axes = draw()
        figure = axes.figure
        try:
            figure.set_size_inches(9, 5)
            FigureCanvasAgg(figure)
            figure.savefig(path, format="png", dpi=120, bbox_inches="tight")
        finally:
            pyplot.close(figure)
