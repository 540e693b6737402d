"""Runs that learn from a teacher: what it says of every row, unlabelled files, agreement, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    BertForTokenClassification,
)

from hf_rnn.models.word_embeddings import UNKNOWN_ROW, pack_bytes
from hf_rnn.tasks.distillation.teacher import CheckpointTeacher
from hf_rnn.tasks.text_classification.distilling import TextTeacher
from hf_rnn.tasks.token_classification.distilling import TagTeacher
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.tasks import small_runs, small_tagging_runs
from tests.tasks.distillation_runs import CLASSES, TAGS, TASKS, catching, names, news, reviews, run, texts


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("data")
    sizes = {"train": 60, "validation": 20, "test": 20}
    rows = {split: reviews(size, seed) for seed, (split, size) in enumerate(sizes.items())}
    paths = {f"{split}_file": str(small_runs.write_rows(folder / f"{split}.csv", rows[split])) for split in rows}
    made = {"texts": paths, "tags": small_tagging_runs.write_news(folder / "tags")}
    unlabelled = {
        "texts": [{"text": text} for text in texts(150, 77)],
        "tags": [{"tokens": s} for s in news(150, 77)],
    }
    for task, rows in unlabelled.items():
        path = folder / f"{task}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        made[f"unlabelled {task}"] = {"unlabelled_file": str(path)}
    return made


@pytest.fixture(scope="module")
def teachers(files: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """BERTs that know their training rows by heart; their labels are in an order of their own."""
    folder = tmp_path_factory.mktemp("teachers")
    sentences = small_tagging_runs.read_sentences(files["tags"]["train_file"])
    torch.manual_seed(0)
    small_runs.save_tiny_bert(folder / "texts", texts(60, 0), **names(CLASSES[::-1]))
    small_tagging_runs.save_tiny_bert(folder / "tags", sentences, **names(TAGS[::-1]))
    for task in TASKS:
        options = {"num_train_epochs": 12, "learning_rate": 0.01, "do_eval": True, "do_predict": False}
        results = run(
            task, folder / f"{task} trained", model_name_or_path=str(folder / task), **files[task], **options
        )
        assert results["metrics"]["train"]["accuracy"] > 0.9
    return {task: str(folder / f"{task} trained") for task in TASKS}


def answers(task: str, folder: str | Path, rows: Sequence[Any]) -> list[int]:
    """The best label of each text, or of each token: its name's place in sorted order."""
    auto = AutoModelForSequenceClassification if task == "texts" else AutoModelForTokenClassification
    model, tokenizer = auto.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    order = sorted(model.config.label2id)
    found = []
    for row in rows:
        split = task == "tags"
        encoded = tokenizer([row], is_split_into_words=split, truncation=True, return_tensors="pt")
        with torch.no_grad():
            best = model(**encoded).logits[0].argmax(-1).reshape(-1).tolist()
        words = encoded.word_ids(0)
        if split:
            best = [best[words.index(word)] for word in sorted({word for word in words if word is not None})]
        found += [order.index(model.config.id2label[index]) for index in best]
    return found


@pytest.mark.parametrize("task", TASKS)
def test_a_student_agrees_with_its_teacher_on_texts_neither_has_seen(
    task: str, files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path
) -> None:
    rows = texts(60, 99) if task == "texts" else [sentence for sentence in news(60, 99) if len(sentence) < 12]
    agreement = {}
    flags = {
        "teacher_name_or_path": teachers[task],
        "distillation_weight": 1.0,
        "learning_rate": 0.03,
        "num_train_epochs": 6,
        **files[f"unlabelled {task}"],
    }
    for name, changes in {"distilled": flags, "untrained": {"do_train": False, "do_predict": True}}.items():
        results = run(task, tmp_path / name, **files[task], **changes)
        pairs = zip(answers(task, tmp_path / name, rows), answers(task, teachers[task], rows), strict=True)
        agreement[name] = np.mean([student == said for student, said in pairs])
    assert agreement["distilled"] > 0.85
    assert agreement["distilled"] > agreement["untrained"] + 0.25
    assert "teacher_name_or_path" not in results["training"]["arguments"]


@pytest.mark.parametrize("task", TASKS)
def test_a_weight_of_zero_is_a_run_without_a_teacher(
    task: str, files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path
) -> None:
    taught = run(
        task, tmp_path / "taught", **files[task], teacher_name_or_path=teachers[task], distillation_weight=0.0
    )
    alone = run(task, tmp_path / "alone", **files[task])
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("taught", "alone")]
    assert weights[0] == weights[1]
    assert taught["metrics"] == alone["metrics"]


