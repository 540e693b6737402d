"""Several teachers: calibrated, averaged, measured, from checkpoints and from files of logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from hf_rnn.tasks.distillation import cache
from hf_rnn.tasks.distillation.arguments import DistillationArguments
from hf_rnn.tasks.distillation.calibration import fit_temperature
from hf_rnn.tasks.distillation.ensemble import Ensemble
from hf_rnn.tasks.distillation.teacher import CheckpointTeacher, Teacher
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.tasks import small_runs
from tests.tasks.distillation_runs import CLASSES, catching, reviews, run, texts


# What each of two files of logits says of a text, from the number of good words less that of bad ones.
SURE, UNSURE = 6.0, 0.7


def leaning(text: str) -> float:
    return sum({"good": 1, "fine": 1, "superb": 1, "bad": -1, "dull": -1, "awful": -1}.get(w, 0) for w in text.split())


def write_logits(path: Path, known: list[str], scale: float) -> str:
    rows = {"text": known, "teacher_logits": [[0.0, scale * leaning(text)] for text in known]}
    datasets.Dataset.from_dict(rows).to_parquet(str(path))
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("data")
    sizes = {"train": 40, "validation": 30, "test": 20}
    rows = {split: reviews(size, seed) for seed, (split, size) in enumerate(sizes.items())}
    # A third of the validation labels are wrong, so that no teacher is to be sure of itself.
    rows["validation"] = [
        (text, label if index % 3 else CLASSES[label == CLASSES[0]])
        for index, (text, label) in enumerate(rows["validation"])
    ]
    made = {f"{split}_file": str(small_runs.write_rows(folder / f"{split}.csv", rows[split])) for split in rows}
    unlabelled = texts(50, 77)
    (folder / "u.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in unlabelled), "utf-8")
    own = {split: [text for text, _ in each] for split, each in rows.items()}
    everything = [*dict.fromkeys([*own["train"], *own["validation"], *own["test"], *unlabelled])]
    made["sure"] = write_logits(folder / "sure.parquet", everything, SURE)
    # The second knows the half of the texts that is not learnt from, and every second that is.
    some = [*own["validation"], *own["test"], *(own["train"] + unlabelled)[::2]]
    made["unsure"] = write_logits(folder / "unsure.parquet", [*dict.fromkeys(some)], UNSURE)
    made["unlabelled_file"] = str(folder / "u.jsonl")
    return made


def flags_of(files: dict[str, str], teachers: str, **changes: Any) -> dict[str, Any]:
    data = {name: path for name, path in files.items() if name.endswith("_file")}
    return {**data, "teacher_name_or_path": teachers, **changes}


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def test_teachers_are_calibrated_and_averaged(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f"{files['sure']},{files['unsure']}"
    task = catching(monkeypatch)("texts", tmp_path, **flags_of(files, both))
    validation = reviews(30, 1)
    labels = np.array([CLASSES.index(label) for _, label in validation])
    labels[::3] = 1 - labels[::3]
    lean = np.array([leaning(text) for text, _ in validation])
    scales = [
        scale / round(fit_temperature(np.stack([0 * lean, scale * lean], 1), labels), 3) for scale in (SURE, UNSURE)
    ]
    assert scales[0] == pytest.approx(scales[1], rel=0.01)
    learnt = [text for text, _ in reviews(40, 0)] + texts(50, 77)
    known = set(datasets.Dataset.from_parquet(files["unsure"])["text"])
    assert 0 < sum(text in known for text in learnt) < len(learnt)
    for text, said in zip(learnt, task.train["teacher_logits"], strict=True):
        each = [[0.0, scales[0] * leaning(text)], [0.0, scales[1] * leaning(text)]]
        expected = log_softmax(np.array(each if text in known else each[:1])).mean(0)
        np.testing.assert_allclose(said, expected, atol=2e-3)


def test_temperatures_that_are_given_are_taken(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = f"{files['sure']},{files['unsure']}"
    task = catching(monkeypatch)("texts", tmp_path, **flags_of(files, both, teacher_temperatures="3,0.5"))
    text = reviews(40, 0)[0][0]
    each = np.array([[0.0, SURE / 3 * leaning(text)], [0.0, UNSURE / 0.5 * leaning(text)]])
    np.testing.assert_allclose(task.train["teacher_logits"][0], log_softmax(each).mean(0), atol=1e-5)


def test_every_teacher_and_their_mean_stand_beside_the_student(files: dict[str, str], tmp_path: Path) -> None:
    both = f"{files['sure']},{files['unsure']}"
    results = run("texts", tmp_path, **flags_of(files, both), baseline=True, do_eval=True, num_train_epochs=1)
    beside = {each["name"]: each for each in results["baselines"]}
    assert list(beside)[-3:] == ["teacher sure.parquet", "teacher unsure.parquet", "the mean of the teachers"]
    labels = np.array([CLASSES.index(label) for _, label in reviews(20, 2)])
    right = (np.array([leaning(text) for text, _ in reviews(20, 2)]) > 0).astype(int) == labels
    for name in list(beside)[-3:]:
        assert beside[name]["metrics"]["test"]["accuracy"] == pytest.approx(right.mean())
    assert len(beside["the mean of the teachers"]["options"]["temperatures"]) == 2


def test_a_student_learns_what_they_say(files: dict[str, str], tmp_path: Path) -> None:
    both = f"{files['sure']},{files['unsure']}"
    options = {"distillation_weight": 1.0, "num_train_epochs": 8, "learning_rate": 0.03, "do_eval": True}
    results = run("texts", tmp_path, **flags_of(files, both), **options)
    assert results["metrics"]["test"]["accuracy"] > 0.85


@pytest.mark.parametrize(
    ("teachers", "changes", "message"),
    [
        ("sure,unsure", {"teacher_temperatures": "1"}, r"`teacher_temperatures`='1' are 1; they must be one for each"),
        ("sure", {"teacher_temperatures": "0"}, r"`teacher_temperatures`='0' must be finite numbers above 0"),
        ("sure", {"teacher_temperatures": "a"}, r"`teacher_temperatures`='a' must be finite numbers above 0"),
        ("other", {}, "`teacher_name_or_path` says nothing of any row that is trained on"),
        ("columns", {}, r"columns.parquet' must have the columns `text` and `teacher_logits`; it has 'words'"),
        ("nan", {}, r"`teacher_logits` of row 0 is \[0.0, nan\]; it must be 2 finite numbers"),
        ("three", {}, r"`teacher_logits` of row 0 is \[0.0, 1.0, 2.0\]; it must be 2 finite numbers"),
        ("absent", {}, r"absent.parquet"),
    ],
)
def test_what_is_no_teacher_is_refused(
    teachers: str, changes: dict[str, Any], message: str, files: dict[str, str], tmp_path: Path
) -> None:
    rows = {
        "other": {"text": ["x y"], "teacher_logits": [[0.0, 1.0]]},
        "columns": {"words": ["x y"]},
        "nan": {"text": ["x"], "teacher_logits": [[0.0, float("nan")]]},
        "three": {"text": ["x"], "teacher_logits": [[0.0, 1.0, 2.0]]},
    }
    for name, columns in rows.items():
        datasets.Dataset.from_dict(columns).to_parquet(str(tmp_path / f"{name}.parquet"))
    names = [files.get(name, str(tmp_path / f"{name}.parquet")) for name in teachers.split(",")]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        run("texts", tmp_path / "out", **flags_of(files, ",".join(names), **changes))


def test_temperatures_without_teachers_are_refused(files: dict[str, str], tmp_path: Path) -> None:
    data = {name: files[name] for name in ("train_file", "validation_file", "test_file")}
    with pytest.raises(ValueError, match="need a `teacher_name_or_path` to belong to"):
        run("texts", tmp_path, **data, teacher_temperatures="1")


def test_a_checkpoint_is_asked_once(files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = flags_of(files, "", teacher_name_or_path=None, unlabelled_file=None)
    run("texts", tmp_path / "teacher", **data, num_train_epochs=1)
    cached = {"teacher_cache": str(tmp_path / "said"), "num_train_epochs": 1}
    taught = flags_of(files, str(tmp_path / "teacher"), **cached)
    first = run("texts", tmp_path / "first", **taught)
    assert {path.name.rpartition("-")[2] for path in (tmp_path / "said").glob("*.npy")} >= {
        "train.npy",
        "unlabelled.npy",
    }

    def answer(*_: Any) -> None:
        raise AssertionError("the teacher is asked again")

    monkeypatch.setattr("hf_rnn.tasks.distillation.teacher.CheckpointTeacher.answer", answer)
    again = run("texts", tmp_path / "again", **taught)
    assert first["metrics"] == again["metrics"]
    other = {**taught, "train_file": files["test_file"]}
    with pytest.raises(ValueError, match="`teacher_cache` has .*train.npy', which a teacher has written for other"):
        run("texts", tmp_path / "other", **other)


def test_a_run_that_is_killed_while_a_teacher_reads_goes_on(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = flags_of(files, "", teacher_name_or_path=None, unlabelled_file=None)
    run("texts", tmp_path / "teacher", **data, num_train_epochs=1)
    taught = flags_of(files, str(tmp_path / "teacher"), num_train_epochs=1, teacher_batch_size=8)
    whole = run("texts", tmp_path / "whole", **taught)
    answer, asked = CheckpointTeacher.answer, list[int]()

    def dying(teacher: CheckpointTeacher, rows: datasets.Dataset) -> list[np.ndarray]:
        # Five batches are the training rows, the next two some of the unlabelled ones.
        if len(asked) == 7:
            raise KeyboardInterrupt
        return counted(teacher, rows)

    def counted(teacher: CheckpointTeacher, rows: datasets.Dataset) -> list[np.ndarray]:
        asked.append(len(rows))
        return answer(teacher, rows)

    monkeypatch.setattr(cache, "WRITE_EVERY", 0.0)
    monkeypatch.setattr(CheckpointTeacher, "answer", dying)
    with pytest.raises(KeyboardInterrupt):
        run("texts", tmp_path / "killed", **taught)
    assert sum(asked) == 40 + 2 * 8
    asked.clear()
    monkeypatch.setattr(CheckpointTeacher, "answer", counted)
    again = run("texts", tmp_path / "killed", **taught)
    # The other unlabelled rows, and those that the teacher is measured on.
    assert sum(asked) == 50 - 2 * 8 + 30 + 20
    assert again["metrics"] == whole["metrics"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("killed", "whole")]
    assert weights[0] == weights[1]


class Saying(Teacher):
    """Says the same of the rows of every split."""

    def __init__(self, name: str, said: np.ndarray) -> None:
        self.name, self.said = name, said

    def answers(self, rows: datasets.Dataset, *_: Any) -> np.ndarray:
        return self.said


def ensemble_of(folder: Path, *said: np.ndarray, temperatures: str | None = None) -> Ensemble:
    names = [f"teacher{index}" for index in range(len(said))]
    distillation = DistillationArguments(teacher_name_or_path=",".join(names), teacher_temperatures=temperatures)
    arguments = RecurrentTrainingArguments(output_dir=str(folder), use_cpu=True)
    return Ensemble([Saying(*both) for both in zip(names, said, strict=True)], distillation, arguments)


NO_ROWS = datasets.Dataset.from_dict({"text": []})


def test_the_logits_of_a_single_teacher_are_divided_by_what_is_given(tmp_path: Path) -> None:
    said = np.array([[0.0, 4.0], [np.nan, np.nan]])
    for temperatures, scale in ((None, 1.0), ("8", 0.125)):
        ensemble = ensemble_of(tmp_path, said, temperatures=temperatures)
        ensemble.calibrate("validation", NO_ROWS, np.array([0, 0]))
        np.testing.assert_array_equal(ensemble.said("train", NO_ROWS), said * scale)


def test_items_without_a_label_or_an_answer_do_not_calibrate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    generator = np.random.default_rng(0)
    logits = 3 * generator.normal(size=(60, 3))
    labels = np.where(generator.random(60) < 0.6, logits.argmax(1), generator.integers(0, 3, 60))
    expected = round(fit_temperature(logits, labels), 3)
    # Ten more have no label, and of ten others the first teacher says nothing.
    more = np.concatenate([logits, 9 * np.eye(3)[np.zeros(10, dtype=int)], np.full((10, 3), np.nan)])
    labels = np.concatenate([labels, np.full(10, -1), np.zeros(10, dtype=int)])
    ensemble = ensemble_of(tmp_path, more, np.nan_to_num(more))
    ensemble.calibrate("validation", NO_ROWS, labels)
    assert ensemble.temperatures[0] == expected != 1.0
    assert f"fitted on the validation split: teacher0 {expected:g}, teacher1" in caplog.text
    alone = ensemble_of(tmp_path, more, more)
    alone.calibrate("train", NO_ROWS, labels)
    assert alone.temperatures == [1.0, 1.0]
    assert "There is no validation split to calibrate the teachers on" in caplog.text
