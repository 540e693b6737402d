"""Runs of pairs that learn from teachers: a siamese network, an encoder, a classifier that reads both, and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from transformers import AutoTokenizer, BertForSequenceClassification, BertModel, HfArgumentParser

from hf_rnn.data.readers.pairs import PairData
from hf_rnn.models.modeling_siamese import SiameseForPairClassification, SiameseModel
from hf_rnn.tasks.distillation.arguments import DistillationArguments
from hf_rnn.tasks.similarity import task as similarity_task
from hf_rnn.tasks.similarity.teachers import ClassifyingTeacher, ComparingTeacher, ScoringTeacher, load_pair_teacher
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.tasks import small_runs
from tests.tasks.distillation_runs import Caught, names
from tests.tasks.small_similarity_runs import generate_pairs, run, write_pairs, write_questions


APART = {"read_together": False, "config_overrides": '{"embedding_size": 16, "hidden_size": 16}'}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_questions(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("unlabelled")
    pairs = [(first, second) for first, second, _ in generate_pairs(60, 9)]
    path = folder / "u.csv"
    path.write_text("question1,question2\n" + "".join(f"{a},{b}\n" for a, b in pairs), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def teachers(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A siamese network and a classifier of pairs that know their pairs, and a BERT that has learnt nothing."""
    folder = tmp_path_factory.mktemp("teachers")
    options = {"num_train_epochs": 12, "learning_rate": 0.02, "do_predict": False, "do_eval": True}
    run(folder / "siamese", **files, **APART, **options, loss="cosent")
    run(folder / "classifier", **files, **APART, **options, loss="classification,cosent")
    sentences = [text for pair in generate_pairs(80, 0) for text in pair[:2]]
    torch.manual_seed(0)
    small_runs.save_tiny_bert(folder / "encoder", sentences, head=BertModel)
    small_runs.save_tiny_bert(folder / "both", sentences, **names(["alike", "different"]))
    return {name: str(folder / name) for name in ("siamese", "classifier", "encoder", "both")}


def rows_of(count: int, seed: int, graded: bool = False) -> datasets.Dataset:
    first, second, labels = zip(*generate_pairs(count, seed, graded=graded), strict=True)
    return datasets.Dataset.from_dict({"text": first, "text_b": second, "label": list(map(float, labels))})


def data_of(kind: str = "labels") -> PairData:
    splits = {"train": rows_of(80, 0), "validation": rows_of(24, 1)}
    return PairData(datasets.DatasetDict(splits), kind, "questions")  # type: ignore[arg-type]


def quiet(folder: Path) -> RecurrentTrainingArguments:
    return RecurrentTrainingArguments(output_dir=str(folder), use_cpu=True, disable_tqdm=True)


def similarities(folder: str, rows: datasets.Dataset) -> np.ndarray:
    """The similarity of each pair, read alone."""
    model, tokenizer = SiameseModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    found = []
    for first, second in zip(rows["text"], rows["text_b"], strict=True):
        a, b = (tokenizer(text, return_tensors="pt") for text in (first, second))
        with torch.no_grad():
            outputs = model(
                a["input_ids"],
                a["attention_mask"],
                input_ids_b=b["input_ids"],
                attention_mask_b=b["attention_mask"],
            )
        found.append(outputs.logits.item())
    return np.array(found)


def test_a_similarity_becomes_log_odds(teachers: dict[str, str], tmp_path: Path) -> None:
    teacher = load_pair_teacher(teachers["siamese"], data_of())
    assert isinstance(teacher, ComparingTeacher)
    rows = rows_of(24, 1)
    raw = teacher.answers(rows, tmp_path / "said.npy", 5, quiet(tmp_path))
    alone = similarities(teachers["siamese"], rows)
    np.testing.assert_allclose(raw[:, 0], alone, atol=1e-5)
    labels = np.array(rows["label"], dtype=int)
    teacher.fit(raw, labels)
    expected = LogisticRegression(C=1e6, max_iter=1000).fit(alone[:, None], labels).decision_function(alone[:, None])
    values = teacher.values(raw)
    np.testing.assert_allclose(values[:, 1] - values[:, 0], expected, rtol=0.02, atol=0.02)


def test_an_encoder_is_compared_by_the_cosine_of_its_means(teachers: dict[str, str], tmp_path: Path) -> None:
    teacher = load_pair_teacher(teachers["encoder"], data_of())
    rows = rows_of(6, 3)
    raw = teacher.answers(rows, tmp_path / "said.npy", 4, quiet(tmp_path))
    model, tokenizer = (
        BertModel.from_pretrained(teachers["encoder"]).eval(),
        AutoTokenizer.from_pretrained(teachers["encoder"]),
    )
    for said, first, second in zip(raw[:, 0], rows["text"], rows["text_b"], strict=True):
        with torch.no_grad():
            a, b = (
                model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in (first, second)
            )
        assert said == pytest.approx(torch.cosine_similarity(a, b, 0).item(), abs=1e-5)


