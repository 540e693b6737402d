"""Apply a finished model to a file of new texts, and write an answer for each row.

    hf-rnn predict bundled:bilstm-imdb new.csv --output predictions.csv

A model of time series forecasts the steps that follow the table. For other models, the same command
resumes a run that was stopped.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field

from ..data.readers.row_stream import STANDARD_INPUT
from ..inference.files import FilePrediction, predict_file
from ..inference.output import FORMATS
from ..inference.pipelines import HEADS
from ..inference.series_files import is_of_series
from .flags import CommandParser
from .predict_series import SeriesPredictArguments, forecast_file, refuse_series_flags


__all__ = ["SUMMARY", "PredictArguments", "main"]


SUMMARY = "answer every row of a file, by any model"
MODEL_HELP = "Model to ask: a folder, a repository of the Hub, or bundled:NAME."
DATA_HELP = (
    "Rows to answer: a csv, tsv, json, jsonl, parquet, txt (a text a line; so are news.en and the like) or conll "
    "file, also compressed; several ('part*.csv', a folder); a folder of texts for each class; a dataset of the Hub; "
    "or - for standard input (a text a line). No labels are needed, and those that stand there are left out: a tagger "
    "reads every file that one is trained on, such as the JSON of spaCy and Label Studio or a token a line. Of time "
    "series a table, behind whose last rows the forecast begins."
)


@dataclass
class PredictArguments:
    """The rows that are read, what the model is asked, and the file of its answers."""

    output: str | None = field(
        default=None,
        metadata={
            "help": "File to write, which ends in .csv, .jsonl or .conll; - for standard output. It is never "
            "written over another. Default: beside the input, under its whole name: "
            "new.csv.predictions.csv (.jsonl for spans and continuations, .conll for tags of tokens); "
            "standard output for standard input."
        },
    )
    task: str | None = field(
        default=None, metadata={"help": f"Task to do: {', '.join(HEADS)}. Default: what the checkpoint does."}
    )
    format: str | None = field(
        default=None,
        metadata={
            "help": f"Format of the answers: {', '.join(FORMATS)}; with conll a tagger splits texts into words "
            "itself. Default: by the ending of `output`."
        },
    )
    split: str | None = field(
        default=None, metadata={"help": "Split of a dataset to read. Default: its only one, or test."}
    )
    text_column_name: str | None = field(
        default=None,
        metadata={
            "help": "Column of the texts, of the first texts of pairs, or of the tokens. Default: one with a "
            "usual name (text, sentence, tokens, question1 …), or the only one."
        },
    )
    text_pair_column_name: str | None = field(
        default=None,
        metadata={"help": "Column of the second texts of pairs. Default: one with a usual name."},
    )
    top_k: int | None = field(
        default=None, metadata={"help": "Name this many labels, the likeliest first. Default: the model's choice."}
    )
    probabilities: bool = field(default=False, metadata={"help": "Give the probability of each label."})
    generate: bool = field(
        default=False,
        metadata={"help": "Have a language model continue each text, in place of giving its loss."},
    )
    max_new_tokens: int | None = field(
        default=None,
        metadata={
            "help": "Largest number of tokens in a continuation or a target. Default: 50 for a continuation; for a "
            "target the limit of the training."
        },
    )
    num_beams: int | None = field(
        default=None,
        metadata={"help": "Number of beams by which a target is written. Default: as the model was trained."},
    )
    batch_size: int = field(default=64, metadata={"help": "Number of texts that are computed together."})
    no_progress: bool = field(default=False, metadata={"help": "Show no progress bar."})


def main(arguments: list[str]) -> None:
    """Answer the rows of a file, and say on standard error where the answers are and which rows have none.

    Raises:
        ValueError, OSError: as `predict_file`, or for flags that do not exist.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    parser = CommandParser(
        (PredictArguments, SeriesPredictArguments), usage="MODEL DATA [--flag value ...]", description=__doc__
    )
    parser.add_argument("model", help=MODEL_HELP)
    parser.add_argument("data", help=DATA_HELP)
    options, reading, named = parser.parse_args_into_dataclasses(arguments, look_for_args_file=False)
    if is_of_series(named.model):
        forecast_file(named.model, named.data, options, reading)
        return
    refuse_series_flags(reading)
    try:
        done = predict_file(
            named.model,
            named.data,
            options.output,
            task=options.task,
            format=options.format,
            split=options.split,
            reading=reading,
            text_column=options.text_column_name,
            pair_column=options.text_pair_column_name,
            top_k=options.top_k,
            probabilities=options.probabilities,
            generate=options.generate,
            max_new_tokens=options.max_new_tokens,
            num_beams=options.num_beams,
            batch_size=options.batch_size,
            progress=not options.no_progress,
        )
    except KeyboardInterrupt:
        kept = STANDARD_INPUT not in (named.data, options.output)
        print("Stopped. The same command goes on from here." if kept else "Stopped.", file=sys.stderr)
        sys.exit(130)
    print("\n".join(_said(done)), file=sys.stderr)


def _said(done: FilePrediction) -> list[str]:
    where = "standard output" if done.output == "-" else done.output
    before = f", {done.resumed} of them by an earlier run" if done.resumed else ""
    lines = [f"{done.rows} rows answered{before}; {done.task}, {done.seconds:.1f} s: {where}"]
    if done.unanswered:
        named = "; ".join(f"row {row}: {problem}" for row, problem in done.problems)
        more = f"; and {done.unanswered - len(done.problems)} more" if done.unanswered > len(done.problems) else ""
        lines = [f"{done.rows} rows, {done.unanswered} of them without an answer ({named}{more}){before}: {where}"]
    return lines if done.scale is None else [*lines, done.scale]
