"""Measure a finished model on new labelled data, by the metrics of its training.

    hf-rnn evaluate bundled:bilstm-imdb labelled.csv

The figures are printed, and written as JSON beside those of the run.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict, dataclass, field

from ..data.readers.sentences import SCHEME_CHOICES
from ..data.readers.series.arguments import SeriesColumnArguments
from ..hub.model_card import figure_names
from ..inference.pipelines import HEADS
from ..metrics.base import shown_figure
from ..metrics.confusion import confusion_markdown
from ..metrics.sequences import METRIC_SETS
from ..runs.kinds import find_kind
from ..tasks.evaluation import EVALUATIONS_FOLDER, evaluate_file
from .flags import CommandParser


__all__ = ["SUMMARY", "ColumnArguments", "EvaluateArguments", "main"]


SUMMARY = "measure a model on new labelled data"
MODEL_HELP = "Model to measure: a folder, a repository of the Hub, or bundled:NAME."
DATA_HELP = (
    "Rows with labels: a file (csv, tsv, json, jsonl, parquet; conll for tags; txt for a language model), or a "
    "dataset of the Hub, of which the test split is read. Of time series a table."
)


@dataclass
class EvaluateArguments:
    """The task that is measured, and the file of the figures."""

    output: str | None = field(
        default=None,
        metadata={
            "help": f"JSON file to write, never over another. Default: {EVALUATIONS_FOLDER}/NAME.json in the "
            "folder of the model; for a bundled model or one of the Hub in the current folder."
        },
    )
    task: str | None = field(
        default=None, metadata={"help": f"Task to measure: {', '.join(HEADS)}. Default: what the checkpoint does."}
    )
    batch_size: int = field(default=32, metadata={"help": "Number of texts that are computed together."})
    no_progress: bool = field(default=False, metadata={"help": "Show no progress bars."})


@dataclass
class ColumnArguments:
    """The columns of the data, as in training."""

    text_column_name: str | None = field(
        default=None,
        metadata={
            "help": "Column of the tokens of a tagger, or of the texts of a language model. Default: one "
            "with a usual name."
        },
    )
    text_column_names: str | None = field(
        default=None,
        metadata={
            "help": "Text columns of a classifier, which are joined, or the two columns of pairs, separated "
            "by commas. Default: those with usual names."
        },
    )
    text_pair_column_name: str | None = field(
        default=None,
        metadata={"help": "Column of the second texts, where a classifier of labels takes pairs. Default: none."},
    )
    label_column_name: str | None = field(
        default=None, metadata={"help": "Column of the labels. Default: one with a usual name."}
    )
    label_delimiter: str | None = field(
        default=None, metadata={"help": "Separator of the labels of a text that has several. Default: as they show."}
    )
    score_range: str | None = field(
        default=None,
        metadata={"help": 'Lowest and highest score of pairs, such as "0,5". Default: those of the data.'},
    )
    source_column: str | None = field(
        default=None, metadata={"help": "Column of the texts that are read by a model that writes. Default: found."}
    )
    target_column: str | None = field(
        default=None, metadata={"help": "Column of the texts that it is to write. Default: found."}
    )
    test_target_file: str | None = field(
        default=None,
        metadata={"help": "Text file with the target of each line of DATA, a text file of sources. Default: none."},
    )
    figures: str | None = field(
        default=None,
        metadata={
            "help": f"Kind of figures to measure on the written targets: {', '.join(METRIC_SETS)}. Default: as in "
            "the run in the folder of the model, else by the names of the columns."
        },
    )
    lowercase_figures: bool | None = field(
        default=None, metadata={"help": "Ignore case in the figures of what is written. Default: as that run."}
    )
    token_column: str | None = field(
        default=None,
        metadata={
            "help": "Column of the tokens in a file with a token on each line: a number from 0, or a name. "
            "Default: found."
        },
    )
    tag_column: str | None = field(
        default=None, metadata={"help": "Column of the tags in such a file. Default: found."}
    )
    sentence_column: str | None = field(
        default=None,
        metadata={"help": "Column that numbers the sentences, in a table with a token a row. Default: found."},
    )
    tag_scheme: str | None = field(
        default=None,
        metadata={"help": f"Scheme of entity tags: {', '.join(SCHEME_CHOICES)}. Default: found from the data."},
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "Configuration of a dataset. Default: its only one."}
    )


def main(arguments: list[str]) -> None:
    """Measure, print the figures and the table of confusions, and say where they are.

    Raises:
        ValueError, OSError: as `evaluate_file`, or for flags that do not exist.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = CommandParser(
        (EvaluateArguments, ColumnArguments, SeriesColumnArguments),
        usage="MODEL DATA [--flag value ...]",
        description=__doc__,
    )
    parser.add_argument("model", help=MODEL_HELP)
    parser.add_argument("data", help=DATA_HELP)
    options, columns, reading, named = parser.parse_args_into_dataclasses(arguments, look_for_args_file=False)
    found = evaluate_file(
        named.model,
        named.data,
        options.output,
        task=options.task,
        batch_size=options.batch_size,
        progress=not options.no_progress,
        **asdict(columns),
        **asdict(reading),
    )
    print(f"{found.task} on {found.rows} {find_kind(found.task).unit} of {named.data}")
    names = figure_names({"test": found.metrics})
    width = max(map(len, names))
    for name in names:
        print(f"{name:>{width}}  {shown_figure(found.metrics[name])}")
    if found.confusion is not None:
        print(confusion_markdown(found.confusion), end="")
    print(f"All figures: {found.path}")
