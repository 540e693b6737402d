"""Small tagging runs: synthetic news in files, and the arguments of a run that takes a second or two."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers import BertForTokenClassification, HfArgumentParser, pipeline

from hf_rnn.data.readers.sentences import TokenDataArguments
from hf_rnn.tasks.arguments import ModelArguments, ReportArguments, WordArguments
from hf_rnn.tasks.token_classification.task import run_token_classification
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.tasks import small_runs


GROUPS = (ModelArguments, TokenDataArguments, WordArguments, ReportArguments, RecurrentTrainingArguments)
# So few units learn in a second or two, and the same twice, if nothing of them is dropped.
SMALL = {**small_runs.SMALL, "char_embedding_size": 4, "char_hidden_size": 6, "dropout": 0.0, "embedding_dropout": 0.0}

# (tokens, tags)
Sentence = tuple[list[str], list[str]]

NAMES = {
    "PER": ("Ana Souza", "John O'Neill", "Li Wei", "Maria", "Zoë de Boer", "Ivanov"),
    "LOC": ("Lisbon", "New York", "Porto Alegre", "Norway", "Århus"),
    "ORG": ("Acme Corp.", "UN", "Bank of Norway", "Reuters"),
}
TEMPLATES = (
    "PER moved from LOC to LOC .",
    "ORG named PER , who lives in LOC , its chairman , although PER of ORG had refused the post twice .",
    "The rain in LOC stopped .",
    "Nobody spoke to PER about the unexpected resignation .",
    "ORG 's shares rose to 1,000.50 in LOC , said PER .",
    "Quiet !",
)


def generate_tagged(count: int, seed: int) -> list[Sentence]:
    """Sentences with entities in IOB2, of two to some thirty tokens."""
    generator = random.Random(seed)
    return [_fill(generator.choice(TEMPLATES), generator) for _ in range(count)]


def _fill(template: str, generator: random.Random) -> Sentence:
    tokens: list[str] = []
    tags: list[str] = []
    for word in template.split():
        name = generator.choice(NAMES[word]).split() if word in NAMES else [word]
        tokens += name
        tags += [f"B-{word}", *(f"I-{word}" for _ in name[1:])] if word in NAMES else ["O"]
    return tokens, tags


def write_sentences(path: Path, sentences: Iterable[Sentence], *, column: str = "ner_tags") -> str:
    """A file of tagged sentences, by its ending in columns or in JSON lines."""
    if path.suffix == ".conll":
        text = "".join("".join(map("{} {}\n".format, *sentence)) + "\n" for sentence in sentences)
    else:
        text = "".join(json.dumps({"tokens": tokens, column: tags}) + "\n" for tokens, tags in sentences)
    path.write_text(text, encoding="utf-8")
    return str(path)


def write_news(folder: Path, *, train: int = 60, validation: int = 20, test: int = 21) -> dict[str, str]:
    """Generated sentences in a file for each split, named by the flags that read them."""
    folder.mkdir(parents=True, exist_ok=True)
    sentences = iter(generate_tagged(train + validation + test, seed=5))
    return {
        f"{split}_file": write_sentences(folder / f"{split}.jsonl", [next(sentences) for _ in range(size)])
        for split, size in {"train": train, "validation": validation, "test": test}.items()
    }


def read_sentences(path: str | Path) -> list[Sentence]:
    """The sentences of a file that `write_news` wrote."""
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(row["tokens"], row["ner_tags"]) for row in rows]


def read_predictions(folder: Path) -> list[tuple[list[str], list[str], list[str]]]:
    """Tokens, true and predicted tags of each sentence in predictions.conll."""
    blocks = (folder / "predictions.conll").read_text(encoding="utf-8").split("\n\n")
    sentences = ([line.split("\t") for line in block.strip("\n").split("\n")] for block in blocks if block.strip("\n"))
    return [tuple(map(list, zip(*rows, strict=True))) for rows in sentences]  # type: ignore[misc]


def pipeline_tags(folder: Path, sentences: list[list[str]]) -> list[list[str]]:
    """What the stock pipeline says to bare strings, at the first character of each token; O where it says nothing."""
    tagger = pipeline("token-classification", model=str(folder), ignore_labels=[])
    tags = []
    for tokens in sentences:
        # The first piece at a place: the mark of a word's beginning alone is one without a character.
        found = {answer["start"]: answer["entity"] for answer in reversed(tagger(" ".join(tokens)))}
        starts = [len(" ".join([*tokens[:index], ""])) for index in range(len(tokens))]
        tags.append([found.get(start, "O") for start in starts])
    return tags


def run(output: Path, **changes: Any) -> dict[str, Any]:
    """Run with the arguments of `small_runs.flags`; the results document."""
    overrides = {} if "model_name_or_path" in changes else {"config_overrides": SMALL}
    values = small_runs.flags(output, **{"learning_rate": 0.03, **overrides, **changes})
    del values["min_frequency"]
    return run_token_classification(*HfArgumentParser(GROUPS).parse_dict(values))


def save_tiny_bert(folder: Path, sentences: Iterable[Sentence], *, limit: int = 16, **config: Any) -> Path:
    """A stock BERT for tagging that starts at random, whose WordPiece tokenizer is trained on `sentences`."""
    texts = [" ".join(tokens) for tokens, _ in sentences]
    return small_runs.save_tiny_bert(folder, texts, head=BertForTokenClassification, limit=limit, **config)