def test_one_that_reads_both_texts_as_one(teachers: dict[str, str], tmp_path: Path) -> None:
    teacher = load_pair_teacher(teachers["both"], data_of())
    assert isinstance(teacher, ClassifyingTeacher) and not teacher.siamese
    rows = rows_of(6, 3)
    raw = teacher.answers(rows, tmp_path / "said.npy", 4, quiet(tmp_path))
    model = BertForSequenceClassification.from_pretrained(teachers["both"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(teachers["both"])
    for said, first, second in zip(raw, rows["text"], rows["text_b"], strict=True):
        encoded = tokenizer(first, second, truncation=True, return_tensors="pt")
        with torch.no_grad():
            # Its labels are alike, different; the student's different, alike.
            np.testing.assert_allclose(said, model(**encoded).logits[0, [1, 0]].numpy(), atol=1e-5)


def test_a_classifier_of_pairs(teachers: dict[str, str], tmp_path: Path) -> None:
    teacher = load_pair_teacher(teachers["classifier"], data_of())
    assert isinstance(teacher, ClassifyingTeacher) and teacher.siamese
    rows = rows_of(6, 3)
    raw = teacher.answers(rows, tmp_path / "said.npy", 4, quiet(tmp_path))
    model = SiameseForPairClassification.from_pretrained(teachers["classifier"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(teachers["classifier"])
    first, second = rows["text"][0], rows["text_b"][0]
    a, b = (tokenizer(text, return_tensors="pt", add_special_tokens=False) for text in (first, second))
    with torch.no_grad():
        logits = model(
            a["input_ids"], a["attention_mask"], input_ids_b=b["input_ids"], attention_mask_b=b["attention_mask"]
        ).logits
    np.testing.assert_allclose(raw[0], logits[0].numpy(), atol=1e-5)


@pytest.mark.parametrize("loss", ["cosent", "classification,cosent", "multiple_negatives"])
def test_a_student_agrees_with_its_teacher(
    loss: str, files: dict[str, str], unlabelled: str, teachers: dict[str, str], tmp_path: Path
) -> None:
    taught = {"teacher_name_or_path": teachers["siamese"], "distillation_weight": 1.0, "unlabelled_file": unlabelled}
    options = {"num_train_epochs": 10, "learning_rate": 0.02, "do_eval": True, "do_predict": True}
    results = distil(tmp_path / "taught", **files, **APART, **taught, **options, loss=loss)
    rows = rows_of(60, 21)
    of_teacher, of_student = similarities(teachers["siamese"], rows), similarities(str(tmp_path / "taught"), rows)
    assert np.corrcoef(of_teacher, of_student)[0, 1] > 0.8
    assert results["dataset"]["splits"]["unlabelled"] == 60
    beside = {each["name"]: each for each in results["baselines"]}
    assert beside["teacher siamese"]["metrics"]["test"]["roc_auc"] > 0.9


def distil(output: Path, **changes: Any) -> dict[str, Any]:
    parser = HfArgumentParser(similarity_task.GROUPS)
    assert DistillationArguments in similarity_task.GROUPS
    values = small_runs.flags(output, baseline=True, **changes)
    return similarity_task.run_similarity(*parser.parse_dict(values))


def test_scores_are_those_of_a_line(files: dict[str, str], teachers: dict[str, str], tmp_path: Path) -> None:
    graded = write_questions(tmp_path / "graded", graded=True)
    both = f"{teachers['siamese']},{teachers['encoder']}"
    taught = {"teacher_name_or_path": both, "distillation_weight": 0.5}
    results = distil(tmp_path / "out", **graded, **APART, **taught, loss="cosent", do_eval=True)
    names_beside = [each["name"] for each in results["baselines"]]
    assert names_beside[-3:] == ["teacher siamese", "teacher encoder", "the mean of the teachers"]


def test_a_network_that_tells_scores_teaches_them(tmp_path: Path) -> None:
    graded = write_questions(tmp_path / "graded", graded=True)
    options = {"num_train_epochs": 3, "do_predict": False, "do_eval": True}
    run(tmp_path / "scorer", **graded, **APART, **options, loss="regression,cosent")
    teacher = load_pair_teacher(str(tmp_path / "scorer"), data_of("scores"))
    assert isinstance(teacher, ScoringTeacher)
    rows = rows_of(12, 4, graded=True)
    raw = teacher.answers(rows, tmp_path / "said.npy", 5, quiet(tmp_path))
    model = SiameseForPairClassification.from_pretrained(tmp_path / "scorer").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "scorer")
    for said, first, second in zip(raw[:, 0], rows["text"], rows["text_b"], strict=True):
        a, b = (tokenizer(text, return_tensors="pt", add_special_tokens=False) for text in (first, second))
        second_text = {f"{name}_b": b[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            alone = model(a["input_ids"], a["attention_mask"], **second_text).logits.item()
        assert said == pytest.approx(alone, abs=1e-5)
    scores = np.array(rows["label"]) / 5
    teacher.fit(raw, scores)
    slope, intercept = np.linalg.lstsq(np.stack([raw[:, 0], np.ones(12)], 1), scores, rcond=None)[0]
    np.testing.assert_allclose(teacher.values(raw), (slope * raw + intercept).clip(0, 1), atol=1e-5)


def test_what_pairs_are_not_taught(files: dict[str, str], teachers: dict[str, str], tmp_path: Path) -> None:
    alike = [pair[:2] for pair in generate_pairs(40, 0) if pair[2]]
    path = tmp_path / "alike.csv"
    path.write_text("question1,question2\n" + "".join(f"{a},{b}\n" for a, b in alike), encoding="utf-8")
    flags = {"teacher_name_or_path": teachers["siamese"], "do_predict": False, "validation_split_percentage": 20}
    flags["train_file"] = str(path)
    with pytest.raises(ValueError, match="was given for pairs that are all alike; they must have labels"):
        distil(tmp_path / "out", **flags, **APART)
    with pytest.raises(ValueError, match=r"`unlabelled_file`='.*' needs a `teacher_name_or_path`"):
        distil(tmp_path / "out", **files, **APART, unlabelled_file=str(path))
    labels = ("same", "same", "other")
    triples = [(a, b, labels[index % 3]) for index, (a, b, _) in enumerate(generate_pairs(30, 0))]
    classes = write_pairs(tmp_path / "classes.csv", triples, ("premise", "hypothesis", "label"))  # type: ignore[arg-type]
    flags |= {"train_file": classes, "label_kind": "classes", "validation_split_percentage": 20}
    with pytest.raises(ValueError, match="compares texts, and the pairs have classes"):
        distil(tmp_path / "out", **flags, **APART)


def test_one_that_reads_both_texts_as_one_tells_no_scores(teachers: dict[str, str]) -> None:
    with pytest.raises(
        ValueError, match=r"`teacher_name_or_path`='.*both' reads both texts as one, and the pairs have"
    ):
        load_pair_teacher(teachers["both"], data_of("scores"))


def test_a_similarity_is_fitted_on_validation_and_unlabelled_pairs_have_no_label(
    files: dict[str, str], unlabelled: str, teachers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def catch(task: Any, *args: Any, **kwargs: Any) -> None:
        raise Caught(task)

    monkeypatch.setattr("hf_rnn.tasks.task.run_task", catch)
    with pytest.raises(Caught) as caught:
        distil(
            tmp_path,
            **files,
            **APART,
            teacher_name_or_path=teachers["siamese"],
            unlabelled_file=unlabelled,
            loss="cosent",
        )
    train = caught.value.args[0].train
    assert train["labels"][80:] == [-100.0] * 60
    assert train["labels"][:80] == [label for _, _, label in generate_pairs(80, 0)]
    validation = rows_of(24, 1)
    fitted = LogisticRegression(C=1e6, max_iter=1000).fit(
        similarities(teachers["siamese"], validation)[:, None], np.array(validation["label"], dtype=int)
    )
    said = np.array(train["teacher_logits"])
    learnt = datasets.concatenate_datasets([rows_of(80, 0), rows_of(60, 9)])
    expected = fitted.decision_function(similarities(teachers["siamese"], learnt)[:, None])
    np.testing.assert_allclose(said[:, 1] - said[:, 0], expected, rtol=0.05, atol=0.05)


def test_scores_of_a_line_stay_between_0_and_1(teachers: dict[str, str]) -> None:
    teacher = load_pair_teacher(teachers["siamese"], data_of("scores"))
    teacher.fit(np.array([[0.0], [0.5], [1.0]]), np.array([-0.5, 0.5, 1.5]))
    np.testing.assert_allclose(teacher.values(np.array([[0.0], [0.4], [1.0]])), [[0.0], [0.3], [1.0]], atol=1e-6)


def test_a_similarity_is_not_fitted_to_a_single_label(teachers: dict[str, str]) -> None:
    teacher = load_pair_teacher(teachers["siamese"], data_of())
    with pytest.raises(ValueError, match="the 2 labelled pairs that its similarity is fitted to have the same label"):
        teacher.fit(np.array([[0.1], [0.7]]), np.array([1, 1]))
