"""`hf-rnn evaluate MODEL DATA`: a finished model measured on new labelled data."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict, dataclass, field

from transformers import HfArgumentParser

from ..hub.model_card import figure_names
from ..inference.pipelines import HEADS
from ..metrics.confusion import confusion_markdown
from ..tasks.evaluation import EVALUATIONS_FOLDER, evaluate_file


__all__ = ["SUMMARY", "ColumnArguments", "EvaluateArguments", "main"]


SUMMARY = "measure a model on new labelled data"
MODEL_HELP = "A folder, a repository of the Hub, or bundled:NAME."
DATA_HELP = (
    "A file of rows with labels (csv, tsv, json, jsonl, parquet; conll for tags; txt for a language model), or a "
    "dataset of the Hub, of which the test split is read."
)


@dataclass
class EvaluateArguments:
    """The model, the data, and the file that the figures go to."""

    output: str | None = field(
        default=None,
        metadata={
            "help": f"The JSON file to write, never over another. Default: {EVALUATIONS_FOLDER}/NAME.json in the "
            "folder of the model; for a bundled model or one of the Hub in the current folder."
        },
    )
    task: str | None = field(
        default=None, metadata={"help": f"One of {', '.join(HEADS)}. Default: what the checkpoint does."}
    )
    batch_size: int = field(default=32, metadata={"help": "Texts that are computed together. Default: 32."})
    no_progress: bool = field(default=False, metadata={"help": "Show no progress bars. Default: off."})


@dataclass
class ColumnArguments:
    """How the data are read, as in training."""

    text_column_name: str | None = field(
        default=None,
        metadata={"help": "The column of the tokens of a tagger, or of the texts of a language model."},
    )
    text_column_names: str | None = field(
        default=None,
        metadata={
            "help": "The text columns of a classifier, which are joined; or the two of pairs. Default: usual names."
        },
    )
    text_pair_column_name: str | None = field(
        default=None, metadata={"help": "The column of the second texts, where a classifier of labels takes pairs."}
    )
    label_column_name: str | None = field(
        default=None, metadata={"help": "The column of the labels. Default: one with a usual name."}
    )
    label_delimiter: str | None = field(
        default=None, metadata={"help": "What separates the labels of a text that has several. Default: a comma."}
    )
    score_range: str | None = field(
        default=None,
        metadata={"help": 'The lowest and the highest score of pairs, as "0,5". Default: those of the data.'},
    )
    tag_scheme: str | None = field(
        default=None, metadata={"help": "The scheme of entity tags: iob1, iob2 or bioes. Default: guessed."}
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "The configuration of a dataset. Default: its only one."}
    )


def main(arguments: list[str]) -> None:
    """Measure, print the figures and the table of confusions, and say where they are.

    Raises:
        ValueError, OSError: as `evaluate_file`, or for flags that do not exist.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = HfArgumentParser(
        (EvaluateArguments, ColumnArguments),  # type: ignore[arg-type]
        prog="hf-rnn evaluate",
        description=__doc__,
    )
    parser.add_argument("model", help=MODEL_HELP)
    parser.add_argument("data", help=DATA_HELP)
    options, columns, named = parser.parse_args_into_dataclasses(arguments, look_for_args_file=False)
    found = evaluate_file(
        named.model,
        named.data,
        options.output,
        task=options.task,
        batch_size=options.batch_size,
        progress=not options.no_progress,
        **asdict(columns),
    )
    print(f"{found.task} on {found.rows} {'tokens' if found.task == 'text-generation' else 'rows'} of {named.data}")
    names = figure_names({"test": found.metrics})
    width = max(map(len, names))
    for name in names:
        print(f"{name:>{width}}  {found.metrics[name]:.4f}")
    if found.confusion is not None:
        print(confusion_markdown(found.confusion), end="")
    print(f"All figures: {found.path}")
