"""Makes models of fastText, spaCy and model2vec from what `hf-rnn train` reads, to be compared with its own."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ....data.language import find_language
from ....data.readers.files import expand_path
from ....data.readers.sentences import TokenDataArguments, load_token_classification
from ....data.readers.texts import DataArguments, load_text_classification
from ....extras import require_extra
from ....metrics.tagging import entity_spans, span_f1
from ....runs.describe import non_default_arguments
from ....runs.provenance import provenance
from ...defaults.peers import fast_text, spacy_tagger
from .base import TRAINING_FILE, MissingLibraryError
from .fast_text import file_label
from .table import LIBRARIES


__all__ = ["READERS", "LibraryArguments", "train_library"]


# What fastText chooses among on validation, and the options that stay.
GRID = [{"epoch": epoch, "lr": lr} for epoch in (5, 25) for lr in (0.1, 0.5, 1.0)]
FIXED = {name: fast_text.OPTIONS[name] for name in ("wordNgrams", "bucket", "dim")}
# Vectors that the quantised file keeps, as in the library's own example (`quantization-example.sh`).
CUTOFF = 100_000
# Minutes after which spaCy stops training, if nothing else is said.
MINUTES = 30.0
# Flag → the one library that it is for.
FLAGS_OF = {"language": "spacy", "time_limit_minutes": "spacy", "encoder": "model2vec"}


@dataclass
class LibraryArguments:
    """The library, and how its model is made."""

    library: str = field(metadata={"help": "Library whose model is made.", "choices": sorted(LIBRARIES)})
    output_dir: str = field(metadata={"help": "Folder to write the model into."})
    task: str | None = field(
        default=None,
        metadata={"help": "Task of the model, of which a library has one. Default: that of the library."},
    )
    language: str | None = field(
        default=None,
        metadata={"help": "Language of spaCy's pipeline, such as en. Default: that of the training sentences."},
    )
    time_limit_minutes: float | None = field(
        default=None, metadata={"help": f"Number of minutes after which spaCy stops training. Default: {MINUTES:g}."}
    )
    encoder: str | None = field(
        default=None,
        metadata={"help": "Encoder that model2vec distils: a folder or an id of the Hub. Default: none."},
    )

    def __post_init__(self) -> None:
        if self.library not in LIBRARIES:
            raise ValueError(f"`library`={self.library!r} must be one of {', '.join(sorted(LIBRARIES))}.")
        own = LIBRARIES[self.library].task
        if self.task not in (None, own):
            raise ValueError(f"`task`={self.task!r} must be {own} for `library`={self.library!r}.")
        if self.time_limit_minutes is not None and self.time_limit_minutes <= 0:
            raise ValueError(f"`time_limit_minutes`={self.time_limit_minutes} must be more than 0.")
        for flag, library in FLAGS_OF.items():
            value = getattr(self, flag)
            if value is not None and library != self.library:
                raise ValueError(f"`{flag}`={value!r} is for `library`='{library}' alone, not {self.library!r}.")
        if self.library == "model2vec" and self.encoder is None:
            raise ValueError("`encoder`=None must be a folder or an id of the Hub for `library`='model2vec'.")


# Library → the arguments of what its model is made of; model2vec needs no texts.
READERS: dict[str, type | None] = {"fasttext": DataArguments, "spacy": TokenDataArguments, "model2vec": None}


def train_library(arguments: LibraryArguments, data: Any = None) -> dict[str, Any]:
    """Make a model in `arguments.output_dir`, with `training.json` beside it.

    Args:
        data: Of the class that `READERS` has for the library.

    Returns:
        What `training.json` holds: the library and its version, minutes, epochs, options, figures on validation, rows,
        arguments, machine and commit.

    Raises:
        MissingExtraError, MissingLibraryError: something is not installed.
        ValueError: the folder has a model already, or the data are not what the library learns.
        FileNotFoundError: a file does not exist.
    """
    require_extra("train", "Training a model of another library")
    library = LIBRARIES[arguments.library]
    library.require(f"`library`={arguments.library!r}")
    folder = expand_path(arguments.output_dir)
    if (folder / TRAINING_FILE).exists():
        raise ValueError(f"`output_dir`={arguments.output_dir!r} has a model already; it must be another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[LibraryArguments, Any, Path], dict[str, Any]]] = {
        "fasttext": _fast_text,
        "spacy": _spacy,
        "model2vec": _model2vec,
    }
    made = makers[arguments.library](arguments, data, folder)
    groups = (arguments,) if data is None else (arguments, data)
    document = {
        "library": library.key,
        "version": library.version(),
        "seeds": 1,
        **made,
        "arguments": non_default_arguments(*groups),
        **provenance(),
    }
    (folder / TRAINING_FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return document


def _fast_text(arguments: LibraryArguments, given: DataArguments, folder: Path) -> dict[str, Any]:
    """Choose passes and learning rate on validation; `model.bin`, and `model.ftz`, which is quantised."""
    data = load_text_classification(given)
    if data.problem_type != "single_label_classification" or "validation" not in data.splits:
        raise ValueError(
            "fastText wants one label a text and a validation split to choose by; the labels are of the kind "
            f"{data.problem_type}, the splits {', '.join(data.splits)}. `validation_split_percentage` holds rows out."
        )
    names = [file_label(name) for name in data.label_names or ()]
    if len(set(names)) < len(names):
        raise ValueError(
            f"`label_column_name`: labels differ in white space alone: {', '.join(data.label_names or ())}."
        )
    rows = {split: data.splits[split] for split in ("train", "validation")}
    lines = {split: [fast_text.line_of(text) for text in each["text"]] for split, each in rows.items()}
    labels = {split: [names[label] for label in each["label"]] for split, each in rows.items()}
    started, best, accuracy, chosen = time.perf_counter(), None, -1.0, GRID[0]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "train.txt"
        rows_of_file = (f"{label} {line}\n" for label, line in zip(labels["train"], lines["train"], strict=True))
        path.write_text("".join(rows_of_file), encoding="utf-8")
        for options in GRID:
            model = fast_text.train(path, **FIXED, **options)
            reached = _accuracy(model, lines["validation"], labels["validation"])
            print(f"{options}: accuracy {reached:.4f} on validation", flush=True)
            if reached > accuracy:
                best, accuracy, chosen = model, reached, options
        minutes = (time.perf_counter() - started) / 60
        assert best is not None
        best.save_model(str(folder / "model.bin"))
        best.quantize(input=str(path), cutoff=CUTOFF, retrain=True, qnorm=True, thread=1)
        best.save_model(str(folder / "model.ftz"))
    return {
        "minutes": minutes,
        "epochs": float(chosen["epoch"]),
        "labels": data.label_names,
        "lowercase_and_separate": True,
        "options": FIXED | chosen | {"quantised": {"cutoff": CUTOFF, "retrain": True, "qnorm": True}},
        "validation": {
            "accuracy": accuracy,
            "quantised_accuracy": _accuracy(best, lines["validation"], labels["validation"]),
        },
        "rows": {split: len(each) for split, each in rows.items()},
    }


def _accuracy(model: Any, lines: Sequence[str], labels: Sequence[str]) -> float:
    """The share of lines whose likeliest label is right; where none is said, it is the most frequent one."""
    usual = model.get_labels()[0]
    found = [said[0] if len(said) else usual for said in model.predict(list(lines))[0]]
    return sum(map(str.__eq__, found, labels)) / len(labels)


def _spacy(arguments: LibraryArguments, given: TokenDataArguments, folder: Path) -> dict[str, Any]:
    """A blank pipeline with an entity recogniser; nothing is chosen on validation, which is only measured."""
    data = load_token_classification(given)
    if not data.is_entities or "train" not in data.splits:
        raise ValueError(
            "spaCy's `ner` learns entities from a training split; the tags "
            f"{'are' if data.is_entities else 'are not'} those of entities, the splits {', '.join(data.splits)}."
        )
    sentences, tags = _sentences(data, "train")
    language = arguments.language or find_language([" ".join(words) for words in sentences])
    if language is None:
        raise ValueError("`language` is not given, and the sentences do not tell; it must be a code such as en.")
    started = time.perf_counter()
    seconds = 60 * (arguments.time_limit_minutes or MINUTES)
    nlp, updates = spacy_tagger.fit(language, sentences, tags, seconds)
    minutes = (time.perf_counter() - started) / 60
    nlp.to_disk(folder)
    figures = None
    if "validation" in data.splits:
        asked, right = _sentences(data, "validation")
        docs = nlp.pipe([spacy_tagger.doc_of(nlp, words) for words in asked])
        found = [entity_spans(spacy_tagger.tags_of(doc)) for doc in docs]
        figures = span_f1([entity_spans(each) for each in right], found)
    return {
        "minutes": minutes,
        "epochs": updates * spacy_tagger.BATCH / len(sentences),
        "options": {"language": language, "updates": updates, "batch": spacy_tagger.BATCH},
        "validation": figures,
        "rows": {split: len(rows) for split, rows in data.splits.items() if split != "test"},
    }


def _sentences(data: Any, split: str) -> tuple[list[list[str]], list[list[str]]]:
    """The tokens and tags of the sentences of a split that are not empty."""
    rows, names = data.splits[split], data.tag_names
    pairs = [
        (list(words), [names[tag] for tag in tags]) for words, tags in zip(rows["tokens"], rows["tags"], strict=True)
    ]
    kept = [pair for pair in pairs if pair[0]]
    return [words for words, _ in kept], [tags for _, tags in kept]


def _model2vec(arguments: LibraryArguments, given: None, folder: Path) -> dict[str, Any]:
    """What `model2vec.distill` makes of an encoder, by its defaults."""
    try:
        from model2vec.distill import distill
    except ImportError as error:
        # Its extra `distill` bounds transformers below the version that this package needs; the bound is not checked.
        raise MissingLibraryError(
            f"`library`='model2vec' needs what it distils with ({error}): pip install 'skeletoken<0.7'"
        ) from error
    encoder = str(arguments.encoder)
    path = expand_path(encoder)
    started = time.perf_counter()
    model = distill(model_name=str(path) if path.exists() else encoder)
    minutes = (time.perf_counter() - started) / 60
    model.save_pretrained(str(folder))
    options = {"encoder": path.name if path.exists() else encoder, "dim": int(model.embedding.shape[1])}
    return {"minutes": minutes, "epochs": None, "options": options, "validation": None, "rows": {}}
