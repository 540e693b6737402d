"""Make a bundled checkpoint of a finished run: float16 on disk, at most 6 MB, with its card.

    python scripts/bundle_checkpoint.py runs/imdb_bilstm --name bilstm-imdb --eval_file imdb/test.parquet

With `--eval_file` the rounded model itself is measured, and the card has those figures. A language model is always
measured, on the texts of its run. `make docs` then writes the other documents from these figures: the card in
model_cards, and, without `--comparison`, the table beside other results.

The encoder that `scripts/distil_encoder.py` wrote is bundled as it is, into `--output_folder
hf_rnn/pretrained/encoders`.

Weights that are not free for every use go to `--output_folder hf_rnn/research_weights/hf_rnn_research_weights`, which
is a distribution of its own, and their terms to `TERMS` in hf_rnn/bundles.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from ..bundles import PRETRAINED
from ..data.readers.files import read_rows
from ..data.readers.pairs import PairDataArguments
from ..data.readers.places import data_columns
from ..data.readers.sentences import TokenDataArguments
from ..data.readers.sequences.reader import SequenceDataArguments
from ..data.readers.texts import DataArguments, load_text_classification
from ..extras import require_extra
from ..hub.bundling import DTYPES, PAIR_CLASSIFIER, make_bundle
from ..hub.encoder_bundle import DISTILLATION_FILE, make_encoder_bundle
from ..hub.pruning import prune_words
from ..inference.prediction import predict_texts
from ..metrics.classification import ClassificationMetric
from ..progress import without_weight_bars
from ..rendering.cards import PLOT_FILE, compared
from ..runs.folder import RESULTS_FILE
from ..runs.results import read_results
from ..tasks.arguments import ModelArguments, ReportArguments, TokenizerArguments, WordArguments
from ..tasks.language_modeling.measuring import measure_language_model
from ..tasks.sequence_to_sequence.arguments import (
    SequenceArguments,
    SequenceModelArguments,
    SequenceTokenizerArguments,
    SequenceTrainingArguments,
)
from ..tasks.sequence_to_sequence.task import run_sequence_to_sequence
from ..tasks.similarity.arguments import SimilarityArguments
from ..tasks.similarity.task import run_similarity
from ..tasks.token_classification.task import run_token_classification
from ..training.arguments import RecurrentTrainingArguments
from .flags import FlagsFormatter


__all__ = ["main"]


Figures = Mapping[str, float]
PROJECT = Path(__file__).resolve().parents[2]


def measure_classifier(folder: Path, arguments: argparse.Namespace) -> Figures:
    """The figures of a text classifier on the rows of `eval_file`."""
    from transformers import pipeline

    data = DataArguments(
        train_file=arguments.eval_file,
        text_column_names=arguments.text_column_names,
        label_column_name=arguments.label_column_name,
    )
    with without_weight_bars():
        classifier = pipeline("text-classification", model=str(folder))
    label2id = {str(label): int(index) for label, index in (classifier.model.config.label2id or {}).items()}
    rows = load_text_classification(data, label2id=label2id).splits["train"]
    answers = predict_texts(classifier, rows["text"], truncation=True)
    return ClassificationMetric().compute(
        predictions=[label2id[answer["label"]] for answer in answers],
        references=rows["label"],
        num_labels=len(label2id),
    )


def measure_tagger(folder: Path, arguments: argparse.Namespace) -> Figures:
    """The figures of a tagger on the sentences of `eval_file`."""
    data = TokenDataArguments(
        train_file=arguments.eval_file,
        test_file=arguments.eval_file,
        text_column_name=arguments.text_column_names,
        label_column_name=arguments.label_column_name,
    )
    with tempfile.TemporaryDirectory() as output:
        results = run_token_classification(
            ModelArguments(model_name_or_path=str(folder)),
            data,
            WordArguments(),
            ReportArguments(),
            RecurrentTrainingArguments(output_dir=output, do_predict=True),
        )
    figures: Figures = results["metrics"]["test"]
    return figures


def measure_similarity(folder: Path, arguments: argparse.Namespace, results: Mapping[str, Any]) -> Figures:
    """The figures of a siamese network, and of its classifier if it has one, on the pairs of `eval_file`, whose scores
    are of the range that they had in the run that `results` are of.
    """
    data = PairDataArguments(
        train_file=arguments.eval_file,
        test_file=arguments.eval_file,
        text_column_names=arguments.text_column_names,
        label_column_name=arguments.label_column_name,
        score_range=results["training"]["arguments"].get("score_range"),
    )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    loss = "cosent"
    if config["architectures"] == [PAIR_CLASSIFIER]:
        loss = "regression" if config["problem_type"] == "regression" else "classification"
    with tempfile.TemporaryDirectory() as output:
        results = run_similarity(
            ModelArguments(model_name_or_path=str(folder)),
            data,
            TokenizerArguments(),
            SimilarityArguments(loss=loss),
            ReportArguments(),
            RecurrentTrainingArguments(
                output_dir=output, do_predict=True, eval_strategy="no", load_best_model_at_end=False
            ),
        )
    figures: Figures = results["metrics"]["test"]
    # Its loss is that of one of the losses that it was trained to, which says little.
    return {name: value for name, value in figures.items() if name != "loss"}


def measure_writer(folder: Path, arguments: argparse.Namespace, results: Mapping[str, Any]) -> Figures:
    """The figures of what an encoder-decoder writes for the sources of `eval_file`, measured as by the run that
    `results` are of: the same beams, lengths and kind of figures.
    """
    recorded = results["training"]["arguments"]
    data = SequenceDataArguments(
        train_file=arguments.eval_file,
        test_file=arguments.eval_file,
        source_column=arguments.text_column_names or recorded.get("source_column"),
        target_column=arguments.label_column_name or recorded.get("target_column"),
        source_prefix=recorded.get("source_prefix"),
    )
    options = {each.name: recorded[each.name] for each in fields(SequenceArguments) if each.name in recorded}
    with tempfile.TemporaryDirectory() as output:
        measured = run_sequence_to_sequence(
            SequenceModelArguments(model_name_or_path=str(folder)),
            data,
            SequenceTokenizerArguments(),
            SequenceArguments(**options),
            ReportArguments(),
            SequenceTrainingArguments(
                output_dir=output, do_predict=True, eval_strategy="no", load_best_model_at_end=False
            ),
        )
    figures: Figures = measured["metrics"]["test"]
    return figures


MEASURES = {
    "text-classification": measure_classifier,
    "token-classification": measure_tagger,
}
# Those that take more from the run: the range of scores, the beams.
RUN_MEASURES = {"sentence-similarity": measure_similarity, "sequence-to-sequence": measure_writer}


def command_parser() -> argparse.ArgumentParser:
    """Make the parser of the flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("run_folder", type=Path, help="Run to bundle: the folder that a training wrote.")
    parser.add_argument("--name", required=True, help="Name of the checkpoint, such as bilstm-imdb.")
    parser.add_argument("--output_folder", type=Path, default=PRETRAINED, help="Folder that gets the folder NAME.")
    parser.add_argument("--dtype", choices=DTYPES, default="float16", help="Type of the weights on disk.")
    parser.add_argument(
        "--license",
        default="apache-2.0",
        help="Licence of the weights as the Hub spells it, or other.",
    )
    parser.add_argument("--license_name", help="Name of the licence, if --license is other. Default: none.")
    parser.add_argument("--license_link", help="Address of the licence, if --license is other. Default: none.")
    parser.add_argument("--language", default="en", help="Language of the training texts as a code, such as en or de.")
    parser.add_argument(
        "--dataset_license_note",
        help="Note for the card on the terms of the data. Default: none.",
    )
    parser.add_argument("--example", help="Input in the snippet of the card. Default: that of the task.")
    parser.add_argument(
        "--comparison",
        type=Path,
        help="JSON file of `hf-rnn compare` to show on the card. Default: none.",
    )
    parser.add_argument("--eval_file", help="File of labelled rows to measure the rounded model on. Default: none.")
    parser.add_argument(
        "--most_words",
        type=int,
        help="Number of words that keep a vector of their own; the others are read by their spelling. Default: all.",
    )
    parser.add_argument(
        "--word_files",
        nargs="+",
        help="Files of texts whose most frequent words are kept, for --most_words. Default: the training file.",
    )
    parser.add_argument("--eval_split", default="test", help="Name of the split of --eval_file.")
    parser.add_argument(
        "--text_column_names",
        help="Text columns of --eval_file, or its column of sources. Default: those with usual names.",
    )
    parser.add_argument(
        "--label_column_name",
        help="Label column of --eval_file, or its column of targets. Default: one with a usual name.",
    )
    return parser


