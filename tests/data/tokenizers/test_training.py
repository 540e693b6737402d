"""Tests of hf_rnn/data/tokenizers/training.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.training import fill_vocabulary, token_coverage, train_tokenizer


CORPUS = [
    "I don't like it, it's dull.<br /><br />Really dull!",
    "I like it: it's 'great'. Don't miss it.",
    "Café au lait\twith\nsugar",
    "cafe\u0301 au lait",
]
STRANGE = [
    "",
    " \t\r\n ",
    "\x00",
    "a\x00b\x01\x7f\x85",
    "👩‍👩‍👧 😀",
    "שלום עולם \u200f\u202e",
    "हिन्दी عَرَبي 中文",
    "\U0010ffff\ufeff\u2028",
    "[PAD] [UNK] [PAD]",
    "x" * 5000,
    "<" * 200 + "a" * 200 + ">",
]


def train(texts=CORPUS, **arguments) -> PreTrainedTokenizerFast:
    return train_tokenizer(texts, show_progress=False, **{"min_frequency": 1, **arguments})


def tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
def test_special_tokens_and_model_inputs(kind):
    tokenizer = train(kind=kind)
    assert type(tokenizer) is PreTrainedTokenizerFast
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1)
    assert tokenizer.padding_side == "right"
    batch = tokenizer(["it", "I like it"], padding=True)
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"][0][-1] == 0 and batch["attention_mask"][0][-1] == 0


def test_words_keep_inner_apostrophes_and_punctuation_stands_alone():
    text = "Don't say 'it’s great'... it's (I like)!"
    tokenizer = train([text])
    assert tokens(tokenizer, text) == [
        "don't", "say", "'", "it’s", "great", "'", ".", ".", ".", "it's", "(", "i", "like", ")", "!",
    ]  # fmt: skip


def test_unknown_words_are_unk_and_rare_words_have_no_entry():
    tokenizer = train(["a a b"], min_frequency=2)
    assert tokens(tokenizer, "a b zzz") == ["a", "[UNK]", "[UNK]"]


def test_default_min_frequency_is_two_for_words_and_one_for_characters():
    assert set(train(["a a b"], min_frequency=None).get_vocab()) == {"[PAD]", "[UNK]", "a"}
    assert set(train(["aab"], kind="character", min_frequency=None).get_vocab()) == {"[PAD]", "[UNK]", "a", "b"}


def test_lowercase():
    assert tokens(train(["It it"]), "IT") == ["it"]
    assert set(train(["It it"], lowercase=False).get_vocab()) == {"[PAD]", "[UNK]", "It", "it"}


@pytest.mark.parametrize(
    ("form", "same"), [("NFC", True), ("NFD", True), ("NFKC", True), ("NFKD", True), (None, False)]
)
def test_unicode_normalization(form, same):
    tokenizer = train(unicode_normalization=form)
    assert (tokenizer("café")["input_ids"] == tokenizer("cafe\u0301")["input_ids"]) is same


@pytest.mark.parametrize(("form", "same"), [("NFC", False), ("NFKC", True)])
def test_compatibility_normalization_unites_ligatures(form, same):
    tokenizer = train(["film ﬁlm"], unicode_normalization=form)
    assert (tokenizer("film")["input_ids"] == tokenizer("ﬁlm")["input_ids"]) is same


def test_strip_html_is_part_of_the_tokenizer():
    text = 'good<br /><BR>film <a href="x>y">here</a><!-- no --> 3 <4 if a <b and c> d'
    words = ["good", "film", "here", "3", "<", "4", "if", "a", "<", "b", "and", "c", ">", "d"]
    assert tokens(train([text], strip_html=True), text) == words
    assert "br" in train([text]).get_vocab()


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
@pytest.mark.parametrize("strip_html", [False, True])
def test_survives_any_string(kind, strip_html):
    tokenizer = train(CORPUS + STRANGE, kind=kind, strip_html=strip_html, vocab_size=400)
    unseen = train(CORPUS, kind=kind, strip_html=strip_html, vocab_size=400)
    for text in STRANGE:
        for one in (tokenizer, unseen):
            ids = one(text)["input_ids"]
            assert all(0 <= i < len(one) for i in ids)
            assert isinstance(one.decode(ids), str)
            assert one.pad_token_id not in ids
    assert tokenizer("")["input_ids"] == []


@pytest.mark.parametrize("kind", ["bpe", "character"])
def test_decode_gives_back_the_text(kind):
    tokenizer = train(CORPUS + STRANGE, kind=kind, lowercase=False, unicode_normalization=None, vocab_size=600)
    for text in CORPUS + STRANGE:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.unk_token_id not in ids


def test_bpe_vocabulary_is_open():
    tokenizer = train(["plain ascii only"], kind="bpe", lowercase=False)
    for text in STRANGE:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == text


def test_characters_are_one_token_each():
    text = "a b\n\n\t😀!"
    assert tokens(train([text], kind="character"), text) == list(text)


@pytest.mark.parametrize(("kind", "size"), [("word", 5), ("character", 5), ("bpe", 260)])
def test_vocab_size_is_the_most(kind, size):
    assert len(train(kind=kind, vocab_size=size)) == size
    assert len(train(["a"], kind=kind, vocab_size=1000)) == {"word": 3, "character": 3, "bpe": 258}[kind]


def test_the_most_frequent_words_are_kept_and_training_is_deterministic():
    texts = ["c c c b b a d"] * 3
    assert set(train(texts, vocab_size=4).get_vocab()) == {"[PAD]", "[UNK]", "c", "b"}
    assert train(texts).get_vocab() == train(iter(texts)).get_vocab()


def test_any_iterator_over_more_than_one_batch():
    tokenizer = train((f"w{i}" for i in range(2500)), vocab_size=5000)
    assert len(tokenizer) == 2502


def test_truncation_settings():
    text = "a b c d"
    right = train([text], model_max_length=2)
    left = train([text], model_max_length=2, truncation_side="left")
    assert right.decode(right(text, truncation=True)["input_ids"]) == "a b"
    assert left.decode(left(text, truncation=True)["input_ids"]) == "c d"
    assert len(train([text])(text * 1000, truncation=True)["input_ids"]) == 3001


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
def test_auto_tokenizer_loads_it_without_hf_rnn(kind, tmp_path):
    """A process that cannot import the package gets the same ids, normalisation and settings."""
    tokenizer = train(CORPUS, kind=kind, strip_html=True, truncation_side="left", model_max_length=7, vocab_size=300)
    tokenizer.save_pretrained(tmp_path / "saved")
    texts = CORPUS + STRANGE
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    code = """
import json, sys
sys.modules["hf_rnn"] = None
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("saved")
texts = json.load(open("texts.json"))
print(json.dumps([tokenizer(texts)["input_ids"], tokenizer(texts, truncation=True)["input_ids"],
                  tokenizer.padding_side, tokenizer.model_input_names]))
