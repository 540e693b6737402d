"""Tests of hf_rnn/data/batches/tags.py."""

from __future__ import annotations

import logging

import pytest
from datasets import Dataset
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import DataCollatorForTokenClassification, PreTrainedTokenizerFast

from hf_rnn.data.batches.tags import token_predictions, tokenize_tagged


LABEL_NAMES = ["O", "B-X", "I-X", "B-Y"]
# Without pieces: BERT's normalizer drops them.
DROPPED = "\u200b"


def word_piece_tokenizer():
    """Make a tokenizer like BERT's: "ab" is a ##b, "abc" is a ##b ##c; [CLS] 2 and [SEP] 3 around a sentence."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefg", *(f"##{letter}" for letter in "abcdefg")]
    backend = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def byte_level_tokenizer():
    """Make one like GPT-2's without merges or special tokens: a word is a piece for its space, then its letters."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({"<pad>": 0, **{letter: i for i, letter in enumerate(alphabet, 1)}}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", model_input_names=["input_ids", "attention_mask"]
    )


TOKENIZERS = {"word pieces": word_piece_tokenizer, "bytes": byte_level_tokenizer}
# The numbers of pieces of a token, of specials in front of a sentence and behind it.
SIZES = {"word pieces": (len, 1, 1), "bytes": (lambda token: len(token.encode()) + 1, 0, 0)}


@pytest.fixture(params=TOKENIZERS)
def kind(request):
    return request.param


def data(*sentences):
    """Sentences of (token, tag) pairs."""
    return Dataset.from_dict(
        {"tokens": [[token for token, _ in s] for s in sentences], "tags": [[tag for _, tag in s] for s in sentences]}
    )


SENTENCE = list(zip("ab c defg a bc def g abcd e f ab g".split(), [1, 2, 0, 3, 1, 0, 0, 1, 2, 2, 0, 3], strict=True))


def tokenize(dataset, tokenizer, max_length=None, **options):
    return tokenize_tagged(dataset, tokenizer, max_length=max_length, label_names=LABEL_NAMES, **options)


def test_word_pieces_are_labelled():
    rows = tokenize(data([("ab", 1), ("c", 2), ("zz", 0)], [("def", 3)]), word_piece_tokenizer()).to_list()
    assert rows == [
        {
            "input_ids": [2, 4, 12, 6, 1, 3],
            "attention_mask": [1] * 6,
            "token_type_ids": [0] * 6,
            "labels": [-100, 1, -100, 2, 0, -100],
            "token": [-1, 0, -1, 1, 2, -1],
            "length": 6,
            "sentence": 0,
        },
        {
            "input_ids": [2, 7, 15, 16, 3],
            "attention_mask": [1] * 5,
            "token_type_ids": [0] * 5,
            "labels": [-100, 3, -100, -100, -100],
            "token": [-1, 0, -1, -1, -1],
            "length": 5,
            "sentence": 1,
        },
    ]


def test_bytes_are_labelled():
    tokenizer = byte_level_tokenizer()
    (row,) = tokenize(data([("ab", 1), ("é", 0)]), tokenizer).to_list()
    assert tokenizer.convert_ids_to_tokens(row["input_ids"]) == ["Ġ", "a", "b", "Ġ", "Ã", "©"]
    assert row["labels"] == [1, -100, -100, 0, -100, -100]
    assert "token_type_ids" not in row


def test_label_all_tokens():
    dataset = data([("ab", 1), ("cd", 2), ("ef", 3), ("ga", 0)])
    (row,) = tokenize(dataset, word_piece_tokenizer(), label_all_tokens=True).to_list()
    # Y has no I-Y to go on with.
    assert row["labels"] == [-100, 1, 2, 2, 2, 3, 3, 0, 0, -100]
    assert row["token"] == [-1, 0, -1, 1, -1, 2, -1, 3, -1, -1]


