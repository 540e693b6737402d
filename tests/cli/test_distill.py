"""`hf-rnn distill`: what it prints, refuses and trains; and `hf_rnn.distill`, the same as a function."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

import hf_rnn
from hf_rnn.cli.distill import main
from tests.tasks.distillation_runs import TAGS, names, news, reviews
from tests.tasks.small_runs import write_rows
from tests.tasks.small_similarity_runs import generate_pairs
from tests.tasks.small_tagging_runs import generate_tagged, save_tiny_bert


SMALL = ["--config_overrides", '{"embedding_size": 8, "hidden_size": 8}', "--from_scratch", "true"]


def write_logits(path: Path, texts: list[str]) -> str:
    logits = [[0.0, 3.0 * ("good" in text or "fine" in text or "superb" in text) - 1.5] for text in texts]
    datasets.Dataset.from_dict({"text": texts, "teacher_logits": logits}).to_parquet(str(path))
    return str(path)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert "hf-rnn distill TASK DATA" in capsys.readouterr().out
    main(["text-classification", "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: hf-rnn distill text-classification DATA [VALIDATION [TEST]]")
    assert shown.index("--teacher_name_or_path") < shown.index("--train_file")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["language-modeling", "book.txt"],
            "`task`='text-generation' learns from no teachers; it must be one of text-",
        ),
        (["text-classification", "a.csv"], "`teacher_name_or_path` is not given; it must name the models"),
    ],
)
def test_what_has_no_teachers_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        main(words)


def test_a_line_trains_and_says_what_the_teachers_reach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = reviews(60, 0)
    train = str(write_rows(tmp_path / "train.csv", rows))
    teachers = [write_logits(tmp_path / f"{name}.parquet", [text for text, _ in rows]) for name in ("a", "b")]
    flags = ["--teacher_name_or_path", ",".join(teachers), "--num_train_epochs", "2", "--use_cpu", "true"]
    main(["text-classification", train, *flags, *SMALL, "--output_dir", str(tmp_path / "run")])
    shown = capsys.readouterr().out
    assert "teacher a.parquet 1.000 · teacher b.parquet 1.000 · the mean of the teachers 1.000 · this model" in shown
    assert (tmp_path / "run" / "README.md").is_file()


def test_a_teacher_is_called_what_the_user_called_it(tmp_path: Path) -> None:
    rows = [(f"film {number}", ("bom", "ruim")[number % 2]) for number in range(40)]
    train = str(write_rows(tmp_path / "train.csv", rows))
    line = ["text-classification", train, *SMALL, "--output_dir", str(tmp_path / "run"), "--teacher_name_or_path"]
    with pytest.raises(ValueError, match="`teacher_name_or_path`='bundled:bilstm-imdb' has the labels negative, posi"):
        main([*line, "bundled:bilstm-imdb"])
    with pytest.raises(OSError, match="`teacher_name_or_path`='no-such-model' is no folder here"):
        main([*line, "no-such-model"])


def test_the_function_takes_datasets(tmp_path: Path) -> None:
    rows = reviews(60, 0)
    texts, labels = map(list, zip(*rows, strict=True))
    train = datasets.Dataset.from_dict({"text": texts, "label": labels})
    teacher = write_logits(tmp_path / "teacher.parquet", texts)
    options = {"config_overrides": SMALL[1], "from_scratch": True, "num_train_epochs": 2, "use_cpu": True}
    results = hf_rnn.distill("text-classification", train, [teacher], tmp_path / "run", **options)
    assert results["training"]["arguments"]["teacher_name_or_path"] == "teacher.parquet"
    assert [each["name"] for each in results["baselines"]][-1] == "teacher teacher.parquet"
    with pytest.raises(ValueError, match="`train` is a list; it must be the path of a file or a datasets.Dataset"):
        hf_rnn.distill("text-classification", rows, [teacher], tmp_path / "other")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`teachers`=\[\] must name at least one model"):
        hf_rnn.distill("text-classification", train, [], tmp_path / "other")


def test_the_function_takes_datasets_of_tagged_sentences(tmp_path: Path) -> None:
    tokens, tags = map(list, zip(*generate_tagged(40, 5), strict=True))
    train = datasets.Dataset.from_dict({"tokens": tokens[:30], "ner_tags": tags[:30]})
    validation = datasets.Dataset.from_dict({"tokens": tokens[30:], "ner_tags": tags[30:]})
    unlabelled = datasets.Dataset.from_dict({"tokens": news(12, 77)})
    # The labels of the teacher are in an order of their own.
    teacher = save_tiny_bert(tmp_path / "bert", generate_tagged(40, 5), **names(TAGS[::-1]))
    results = hf_rnn.distill(
        "token-classification",
        train,
        str(teacher),
        tmp_path / "run",
        validation=validation,
        unlabelled=unlabelled,
        config_overrides=SMALL[1],
        from_scratch=True,
        num_train_epochs=1,
        use_cpu=True,
    )
    assert results["dataset"]["splits"] == {"train": 30, "validation": 10, "unlabelled": 12}
    assert [each["name"] for each in results["baselines"]][-1] == "teacher bert"
    assert sorted(path.suffix for path in (tmp_path / "run" / "teachers").iterdir()) == 3 * [".json"] + 3 * [".npy"]


def test_the_function_takes_datasets_of_pairs(tmp_path: Path) -> None:
    first, second, labels = map(list, zip(*generate_pairs(60, 5), strict=True))
    columns = {"text": first, "text_b": second, "label": labels}
    train = datasets.Dataset.from_dict({name: values[:40] for name, values in columns.items()})
    validation = datasets.Dataset.from_dict({name: values[40:] for name, values in columns.items()})
    teachers = ["bundled:siamese-bilstm-quora"]
    results = hf_rnn.distill(
        "sentence-similarity",
        train,
        teachers,
        tmp_path / "run",
        validation=validation,
        unlabelled=train.select_columns(["text", "text_b"]).select(range(8)),
        config_overrides=SMALL[1],
        from_scratch=True,
        read_together=False,
        num_train_epochs=1,
        use_cpu=True,
    )
    assert results["dataset"]["splits"] == {"train": 40, "validation": 20, "unlabelled": 8}
    (beside,) = [each for each in results["baselines"] if each["name"] == "teacher siamese-bilstm-quora"]
    assert beside["metrics"]["validation"]["roc_auc"] > 0.8
