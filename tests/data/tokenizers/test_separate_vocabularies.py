"""A tokenizer of two vocabularies: the ids of targets come first, and a decoder needs no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.separate_vocabularies import (
    replace_tokens,
    target_replacements,
    train_separate_vocabularies,
)
from hf_rnn.data.tokenizers.sequence_end import with_sequence_end
from hf_rnn.data.tokenizers.training import train_tokenizer


SOURCES = ["the red cat sees a red dog", "a cat"]
TARGETS = ["le chat rouge", "chat a chien"]
SPECIAL = ["[PAD]", "[UNK]", "[EOS]"]
BYTES = 256
KINDS = ("word", "whitespace", "character", "bpe")


def train(
    kind: str, sources: list[str] = SOURCES, targets: list[str] = TARGETS, **options: object
) -> tuple[PreTrainedTokenizerFast, int]:
    options = {"min_frequency": 1, "end_of_text": True, "show_progress": False, **options}
    tokenizer, size = train_separate_vocabularies(sources, targets, kind=kind, **options)  # type: ignore[arg-type]
    return with_sequence_end(tokenizer), size


def in_order(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    vocabulary = tokenizer.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(tokenizer)))
    return sorted(vocabulary, key=vocabulary.__getitem__)


@pytest.mark.parametrize("kind", ["word", "whitespace"])
def test_words_are_counted_as_by_hand(kind: str) -> None:
    tokenizer, size = train(kind)
    found = in_order(tokenizer)
    # The targets have five words, "a" among them; five of the six words of the sources are in no target.
    assert found[:3] == SPECIAL and size == 3 + 5 and len(tokenizer) == 3 + 5 + 5
    assert set(found[3:size]) == {"le", "chat", "rouge", "a", "chien"}
    assert set(found[size:]) == {"the", "red", "cat", "sees", "dog"}


def test_characters_are_counted_as_by_hand() -> None:
    tokenizer, size = train("character", ["ab ba"], ["bcb", "\n"])
    found = in_order(tokenizer)
    assert found[:3] == SPECIAL and set(found[3:size]) == {"b", "c", "\n"} and set(found[size:]) == {"a", " "}


def test_byte_pairs_are_counted_as_by_hand() -> None:
    # "pq" occurs 7 times, then "pq" before "r" 4 times, "xy" twice: three merges; only "pq" is in a target.
    tokenizer, size = train("bpe", [*["pqr"] * 4, "xy", "xy"], ["pq"] * 3, min_frequency=2)
    found = in_order(tokenizer)
    assert found[:3] == SPECIAL and size == 3 + BYTES + 1
    assert found[size - 1 :] == ["pq", "pqr", "xy"]


def test_each_side_has_its_own_limit() -> None:
    sources, targets = ["e e e e f f f g g h"], ["h h h h g g g f f e"]
    tokenizer, size = train("word", sources, targets, vocab_size=5)
    assert in_order(tokenizer) == [*SPECIAL, "h", "g", "e", "f"] and size == 5
    tokenizer, size = train("word", sources, targets, min_frequency=3)
    assert in_order(tokenizer) == [*SPECIAL, "h", "g", "e", "f"] and size == 5
    tokenizer, size = train("character", ["eeeffg"], ["gggffe"], vocab_size=4)
    assert in_order(tokenizer) == [*SPECIAL, "g", "e"] and size == 4
    _, size = train("bpe", vocab_size=3 + BYTES + 2)
    assert size <= 3 + BYTES + 2 == len(train("bpe", vocab_size=3 + BYTES + 2)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_targets_have_the_first_ids_and_are_decoded(kind: str, tmp_path: Path) -> None:
    tokenizer, size = train(kind)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert type(loaded) is PreTrainedTokenizerFast
    for text in TARGETS:
        ids = loaded(text_target=text)["input_ids"]
        assert max(ids) < size and ids[-1] == loaded.eos_token_id and loaded.unk_token_id not in ids
        assert loaded.decode(ids, skip_special_tokens=True).strip() == text
        assert loaded(SOURCES, text_target=TARGETS)["labels"] == tokenizer(TARGETS)["input_ids"]
    assert loaded(SOURCES)["input_ids"] == tokenizer(SOURCES)["input_ids"]
    assert max(max(ids) for ids in loaded(SOURCES)["input_ids"]) >= size
    assert loaded.get_vocab() == tokenizer.get_vocab()


def test_byte_pairs_cut_texts_as_those_of_one_vocabulary_do() -> None:
    sources, targets = ["der Hund bellt, der Hund", "die Hunde bellen"], ["the dog barks", "dogs bark, hounds bark"]
    ours, _ = train("bpe", sources, targets)
    joint = train_tokenizer([*sources, *targets], kind="bpe", min_frequency=1, end_of_text=True, show_progress=False)
    for text in (*sources, *targets, "Hundebark", "žluťoučký 👩‍👧"):
        assert ours.tokenize(text) == joint.tokenize(text)
        assert ours.decode(ours(text)["input_ids"], skip_special_tokens=True) == joint.decode(joint(text)["input_ids"])


@pytest.mark.parametrize("kind", ["word", "whitespace", "character"])
def test_what_only_sources_have_is_unknown_in_a_target(kind: str) -> None:
    tokenizer, size = train(kind)
    replacements = target_replacements(tokenizer, size)
    assert replacements == dict.fromkeys(range(size, len(tokenizer)), (tokenizer.unk_token_id,))
    text = {"character": "chid"}.get(kind, "chat dog chien")
    ids = tokenizer(text_target=text)["input_ids"]
    assert max(ids) >= size
    expected = [tokenizer.unk_token_id if index >= size else index for index in ids]
    assert replace_tokens(ids, replacements) == expected and expected.count(tokenizer.unk_token_id) == 1


def test_a_byte_pair_of_sources_is_cut_into_those_of_targets() -> None:
    # Merges: pq, pqr, pqrs, tu; the targets use pq.
    sources = [*["pqrs"] * 3, "pqr", "tu", "tu"]
    tokenizer, size = train("bpe", sources, ["pq"] * 5, min_frequency=2)
    replacements = target_replacements(tokenizer, size)
    for text, pieces in {"pqrs": ["pq", "r", "s"], "pqr": ["pq", "r"], "tu": ["t", "u"], "pq": ["pq"]}.items():
        ids = tokenizer(text_target=text)["input_ids"]
        assert len(ids) == 2
        fitting = replace_tokens(ids, replacements)
        assert tokenizer.convert_ids_to_tokens(fitting) == [*pieces, "[EOS]"] and max(fitting) < size
        assert tokenizer.decode(fitting, skip_special_tokens=True) == text
    ids = tokenizer(text_target="žluťoučký 👩‍👧 [PAD]")["input_ids"]
    assert replace_tokens(ids, replacements) == ids and max(ids) < size


def test_a_long_chain_of_merges_is_cut() -> None:
    vocabulary = {"a": 0}
    merges = []
    for length in range(2, 3000):
        merges.append(("a" * (length - 1), "a"))
        vocabulary["a" * length] = length - 1
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE(vocabulary, merges)))
    assert target_replacements(tokenizer, 1)[2998] == (0,) * 2999
    assert target_replacements(tokenizer, 1000)[2998] == (999, *[0] * 1999)


def test_a_tokenizer_without_an_unknown_token_is_refused_where_it_needs_one() -> None:
    backend = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert target_replacements(tokenizer, 2) == {}
    with pytest.raises(ValueError, match="decoder has 1 entries; 'b' has the id 1 in `tokenizer`, which has no `unk"):
        target_replacements(tokenizer, 1)
