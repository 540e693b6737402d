"""Model cards made from `results.json` and `card.json`: nothing that was measured is typed.

huggingface_hub's `ModelCardData` and `EvalResult` make the front matter (with the model-index that the Hub reads
figures from), `templates/model_card.md.jinja` the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..bundles import DISTRIBUTION, PREFIX, TERMS, encoder_folders
from ..extras import require_extra
from ..models.tagging import OF_STEPS
from ..runs.curves import CURVES_FILE
from ..runs.kinds import KINDS
from ..runs.results import CLASSIFIER, validate_results
from .card_options import CARD_FILE, CardOptions, write_card_options


# figure in results.json -> (metric id on the Hub, name in tables)
METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "balanced_accuracy": ("balanced_accuracy", "Balanced accuracy"),
    "precision": ("precision", "Precision"),
    "recall": ("recall", "Recall"),
    "f1": ("f1", "F1"),
    "precision_macro": ("precision", "Precision (macro)"),
    "recall_macro": ("recall", "Recall (macro)"),
    "f1_macro": ("f1", "F1 (macro)"),
    "f1_micro": ("f1", "F1 (micro)"),
    "subset_accuracy": ("accuracy", "Subset accuracy"),
    "mse": ("mse", "Mean squared error"),
    "mae": ("mae", "Mean absolute error"),
    "mse_in_units": ("mse", "Mean squared error, in the units of the data"),
    "mae_in_units": ("mae", "Mean absolute error, in the units of the data"),
    "pearson": ("pearsonr", "Pearson"),
    "spearman": ("spearmanr", "Spearman"),
    "r2": ("r_squared", "R²"),
    "perplexity": ("perplexity", "Perplexity"),
    "bits_per_character": ("bits_per_character", "Bits per character"),
    "average_precision": ("average_precision", "Average precision"),
    "roc_auc": ("roc_auc", "ROC-AUC"),
    "recall_at_1": ("recall", "Recall@1"),
    "recall_at_5": ("recall", "Recall@5"),
    "recall_at_10": ("recall", "Recall@10"),
    "mrr": ("mrr", "MRR"),
    "accuracy_5_way_1_shot": ("accuracy", "5-way 1-shot accuracy"),
    "accuracy_20_way_1_shot": ("accuracy", "20-way 1-shot accuracy"),
    "accuracy_5_way_5_shot": ("accuracy", "5-way 5-shot accuracy"),
    "pair_accuracy": ("accuracy", "Accuracy on pairs"),
    "pair_roc_auc": ("roc_auc", "ROC-AUC on pairs"),
    "bleu": ("sacrebleu", "BLEU"),
    "chrf": ("chrf", "chrF"),
    "rouge1": ("rouge", "ROUGE-1"),
    "rouge2": ("rouge", "ROUGE-2"),
    "rougeL": ("rouge", "ROUGE-L"),
    "exact_match": ("exact_match", "Exact match"),
    "character_error_rate": ("cer", "Character error rate"),
}
# Figures of a classifier of pairs, beside those of the similarity.
_OF_PAIRS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "average_precision", "roc_auc")
METRICS |= {CLASSIFIER + name: (METRICS[name][0], f"{METRICS[name][1]}, classifier") for name in _OF_PAIRS}


TEMPLATE = "model_card.md.jinja"
# The splits of a table in reading order; others follow by name.
SPLIT_ORDER = ("test", "validation", "train")


def model_card(
    results: Mapping[str, Any],
    *,
    curves: str | None = None,
    comparison: str | None = None,
    trials: str | None = None,
    **options: Any,
) -> ModelCard:
    """The card of the model that `results` (a document of `hf_rnn.runs.results`) measured.

    Args:
        curves: file name of the learning curves beside the card.
        comparison: Markdown of what was measured beside other models (see `scripts/compare.py`).
        trials: Markdown of what was tried on the way to this model (see `scripts/collect_trials.py`).
        options: those of `CardOptions`: `license` and `language`, and what else is known.

    Raises:
        ResultsError: `results` does not follow the schema.
        TypeError: an option is missing, unknown or of another type.
        ValueError: the task has no card, or the model is not one of transformers' (such as a scikit-learn baseline).
        MissingExtraError: jinja2 is not installed.
    """
    require_extra("train", "A model card", "jinja2")
    results, chosen = validate_results(results), CardOptions(**options)
    if results["task"] not in KINDS:
        raise ValueError(f"`results.task` must be one of {', '.join(KINDS)}; it is {results['task']!r}")
    if results["model"]["model_type"] is None:
        raise ValueError(f"`results.model.model_type` must name a transformers model; {results['name']!r} has none")
    usage = KINDS[results["task"]]
    text = card_template(TEMPLATE).render(
        front_matter=_front_matter(results, chosen).to_yaml(),
        card=chosen,
        usage=usage,
        example=chosen.example or usage.example,
        pipeline_options=_pipeline_options(results),
        of_steps=is_of_steps(results),
        distribution=DISTRIBUTION if results["name"] in TERMS else None,
        repo_id=chosen.repo_id or results["name"],
        stock=is_stock(results["model"]["model_type"]),
        auto_class=usage.auto_class_of(results["model"]["class"]),
        start=_start(results),
        curves=curves,
        comparison=comparison,
        trials=trials,
        splits=_ordered_splits(results),
        columns=_columns(results),
        entity_types=_entity_types(results),
        figure_names=figure_names(results["metrics"]),
        **{"baselines": None, **results},
    )
    return ModelCard(text)


def write_model_card(
    run_folder: str | Path, results: Mapping[str, Any], *, comparison: str | None = None, **options: Any
) -> Path:
    """Write `README.md` into `run_folder`, with its learning curves if they are there, and `card.json`, which holds
    `options`; they and `comparison` are as for `model_card`.
    """
    folder = Path(run_folder)
    curves = CURVES_FILE if (folder / CURVES_FILE).is_file() else None
    path = folder / "README.md"
    model_card(results, curves=curves, comparison=comparison, **options).save(path)
    write_card_options(CardOptions(**options), folder / CARD_FILE)
    return path


def _front_matter(results: dict[str, Any], card: CardOptions) -> ModelCardData:
    model, dataset, usage = results["model"], results["dataset"], KINDS[results["task"]]
    own_tags = ["hf_rnn"] if usage.inputs == "images" else ["hf_rnn", "rnn"]
    figures = [
        (split, name, value)
        for split in _ordered_splits(results)
        for name, value in results["metrics"][split].items()
        # A loss compares only with itself, and the figure of the training rows says little.
        if name in METRICS and split != "train"
    ]
    return ModelCardData(
        language=card.language,
        license=card.license,
        license_name=card.license_name,
        license_link=card.license_link,
        library_name="transformers",
        pipeline_tag=usage.pipeline_name,
        tags=[model["model_type"], *([] if is_stock(model["model_type"]) else own_tags)],
        datasets=[dataset["hub_id"]] if dataset["hub_id"] else None,
        metrics=list(dict.fromkeys(METRICS[name][0] for _, name, _ in figures)) or None,
        base_model=model["base_model"],
        model_name=results["name"],
        eval_results=[
            EvalResult(
                task_type=usage.pipeline_name,
                task_name=usage.title,
                dataset_type=dataset["hub_id"] or dataset["name"],
                dataset_name=dataset["name"],
                dataset_split=split,
                metric_type=METRICS[name][0],
                metric_name=METRICS[name][1],
                metric_value=value,
            )
            for split, name, value in figures
        ]
        or None,
    )


def _pipeline_options(results: dict[str, Any]) -> str:
    """Further arguments of `pipeline` in the usage snippet: entities are asked for whole."""
    if not _entity_types(results):
        return ""
    # Ours gives every piece the tag of its word; of a stock model that of a word's first piece counts.
    strategy = "first" if is_stock(results["model"]["model_type"]) else "simple"
    return f', aggregation_strategy="{strategy}"'


def is_of_steps(results: Mapping[str, Any]) -> bool:
    """Whether a run's model has numbers or several labels at every token, for which there is no pipeline."""
    problem_type = results["model"]["config"].get("problem_type")
    return bool(results["task"] == "token-classification" and problem_type in OF_STEPS)


