"""One small training of each task, from files, as a user of the wheel would start it."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import HfArgumentParser, pipeline

from hf_rnn.runs.results import read_results
from hf_rnn.tasks import find_task


RUN = {
    "per_device_train_batch_size": 8,
    "num_train_epochs": 3,
    "learning_rate": 0.01,
    "do_train": True,
    "do_eval": True,
    "use_cpu": True,
    "disable_tqdm": True,
    "seed": 1,
    "data_seed": 1,
}
SMALL = {"embedding_size": 8, "hidden_size": 8}


def write_csv(path: Path, *rows: tuple[Any, ...]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def reviews(count: int, seed: int) -> list[tuple[str, str]]:
    drawn = random.Random(seed)
    words = {"good": ["fine", "lovely", "superb"], "bad": ["dull", "awful", "boring"]}
    labels = [drawn.choice(["good", "bad"]) for _ in range(count)]
    return [(f"a {drawn.choice(words[label])} film about {drawn.choice(['love', 'war'])}", label) for label in labels]


def of_texts(folder: Path) -> dict[str, Any]:
    header = ("text", "label")
    return {
        "train_file": write_csv(folder / "train.csv", header, *reviews(80, 1)),
        "validation_file": write_csv(folder / "dev.csv", header, *reviews(30, 2)),
        "config_overrides": json.dumps(SMALL),
        "min_frequency": 1,
    }


def of_tags(folder: Path) -> dict[str, Any]:
    drawn = random.Random(3)
    rows = []
    for _ in range(60):
        name = drawn.choice(["Ana", "Maria", "Li"])
        place = drawn.choice(["Lisbon", "Porto"])
        rows += [f"{name} B-PER", "moved O", "to O", f"{place} B-LOC", ". O", ""]
    (folder / "train.conll").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return {
        "train_file": str(folder / "train.conll"),
        "validation_file": str(folder / "train.conll"),
        "config_overrides": json.dumps(
            {**SMALL, "char_embedding_size": 4, "char_hidden_size": 4, "dropout": 0.0, "embedding_dropout": 0.0}
        ),
    }


def of_pairs(folder: Path) -> dict[str, Any]:
    drawn = random.Random(4)
    topics = ["swim", "cook rice", "learn Greek", "mend a bike", "sleep well"]
    rows = []
    for index in range(80):
        first, second = drawn.sample(topics, 2)
        second = first if index % 2 else second
        rows.append((f"how do I {first}", f"the best way to {second}", int(first == second)))
    path = write_csv(folder / "pairs.csv", ("question1", "question2", "label"), *rows)
    overrides = {"hidden_size": 8, "embedding_size": 8}
    return {
        "train_file": path,
        "validation_file": path,
        "config_overrides": json.dumps(overrides),
        "min_frequency": 1,
        "loss": "contrastive",
    }


def of_language(folder: Path) -> dict[str, Any]:
    (folder / "text.txt").write_text("the cat sat on the mat. the dog sat on the log.\n" * 40, encoding="utf-8")
    return {
        "train_file": str(folder / "text.txt"),
        "validation_split_percentage": 10,
        "config_overrides": json.dumps(SMALL),
        "tokenizer_kind": "character",
        "block_size": 20,
        "per_device_eval_batch_size": 1,
    }


def of_sequences(folder: Path) -> dict[str, Any]:
    drawn = random.Random(5)
    words = {"um": "one", "dois": "two", "cinco": "five", "nove": "nine"}
    rows = [drawn.choices(list(words), k=2) for _ in range(120)]
    for name, texts in (("pt", rows), ("en", [[words[word] for word in row] for row in rows])):
        (folder / f"train.{name}").write_text("".join(" ".join(text) + "\n" for text in texts), encoding="utf-8")
    small = {**SMALL, "dropout": 0.0, "embedding_dropout": 0.0}
    return {
        "train_file": str(folder / "train.pt"),
        "train_target_file": str(folder / "train.en"),
        "validation_file": str(folder / "train.pt"),
        "validation_target_file": str(folder / "train.en"),
        "config_overrides": json.dumps({"encoder": small, "decoder": {**small, "hidden_size": 16}}),
        "tokenizer_kind": "word",
        "figures": "exact",
        "max_target_length": 8,
        "num_train_epochs": 12,
    }


def of_images(folder: Path) -> dict[str, Any]:
    overrides = {"image_size": 16, "hidden_sizes": [8, 8], "kernel_sizes": [3, 3], "pool_sizes": [2, 2]}
    return {
        "train_letters": 40,
        "pairs_per_letter": 4,
        "config_overrides": json.dumps({**overrides, "output_size": 8}),
        "num_train_epochs": 1,
    }


# Task → what makes its data and flags, the metric, and what it must be better than.
TASKS: dict[str, tuple[Callable[[Path], dict[str, Any]], str, float]] = {
    "text-classification": (of_texts, "accuracy", 0.8),
    "token-classification": (of_tags, "f1", 0.8),
    "similarity": (of_pairs, "average_precision", 0.6),
    "language-modeling": (of_language, "perplexity", 0.0),
    "sequence-to-sequence": (of_sequences, "exact_match", 0.8),
    "one-shot": (of_images, "", 0.0),
}
# A question for the pipeline of what was trained.
QUESTIONS: dict[str, tuple[str, Any]] = {
    "text-classification": ("text-classification", "a superb film about love"),
    "token-classification": ("token-classification", "Ana moved to Porto."),
    "similarity": ("sentence-similarity", {"text": "how do I swim", "text_pair": "the best way to swim"}),
    "language-modeling": ("text-generation", "the cat"),
    "sequence-to-sequence": ("text2text-generation", "cinco dois"),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_model_is_trained_and_answers(name: str, tmp_path: Path) -> None:
    task = find_task(name)
    make, metric, least = TASKS[name]
    output = tmp_path / "run"
    flags = {**RUN, "output_dir": str(output), **make(tmp_path)}
    task.run(HfArgumentParser(task.groups).parse_dict(flags))
    results = read_results(output / "results.json")
    assert results["training"]["steps"] > 0
    if metric:
        assert results["metrics"]["validation"][metric] > least
    if name in QUESTIONS:
        pipeline_task, question = QUESTIONS[name]
        answer = pipeline(pipeline_task, model=str(output))(question)
        assert answer
        if name == "text-classification":
            assert answer[0]["label"] == "good"
        if name == "sequence-to-sequence":
            assert answer == [{"generated_text": "five two"}]


def test_the_command_trains_predicts_and_evaluates(tmp_path: Path) -> None:
    write_csv(tmp_path / "reviews.csv", ("text", "label"), *reviews(200, 5))
    write_csv(tmp_path / "new.csv", ("text",), ("a superb film about war",), ("an awful film about love",))
    command = str(Path(sysconfig.get_path("scripts")) / "hf-rnn")
    model = "runs/reviews-text-classification"

    def run(*arguments: str) -> str:
        done = subprocess.run([command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = run("train", "text-classification", "reviews.csv", "--use_cpu", "--num_train_epochs", "10")
    assert model in said
    run("predict", model, "new.csv", "--output", "predictions.csv")
    with (tmp_path / "predictions.csv").open(encoding="utf-8", newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["good", "bad"]
    assert "accuracy" in run("evaluate", model, "reviews.csv")
    done = subprocess.run(
        [command, "train", "text-classification", "nothing.csv"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and "nothing.csv" in done.stderr and "Traceback" not in done.stderr