@pytest.mark.parametrize("task", TASKS)
def test_results_name_the_teacher_and_count_the_unlabelled_rows(
    task: str, files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path
) -> None:
    flags = {"teacher_name_or_path": teachers[task], "distillation_temperature": 3.0, **files[f"unlabelled {task}"]}
    results = run(task, tmp_path, **files[task], **flags, num_train_epochs=1)
    # Where a file lies on this machine is not recorded, its name is.
    said = {name: Path(value).name if isinstance(value, str) else value for name, value in flags.items()}
    assert said.items() <= results["training"]["arguments"].items()
    assert results["dataset"]["splits"]["unlabelled"] == 150
    assert results["training"]["steps"] == -(-(60 + 150) // 8)


def load(teachers: dict[str, str], task: str, labels: Sequence[str], name: str | None = None) -> CheckpointTeacher:
    path = name or teachers[task]
    return TextTeacher(path, labels) if task == "texts" else TagTeacher(path, labels)


def test_logits_do_not_depend_on_the_batch_and_follow_the_students_labels(
    teachers: dict[str, str], tmp_path: Path
) -> None:
    teacher = load(teachers, "tags", TAGS)
    assert [teacher.model.config.id2label[index] for index in teacher.order] == list(TAGS)
    rows = datasets.Dataset.from_dict({"tokens": news(9, 3)})
    asked = teacher.questions(rows)
    assert max(asked.rows["length"][:]) == teacher.max_length < max(len(tokens) for tokens in rows["tokens"][:])
    found = teacher.answers(rows, tmp_path / "said.npy", 4, quiet(tmp_path))
    assert len(found) == sum(len(tokens) for tokens in rows["tokens"][:])
    for row, places in zip(asked.rows, asked.places, strict=True):
        with torch.no_grad():
            alone = teacher.model(torch.tensor([row["input_ids"]])).logits[0][:, teacher.order]
        firsts = [index for index, token in enumerate(row["token"]) if token >= 0]
        np.testing.assert_allclose(found[places], alone[firsts].numpy(), atol=1e-5)


def quiet(folder: Path) -> RecurrentTrainingArguments:
    return RecurrentTrainingArguments(output_dir=str(folder), use_cpu=True, disable_tqdm=True)


@pytest.fixture
def rows_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a run is trained on."""
    return catching(monkeypatch)


def test_what_the_teacher_says_stands_at_the_first_piece_of_a_token(
    files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path, rows_of: Any
) -> None:
    # The teacher's tokenizer drops a control character, and reads long sentences in windows; the student does not.
    sentences = [["Ana", "\x00", "left"], ["Reuters", "Ivanov", "Norway"] * 12, ["O'Neill"]]
    train = [(tokens, ["O"] * len(tokens)) for tokens in sentences]
    train.append((["x"] * (len(TAGS) - 1), list(TAGS[1:])))
    path = small_tagging_runs.write_sentences(tmp_path / "train.jsonl", train)
    values = {**files["tags"], "train_file": path, "teacher_name_or_path": teachers["tags"]}
    task = rows_of("tags", tmp_path, **values, **files["unlabelled tags"])
    assert len(task.train) == len(train) + 150
    teacher = load(teachers, "tags", TAGS)
    for row, tokens in zip(task.train, [*sentences, train[-1][0], *news(150, 77)], strict=True):
        pieces = task.tokenizer(tokens, is_split_into_words=True)
        said = np.reshape(row["teacher_logits"], (len(row["input_ids"]), len(TAGS)))
        words = pieces.word_ids(0)
        starts = [words.index(token) for token in range(len(tokens))]
        taught = [words[index] for index in np.flatnonzero(~np.isnan(said).any(1))]
        assert np.isnan(said).any(1).tolist() == np.isnan(said).all(1).tolist()
        assert taught == [token for token, text in enumerate(tokens) if text != "\x00"]
        encoded = teacher.tokenizer([tokens], is_split_into_words=True, return_tensors="pt")
        if encoded["input_ids"].shape[1] <= teacher.max_length:
            with torch.no_grad():
                logits = teacher.model(**encoded).logits[0][:, teacher.order].numpy()
            for token in taught:
                np.testing.assert_allclose(said[starts[token]], logits[encoded.word_ids(0).index(token)], atol=1e-4)
    labels = task.train["labels"][:]
    assert all(index == -100 for ids in labels[len(train) :] for index in ids)
    assert all(any(index != -100 for index in ids) for ids in labels[: len(train)])


def test_what_the_teacher_says_of_texts(
    files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path, rows_of: Any
) -> None:
    flags = {"teacher_name_or_path": teachers["texts"], **files["unlabelled texts"], "max_seq_length": 5}
    task = rows_of("texts", tmp_path, **files["texts"], **flags)
    teacher = load(teachers, "texts", CLASSES)
    for row, text in list(zip(task.train, texts(60, 0) + texts(150, 77), strict=True))[::20]:
        encoded = teacher.tokenizer(text, truncation=True, return_tensors="pt")
        with torch.no_grad():
            logits = teacher.model(**encoded).logits[0, teacher.order]
        np.testing.assert_allclose(row["teacher_logits"], logits.numpy(), atol=1e-4)
        assert len(row["input_ids"]) <= 5
    assert task.train["labels"][60:] == [-100] * 150 and -100 not in task.train["labels"][:60]


@pytest.mark.parametrize("kind", TASKS)
def test_the_student_knows_the_words_of_unlabelled_rows(
    kind: str, files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path, rows_of: Any
) -> None:
    path = tmp_path / "u.jsonl"
    row = {"texts": {"text": "a zanzibar film"}, "tags": {"tokens": ["zanzibar", "!"]}}[kind]
    path.write_text(3 * (json.dumps(row) + "\n"), encoding="utf-8")
    flags = {"teacher_name_or_path": teachers[kind], "unlabelled_file": str(path)}
    task = rows_of(kind, tmp_path / "out", **files[kind], **flags)
    (token,) = task.tokenizer("zanzibar", add_special_tokens=False)["input_ids"]
    assert token != task.tokenizer.unk_token_id
    if kind == "tags":
        assert task.model.model.embeddings.rows(pack_bytes([b"zanzibar"])).item() != UNKNOWN_ROW


def test_columns_of_tokens_alone_are_read(
    files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path, rows_of: Any
) -> None:
    (tmp_path / "u.conll").write_text("Ana\nleft\n\nQuiet\n!\n", encoding="utf-8")
    flags = {"teacher_name_or_path": teachers["tags"], "unlabelled_file": str(tmp_path / "u.conll")}
    assert rows_of("tags", tmp_path / "out", **files["tags"], **flags).rows["unlabelled"] == 2


@pytest.mark.parametrize("task", TASKS)
def test_other_labels_are_refused(task: str, files: dict[str, dict[str, str]], tmp_path: Path) -> None:
    head = BertForSequenceClassification if task == "texts" else BertForTokenClassification
    wrong = small_runs.save_tiny_bert(tmp_path / "bert", ["a b"], head=head, **names(["O", "B-X"]))
    with pytest.raises(
        ValueError, match=r"`teacher_name_or_path`=.* has the labels O, B-X; they must be those of the"
    ):
        run(task, tmp_path / "out", **files[task], teacher_name_or_path=str(wrong))


@pytest.mark.parametrize("task", TASKS)
def test_a_student_must_be_recurrent(
    task: str, files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="was given to train a BertFor.*; the student must be a recurrent model"):
        changes = {"teacher_name_or_path": teachers[task], "model_name_or_path": teachers[task]}
        run(task, tmp_path, **files[task], **changes)


def test_teachers_whose_softmax_means_nothing_are_refused(
    files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path
) -> None:
    multi = small_runs.save_tiny_bert(
        tmp_path / "multi", ["a b"], problem_type="multi_label_classification", **names(CLASSES)
    )
    with pytest.raises(ValueError, match="is of the `problem_type` multi_label_classification; it must be single"):
        load(teachers, "texts", CLASSES, str(multi))


def test_logits_that_are_no_numbers_are_refused(teachers: dict[str, str], tmp_path: Path) -> None:
    teacher = load(teachers, "texts", CLASSES)
    torch.nn.init.constant_(teacher.model.classifier.bias, float("nan"))
    with pytest.raises(ValueError, match="gives logits that are not finite numbers"):
        teacher.answers(datasets.Dataset.from_dict({"text": ["a b"]}), tmp_path / "said.npy", 2, quiet(tmp_path))


def test_only_single_labels_are_distilled(
    files: dict[str, dict[str, str]], teachers: dict[str, str], tmp_path: Path
) -> None:
    numbers = small_runs.write_rows(tmp_path / "numbers.csv", [("good", 0.5), ("bad", 1.5), ("so so", 1.0)])
    flags = {"train_file": str(numbers), "validation_file": str(numbers), "do_predict": False}
    with pytest.raises(ValueError, match="was given for a regression; it must be single_label_classification"):
        run("texts", tmp_path / "out", **flags, teacher_name_or_path=teachers["texts"])


@pytest.mark.parametrize(
    ("task", "row", "message"),
    [
        ("texts", {"text": None}, "u.jsonl, line 1 has no text"),
        ("texts", {"n": 7}, "Give `text_column_names`"),
        ("tags", {"tokens": ["a", " "]}, "the token is ' '"),
        ("tags", {"text": "a b"}, "Give `text_column_name`"),
    ],
)
def test_bad_unlabelled_files(
    task: str, row: dict[str, Any], message: str, files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "u.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"`unlabelled_file`='.*u.jsonl': .*{message}"):
        run(task, tmp_path / "out", **files[task], teacher_name_or_path="nowhere", unlabelled_file=str(path))
