"""Tests of hf_rnn/data/tokenizers/word_pieces.py."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys

import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from hf_rnn.data.readers.detokenize import detokenize
from hf_rnn.data.tokenizers import word_pieces
from hf_rnn.data.tokenizers.word_pieces import token_bytes, train_word_pieces, word_start


SENTENCES = [
    sentence.split()
    for sentence in [
        "He does n't work for Acme Corp. in London , does he ?",
        "Acme Corp. 's shares rose to US$ 5 vs. C$ 6 on 1996-08-22 .",
        "It 's US$ 1,000 , they 've C$ 2 vs. 3 .",
        "O'Brien , the man who would n't , scored 2 .",
        "They 've won 6-4 , he 's scored 2 .",
        "2. Smith",
    ]
]
STRANGE = [
    "",
    " \t\r\n\u00a0\u2028 ",
    "\x00a\x91b\x7f\x85",
    "👩‍👩‍👧 😀😀",
    "שלום עולם \u200f\u202e",
    "हिन्दी عَرَبي 中文",
    "cafe\u0301 café",
    "[PAD] [UNK]Ġ",
    "a.b.-" * 3000,
    "n't's" * 3000,
    "(" * 3000,
]


def train(sentences=SENTENCES, **arguments) -> PreTrainedTokenizerFast:
    return train_word_pieces(sentences, show_progress=False, **{"vocab_size": 400, **arguments})


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train()


def words(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    """The words that `tokenizer` finds, cut out of `text` by the offsets of their pieces."""
    encoding = tokenizer(text, return_offsets_mapping=True)
    found: list[list[int]] = []
    pieces = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
    for piece, (start, end) in zip(pieces, encoding["offset_mapping"], strict=True):
        if word_start(piece):
            found.append([start, end])
        found[-1][1] = end
    return [text[start:end] for start, end in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # As the sentences taught.
        (
            "He doesn't work for Acme Corp. in London, does he?",
            "He does n't work for Acme Corp. in London , does he ?",
        ),
        ("Corp.'s, CORP. Corp... Corp.x", "Corp. 's , CORP . Corp ... Corp.x"),
        ("Corp.-led Corp.- McCorp. vs.", "Corp.-led Corp. - McCorp . vs."),
        ("DON'T, it’s O'Brien's 1990's", "DO N'T , it ’s O'Brien 's 1990 's"),
        ("US$5 C$6.50 PC$", "US$ 5 C$ 6.50 PC $"),
        ("vs. Elvs. scored 2.", "vs. Elvs . scored 2 ."),
        # In general.
        ("the U.S.'s U.N.-led U.S.A at 10:30 a.m.", "the U.S. 's U.N.-led U.S.A at 10:30 a.m."),
        ("1996-08-22 6-4, 1,000.5: 12/31 $5%", "1996-08-22 6-4 , 1,000.5 : 12/31 $ 5 %"),
        ("+44 .500 +.5 1+1 x. it's.5", "+44 .500 +.5 1 + 1 x . it 's . 5"),
        ("a,b c:d 1,b c:2", "a , b c : d 1 , b c : 2"),
        ("S&P me@x.org Wash.-based n° 3º e/ou", "S&P me@x.org Wash.-based n° 3º e/ou"),
        ("it--well...maybe!! ((a)) ``b''", "it -- well ... maybe !! ( ( a ) ) `` b ''"),
        ("São Paulo, re\u0301sume\u0301 हिन्दी.", "São Paulo , re\u0301sume\u0301 हिन्दी ."),
    ],
)
def test_words_of_raw_text(tokenizer, text, expected):
    assert words(tokenizer, text) == expected.split()


def test_clitics_are_learnt():
    english = ["he", "is", "n't"]
    assert words(train([english, english]), "isn't") == ["is", "n't"]
    assert words(train([["he", "is", "n’t"]] * 2), "isn't") == ["is", "n't"]
    assert words(train([english]), "isn't") == ["isn't"]
    assert words(train([["he", "isn't"]] * 2), "isn't") == ["isn't"]
    quotation = ["(", "'a", "b"]  # follows no word
    assert words(train([quotation, quotation]), "b'a") == ["b'a"]


@pytest.mark.parametrize(("whole", "apart", "expected"), [(2, 1, ["x", "No."]), (2, 2, ["x", "No", "."])])
def test_exceptions_are_words_that_are_more_often_whole(whole, apart, expected):
    assert words(train([["No."]] * whole + [["No", "."]] * apart), "x No.") == expected


def test_the_most_frequent_clitics_and_exceptions_are_kept(monkeypatch):
    monkeypatch.setattr(word_pieces, "MAX_CLITICS", 1)
    monkeypatch.setattr(word_pieces, "MAX_EXCEPTIONS", 1)
    tokenizer = train([["Mr.", "it", "'s", "he", "'d"]] * 3 + [["No.", "Mr.", "it", "'s"]] * 2)
    assert words(tokenizer, "Mr. No. it's he'd") == ["Mr.", "No", ".", "it", "'s", "he'd"]


def test_exceptions_begin_at_no_letter_and_never_cross_a_space():
    tokenizer = train([[":x", "New York"]] * 2)
    assert words(tokenizer, "a:x :x New York") == ["a", ":", "x", ":x", "New", "York"]


def test_the_longest_exception_wins():
    assert words(train([["e."], ["e.-"], ["e."], ["e.-"]]), "e.- e.") == ["e.-", "e."]


@pytest.mark.parametrize("mark", string.punctuation)
def test_exceptions_with_any_punctuation(mark):
    assert words(train([[f"q{mark}"], [f"{mark}q"]] * 2), f"q{mark} {mark}q") == [f"q{mark}", f"{mark}q"]


def test_exceptions_are_no_patterns():
    tokenizer = train([["a*)"], ["a*)"], ["[PAD]"], ["[PAD]"]])
    assert words(tokenizer, "a*) aa)") == ["a*)", "aa", ")"]
    assert words(tokenizer, "(a*).") == ["(", "a*)", "."]
    assert tokenizer.pad_token_id not in tokenizer("[PAD]")["input_ids"]


@pytest.mark.parametrize("vocab_size", [258, 400])
def test_words_and_their_bytes_come_back_from_the_ids(vocab_size):
    tokenizer = train(vocab_size=vocab_size)
    for text in [*STRANGE, *map(" ".join, SENTENCES)]:
        ids = tokenizer(text, verbose=False)["input_ids"]
        assert tokenizer.unk_token_id not in ids and tokenizer.pad_token_id not in ids
        pieces = tokenizer.convert_ids_to_tokens(ids)
        assert not pieces or word_start(pieces[0])
        assert b"".join(map(token_bytes, pieces)).decode() == "".join(
            character for character in text if not character.isspace()
        )


@pytest.mark.parametrize("sentence", [*SENTENCES, *([*text.split()] for text in STRANGE)])
def test_split_and_joined_words_give_the_same_ids(tokenizer, sentence):
    split = tokenizer(sentence, is_split_into_words=True)["input_ids"]
    assert split == tokenizer(" ".join(sentence))["input_ids"]


def test_word_ids_are_those_of_the_given_words(tokenizer):
    encoding = tokenizer(SENTENCES[0], is_split_into_words=True)
    starts = [i for i, piece in zip(encoding.word_ids(), encoding.tokens(), strict=True) if word_start(piece)]
    assert starts == list(range(len(SENTENCES[0])))


def test_the_mark_stands_only_at_the_start_of_a_token(tokenizer):
    assert all("Ġ" not in token[1:] for token in tokenizer.get_vocab())
    assert word_start("ĠLond") and not word_start("on")


def test_text_of_a_group_of_tokens(tokenizer):
    assert tokenizer.convert_tokens_to_string(["ĠL", "ond", "on"]) == "London"
    assert tokenizer.convert_tokens_to_string(["ond", "on", "Ġis"]) == "ondon is"
    assert tokenizer.decode(tokenizer("It's  \n1996-08-22.")["input_ids"]) == "It 's 1996-08-22 ."


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        ([["New"], ["York"]], "New York"),
        ([["José"], ["García"]], "José García"),
        # Words that touch each other in the text are one group of a pipeline.
        ([["Zürich", "."], ["Oslo"]], "Zürich. Oslo"),
        ([["PÓŁNOC"]], "PÓŁNOC"),
        ([["Ġorġ"], ["Borg"]], "Ġorġ Borg"),
        ([["a"], ["Ġorġ"]], "a Ġorġ"),
    ],
)
def test_texts_of_groups_are_joined_by_a_space(tokenizer, groups, text):
    def spell(words):
        return tokenizer.convert_tokens_to_string([piece for word in words for piece in tokenizer.tokenize(word)])

    assert tokenizer.convert_tokens_to_string([spell(words) for words in groups]) == text


def test_the_bundled_tagger_has_this_decoder(tokenizer, project):
    weights = project / "hf_rnn" / "research_weights" / "hf_rnn_research_weights"
    bundled = Tokenizer.from_file(str(weights / "bilstm-crf-conll2003" / "tokenizer.json"))
    own, its = (json.loads(one.to_str())["decoder"] for one in (tokenizer.backend_tokenizer, bundled))
    assert its == own


def test_case_is_kept_and_words_that_occur_are_merged(tokenizer):
    assert tokenizer.tokenize("Acme Corp.") == ["ĠAcme", "ĠCorp."]
    assert len(tokenizer.tokenize("acme")) > 1


def test_token_bytes():
    assert (token_bytes("Ġ"), token_bytes("ĠLond"), token_bytes("[PAD]"), token_bytes("[UNK]")) == (
        b"",
        b"Lond",
        b"",
        b"",
    )
    assert token_bytes("Ã©") == "é".encode()
    assert token_bytes("ĠĠ") == b" "
    with pytest.raises(ValueError, match="`token`='a b' is not a byte-level token: ' ' names no byte"):
        token_bytes("a b")


def test_token_bytes_name_every_byte_as_the_tokenizers_library_does(tokenizer):
    single = [token for token in tokenizer.get_vocab() if len(token) == 1 and not word_start(token)]
    assert sorted(map(token_bytes, single)) == [bytes([byte]) for byte in range(256) if byte != 0x20]
    for character in map(chr, range(1, 0x800)):
        if not character.isspace():
            pieces = tokenizer.tokenize(character)
            assert b"".join(map(token_bytes, pieces)) == character.encode()


def test_special_tokens_padding_and_model_inputs(tokenizer):
    assert type(tokenizer) is PreTrainedTokenizerFast
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1)
    batch = tokenizer(["it", "I like it"], padding=True)
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"][0][-1] == 0 and batch["attention_mask"][0][-1] == 0


def test_size_and_frequency():
    assert len(train(vocab_size=260)) == 260
    assert "ĠAcme" not in train(min_frequency=3).get_vocab()
    assert train(iter(SENTENCES)).get_vocab() == train().get_vocab()


def test_no_piece_is_longer_than_a_model_has_room_for():
    address = "https-" + "abcdefghij" * 60
    for limits, most in (({}, 255), ({"max_piece_bytes": 20}, 20)):
        vocabulary = train([[address]] * 4, vocab_size=4000, **limits).get_vocab()
        assert most / 2 < max(len(token_bytes(token)) for token in vocabulary) <= most


def test_auto_tokenizer_loads_it_without_hf_rnn(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "saved")
    texts = [*STRANGE, "He doesn't work for Acme Corp. in London, does he?"]
    (tmp_path / "data.json").write_text(json.dumps([texts, SENTENCES]))
    code = """
