"""Take a first look, in about two minutes and without a network. The bundled classifier answers, and a new one is
trained on synthetic reviews (sample data written by a small grammar of this project; not real reviews).

    hf-rnn demo [--output_dir demo_run]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from ..bundles import bundled
from ..data.readers.texts import DataArguments
from ..data.synthetic.reviews import DESCRIPTION, synthetic_reviews
from ..extras import require_extra
from ..hub.model_card import write_model_card
from ..inference.prediction import predict_texts
from ..runs.folder import CURVES_FILE
from ..tasks.arguments import ModelArguments, ReportArguments, TokenizerArguments
from ..tasks.text_classification.task import run_text_classification
from ..training.arguments import RecurrentTrainingArguments
from .flags import FlagsFormatter


__all__ = ["SUMMARY", "main"]


SUMMARY = "a first look: a bundled model answers, and a new one is trained"
REVIEWS = (
    "A quiet film that takes its time and earns every minute of it.",
    "The plot makes no sense and the acting is even worse.",
    "I expected nothing and it was still not as good as that.",
)
SYNTHETIC = "Although the soup was great, the meal was hardly charming."


def main(arguments: list[str]) -> None:
    """`hf-rnn demo`, and `scripts/demo.py`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("--output_dir", default="demo_run", help="Folder to write; each run overwrites it.")
    output = Path(parser.parse_args(arguments).output_dir)
    require_extra("demo", "The demo")
    ask_bundled()
    test = train(output)["metrics"]["test"]
    print(f"   Accuracy on 500 other synthetic reviews: {test['accuracy']:.3f}")
    use(output / "model")
    print(
        f"""
Learning curves: {output / "model" / CURVES_FILE}    Card: {output / "model" / "README.md"}

What to try next:
  your own data   hf-rnn train text-classification reviews.csv
  other networks  the same with --model_type gru, elman or dan, and --config_overrides '{{"pooling": "attention"}}'
  all the flags   hf-rnn train text-classification --help
  real reviews    hf-rnn train imdb_bilstm"""
    )


def ask_bundled() -> None:
    """Ask a bundled checkpoint, an ordinary model of transformers, by a stock pipeline."""
    print("1. The bundled checkpoint bilstm-imdb (trained on IMDb reviews), through a stock pipeline:")
    classifier = pipeline("text-classification", model=bundled("bilstm-imdb"))
    for review, answer in zip(REVIEWS, predict_texts(classifier, REVIEWS, progress=False), strict=True):
        print(f"   {answer['label']:>8} {answer['score']:.3f}  {review}")


def train(output: Path) -> dict[str, Any]:
    """Train a BiLSTM on synthetic reviews, by the code of `hf-rnn train text-classification`."""
    print(f"\n2. Training a BiLSTM. {DESCRIPTION}")
    if output.exists() and not (output / "synthetic_train.csv").exists():
        raise ValueError(f"`--output_dir`={str(output)!r} exists and is not from an earlier demo; name another.")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    files = {split: str(output / f"synthetic_{split}.csv") for split in ("train", "validation", "test")}
    for split, rows in synthetic_reviews().items():
        rows.to_csv(files[split], index=False)
    report = ReportArguments(dataset_title="synthetic reviews", dataset_notes=DESCRIPTION)
    results = run_text_classification(
        ModelArguments(
            model_type="bilstm",
            config_overrides='{"embedding_size": 64, "hidden_size": 64, "pooling": "max", "embedding_dropout": 0.2}',
        ),
        DataArguments(
            train_file=files["train"],
            validation_file=files["validation"],
            test_file=files["test"],
            class_names="negative,positive",
        ),
        TokenizerArguments(),
        report,
        RecurrentTrainingArguments(
            output_dir=str(output / "model"),
            do_train=True,
            do_eval=True,
            do_predict=True,
            num_train_epochs=6,
            learning_rate=2e-3,
            logging_steps=25,
        ),
    )
    write_model_card(output / "model", results, license=report.license, language=report.language)
    return results


def use(folder: Path) -> None:
    """Load what was saved, as any model is loaded, and ask it."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    answer = pipeline("text-classification", model=model, tokenizer=tokenizer)(SYNTHETIC)[0]
    print(f"\n3. Reloaded with AutoModelForSequenceClassification: {type(model).__name__}")
    print(f"   {answer['label']:>8} {answer['score']:.3f}  {SYNTHETIC}")
