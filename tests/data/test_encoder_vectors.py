"""What an encoder says of a word alone, the words it knows, and one vector out of several sources."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5Model,
)

from hf_rnn import BiLstmConfig, BiLstmModel
from hf_rnn.data import encoder_vectors as module
from hf_rnn.data.encoder_vectors import SCALE, encoder_vectors, encoder_words, join_vectors, principal_components
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.data.vectors import WordVectors
from tests.tasks.small_runs import save_tiny_bert


TEXTS = ["the old dog sleeps near the river .", "a teacher reads near the old house in 1984 ."]
WORDS = ["dog", "a", "riverside", "the", "housedogriver", "1984", ".", "teacher", "Old"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return save_tiny_bert(tmp_path_factory.mktemp("bert"), TEXTS, head=BertModel, num_hidden_layers=2)


def read_alone(folder: Path, word: str) -> np.ndarray:
    """The mean of the last states of one word, of length 1, in float64, without padding and without a batch."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        states = model(torch.tensor([tokenizer(word)["input_ids"]])).last_hidden_state[0].double().numpy()
    mean = states.mean(0)
    return mean / np.sqrt((mean**2).sum())


@pytest.mark.parametrize("batch_size", [1, 4, 256])
def test_each_word_is_read_alone(bert: Path, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", batch_size)
    vectors = encoder_vectors(str(bert), [*WORDS, "dog"])
    # A word that comes twice has one row; the rows are in the order of the words, not in that of the batches.
    assert vectors.rows == {word: row for row, word in enumerate(WORDS)}
    assert vectors.matrix.dtype == np.float32
    for word, row in vectors.rows.items():
        np.testing.assert_allclose(vectors.matrix[row], read_alone(bert, word), atol=1e-6)


def test_nothing_is_dropped_out(bert: Path) -> None:
    first, second = (encoder_vectors(str(bert), WORDS).matrix for _ in range(2))
    assert np.array_equal(first, second)


def test_both_directions_of_a_recurrent_encoder(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(TEXTS, show_progress=False)
    torch.manual_seed(0)
    config = BiLstmConfig(vocab_size=len(tokenizer), embedding_size=4, hidden_size=3, pad_token_id=0)
    BiLstmModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    vectors = encoder_vectors(str(tmp_path), ["dog", "near", " "])
    assert vectors.matrix.shape == (3, 6)
    np.testing.assert_allclose(vectors.matrix[0], read_alone(tmp_path, "dog"), atol=1e-6)
    # The tokenizer makes no token of a space.
    assert not vectors.matrix[2].any()


def test_a_word_longer_than_the_encoder_reads_is_cut(bert: Path) -> None:
    tokenizer, word = AutoTokenizer.from_pretrained(bert), "dh" * 30
    assert len(tokenizer(word)["input_ids"]) > tokenizer.model_max_length == 24
    vectors = encoder_vectors(str(bert), [word])
    np.testing.assert_allclose(vectors.matrix[0], read_alone(bert, word[:22]), atol=1e-6)


def test_states_that_are_no_numbers_are_refused(bert: Path, tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(bert)
    with torch.no_grad():
        model.encoder.layer[0].output.dense.bias[3] = float("nan")
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"`embedding_vectors`='encoder:{tmp_path}' gives states that are not finite"):
        encoder_vectors(str(tmp_path), WORDS)


@pytest.mark.parametrize("read", [encoder_words, lambda name: encoder_vectors(name, WORDS)])
def test_an_encoder_that_is_not_there(read, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    with pytest.raises(OSError, match=f"`embedding_vectors`='encoder:{missing}' is no folder here .*no repository"):
        read(missing)
    # Without a network the reason says what to do.
    with pytest.raises(
        OSError, match=r"`embedding_vectors`='encoder:nobody/nothing' is no folder(?s:.*)internet connection"
    ):
        read("nobody/nothing")


@pytest.mark.parametrize("fault", ["no padding", "encoder-decoder"])
def test_what_is_no_encoder_is_refused(fault: str, bert: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(bert)
    model = AutoModel.from_pretrained(bert)
    if fault == "no padding":
        tokenizer = train_tokenizer(TEXTS, show_progress=False)
        tokenizer.pad_token = None
    else:
        sizes = {"d_model": 4, "d_ff": 4, "d_kv": 2, "num_layers": 1, "num_heads": 2}
        model = T5Model(T5Config(vocab_size=len(tokenizer), **sizes))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    reason = "a BertModel with the padding token None" if fault == "no padding" else "a T5Model with"
    with pytest.raises(ValueError, match=f"`embedding_vectors`='encoder:{tmp_path}' must be an encoder.*{reason}"):
        encoder_vectors(str(tmp_path), WORDS)


def save_tokenizer(folder: Path, kind: str, tokens: list[str]) -> str:
    """A tokenizer with these tokens, in this order, of this kind, whose first token is special."""
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if kind == "WordPiece":
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=tokens[0]))
        tokenizer.decoder = decoders.WordPiece()
    elif kind == "WordLevel":
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=tokens[0]))
    elif kind == "Unigram":
        tokenizer = Tokenizer(
            models.Unigram([(token, -float(index)) for token, index in vocabulary.items()], unk_id=0)
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    else:
        tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=tokens[0]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=tokens[0]).save_pretrained(folder)
    return str(folder)


def byte_level(text: str) -> str:
    """The names of the bytes of `text`, as GPT-2's alphabet has them, by another library."""
    return "".join(part for part, _ in pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str(text))


PLAIN = ["the", "dog", ".", "não"]