import json, sys
sys.modules["hf_rnn"] = None
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("saved")
texts, sentences = json.load(open("data.json"))
print(json.dumps([tokenizer(texts)["input_ids"], tokenizer(sentences, is_split_into_words=True)["input_ids"],
                  tokenizer.convert_tokens_to_string(["ĠLond", "on"]), tokenizer.model_input_names]))
"""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [
        tokenizer(texts)["input_ids"],
        tokenizer(SENTENCES, is_split_into_words=True)["input_ids"],
        "London",
        ["input_ids", "attention_mask"],
    ]


@pytest.mark.parametrize(
    ("sentences", "arguments", "error", "message"),
    [
        (["two words"], {}, TypeError, "item 0 is the string 'two words'"),
        ([["a"], ["b", None]], {}, TypeError, "item 1 has None"),
        ([], {}, ValueError, "`sentences` is empty"),
        ([[], ["", " "]], {}, ValueError, "`sentences` is empty"),
        ([["a\ud800"]], {}, ValueError, "item 0 has a lone surrogate"),
        ([["a"]], {"vocab_size": 257}, ValueError, "`vocab_size`=257 must be an integer of at least 258"),
        ([["a"]], {"min_frequency": 0}, ValueError, "`min_frequency`=0 must be an integer of at least 1"),
    ],
)
def test_bad_arguments(sentences, arguments, error, message):
    with pytest.raises(error, match=message):
        train(sentences, **arguments)


@pytest.mark.corpus
@pytest.mark.parametrize(("corpus", "whole", "natural"), [("conll2003", 0.999, 0.97), ("lener_br", 0.995, 0.86)])
def test_words_of_a_corpus(corpora, corpus, whole, natural):
    """Validation words stay whole, split and joined text agree, and natural text gives the words of the corpus."""
    import pyarrow.parquet as pq

    train_rows, rows = (
        pq.read_table(corpora / corpus / f"{split}.parquet").column("tokens").to_pylist()
        for split in ("train", "validation")
    )
    tokenizer = train(train_rows, vocab_size=4000)
    split_ids = tokenizer(rows, is_split_into_words=True)["input_ids"]
    assert split_ids == tokenizer([" ".join(row) for row in rows])["input_ids"]
    vocabulary = [word for row in rows for word in row]
    assert sum(words(tokenizer, word) == [word] for word in vocabulary) / len(vocabulary) > whole
    found = tokenizer([detokenize(row)[0] for row in rows])["input_ids"]
    same = sum(one == other for one, other in zip(found, split_ids, strict=True))
    assert same / len(rows) > natural