def _start(results: dict[str, Any]) -> str | None:
    """The bundled encoder that a run started from; None: it started from another model, or at random."""
    name = str(results["training"]["arguments"].get("model_name_or_path") or "")
    started = name.startswith(PREFIX) and name.removeprefix(PREFIX) in encoder_folders()
    return name.removeprefix(PREFIX) if started else None


def _entity_types(results: dict[str, Any]) -> list[str]:
    """The types of entities that have figures of their own, on the first split of the table."""
    first = next(iter(_ordered_splits(results)), None)
    figures = results["metrics"].get(first, {})
    return [name.removeprefix("support_") for name in figures if name.startswith("support_")]


def figure_names(metrics: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Figures of whole splits, in their order; those of a type of entity have a table of their own."""
    names = dict.fromkeys(name for figures in metrics.values() for name in figures)
    types = {name.removeprefix("support_") for name in names if name.startswith("support_")}
    return [name for name in names if name.partition("_")[2] not in types]


def _ordered_splits(results: dict[str, Any]) -> list[str]:
    measured = results["metrics"]
    return [split for split in SPLIT_ORDER if split in measured] + sorted(measured.keys() - set(SPLIT_ORDER))


def _columns(results: dict[str, Any]) -> list[tuple[str, int, Mapping[str, float]]]:
    """The columns of the table of figures (heading, rows, figures): of each split the model, then its baselines."""
    columns = []
    for split in _ordered_splits(results):
        rows, heading = results["dataset"]["splits"][split], split.capitalize()
        columns.append((heading, rows, results["metrics"][split]))
        for baseline in results.get("baselines") or []:
            if split in baseline["metrics"]:
                columns.append((f"{heading}, {baseline['name']}", rows, baseline["metrics"][split]))
    return columns


def is_stock(model_type: str) -> bool:
    """Whether transformers itself has the model: such a repository carries no code of its own."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return model_type in CONFIG_MAPPING_NAMES


def card_template(name: str) -> Any:
    """The template of a card: a file of `templates/`."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"metric": _metric_name, "quoted": _quoted, "capitalized": _capitalized}
    environment.filters |= {"cell": _cell, "plain": _plain, "place": _place}
    text = resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
    return environment.from_string(text)


def _metric_name(name: str) -> str:
    return METRICS[name][1] if name in METRICS else name.replace("_", " ").capitalize()


def _capitalized(text: str) -> str:
    """`text` as a sentence begins; the rest keeps its capitals."""
    return text[:1].upper() + text[1:]


def _quoted(text: Any) -> str:
    """`text`, or several in a list or dictionary, as a Python literal."""
    return json.dumps(text, ensure_ascii=False)


def _cell(value: Any) -> str:
    """`value` as JSON in the cell of a Markdown table."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # A backtick would end the code that most cells are.
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")


def _plain(text: Any) -> str:
    """`text` as it is read, in one line: a title or the name of a label is no markup."""
    return " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")


def _place(source: str) -> str:
    """Where data were read from, without the folders of somebody's machine, which documents of before may have."""
    name = source.replace("`", "'").replace("\n", " ")
    if PurePosixPath(name).is_absolute():
        return PurePosixPath(name).name
    return PureWindowsPath(name).name if PureWindowsPath(name).is_absolute() else name