@pytest.mark.parametrize(
    ("kind", "tokens", "words"),
    [
        # "Ġ" and "▁" are a letter and a sign where the insides of words are marked.
        (
            "WordPiece",
            ["[UNK]", "the", "##ing", "Dog", "dog", "Ġ", "▁", "[unused1]", "1984", "12345", "."],
            ["the", "dog", "ġ", "▁", "1984", "."],
        ),
        ("WordLevel", ["unk", "the", "##", "Dog", "don't", "x.y", "#", "12345"], ["the", "dog", "#"]),
        ("Unigram", ["<unk>", "▁the", "ing", "▁", "▁Dog", "▁dog", "s", "▁.", "▁12345", "▁não", "Ġx"], PLAIN),
        ("BPE", ["<unk>", "Ġthe", "ing", "Ġ", "ĠDog", "Ġdog", "s", "Ġ.", "Ġ12345", byte_level(" não"), "▁x"], PLAIN),
    ],
)
def test_whole_words_of_a_vocabulary(kind: str, tokens: list[str], words: list[str], tmp_path: Path) -> None:
    assert encoder_words(save_tokenizer(tmp_path, kind, tokens)) == words


def test_bytes_that_are_no_character_are_no_word(tmp_path: Path) -> None:
    whole, line = byte_level(" é"), byte_level(" \n")
    assert len(whole) == 3
    assert encoder_words(save_tokenizer(tmp_path, "BPE", ["<unk>", whole, whole[:2], line, "Ġok"])) == ["é", "ok"]


def test_words_of_a_bert(bert: Path) -> None:
    vocabulary = AutoTokenizer.from_pretrained(bert).get_vocab()
    ids = [vocabulary[word] for word in encoder_words(str(bert))]
    assert ids == sorted(ids)
    found = set(encoder_words(str(bert)))
    assert found == {token for token in vocabulary if not token.startswith(("##", "["))}
    assert {"dog", "river", "1984", "."} <= found


def blocks(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)) + 3
    return first.astype(np.float32), (rng.normal(size=(40, 4)) * [5, 2, 1, 0.1] - 1).astype(np.float32)


@pytest.mark.parametrize("size", [1, 3, 10])
def test_principal_components_are_those_of_the_singular_value_decomposition(size: int) -> None:
    first, second = (block.astype(np.float64) for block in blocks())
    scaled = []
    for block in (first, second):
        block = block - block.mean(0)
        scaled.append(block / np.sqrt(np.mean(np.linalg.norm(block, axis=1) ** 2)))
    left, values, _ = np.linalg.svd(np.hstack(scaled), full_matrices=False)
    expected = (left * values)[:, :size]
    expected = expected * SCALE / np.std(expected)
    found = principal_components(blocks(), size)
    assert found.shape == (40, size) and found.dtype == np.float32
    assert found.std() == pytest.approx(SCALE, rel=1e-5)
    for mine, theirs in zip(found.T, expected.T, strict=True):
        sign = np.sign(mine @ theirs)
        np.testing.assert_allclose(sign * mine, theirs, atol=1e-4)


def test_the_largest_weight_of_a_component_is_positive() -> None:
    for seed in range(5):
        block = blocks(seed)[0]
        found = principal_components([block], 4)
        # A component is a weighted sum of the columns; least squares give the weights.
        weights = np.linalg.lstsq(block - block.mean(0), found, rcond=None)[0]
        assert (weights.max(0) == np.abs(weights).max(0)).all()


def alike(matrix: np.ndarray) -> np.ndarray:
    """The products of all pairs of rows, which do not hang on the signs of components."""
    return matrix @ matrix.T


def test_no_source_outweighs_another() -> None:
    first, second = blocks()
    table = principal_components([first, second], 5)
    for changed in ([first * 1000, second], [first, second / 1000], [first, second + 50]):
        np.testing.assert_allclose(alike(principal_components(changed, 5)), alike(table), atol=2e-4)
    # Each has a say: without the second the vectors are others.
    assert np.abs(alike(principal_components([first], 5)) - alike(table)).max() > 0.1


def test_a_word_that_a_source_lacks_has_its_mean() -> None:
    first, second = blocks()
    words = [f"w{index}" for index in range(40)]
    # The rows of the sources are in an order of their own, and hold words that nobody asks for.
    full = WordVectors({word: 39 - row for row, word in enumerate(words)}, first[::-1])
    lacking = {word: row + 1 for row, word in enumerate(words[:25])}
    some = WordVectors({"unasked": 0, **lacking}, np.concatenate([np.full((1, 4), 1e6, np.float32), second[:25]]))
    found = join_vectors([full, some], words, 6)
    filled = np.concatenate([second[:25], np.repeat(second[:25].mean(0)[None], 15, axis=0)])
    assert found.rows == {word: row for row, word in enumerate(words)}
    np.testing.assert_allclose(alike(found.matrix), alike(principal_components([first, filled], 6)), atol=1e-5)


@pytest.mark.parametrize(("count", "size", "most"), [(40, 11, 10), (40, 0, 10), (7, 8, 7)])
def test_a_size_that_there_is_not(count: int, size: int, most: int) -> None:
    words = [f"w{index}" for index in range(count)]
    sources = [WordVectors(dict(zip(words, range(count), strict=True)), block[:count]) for block in blocks()]
    with pytest.raises(
        ValueError, match=f"`embedding_size`={size} must be from 1 to {most}: .* 10 dimensions.*{count}"
    ):
        join_vectors(sources, words, size)
