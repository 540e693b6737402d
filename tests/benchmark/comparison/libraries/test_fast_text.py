"""Files of fastText: what is read of them, and how their answers become logits."""

from __future__ import annotations

import importlib.util
import json
import math
import struct
from pathlib import Path

import pytest

from hf_rnn.benchmark.comparison.libraries.base import TRAINING_FILE, MissingLibraryError
from hf_rnn.benchmark.comparison.libraries.fast_text import Header, MeasuredFastText
from hf_rnn.tasks.test_set import TestSet
from hf_rnn.tasks.text_classification.comparing import logit_figures


LINES = ["__label__World_news a fine war", "__label__World_news a war", "__label__Sport a fine goal"]


def trained(folder: Path, lines: list[str] = LINES, name: str = "model.bin") -> Path:
    import fasttext

    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    model = fasttext.train_supervised(
        str(folder / "train.txt"), thread=1, seed=0, verbose=0, lr=1.0, epoch=50, wordNgrams=2, bucket=300, dim=5
    )
    model.save_model(str(folder / name))
    return folder / name


def measured(path: Path) -> MeasuredFastText:
    (path.parent / "texts.json").write_text(json.dumps({"latency": ["a war\nhere"], "throughput": ["a war", "Goal"]}))
    model = MeasuredFastText(str(path), "text-classification", str(path.parent / "texts.json"))
    assert model.load()["seconds"] > 0
    return model


@pytest.mark.parametrize(("kept", "rows"), [(-1, 11 + 300 + 2), (7, 11 + 7 + 2)])
def test_the_header_gives_the_sizes_of_the_matrices(tmp_path: Path, kept: int, rows: int) -> None:
    head = struct.pack("<2i12id", 793712314, 12, 5, 1, 2, 3, 4, 2, 3, 3, 300, 6, 7, 8, 0.1)
    (tmp_path / "m.bin").write_bytes(head + struct.pack("<3i2q", 13, 11, 2, 99, kept))
    assert MeasuredFastText.holds_model(tmp_path / "m.bin")
    assert Header.read(tmp_path / "m.bin").parameters == 5 * rows


def test_probabilities_become_logits_of_the_names_of_the_data(stand_ins: None, tmp_path: Path) -> None:
    path = trained(tmp_path)
    model = measured(path)
    (answer,) = model.predict(["war"])["predictions"]
    # The stand-in adds a half to the counts, 2 and 0.
    assert answer == {"World_news": pytest.approx(math.log(2.5 / 3)), "Sport": pytest.approx(math.log(0.5 / 3))}
    training = {"library": "fasttext", "labels": ["Sport", "World news"], "lowercase_and_separate": True}
    (tmp_path / TRAINING_FILE).write_text(json.dumps(training))
    known = measured(path)
    assert known.predict(["GOAL!"])["predictions"][0]["Sport"] == pytest.approx(math.log(1.5 / 2))
    assert MeasuredFastText.labels(path) == ["Sport", "World news"]
    assert set(known.predict(["war"])["predictions"][0]) == {"Sport", "World news"}
    # Without a known word the most frequent label is the likeliest.
    (nothing,) = known.predict(["zzz"])["predictions"]
    assert nothing["World news"] == 0.0 and nothing["Sport"] < -20


def test_independent_labels_have_log_odds(stand_ins: None, tmp_path: Path) -> None:
    model = measured(trained(tmp_path))
    assert model.logit(0.25) == pytest.approx(math.log(0.25))
    model.header = model.header._replace(loss=4)
    assert model.logit(0.25) == pytest.approx(math.log(0.25 / 0.75))
    # The library was seen to say a little more than 1.
    assert 20 < model.logit(1.00001) < 30


def test_it_is_timed_and_described(stand_ins: None, tmp_path: Path) -> None:
    model = measured(trained(tmp_path))
    assert len(model.latency(0, 9)["milliseconds"]) == 1
    assert (model.throughput()["texts"], model.throughput()["tokens"]) == (2, 3)
    described = model.describe()
    assert described["parameters"] == 5 * (4 + 300 + 2)
    assert (described["model_type"], described["dtype"]) == ("fasttext", "float32")


@pytest.mark.parametrize(("labels", "order"), [(("10", "9"), ["9", "10"]), (("b", "a"), ["a", "b"])])
def test_labels_that_nothing_orders_are_sorted(
    stand_ins: None, tmp_path: Path, labels: tuple[str, str], order: list[str]
) -> None:
    path = trained(tmp_path, [f"__label__{label} x" for label in labels])
    assert MeasuredFastText.labels(path) == order


def test_what_it_cannot_answer_is_refused(stand_ins: None, tmp_path: Path) -> None:
    path = trained(tmp_path)
    pairs = [{"text": "a", "text_pair": "b"}]
    one_label = "single_label_classification"
    with pytest.raises(ValueError, match="reads single texts, and `text_pair_column_name` is given"):
        MeasuredFastText.read_types(
            path, TestSet("text-classification", pairs, pairs, [0], ["a", "b"], one_label, logit_figures)
        )
    with pytest.raises(ValueError, match="the labels of the test set are numbers"):
        MeasuredFastText.read_types(
            path, TestSet("text-classification", ["a"], ["a"], [0.5], None, "regression", logit_figures)
        )
    with pytest.raises(ValueError, match="which is not a .bin or .ftz file that fastText has saved"):
        MeasuredFastText.find(str(tmp_path / "train.txt"))


def test_a_missing_library_is_named_with_its_line_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingLibraryError, match="fasttext:x.bin needs fastText .*: pip install fasttext-numpy2-wheel"
    ):
        MeasuredFastText.find("x.bin")


@pytest.mark.skipif(importlib.util.find_spec("fasttext") is None, reason="fasttext is not installed")
def test_the_library_itself(tmp_path: Path) -> None:
    import fasttext

    path = trained(tmp_path, LINES * 5)
    own = fasttext.load_model(str(path))
    model = measured(path)
    assert model.header.parameters == own.get_input_matrix().size + own.get_output_matrix().size
    (answer,) = model.predict(["a fine goal"])["predictions"]
    labels, shares = own.predict("a fine goal", k=-1)
    for label, share in zip(labels, shares, strict=True):
        assert answer[label.removeprefix("__label__")] == pytest.approx(math.log(min(share, 1.0)), abs=1e-4)
    assert max(answer, key=answer.__getitem__) == "Sport"
    assert len(model.latency(0, 1)["milliseconds"]) == 1
