"""Measures what the initial bias of the gate that keeps the state is worth for remembering, and on short texts."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PrinterCallback, set_seed

from ..data.synthetic.first_token import NUM_CLASSES, VOCAB_SIZE, first_token_examples
from ..runs.markdown import markdown_table
from ..runs.provenance import provenance
from ..training.arguments import RecurrentTrainingArguments
from ..training.trainer import RecurrentTrainer
from .document import Document, read_measured, write_document


__all__ = ["GateBiasArguments", "gate_bias_table", "measure_gate_bias", "read_gate_bias"]


SCHEMA_VERSION = 1
CELLS, BIASES = ("gru", "lstm"), (0, 1, 2, 3)
SEEDS, QUICK_SEEDS = (0, 1, 2), (0,)
LENGTHS, QUICK_LENGTHS = (10, 50, 100), (10,)
STEPS, QUICK_STEPS = 300, 2
REMEMBERING = {"embedding_size": 16, "hidden_size": 32}
OF_TEXTS = {
    "embedding_size": 64,
    "hidden_size": 64,
    "embedding_dropout": 0.3,
    "dropout": 0.3,
    "pooling": "last",
    "wide_buckets": None,
}
METHOD = (
    f"Accuracy, mean over the seeds. First token: the label is the first of so many tokens, {STEPS} steps of AdamW, a "
    "learning rate of 0.003, 32 sequences a step, none seen twice; 256 others are asked. Texts: word tokens, six "
    "epochs, a learning rate of 0.002; a third of the rows, held out, is asked after the last. Everything else is as "
    "it is by default."
)


@dataclass
class GateBiasArguments:
    """The texts that are learnt, and the file of the figures."""

    texts: str = field(metadata={"help": "CSV file with columns text and label to learn short texts from."})
    output: str = field(default="model_cards/benchmarks/gate_bias.json", metadata={"help": "JSON file to write."})
    quick: bool = field(
        default=False, metadata={"help": "Show in a few steps that it works; the figures mean nothing. Default: off."}
    )

    def __post_init__(self) -> None:
        if not Path(self.texts).is_file():
            raise FileNotFoundError(f"`texts`={self.texts!r} does not exist.")
        if Path(self.output).suffix != ".json":
            raise ValueError(f"`output`={self.output!r} must be the name of a .json file.")


def measure_gate_bias(arguments: GateBiasArguments, report: Callable[[str], None] = print) -> Document:
    """Train each cell with each bias on each task by each seed, and write `arguments.output`.

    Args:
        report: Is called with a line for each figure, as it comes.

    Returns:
        The document in it.

    Raises:
        ValueError: `arguments.texts` lacks a column `text` or `label`.
    """
    origin = provenance()
    seeds = QUICK_SEEDS if arguments.quick else SEEDS
    tasks: dict[str, Callable[[str, int, int], float]] = {
        f"first of {length} tokens": _remembering(length, QUICK_STEPS if arguments.quick else STEPS)
        for length in (QUICK_LENGTHS if arguments.quick else LENGTHS)
    }
    tasks[Path(arguments.texts).stem] = _texts(Path(arguments.texts), arguments.quick)
    measured = []
    for task, accuracy in tasks.items():
        for cell in CELLS:
            for bias in BIASES:
                accuracies = [accuracy(cell, bias, seed) for seed in seeds]
                measured.append({"task": task, "cell": cell, "gate_bias": bias, "accuracies": accuracies})
                report(f"{task}, {cell}, bias {bias}: {statistics.mean(accuracies):.3f}")
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "quick": arguments.quick,
        **origin,
        "method": METHOD,
        "seeds": list(seeds),
        "measured": measured,
    }
    write_document(document, Path(arguments.output))
    return document


def read_gate_bias(path: Path) -> Document:
    """Read what `measure_gate_bias` wrote.

    Raises:
        ValueError: it is of another version, or a quick run, which measures nothing.
    """
    return read_measured(path, SCHEMA_VERSION)


def gate_bias_table(document: Document) -> str:
    """A row for each cell and bias, a column for each task, and how it was measured."""
    accuracies = {(row["cell"], row["gate_bias"], row["task"]): row["accuracies"] for row in document["measured"]}
    tasks = list(dict.fromkeys(row["task"] for row in document["measured"]))
    rows = [
        [f"{cell}, {bias}", *(f"{statistics.mean(accuracies[cell, bias, task]):.3f}" for task in tasks)]
        for cell, bias in dict.fromkeys((row["cell"], row["gate_bias"]) for row in document["measured"])
    ]
    titles = [["Cell, `gate_bias`", *tasks], ["---", *["---:"] * len(tasks)]]
    seeds = ", ".join(map(str, document["seeds"]))
    return f"{markdown_table(titles + rows)}\n{document['method']} Seeds {seeds}; {document['date'][:10]}.\n"


def _remembering(length: int, steps: int) -> Callable[[str, int, int], float]:
    asked = first_token_examples(256, length, seed=1)

    def accuracy(cell: str, bias: int, seed: int) -> float:
        set_seed(seed)
        model = _network(cell, bias, vocab_size=VOCAB_SIZE, num_labels=NUM_CLASSES, **REMEMBERING)
        rows = first_token_examples(32 * steps, length, seed=100 + seed)
        given = {"max_steps": steps, "per_device_train_batch_size": 32, "learning_rate": 0.003}
        return _accuracy(model, rows, asked, seed, {**given, "bucket_by_length": False})

    return accuracy


def _texts(path: Path, quick: bool) -> Callable[[str, int, int], float]:
    from ..data.tokenizers.training import train_tokenizer

    rows = Dataset.from_csv(str(path)).shuffle(seed=7)
    for name in ("text", "label"):
        if name not in rows.column_names:
            raise ValueError(f"`texts`={str(path)!r} has columns {rows.column_names}; it must have {name!r}.")
    labels = sorted(set(rows["label"]))
    held_out = len(rows) // 3
    tokenizer = train_tokenizer(list(rows["text"][held_out:]), show_progress=False)
    ids = tokenizer(list(rows["text"]))["input_ids"]
    encoded = Dataset.from_dict({"input_ids": ids, "labels": [labels.index(label) for label in rows["label"]]})
    asked, train = encoded.select(range(held_out)), encoded.select(range(held_out, len(encoded)))
    given = {"num_train_epochs": 6, "learning_rate": 0.002} | ({"max_steps": 2} if quick else {})

    def accuracy(cell: str, bias: int, seed: int) -> float:
        set_seed(seed)
        model = _network(cell, bias, vocab_size=len(tokenizer), num_labels=len(labels), **OF_TEXTS)
        return _accuracy(model, train, asked, seed, given, tokenizer)

    return accuracy


def _network(cell: str, bias: int, **values: Any) -> PreTrainedModel:
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(cell, gate_bias=bias, **values))


def _accuracy(
    model: PreTrainedModel, train: Dataset, asked: Dataset, seed: int, given: dict[str, Any], tokenizer: Any = None
) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = RecurrentTrainingArguments(
            output_dir=folder,
            seed=seed,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            **given,
        )
        trainer = RecurrentTrainer(
            model, settings, train_dataset=train, eval_dataset=asked, processing_class=tokenizer
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        return float(trainer.evaluate()["eval_accuracy"])