@pytest.mark.parametrize("label_all_tokens", [False, True])
def test_windows_of_every_length_lose_nothing(kind, label_all_tokens):
    """Every token is labelled once, in order, by its tag and in front of the pieces that it has on its own."""
    tokenizer = TOKENIZERS[kind]()
    size, front, behind = SIZES[kind]
    sizes = [size(token) for token, _ in SENTENCE]
    alone = [
        tokenizer([token], is_split_into_words=True, add_special_tokens=False)["input_ids"] for token, _ in SENTENCE
    ]
    whole = [piece for pieces in alone for piece in pieces]
    dataset = data(SENTENCE)
    for max_length in range(max(sizes) + front + behind, sum(sizes) + front + behind + 2):
        rows = tokenize(dataset, tokenizer, max_length, label_all_tokens=label_all_tokens).to_list()
        assert (len(rows) == 1) == (max_length >= sum(sizes) + front + behind)
        seen = []
        for row in rows:
            inner = row["input_ids"][front : row["length"] - behind]
            assert len(row["input_ids"]) == len(row["labels"]) == len(row["token"]) == row["length"] <= max_length
            assert row["attention_mask"] == [1] * row["length"]
            assert row["sentence"] == 0
            starts = [position for position, token in enumerate(row["token"]) if token >= 0]
            assert starts, "a window without a label is no use"
            for position in starts:
                token = row["token"][position]
                assert row["input_ids"][position : position + sizes[token]] == alone[token]
                assert row["labels"][position] == SENTENCE[token][1]
                seen.append(token)
            labelled = sum(sizes[row["token"][position]] for position in starts) if label_all_tokens else len(starts)
            assert sum(label != -100 for label in row["labels"]) == labelled
            # The window is a run of whole tokens of the sentence.
            begin = sum(sizes[: row["token"][starts[0]]]) - (starts[0] - front)
            assert whole[begin : begin + len(inner)] == inner
            edges = {sum(sizes[:count]) for count in range(len(sizes) + 1)}
            assert {begin, begin + len(inner)} <= edges
        assert seen == list(range(len(SENTENCE)))
        predicted = [[label if label != -100 else 99 for label in row["labels"]] for row in rows]
        tokenized = tokenize(dataset, tokenizer, max_length, label_all_tokens=label_all_tokens)
        assert token_predictions(predicted, tokenized, dataset, label_names=LABEL_NAMES) == dataset["tags"][:]


def test_windows_smaller_than_a_token_label_all_of_them(kind):
    tokenizer = TOKENIZERS[kind]()
    size, front, behind = SIZES[kind]
    for max_length in range(front + behind + 1, max(size(token) for token, _ in SENTENCE) + front + behind):
        rows = tokenize(data(SENTENCE), tokenizer, max_length).to_list()
        assert max(row["length"] for row in rows) <= max_length
        assert [token for row in rows for token in row["token"] if token >= 0] == list(range(len(SENTENCE)))


def test_context_is_a_quarter_on_both_sides():
    """Tokens of one piece in windows of 12: 3 of context, 6 labelled, 3 of context; at the ends more."""
    tokens = [("a", i % 4) for i in range(20)]
    rows = tokenize(data(tokens), word_piece_tokenizer(), 14).to_list()
    assert [row["token"][1:-1] for row in rows] == [
        [*range(9), -1, -1, -1],
        [-1, -1, -1, *range(9, 15), -1, -1, -1],
        [*[-1] * 7, *range(15, 20)],
    ]


def test_a_warning_counts_long_sentences_and_tokens(caplog):
    dataset = data([("a", 1)] * 3, [("a", 1)] * 9, [("abcdefgabc", 1), ("a", 2)], [("abcdefgabc", 3)])
    tokenizer = word_piece_tokenizer()
    with caplog.at_level(logging.WARNING):
        rows = tokenize(dataset, tokenizer, 6).to_list()
    assert [record.getMessage() for record in caplog.records] == [
        "2 sentences have more than 6 pieces: each became several overlapping windows.",
        "2 tokens do not fit into 6 pieces: only their first pieces are kept.",
    ]
    long, after = (row for row in rows if row["sentence"] == 2)
    assert tokenizer.convert_ids_to_tokens(long["input_ids"]) == ["[CLS]", "a", "##b", "##c", "##d", "[SEP]"]
    assert (long["labels"][1], after["labels"][1:-1]) == (1, [2]), "a token cut off is no context"
    assert rows[-1]["token"] == [-1, 0, -1, -1, -1, -1]
    caplog.clear()
    tokenize(dataset, tokenizer)
    assert not caplog.records


