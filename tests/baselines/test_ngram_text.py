"""N-gram models asked in words, written and read again, and asked by scripts/ask_ngrams.py."""

from __future__ import annotations

import math
import pickle
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from hf_rnn.baselines.ngram import KneserNey
from hf_rnn.baselines.ngram_text import COUNTS_FILE, NgramTextModel
from hf_rnn.data.tokenizers.training import train_tokenizer


SENTENCES = ["the cat sat", "the cat sat", "the cat ran", "the dog ran", "a dog sat down"]


def model_of(kind: str = "word", order: int = 2) -> NgramTextModel:
    tokenizer = train_tokenizer(SENTENCES, kind=kind, end_of_text=True, min_frequency=1, show_progress=False)
    return NgramTextModel.of(SENTENCES, tokenizer, order)


def test_next_words_are_those_of_the_counts() -> None:
    model = model_of()
    (first, one), (second, other) = model.next_words("the", k=2)
    assert (first, second) == ("cat", "dog")
    history = model.tokenizer.convert_tokens_to_ids(["[EOS]", "the"])
    by_id = model.counts.distribution(history)
    ids = model.tokenizer.convert_tokens_to_ids(["cat", "dog"])
    assert [one, other] == pytest.approx(by_id[ids].tolist(), rel=1e-12)
    # The beginning of a sentence: four of the five begin with "the".
    assert model.next_words("", k=1)[0][0] == "the"


@pytest.mark.parametrize("kind", ["word", "character"])
@pytest.mark.parametrize("text", ["", "the cat", "never seen", "sat"])
def test_probabilities_of_all_words_sum_to_one(kind: str, text: str) -> None:
    found = model_of(kind, order=3).next_words(text, k=None)
    assert sum(probability for _, probability in found) == pytest.approx(1, abs=1e-12)
    assert len(found) == len(model_of(kind).tokenizer)
    assert [probability for _, probability in found] == sorted((value for _, value in found), reverse=True)


def test_the_probability_of_a_sentence_is_the_product_of_its_words() -> None:
    model = model_of()
    words, total = ["the", "cat", "ran", "[EOS]"], 0.0
    for place, word in enumerate(words):
        names = dict(model.next_words(" ".join(words[:place]), k=None))
        total += math.log(names[word])
    assert model.log_probability("the cat ran") == pytest.approx(total, rel=1e-12)


def test_the_likelier_of_two_sentences() -> None:
    model = model_of()
    likely, unlikely = "the cat sat", "sat cat the"
    times = math.exp(model.log_probability(likely) - model.log_probability(unlikely))
    assert model.likelier(likely, unlikely) == (likely, pytest.approx(times))
    assert model.likelier(unlikely, likely) == (likely, pytest.approx(times))
    assert model.likelier(likely, likely) == (likely, 1.0)


def test_a_text_without_ends_is_asked_without() -> None:
    tokenizer = train_tokenizer(SENTENCES, kind="word", end_of_text=True, min_frequency=1, show_progress=False)
    ids = tokenizer(" ".join(SENTENCES))["input_ids"]
    model = NgramTextModel(KneserNey(2, len(tokenizer)).fit(ids), tokenizer)
    expected = model.counts.log_probabilities(tokenizer("the cat")["input_ids"]).sum()
    assert model.log_probability("the cat") == pytest.approx(expected)


def test_it_is_the_same_when_it_is_read_again(tmp_path: Path) -> None:
    model = model_of(order=3)
    model.save(tmp_path)
    again = NgramTextModel.load(tmp_path)
    assert again.counts.discounts == model.counts.discounts
    assert (again.counts.order, again.counts.parameters) == (3, model.counts.parameters)
    for text in ("", "the cat", "a dog sat"):
        assert again.next_words(text, k=None) == model.next_words(text, k=None)
        assert again.log_probability(text) == model.log_probability(text)


def test_damaged_files_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no ngrams.npz"):
        NgramTextModel.load(tmp_path)
    path = model_of().save(tmp_path)
    arrays = dict(np.load(path))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is damaged, or holds no model of n-grams"):
        NgramTextModel.load(tmp_path)
    for name, value in (
        ("keys_2", arrays["keys_2"][::-1]),
        ("keys_1", arrays["keys_1"] + 10**9),
        ("shares_1", arrays["shares_1"] * np.nan),
        ("backoffs_2", arrays["backoffs_2"][:-1]),
        ("shares_2", arrays["shares_2"] * 3),
    ):
        np.savez(path, **{**arrays, name: value})
        with pytest.raises(ValueError, match="is damaged"):
            KneserNey.load(path)
    np.savez(path, **{name: value for name, value in arrays.items() if name != "keys_2"})
    with pytest.raises(ValueError, match="keys_2"):
        KneserNey.load(path)


def test_nothing_of_a_file_is_unpickled(tmp_path: Path) -> None:
    class Opened:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "opened",))  # type: ignore[return-value]

    np.savez(tmp_path / COUNTS_FILE, discounts=np.array([Opened()], dtype=object), vocab_size=3)
    with pytest.raises(ValueError, match="is damaged, or holds no model of n-grams"):
        KneserNey.load(tmp_path / COUNTS_FILE)
    (tmp_path / COUNTS_FILE).write_bytes(pickle.dumps(Opened()))
    with pytest.raises(ValueError, match="is damaged, or holds no model of n-grams"):
        KneserNey.load(tmp_path / COUNTS_FILE)
    assert not (tmp_path / "opened").exists()


def test_bad_input_is_named(tmp_path: Path) -> None:
    model = model_of()
    with pytest.raises(ValueError, match="`k`=0 must be at least 1, or None"):
        model.next_words("the", k=0)
    with pytest.raises(ValueError, match="must end in .npz"):
        model.counts.save(tmp_path / "counts.json")
    with pytest.raises(RuntimeError, match="call `fit` first"):
        KneserNey(2, 5).save(tmp_path / COUNTS_FILE)
    with pytest.raises(ValueError, match=r"`counts` has `vocab_size`=5; with this `tokenizer` it must be \d+"):
        NgramTextModel(KneserNey(2, 5).fit([0, 1]), model.tokenizer)


def test_the_script(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = model_of()
    model.save(tmp_path)

    def ask(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["ask_ngrams.py", str(tmp_path), *words])
        runpy.run_path(str(project / "scripts" / "ask_ngrams.py"), run_name="__main__")
        return capsys.readouterr().out

    found = [line.split() for line in ask("the", "--k", "3").splitlines()]
    assert [(word, float(value)) for value, word in found] == [
        (word, pytest.approx(value, abs=5e-5)) for word, value in model.next_words("the", k=3)
    ]
    assert ask("sat cat the", "--or", "the cat sat").startswith("'the cat sat' is ")
    with pytest.raises(SystemExit):
        ask("the", "--k", "0")
    assert "`k`=0 must be at least 1" in capsys.readouterr().err
