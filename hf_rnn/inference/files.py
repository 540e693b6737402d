"""A finished model applied to a file of any length: bucketed within a window, in order, resumable."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from transformers import Pipeline
from transformers.utils import logging

from ..data.readers.files import expand_path
from ..data.readers.row_stream import STANDARD_INPUT, BadRow, Row, RowStream, check_files, open_rows
from ..data.readers.tables.options import ReadingArguments
from ..kernels.loading import build_and_load, of_use_to
from ..version import __version__
from .answers import Answer, Answerer, AnswerOptions, kinds_of, make_answerer, scale_of
from .inputs import InputColumns, find_columns
from .output import FORMATS, AnswerFile, StandardOutput
from .pipelines import load_pipeline, model_checksum
from .prediction import BUILD_FROM_CHARACTERS
from .steps import steps_of


__all__ = ["FilePrediction", "predict_file"]


# A window has so many batches, among which its texts are sorted by length, or so many characters.
WINDOW_BATCHES = 32
WINDOW_CHARACTERS = 2**24
# Rows that are looked at to find the columns.
FIRST_ROWS = 100
# Characters of patterns, which a file's name cannot have everywhere.
_NO_PART_OF_NAMES = re.compile(r'[*?:<>|"]')
# A text can make a model raise these: such an error is that of its row.
ROW_ERRORS = (ValueError, RuntimeError, IndexError, TypeError, KeyError)


@dataclass(frozen=True)
class FilePrediction:
    """The account of what [`predict_file`] did.

    Attributes:
        output: The file that was written; `-` for standard output.
        task: What the model was asked to do.
        rows: How many rows there are, those that an earlier run has answered among them.
        resumed: How many those were.
        unanswered: Rows without an answer, which the file names one by one.
        problems: The first of these, each with its row (from 0) and the reason.
        seconds: How long it took, loading included.
        scale: What the `score` of a pair means, as a sentence; None for other answers.
    """

    output: str
    task: str
    rows: int
    resumed: int
    unanswered: int
    problems: list[tuple[int, str]]
    seconds: float
    scale: str | None = None


def predict_file(
    model: str | os.PathLike[str] | Pipeline,
    data: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    task: str | None = None,
    format: str | None = None,
    split: str | None = None,
    reading: ReadingArguments | None = None,
    text_column: str | None = None,
    pair_column: str | None = None,
    top_k: int | None = None,
    probabilities: bool = False,
    generate: bool = False,
    max_new_tokens: int | None = None,
    num_beams: int | None = None,
    batch_size: int = 64,
    progress: bool = True,
) -> FilePrediction:
    """Write the answers of a model to every row of a file, in the order of the rows.

    A classifier gives `label` and `score`, or `labels` where a text may have several; a regression `score`; a siamese
    network or a classifier of pairs `score` and `alike`; a tagger `spans`, or `tokens` and `tags` of sentences that
    are cut into tokens; a model of numbers at every token `tokens` and `scores`, of several labels `tokens`, `labels`
    and `probabilities`; a language model `loss`, `nats` and `tokens`, or with `generate` its `continuation`; an
    encoder-decoder the `target` that it writes. A row that cannot be read, or whose text is empty, has no answer; its
    `problem` says why.

    The file is read window by window, in constant memory (but for a json file that is one list, or lines that are
    lists), and within a window texts of similar length are computed together. A run that was killed goes on when it is
    called again with the same arguments: no row is lost, and none comes twice.

    Args:
        model: A folder, a repository of the Hub, `bundled:NAME` or a pipeline.
        data: A file, `-` for standard input, or a dataset; see `hf_rnn.data.readers.row_stream.open_rows`.
        output: A file that ends in .csv, .jsonl or .conll, or `-` for standard output. Default: beside the input,
            under its whole name, `new.csv.predictions.csv`, or .jsonl for spans and continuations, .conll for tags of
            tokens; for a dataset of the Hub in the current folder, for standard input standard output.
        task: text-classification, token-classification, sentence-similarity or text-generation. Default: what the
            checkpoint does.
        format: csv, jsonl or conll; with conll a tagger cuts texts into words itself. Default: as `output` ends.
        split: The split of a dataset. Default: its only one, or test.
        reading: What is known of the file: encoding, delimiter, quotes, header. Default: found from its content.
        text_column: The column of the texts, of the first texts of pairs, or of the tokens. Default: one with a usual
            name, or the only one.
        pair_column: The column of the second texts of pairs.
        top_k: How many labels are named, the likeliest first.
        probabilities: Whether a classifier gives the probability of each of its labels.
        generate: Whether a language model continues the texts.
        max_new_tokens: The most tokens of a continuation (default: 50) or of a target (as the model says).
        num_beams: The beams by which a target is written. Default: as the model says.
        batch_size: Texts that are computed together.
        progress: Whether a bar is shown, on standard error.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: there is no such model.
        OutputExistsError: the output exists, or a part of it that is of another job.
        ValueError: an argument does not fit the model or the file; or no row at all could be computed.
    """
    began = time.monotonic()
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"`batch_size`={batch_size!r} must be an integer of at least 1.")
    check_files(os.fspath(data))
    pipeline = model if isinstance(model, Pipeline) else load_pipeline(model, task)
    kinds = kinds_of(pipeline)
    stream = open_rows(os.fspath(data), split, reading, tagged="tokens" in kinds, token_column=text_column)
    rows = stream.rows()
    first = list(islice(rows, FIRST_ROWS))
    columns = find_columns(first, kinds, text_column, pair_column, stream.is_plain)
    form = _format(format, output, pipeline, columns, generate)
    options = AnswerOptions(top_k, probabilities, generate, max_new_tokens, num_beams)
    answerer = make_answerer(pipeline, options, columns.kind, conll=form == "conll")
    target = _output(output, stream, split, form)
    if (stream.size or 0) >= BUILD_FROM_CHARACTERS and of_use_to(pipeline.model):
        # The kernels are there before the first window, so that a run that goes on computes the same.
        build_and_load()
    job = _job(stream, columns, pipeline, options, batch_size, form)
    with _answer_file(target, form, answerer, job) as file:
        resumed = file.progress.rows
        # A bar would run through answers on standard output.
        with _bar(stream, resumed, progress and target != STANDARD_INPUT) as bar:
            for window in _windows(islice(chain(first, rows), resumed, None), columns, batch_size):
                answered = file.progress.rows > file.progress.unanswered
                file.append(_answers(answerer, window, batch_size, answered))
                bar.update(len(window))
    done = file.progress
    seconds = time.monotonic() - began
    scale = scale_of(answerer)
    return FilePrediction(target, pipeline.task, done.rows, resumed, done.unanswered, done.problems, seconds, scale)


def _job(
    stream: RowStream,
    columns: InputColumns,
    pipeline: Pipeline,
    options: AnswerOptions,
    batch_size: int,
    format: str,
) -> dict[str, Any] | None:
    """Name everything that the answers depend on; None for rows that nobody can read a second time."""
    if stream.identity is None:
        return None
    return {
        "input": stream.identity,
        "columns": asdict(columns),
        "model": model_checksum(pipeline),
        "task": pipeline.task,
        "options": asdict(options),
        "batch size": batch_size,
        "format": format,
        "version": __version__,
    }


def _answer_file(target: str, format: str, answerer: Answerer, job: dict[str, Any] | None) -> Any:
    """Make the file that the answers go to, or what writes them to standard output in its place."""
    if target == STANDARD_INPUT:
        return StandardOutput(format, answerer.fields)
    return AnswerFile(Path(target), format, answerer.fields, job)


def _bar(stream: RowStream, resumed: int, shown: bool) -> Any:
    """Make the bar of the rows, `resumed` of which are done; they are counted only for a bar that is shown."""
    total = stream.count() if shown and stream.count is not None else None
    return logging.tqdm(total=total, initial=resumed, desc="Predicting", unit="text", disable=not shown)


def _format(
    format: str | None,
    output: str | os.PathLike[str] | None,
    pipeline: Pipeline,
    columns: InputColumns,
    generate: bool,
) -> str:
    tokens = pipeline.task == "token-classification"
    tags = tokens and steps_of(pipeline.model) is None
    if format is None and output is not None and os.fspath(output) != STANDARD_INPUT:
        format = Path(output).suffix.removeprefix(".").lower()
        if format not in FORMATS:
            raise ValueError(
                f"`output`={os.fspath(output)!r} must end in one of {', '.join(f'.{one}' for one in FORMATS)}."
            )
    if format is None:
        format = "conll" if tags and columns.kind == "tokens" else "jsonl" if tokens or generate else "csv"
    if format not in FORMATS:
        raise ValueError(f"`format`={format!r} must be one of {', '.join(FORMATS)}.")
    if format == "conll" and not tags:
        done = steps_of(pipeline.model) or pipeline.task
        raise ValueError(f"`format`='conll' has a tag for each token, and the model does {done}.")
    return format


def _output(output: str | os.PathLike[str] | None, stream: RowStream, split: str | None, format: str) -> str:
    if output is not None:
        given = os.fspath(output)
        return given if given == STANDARD_INPUT else str(expand_path(given))
    if stream.name == STANDARD_INPUT:
        return STANDARD_INPUT
    path = expand_path(stream.name)
    beside = path.parent.is_dir()
    # The whole name, so that the answers to new.csv and to new.jsonl are two files; "--" is in no name of the Hub.
    whole = _NO_PART_OF_NAMES.sub("_", path.name if beside else path.as_posix().replace("/", "--"))
    named = ".".join(filter(None, [whole, split, "predictions", format]))
    return str(path.parent / named if beside else Path(named))


def _windows(rows: Iterator[Row], columns: InputColumns, batch_size: int) -> Iterator[list[Any]]:
    """The inputs of some rows at a time, `BadRow` where there is none."""
    window: list[Any] = []
    characters = 0
    for row in rows:
        found = columns.input_of(row)
        window.append(found)
        characters += _length(found)
        if len(window) == WINDOW_BATCHES * batch_size or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


def _length(found: Any) -> int:
    if isinstance(found, BadRow):
        return 0
    if isinstance(found, str):
        return len(found)
    return sum(map(len, found.values() if isinstance(found, dict) else found))


def _answers(answerer: Answerer, window: Sequence[Any], batch_size: int, answered: bool) -> list[Answer | BadRow]:
    """The answers to a window, a `BadRow` where there is none.

    Args:
        answered: Whether the model has answered anything before: if it has not, and answers nothing here, it is at
            fault, and not each of the rows.
    """
    asked = [index for index, value in enumerate(window) if not isinstance(value, BadRow)]
    found: list[Any] = list(window)
    inputs = [window[index] for index in asked]
    try:
        answers: list[Any] = answerer.answer(inputs, batch_size) if inputs else []
    except ROW_ERRORS:
        answers = [_answer_alone(answerer, value) for value in inputs]
        if not answered and all(isinstance(answer, BadRow) for answer in answers):
            raise
    for index, answer in zip(asked, answers, strict=True):
        found[index] = answer
    return found


def _answer_alone(answerer: Answerer, value: Any) -> Answer | BadRow:
    try:
        return answerer.answer([value], 1)[0]
    except ROW_ERRORS as error:
        return BadRow(f"{type(error).__name__}: {error}")