def test_a_token_without_pieces_shifts_nothing(caplog):
    dataset = data([(DROPPED, 1), ("ab", 1), (DROPPED, 3), ("c", 2), (DROPPED, 3)], [(DROPPED, 1)])
    tokenizer = word_piece_tokenizer()
    with caplog.at_level(logging.WARNING):
        tokenized = tokenize(dataset, tokenizer)
    assert "4 tokens have no piece in this tokenizer" in caplog.text
    assert tokenized["token"][:] == [[-1, 1, -1, 3, -1], [-1, -1]]
    assert tokenized["labels"][:] == [[-100, 1, -100, 2, -100], [-100, -100]]
    predicted = [[7, 1, 7, 2, 7], [7, 7]]
    assert token_predictions(predicted, tokenized, dataset, label_names=LABEL_NAMES) == [[0, 1, 0, 2, 0], [0]]
    outside_last = [*LABEL_NAMES[1:], "O"]
    assert token_predictions(predicted, tokenized, dataset, label_names=outside_last) == [[3, 1, 3, 2, 3], [3]]
    assert token_predictions(predicted, tokenized, dataset, label_names=["NN", "VB"]) == [[0, 1, 0, 2, 0], [0]]


def test_empty_sentences(kind):
    dataset = data([], [("a", 1)], [], [])
    tokenizer = TOKENIZERS[kind]()
    tokenized = tokenize(dataset, tokenizer, 5)
    assert tokenized["sentence"][:] == ([0, 1, 2, 3] if kind == "word pieces" else [1])
    assert min(tokenized["length"]) > 0
    assert token_predictions(tokenized["labels"][:], tokenized, dataset, label_names=LABEL_NAMES) == [[], [1], [], []]
    nothing = tokenize(dataset.select([]), tokenizer)
    assert len(nothing) == 0 and nothing.column_names == tokenized.column_names
    assert token_predictions([], nothing, dataset.select([]), label_names=LABEL_NAMES) == []


def test_several_batches_keep_the_rows_of_the_dataset(monkeypatch):
    dataset = data(*([("a", 1)] * (count % 4) for count in range(10)))
    whole = tokenize(dataset, byte_level_tokenizer(), 4).to_list()
    monkeypatch.setattr("hf_rnn.data.batches.tags.BATCH_SIZE", 3)
    assert tokenize(dataset, byte_level_tokenizer(), 4).to_list() == whole
    assert {row["sentence"] for row in whole} == {1, 2, 3, 5, 6, 7, 9}


def test_the_stock_collator_takes_the_rows():
    tokenizer = word_piece_tokenizer()
    tokenized = tokenize(data([("ab", 1)], []), tokenizer).remove_columns(["token", "length", "sentence"])
    batch = DataCollatorForTokenClassification(tokenizer)(tokenized.to_list())
    assert batch["input_ids"].tolist() == [[2, 4, 12, 3], [2, 3, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 1, -100, -100], [-100] * 4]


def test_padded_predictions():
    dataset = data([("ab", 1)], [("c", 2)])
    tokenized = tokenize(dataset, word_piece_tokenizer())
    padded = [[0, 3, 0, 0, -100], [0, 1, 0, -100, -100]]
    assert token_predictions(padded, tokenized, dataset, label_names=LABEL_NAMES) == [[3], [1]]
    with pytest.raises(ValueError, match="`predicted` has 1 rows; `tokenized` has 2"):
        token_predictions(padded[:1], tokenized, dataset, label_names=LABEL_NAMES)
    with pytest.raises(ValueError, match=r"`predicted` has 2 ids in row 1 \(from 0\), which has 3 pieces"):
        token_predictions([padded[0], [0, 1]], tokenized, dataset, label_names=LABEL_NAMES)


def test_bad_arguments():
    tokenizer = word_piece_tokenizer()
    dataset = data([("a", 1)])
    with pytest.raises(ValueError, match="`max_length`=2 must be at least 3, .* adds 2 special tokens"):
        tokenize(dataset, tokenizer, 2)
    with pytest.raises(ValueError, match="`max_length`=0 must be at least 1"):
        tokenize(dataset, byte_level_tokenizer(), 0)
    with pytest.raises(ValueError, match=r"`dataset` has no column 'tags'; its columns are \['tokens'\]"):
        tokenize(dataset.remove_columns("tags"), tokenizer)
    with pytest.raises(ValueError, match=r"`dataset` has 1 tags for 2 tokens in row 0 \(from 0\)"):
        tokenize(Dataset.from_dict({"tokens": [["a", "b"]], "tags": [[0]]}), tokenizer)

    class Slow:
        is_fast = False

    with pytest.raises(ValueError, match="`tokenizer` is a Slow; it must be a fast one"):
        tokenize(dataset, Slow())