"""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    ids, truncated, side, names = json.loads(result.stdout)
    assert ids == tokenizer(texts)["input_ids"]
    assert truncated == tokenizer(texts, truncation=True)["input_ids"]
    assert (side, names) == ("right", ["input_ids", "attention_mask"])


def test_nothing_is_pickled_and_no_code_is_needed(tmp_path: Path):
    train().save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"tokenizer.json", "tokenizer_config.json"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "wordpiece"}, r"`kind`='wordpiece' must be one of 'word', 'bpe', 'character'"),
        ({"vocab_size": 2}, r"`vocab_size`=2 must be an integer of at least 3"),
        ({"vocab_size": 257, "kind": "bpe"}, r"`vocab_size`=257 must be an integer of at least 258"),
        ({"vocab_size": 1e4}, r"`vocab_size`=10000.0 must be an integer"),
        ({"min_frequency": 0}, r"`min_frequency`=0 must be"),
        ({"min_frequency": True}, r"`min_frequency`=True must be"),
        ({"unicode_normalization": "nfc"}, r"`unicode_normalization`='nfc' must be None or one of 'NFC'"),
        ({"truncation_side": "both"}, r"`truncation_side`='both' must be 'right' or 'left'"),
        ({"model_max_length": 0}, r"`model_max_length`=0 must be"),
        ({"min_frequency": 100}, r"No word in `texts` occurs `min_frequency`=100 times"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        train(**arguments)


@pytest.mark.parametrize("kind", ["word", "bpe", "character"])
@pytest.mark.parametrize("texts", [[], ["", " \n"], iter(())])
def test_empty_corpus(kind, texts):
    with pytest.raises(ValueError, match="`texts` is empty"):
        train(texts, kind=kind)


def test_items_that_are_not_texts():
    with pytest.raises(TypeError, match="`texts` is a single string"):
        train("one text")
    with pytest.raises(TypeError, match=r"item 1 is None \(NoneType\)"):
        train(["a", None])
    with pytest.raises(ValueError, match="item 2 has a lone surrogate"):
        train(["a", "b", "c\ud800"])


def test_token_coverage():
    tokenizer = train(["a a b"], min_frequency=2)
    assert token_coverage(tokenizer, ["a b", "a a"]) == 0.75
    assert token_coverage(tokenizer, iter(["zzz"] * 1500 + ["a"] * 500)) == 0.25
    assert token_coverage(train(["x"], kind="bpe"), ["never seen"]) == 1.0


def test_a_vocabulary_is_filled_with_words_that_texts_may_have() -> None:
    tokenizer = train_tokenizer(["a film", "a film"], show_progress=False)
    before = tokenizer.get_vocab()
    words = ["film", "Lisbon", "new york", "don't", "river", "to-day", "lake"]
    assert fill_vocabulary(tokenizer, words, 6) == 2
    # What the tokenizer never makes of a text is passed over: capitals, several words.
    assert tokenizer.get_vocab() == {**before, "don't": 4, "river": 5}
    assert tokenizer("A film. Don't cross the River lake")["input_ids"] == [
        before["a"], before["film"], 1, 4, 1, 1, 5, 1,
    ]  # fmt: skip


def test_a_filled_tokenizer_is_saved(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(["a film", "a film"], show_progress=False)
    fill_vocabulary(tokenizer, ["river"], 9)
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path)("a river")["input_ids"] == tokenizer("a river")["input_ids"]
    assert tokenizer("river")["input_ids"] == [4]


@pytest.mark.parametrize("kind", ["bpe", "character"])
def test_only_vocabularies_of_words_are_filled(kind: str) -> None:
    tokenizer = train_tokenizer(["a film"], kind=kind, vocab_size=300, show_progress=False)
    with pytest.raises(ValueError, match="`tokenizer` must be of words"):
        fill_vocabulary(tokenizer, ["river"], 400)


@pytest.mark.parametrize("end_of_text", [False, True])
def test_a_word_that_is_spelled_like_a_special_token_has_no_second_id(tmp_path, end_of_text):
    text = "[UNK] [EOS] a [UNK] [PAD]\nb a [UNK] [EOS] [EOS]"
    tokenizer = train([text], kind="whitespace", end_of_text=end_of_text, lowercase=False)
    # Without an end of texts "[EOS]" is a word like others, and here the most frequent.
    expected = ["[PAD]", "[UNK]", "[EOS]", "a", "b"]
    tokenizer.save_pretrained(tmp_path)
    for one in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        assert one.convert_ids_to_tokens(range(len(one))) == expected
        assert one.get_vocab() == {token: index for index, token in enumerate(expected)}
        assert (one.pad_token_id, one.unk_token_id) == (0, 1)
        assert max(one(text)["input_ids"]) < len(one)
        assert tokens(one, "[UNK] [EOS] [PAD] c") == ["[UNK]", "[EOS]", "[PAD]", "[UNK]"]
        assert one.decode(one("a [EOS]")["input_ids"], skip_special_tokens=True) == (
            " a" if end_of_text else "a [EOS]"
        )


def test_words_of_a_language_model_go_on_with_a_prompt() -> None:
    """Where a pipeline decodes the new tokens alone, they must not stick to the last word of the prompt."""
    text = "He said, (yes) today."
    tokenizer = train([text], kind="word", lowercase=False, end_of_text=True)
    ids = tokenizer(text)["input_ids"]
    for number in range(1, len(ids)):
        assert (tokenizer.decode(ids[:number]) + tokenizer.decode(ids[number:])).replace("( ", "(") == f" {text}"
    assert tokenizer.decode(ids[3:]) == " (yes) today."


def test_tokens_between_white_space_go_on_with_a_prompt() -> None:
    tokenizer = train(["a , b"], kind="whitespace", lowercase=False, end_of_text=True)
    ids = tokenizer("a , b")["input_ids"]
    assert tokenizer.decode(ids[:1]) + tokenizer.decode(ids[1:]) == " a , b"
