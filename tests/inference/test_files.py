"""predict_file: each kind of model on each kind of file, in order, whatever is wrong with single rows."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    BertForTokenClassification,
    set_seed,
)

import hf_rnn
from hf_rnn.inference import files
from hf_rnn.inference.files import predict_file
from hf_rnn.inference.pipelines import load_pipeline, task_of
from hf_rnn.inference.tagging import words_of
from tests.inference.small_models import (
    TEXTS,
    TOKENIZER,
    WORDS,
    classifier,
    lines_of,
    rows_of,
    siamese,
    tagger,
    texts_file,
)
from tests.tasks.small_runs import save_tiny_bert


def probabilities(folder: str, texts: Sequence[Any]) -> list[list[float]]:
    """Ask the model itself for the probabilities, one text at a time."""
    model = hf_rnn.BiLstmForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        return [model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0].tolist() for text in texts]


def test_a_classifier_gives_the_likeliest_label_of_each_row_in_order(tmp_path: Path) -> None:
    model = classifier(tmp_path)
    done = predict_file(model, texts_file(tmp_path), probabilities=True, batch_size=4, progress=False)
    assert (done.output, done.task, done.rows, done.unanswered) == (
        str(tmp_path / "new.csv.predictions.csv"),
        "text-classification",
        len(TEXTS),
        0,
    )
    names = ["bad", "so so", "good"]
    for index, (row, expected) in enumerate(zip(rows_of(done.output), probabilities(model, TEXTS), strict=True)):
        assert (row["row"], row["problem"]) == (str(index), "")
        assert row["label"] == names[expected.index(max(expected))]
        found = [float(row[f"probability_{name}"]) for name in names]
        assert found == pytest.approx(expected, abs=2e-6)
        assert float(row["score"]) == max(found)
    assert {path.name for path in tmp_path.iterdir()} == {"classifier", "new.csv", "new.csv.predictions.csv"}


def test_top_k_names_the_labels_by_their_probability(tmp_path: Path) -> None:
    model = classifier(tmp_path)
    done = predict_file(model, texts_file(tmp_path), tmp_path / "out.jsonl", top_k=2, progress=False)
    for row, expected in zip(lines_of(done.output), probabilities(model, TEXTS), strict=True):
        best = sorted(zip(expected, ["bad", "so so", "good"], strict=True), reverse=True)[:2]
        assert [row["label_1"], row["label_2"]] == [name for _, name in best]
        assert [row["score_1"], row["score_2"]] == pytest.approx([score for score, _ in best], abs=2e-6)


def test_several_labels_and_numbers(tmp_path: Path) -> None:
    several = classifier(tmp_path / "a", problem_type="multi_label_classification")
    found = rows_of(predict_file(several, texts_file(tmp_path), probabilities=True, progress=False).output)
    chosen = []
    for row in found:
        above = [name for name in ("bad", "so so", "good") if float(row[f"probability_{name}"]) >= 0.5]
        chosen.append(row["labels"] == ",".join(above))
    assert all(chosen)
    assert {row["labels"].count(",") for row in found} != {0}
    number = classifier(tmp_path / "b", problem_type="regression", num_labels=1, id2label={0: "score"})
    done = predict_file(number, texts_file(tmp_path), tmp_path / "numbers.csv", progress=False)
    model = hf_rnn.BiLstmForSequenceClassification.from_pretrained(number).eval()
    with torch.no_grad():
        expected = [model(**TOKENIZER(text, return_tensors="pt")).logits.item() for text in TEXTS]
    assert [float(row["score"]) for row in rows_of(done.output)] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("kind", ["csv", "tsv", "txt", "jsonl", "json", "list.json", "parquet", "folder"])
def test_every_kind_of_file_has_the_same_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    model = classifier(tmp_path)
    expected = predict_file(model, texts_file(tmp_path), tmp_path / "expected.csv", progress=False)
    rows = [{"id": index, "text": text} for index, text in enumerate(TEXTS)]
    path = tmp_path / f"other.{kind}"
    if kind in ("csv", "tsv"):
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t" if kind == "tsv" else ",", lineterminator="\r\n")
            writer.writerows([["text"], *([text] for text in TEXTS)])
    elif kind == "txt":
        path.write_text("\n".join(TEXTS), encoding="utf-8")
    elif kind == "list.json":
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    elif kind in ("json", "jsonl"):
        path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    elif kind == "parquet":
        Dataset.from_list(rows).to_parquet(path)
    else:
        path.mkdir()
        Dataset.from_list(rows).to_parquet(path / "test.parquet")
    monkeypatch.chdir(tmp_path)
    done = predict_file(model, path, tmp_path / "found.csv", progress=False)
    assert Path(done.output).read_bytes() == Path(expected.output).read_bytes()


def test_standard_input_is_answered_on_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    model = classifier(tmp_path)
    expected = predict_file(model, texts_file(tmp_path), progress=False)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(TEXTS).encode())))
    done = predict_file(model, "-")
    assert done.output == "-"
    assert capsys.readouterr().out == Path(expected.output).read_text()


def test_a_bad_row_has_a_problem_and_the_others_their_answers(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b'text,id\nword1 word2,1\n,2\n"  ",3\n\nword3\nword4,word5,6\nw\xffrd,7\nword1 word2,8\n')
    done = predict_file(classifier(tmp_path), path, progress=False)
    rows = rows_of(done.output)
    assert [row["problem"].split(". A cell")[0] for row in rows] == [
        "",
        "there is no text (null)",
        "the text is empty",
        "line 6: 1 cells, and the first row has 2 (text, id): 'word3'",
        "line 7: 3 cells, and the first row has 2 (text, id): 'word4,word5,6'",
        "the text is not UTF-8",
        "",
    ]
    assert [row["label"] == "" for row in rows] == [row["problem"] != "" for row in rows]
    assert rows[0]["score"] == rows[6]["score"]
    assert (done.rows, done.unanswered, done.problems[0]) == (7, 5, (1, "there is no text (null)"))
    lines = tmp_path / "bad.jsonl"
    lines.write_text('{"text": "word1"}\n{"text": null}\n[1]\n{"text": \n{"id": 3}\n{"text": 5}\n', encoding="utf-8")
    found = lines_of(predict_file(classifier(tmp_path), lines, tmp_path / "bad.out.jsonl", progress=False).output)
    assert "label" in found[0]
    assert [row["problem"] for row in found[1:]] == [
        "there is no text (null)",
        "line 3: expected an object with the columns, found [1]",
        "line 4: not valid JSON (Expecting value)",
        "there is no text (null)",
        "the text is 5, which is no string",
    ]


def test_a_text_that_the_model_fails_on_is_named_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_pipeline(classifier(tmp_path))
    stock = model.preprocess

    def preprocess(text: str, **options: Any) -> Any:
        if text == TEXTS[5]:
            raise RuntimeError("too much")
        return stock(text, **options)

    monkeypatch.setattr(model, "preprocess", preprocess)
    done = predict_file(model, texts_file(tmp_path), progress=False)
    rows = rows_of(done.output)
    assert [row["row"] for row in rows if row["label"] == ""] == ["5"]
    assert done.problems == [(5, "RuntimeError: too much")]
    # When none at all can be answered, the model is at fault.
    monkeypatch.setattr(model, "preprocess", lambda text, **options: stock(None, **options))
    with pytest.raises((ValueError, TypeError)):
        predict_file(model, texts_file(tmp_path), tmp_path / "none.csv", progress=False)


def test_similarities_and_classifiers_of_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pairs = list(zip(TEXTS, reversed(TEXTS), strict=True))
    path.write_text("".join(json.dumps({"question1": a, "question2": b}) + "\n" for a, b in pairs), encoding="utf-8")
    folder = siamese(tmp_path / "a", threshold=0.9, similarity="cosine")
    model = hf_rnn.SiameseModel.from_pretrained(folder).eval()
    first, second = (model.encode(list(texts), TOKENIZER) for texts in zip(*pairs, strict=True))
    expected = torch.cosine_similarity(first, second).tolist()
    done = predict_file(folder, path, tmp_path / "a.csv", progress=False)
    rows = rows_of(done.output)
    assert str(done.scale).startswith(
        "The score of a pair is the cosine similarity (from -1 to 1), higher for texts that are"
    )
    assert [float(row["score"]) for row in rows] == pytest.approx(expected, abs=2e-6)
    assert [row["alike"] for row in rows] == [str(score >= 0.9).lower() for score in expected]
    assert {row["alike"] for row in rows} == {"true", "false"}

    names = {0: "different", 1: "alike"}
    folder = siamese(tmp_path / "b", hf_rnn.SiameseForPairClassification, id2label=names)
    model = hf_rnn.SiameseForPairClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        found = [model(**tokenizer(*pair, return_tensors="pt")).logits.softmax(-1)[0, 1].item() for pair in pairs]
    done = predict_file(folder, path, tmp_path / "b.csv", progress=False)
    rows = rows_of(done.output)
    assert done.scale == (
        "The score of a pair is on a scale from 0 (different) to 1 (alike), whatever the range of the scores that "
        "were learnt."
    )
    assert [float(row["score"]) for row in rows] == pytest.approx(found, abs=2e-6)
    assert [row["alike"] for row in rows] == [str(score > 0.5).lower() for score in found]
    lines = tmp_path / "pairs.txt"
    lines.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    again = predict_file(folder, lines, tmp_path / "c.csv", progress=False)
    assert Path(again.output).read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_the_scale_of_what_learnt_scores_of_pairs_is_said_and_that_of_texts_is_not(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("question1,question2\n" + "".join(f"{a},{a}\n" for a in TEXTS), encoding="utf-8")
    made = {"problem_type": "regression", "num_labels": 1}
    folder = siamese(tmp_path / "a", hf_rnn.SiameseForPairClassification, **made)
    done = predict_file(folder, path, tmp_path / "a.csv", progress=False)
    assert list(rows_of(done.output)[0]) == ["row", "score", "problem"]
    assert "on a scale from 0 (different) to 1 (alike)" in str(done.scale)
    of_texts = predict_file(classifier(tmp_path / "b"), texts_file(tmp_path), tmp_path / "b.csv", progress=False)
    assert of_texts.scale is None


def test_pairs_for_a_bert(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    set_seed(0)
    folder = save_tiny_bert(tmp_path / "bert", TEXTS, limit=24, num_labels=3)
    path = tmp_path / "pairs.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["premise", "hypothesis"], *zip(TEXTS, TEXTS[::-1], strict=True)])
    done = predict_file(str(folder), path, progress=False)
    assert "Pairs are read from 'premise' and 'hypothesis'" in caplog.text
    model, tokenizer = (
        BertForSequenceClassification.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    for row, one, other in zip(rows_of(done.output), TEXTS, TEXTS[::-1], strict=True):
        with torch.no_grad():
            scores = model(**tokenizer(one, other, truncation=True, return_tensors="pt")).logits.softmax(-1)[0]
        assert row["label"] == f"LABEL_{int(scores.argmax())}"
        assert float(row["score"]) == pytest.approx(float(scores.max()), abs=2e-6)


def test_a_tagger_gives_tags_for_tokens_and_spans_for_texts(tmp_path: Path) -> None:
    folder = tagger(tmp_path)
    sentences = [text.split() for text in TEXTS]
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tags = []
    for text in TEXTS:
        with torch.no_grad():
            ids = model(**TOKENIZER(text, return_tensors="pt")).logits.argmax(-1)[0].tolist()
        tags.append([model.config.id2label[index] for index in ids])
    path = tmp_path / "new.conll"
    path.write_text("".join("\n".join(f"{token} X" for token in tokens) + "\n\n" for tokens in sentences))
    done = predict_file(folder, path, progress=False)
    assert done.output == str(tmp_path / "new.conll.predictions.conll")
    expected = "".join(
        "".join(f"{token}\t{tag}\n" for token, tag in zip(*both, strict=True)) + "\n"
        for both in zip(sentences, tags, strict=True)
    )
    assert Path(done.output).read_text() == expected
    assert "B-PER" in expected
    # Texts are cut into words where they are to be written in columns.
    plain = predict_file(folder, texts_file(tmp_path), tmp_path / "text.conll", progress=False)
    assert Path(plain.output).read_text() == expected
    lines = tmp_path / "tokens.jsonl"
    lines.write_text("".join(json.dumps({"tokens": tokens}) + "\n" for tokens in [*sentences, [], ["a", " "]]))
    found = lines_of(predict_file(folder, lines, tmp_path / "tags.jsonl", progress=False).output)
    assert [row.get("tags") for row in found] == [*tags, [], None]
    assert found[-1]["problem"] == "the token at position 1 is ' '; it must be more than white space"

    spans = lines_of(predict_file(folder, texts_file(tmp_path), progress=False).output)
    assert any(row["spans"] for row in spans)
    for row, text, of_text in zip(spans, TEXTS, tags, strict=True):
        covered = {place for span in row["spans"] for place in range(span["start"], span["end"])}
        starts = [len(" ".join([*text.split()[:index], ""])) for index in range(len(of_text))]
        assert [start in covered for start in starts] == [tag != "O" for tag in of_text]
        assert all(text[span["start"] : span["end"]] == span["text"] for span in row["spans"])


def test_words_are_whole_whatever_their_pieces(tmp_path: Path) -> None:
    folder = save_tiny_bert(tmp_path / "bert", ["cat cats act tacit sits"], head=BertForTokenClassification)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer.tokenize("catacts tacit")) > 2
    assert words_of(tokenizer, "catacts tacit") == ["catacts", "tacit"]


def test_a_bert_tags_long_sentences_in_windows(tmp_path: Path) -> None:
    set_seed(0)
    folder = save_tiny_bert(tmp_path / "bert", TEXTS, head=BertForTokenClassification, limit=16, num_labels=3)
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"tokens": WORDS}) + "\n")
    (row,) = lines_of(predict_file(str(folder), path, tmp_path / "out.jsonl", progress=False).output)
    assert len(row["tags"]) == len(WORDS)


def test_the_task_is_that_of_the_class_or_of_the_results(tmp_path: Path) -> None:
    folder = classifier(tmp_path)
    config = hf_rnn.BiLstmConfig.from_pretrained(folder)
    assert task_of(folder, config) == "text-classification"
    config.architectures = None
    with pytest.raises(ValueError, match="is a bilstm, which does none of the tasks text-classification, "):
        task_of(folder, config)
    (Path(folder) / "results.json").write_text('{"task": "token-classification"}')
    assert task_of(folder, config) == "token-classification"
    assert load_pipeline(folder, "sentence-similarity").task == "sentence-similarity"


def test_a_bundled_checkpoint_is_named_as_everywhere(tmp_path: Path) -> None:
    given = {"data": texts_file(tmp_path), "progress": False}
    named = predict_file("bundled:bilstm-imdb", output=tmp_path / "named.csv", **given)
    predict_file(hf_rnn.bundled("bilstm-imdb"), output=tmp_path / "folder.csv", **given)
    assert Path(named.output).read_text() == (tmp_path / "folder.csv").read_text()
    with pytest.raises(ValueError, match=r"`model` must be a bundled checkpoint \(.*bundled:bilstm-imdb"):
        predict_file("bundled:bilstm", **given)


BAD = [
    ({"task": "chess"}, "`task`='chess' must be one of text-classification, "),
    ({"top_k": 4}, "`top_k`=4 must be from 1 to 3"),
    ({"generate": True}, "`generate` was given, and a model for text-classification does not have it"),
    ({"max_new_tokens": 9}, "`max_new_tokens` was given, and a model for text-classification does not have it"),
    ({"text_column": "title"}, "`text_column_name`='title' must be one of the columns: 'id', 'text'"),
    ({"format": "conll"}, "`format`='conll' has a tag for each token"),
    ({"format": "xml"}, "`format`='xml' must be one of csv, jsonl, conll"),
    ({"output": "x.xlsx"}, r"`output`='x.xlsx' must end in one of .csv, .jsonl, .conll"),
    ({"batch_size": 0}, "`batch_size`=0 must be an integer of at least 1"),
    ({"split": "test"}, "`split`='test' is that of a dataset"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_what_does_not_fit_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    model, data = classifier(tmp_path), texts_file(tmp_path)
    with pytest.raises(ValueError, match=message):
        predict_file(model, data, progress=False, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classifier", "new.csv"]


@pytest.mark.parametrize(
    "header",
    ["Review", "comentario", "OriginalTweet", "column_0"],
)
def test_the_column_of_the_texts_is_found(tmp_path: Path, header: str) -> None:
    model, texts = classifier(tmp_path), [f"word1 word2 of row {index}" for index in range(6)]
    for name, columns in (("found", header), ("text", "text")):
        with (tmp_path / f"{name}.csv").open("w", newline="") as stream:
            rows = [[index, "ab"[index % 2], text] for index, text in enumerate(texts)]
            csv.writer(stream).writerows([["", "label", columns], *rows])
        predict_file(model, tmp_path / f"{name}.csv", tmp_path / f"{name}.out.csv", progress=False)
    found = (tmp_path / "found.out.csv").read_text()
    assert found == (tmp_path / "text.out.csv").read_text() and len(found.splitlines()) == 7


def test_columns_that_may_all_be_the_texts_are_shown_with_a_value(tmp_path: Path) -> None:
    data = tmp_path / "new.jsonl"
    data.write_text(
        "".join(json.dumps({"oak": f"a b {i}", "elm": f"c d {i}", "ash": f"e f {i}"}) + "\n" for i in range(4))
    )
    with pytest.raises(ValueError, match=r"Give `text_column_name`.*'oak' \('a b 0'\), 'elm' \('c d 0'\), 'ash'"):
        predict_file(classifier(tmp_path), data, progress=False)


def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    model = classifier(tmp_path)
    with pytest.raises(FileNotFoundError, match="absent.csv"):
        predict_file(model, tmp_path / "absent.csv")
    with pytest.raises(ValueError, match="`data`='no/dataset' is no file that can be read, nor a dataset"):
        predict_file(model, "no/dataset")
    (tmp_path / "new.doc").write_text("x")
    with pytest.raises(ValueError, match=r"has the extension '.doc'; it must be one of .csv"):
        predict_file(model, tmp_path / "new.doc")


def test_texts_are_sorted_within_a_window_and_windows_are_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_pipeline(classifier(tmp_path))
    expected = Path(predict_file(model, texts_file(tmp_path), tmp_path / "one.csv", progress=False).output)
    monkeypatch.setattr(files, "WINDOW_BATCHES", 2)
    seen: list[int] = []
    stock = model.preprocess
    monkeypatch.setattr(model, "preprocess", lambda text, **kwargs: seen.append(len(text)) or stock(text, **kwargs))
    found = predict_file(model, texts_file(tmp_path), tmp_path / "windows.csv", batch_size=3, progress=False)
    windows = [seen[start : start + 6] for start in range(0, len(seen), 6)]
    assert len(seen) == len(TEXTS)
    assert all(window == sorted(window, reverse=True) for window in windows)
    assert seen != sorted(seen, reverse=True)
    for one, other in zip(rows_of(found.output), rows_of(expected), strict=True):
        assert (one["row"], one["label"]) == (other["row"], other["label"])
        assert math.isclose(float(one["score"]), float(other["score"]), abs_tol=2e-6)