def main(arguments: list[str]) -> None:
    """`scripts/bundle_checkpoint.py`."""
    parser = command_parser()
    given = parser.parse_args(arguments)
    require_extra("train", "Making a bundle, its figures and its card")
    terms = {
        name: getattr(given, name)
        for name in ("license", "license_name", "license_link", "language", "dataset_license_note")
    }
    if (given.run_folder / DISTILLATION_FILE).is_file():
        folder = make_encoder_bundle(given.run_folder, given.output_folder / given.name, dtype=given.dtype, **terms)
        print(_written(folder))
        return
    compared_in = None
    if given.comparison:
        # The card is written from it again, on another machine, too.
        if not given.comparison.resolve().is_relative_to(PROJECT):
            parser.error(f"`--comparison` must be a file of the project; it is {str(given.comparison)!r}")
        compared_in = given.comparison.resolve().relative_to(PROJECT).as_posix()
    results = read_results(given.run_folder / RESULTS_FILE)
    of_language = results["task"] == "text-generation"
    if of_language and given.eval_file:
        parser.error("`--eval_file`: a language model is measured on the texts of its run, which results.json names")

    def measure(staged: Path) -> Mapping[str, Figures]:
        if of_language:
            return measure_language_model(staged, results)
        if results["task"] in RUN_MEASURES:
            return {given.eval_split: RUN_MEASURES[results["task"]](staged, given, results)}
        return {given.eval_split: MEASURES[results["task"]](staged, given)}

    change = None
    if given.most_words is not None:
        texts = read_texts(given.word_files or [str(results["dataset"]["source"])])
        change = partial(prune_words, texts=texts, most=given.most_words)
    elif given.word_files:
        parser.error("`--word_files` says which words --most_words keeps; give that, too")
    folder = make_bundle(
        given.run_folder,
        given.output_folder / given.name,
        dtype=given.dtype,
        change=change,
        measure=measure if given.eval_file or of_language else None,
        **terms,
        example=given.example,
        compared_in=compared_in,
        comparison=compared_in and compared(PROJECT, compared_in, PLOT_FILE),
    )
    if compared_in:
        shutil.copyfile((PROJECT / compared_in).with_suffix(".png"), folder / PLOT_FILE)
    print(_written(folder))


def read_texts(files: Sequence[str]) -> list[str]:
    """All texts of files: of each column of texts, or of tokens, the cells."""
    found: list[str] = []
    for name in files:
        rows = read_rows(name)
        for column in data_columns(rows):
            cells = rows[column][:]
            if cells and isinstance(cells[0], str):
                found += [str(cell) for cell in cells if cell]
            elif cells and isinstance(cells[0], list) and cells[0] and isinstance(cells[0][0], str):
                found += [" ".join(map(str, cell)) for cell in cells]
    return found


def _written(folder: Path) -> str:
    return f"Wrote {folder}: {(folder / 'model.safetensors').stat().st_size / 1e6:.2f} MB of weights."
