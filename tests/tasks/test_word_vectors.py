"""Vectors of words out of encoders, and of several sources, in the embeddings of new models."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertModel,
)

from hf_rnn.data.encoder_vectors import encoder_words
from hf_rnn.data.tokenizers import text_pieces
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.tasks.arguments import ModelArguments, TokenizerArguments
from hf_rnn.tasks.building import build_model, build_tokenizer
from hf_rnn.tasks.encoder_distillation.arguments import EncoderDistillationArguments
from hf_rnn.tasks.word_vectors import VectorSources
from tests.tasks import small_runs, small_similarity_runs, small_tagging_runs


TEXTS = ["a dog sees the river , a dog sees the house", "the old teacher reads near the river ."]
FILE = "the 1 0 0\nLake 0 1 0\nriver 1 1 0\ndog 0 2 1\nbank 3 0 1\n"
# Every letter, so that no word is unknown to a BERT that has read this.
LETTERS = " ".join("abcdefghijklmnopqrstuvwxyz")
LABELS = {"id2label": {0: "neg", 1: "pos"}, "label2id": {"neg": 0, "pos": 1}}
# The standard deviation that vectors have which are made short.
DEVIATION = 0.3


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    return str(
        small_runs.save_tiny_bert(
            tmp_path_factory.mktemp("bert"), [*TEXTS, LETTERS, LETTERS.replace(" ", "")], head=BertModel
        )
    )


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "vectors.txt").write_text(FILE, encoding="utf-8")
    return str(tmp_path / "vectors.txt")


def said_alone(folder: str, words: list[str]) -> np.ndarray:
    """What the encoder says of each word (words, units), read one by one."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        states = [model(torch.tensor([tokenizer(word)["input_ids"]])).last_hidden_state[0].mean(0) for word in words]
    matrix = torch.stack(states).double().numpy()
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def shortened(size: int, *blocks: np.ndarray) -> np.ndarray:
    """The first principal components of blocks of the same weight, by the singular value decomposition."""
    centred = [block - block.mean(0) for block in blocks]
    joined = np.hstack([block / np.sqrt((block**2).sum() / len(block)) for block in centred])
    left, values, _ = np.linalg.svd(joined, full_matrices=False)
    table = (left * values)[:, :size]
    return table * DEVIATION / table.std()


def assert_alike(found: Any, expected: np.ndarray) -> None:
    """Equal but for the sign of each column, which is none of a principal component's."""
    found = np.asarray(found)
    assert found.shape == expected.shape
    signs = np.sign((found * expected).sum(0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-4)


def build(bert: str, kind: str = "word", texts: list[str] = TEXTS, **overrides: Any) -> tuple[Any, Any]:
    """A model with what `bert` says of the words of `texts`, and its tokenizer."""
    tokenizer = train_tokenizer(texts, kind=kind, min_frequency=1 if kind != "bpe" else None, show_progress=False)
    sizes = json.dumps({"hidden_size": 3, **overrides})
    arguments = ModelArguments(embedding_vectors=f"encoder:{bert}", config_overrides=sizes)
    return build_model(arguments, AutoModelForSequenceClassification, tokenizer, **LABELS), tokenizer


def words_of(tokenizer: Any) -> list[str]:
    """The tokens but for the special ones, by their ids."""
    vocabulary = tokenizer.get_vocab()
    return [token for token in sorted(vocabulary, key=vocabulary.get) if token not in tokenizer.all_special_tokens]


def of_encoder(bert: str, files: dict[str, str]) -> dict[str, Any]:
    """The flags of a short run whose embeddings stay what `bert` says."""
    return {
        **files,
        "embedding_vectors": f"encoder:{bert}",
        "freeze_embeddings": True,
        "num_train_epochs": 1,
        "do_predict": False,
    }


def table_of(model: Any) -> torch.Tensor:
    table: torch.Tensor = model.get_input_embeddings().weight.detach()
    return table


def assert_words_have_vectors(model: Any, sentences: list[list[str]], bert: str) -> None:
    """A model of words has a vector of `bert` for the words that come twice, and for those that `bert` knows."""
    counts = Counter(word.lower() for sentence in sentences for word in sentence)
    own = {word for word, count in counts.items() if count > 1}
    words = sorted(own | set(encoder_words(bert)))
    assert len(own) > 10 and set(counts) - set(words)
    embeddings = model.base_model.embeddings
    keys = embeddings.keys.clone()
    rows = embeddings.set_words(words)
    assert torch.equal(embeddings.keys, keys)
    assert_alike(table_of(model)[[rows[word] for word in words]], shortened(8, said_alone(bert, words)))


def test_a_classifier_starts_from_an_encoder(bert: str, tmp_path: Path) -> None:
    flags = of_encoder(bert, small_runs.write_reviews(tmp_path, train=30, validation=6, test=0))
    tables = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        small_runs.run(folder, **flags)
        tables.append(table_of(AutoModelForSequenceClassification.from_pretrained(folder)))
    assert torch.equal(*tables)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "first")
    words = words_of(tokenizer)
    assert len(words) > 20
    assert_alike(tables[0][tokenizer.convert_tokens_to_ids(words)], shortened(8, said_alone(bert, words)))


def test_a_classifier_of_pieces_has_vectors_of_words(bert: str, tmp_path: Path) -> None:
    flags = of_encoder(bert, small_runs.write_reviews(tmp_path, train=30, validation=6, test=0))
    small_runs.run(tmp_path / "run", tokenizer_kind="pieces", **flags)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run")
    texts = [text for text, _ in small_runs.texts_and_labels(flags["train_file"])]
    assert_words_have_vectors(model, list(text_pieces.words_of(tokenizer, texts)), bert)


def test_a_tagger_starts_from_an_encoder(bert: str, tmp_path: Path) -> None:
    flags = of_encoder(bert, small_tagging_runs.write_news(tmp_path, train=30, validation=6))
    small_tagging_runs.run(tmp_path / "run", **flags)
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "run")
    sentences = [tokens for tokens, _ in small_tagging_runs.read_sentences(flags["train_file"])]
    assert_words_have_vectors(model, [*sentences, ["once"]], bert)


def test_pairs_start_from_an_encoder(bert: str, tmp_path: Path) -> None:
    small_similarity_runs.run(
        tmp_path / "run", **of_encoder(bert, small_similarity_runs.write_questions(tmp_path, train=20, validation=6))
    )
    model, tokenizer = AutoModel.from_pretrained(tmp_path / "run"), AutoTokenizer.from_pretrained(tmp_path / "run")
    words = words_of(tokenizer)
    table = table_of(model)[tokenizer.convert_tokens_to_ids(words)]
    assert "greek" in words
    assert_alike(table, shortened(8, said_alone(bert, words)))


def test_special_tokens_have_no_vector_of_the_encoder(bert: str) -> None:
    rows = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model, tokenizer = build(bert, embedding_size=4)
        table = table_of(model)
        words = words_of(tokenizer)
        # Were they among the words, the components would be others.
        assert_alike(table[tokenizer.convert_tokens_to_ids(words)], shortened(4, said_alone(bert, words)))
        assert not table[tokenizer.pad_token_id].any()
        rows.append(table[tokenizer.unk_token_id])
    assert not torch.equal(*rows)


def test_tokens_that_look_like_pieces_may_be_words(bert: str) -> None:
    model, tokenizer = build(bert, "whitespace", ["## a dog Ġ ▁x", "## the river"])
    words = words_of(tokenizer)
    assert {"##", "▁x"} <= set(words)
    table = table_of(model)[tokenizer.convert_tokens_to_ids(words)]
    # As many dimensions as there are words, since there are fewer than 100.
    assert_alike(table[:, :3], shortened(len(words), said_alone(bert, words))[:, :3])


def test_capitals_have_the_vector_of_the_lower_case(bert: str) -> None:
    tokenizer = train_tokenizer(
        ["Old old dog House house", "a river"], lowercase=False, min_frequency=1, show_progress=False
    )
    arguments = ModelArguments(embedding_vectors=f"encoder:{bert}", config_overrides='{"embedding_size": 3}')
    table = (
        build_model(arguments, AutoModelForSequenceClassification, tokenizer, **LABELS).get_input_embeddings().weight
    )
    first, second, other = tokenizer.convert_tokens_to_ids(["Old", "old", "House"])
    assert torch.equal(table[first], table[second]) and not torch.equal(table[first], table[other])


@pytest.mark.parametrize("encoder_first", [False, True])
def test_several_sources_are_one(encoder_first: bool, bert: str, file: str) -> None:
    names = [file, f"encoder:{bert}"]
    sources = VectorSources.of(",".join(names[::-1] if encoder_first else names), None, 5)
    vectors = sources.read(["the", "River", "sees", "dog", "house", "a", "old", "Lake"])
    words = ["the", "river", "sees", "dog", "house", "a", "old", "lake"]
    assert list(vectors.rows) == words
    known = np.array([[1, 0, 0], [1, 1, 0], [0, 2, 1]], dtype=np.float64)
    of_file = np.repeat(known.mean(0)[None], 8, axis=0)
    of_file[[0, 1, 3]] = known
    assert_alike(vectors.matrix, shortened(5, of_file, said_alone(bert, words)))


def test_without_a_size_there_are_a_hundred_dimensions_or_what_there_is(bert: str, tmp_path: Path) -> None:
    assert VectorSources.of(f"encoder:{bert}", None).read(["dog", "the", "river"]).dimensions == 3
    many = [first + second for first in LETTERS.split() for second in LETTERS.split()][:150]
    assert VectorSources.of(f"encoder:{bert}", None).read(many).dimensions == 16
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        lines = (" ".join([word, *map(str, rng.normal(size=60))]) + "\n" for word in many)
        (tmp_path / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    vectors = VectorSources.of(f"{tmp_path}/one.txt, {tmp_path}/two.txt", None).read(many)
    assert vectors.matrix.shape == (150, 100)
    assert vectors.matrix.std() == pytest.approx(DEVIATION, rel=1e-5)


def test_a_bundled_encoder(caplog: pytest.LogCaptureFixture) -> None:
    vectors = VectorSources.of("encoder:bundled:bilstm-base-pt", None, 3).read(["casa", "moradia", "banana", "não"])
    assert vectors.matrix.shape == (4, 3)
    with pytest.raises(
        ValueError, match="`embedding_vectors`='bilstm-base-pt' is no folder; .*'bundled:bilstm-base-pt'"
    ):
        VectorSources.of("encoder:bilstm-base-pt", None, 3).read(["casa", "lar"])


SENTENCES = [["Sees", "dog", "sees", "a"], ["The", "sees", "Dog"]]


@pytest.mark.parametrize(
    ("most", "words"), [(1, ["sees"]), (3, ["sees", "dog", "the"]), (9, [*"sees dog the river bank".split()])]
)
def test_words_of_the_sentences_come_first_then_those_of_the_file(
    most: int, words: list[str], bert: str, file: str
) -> None:
    assert VectorSources.of(f"encoder:{bert},{file}", None).words(SENTENCES, most) == words


def test_words_of_the_sentences_come_first_then_those_of_the_encoder(bert: str) -> None:
    others = [word for word in encoder_words(bert) if word not in ("sees", "dog")]
    sources = VectorSources.of(f"encoder:{bert}", None)
    assert sources.words(SENTENCES, 6) == ["sees", "dog", *others[:4]]
    assert sources.words(SENTENCES, 10_000) == ["sees", "dog", *others]
    assert all(word == word.lower() for word in others)


def test_files_alone_have_no_vector_of_other_words(file: str, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("sees 1 2\nbank 2 1\nhouse 0 1\n", encoding="utf-8")
    sentences = [*SENTENCES, ["zzz", "zzz", "zzz", "zzz"]]
    words = ["sees", "dog", "the", "river", "bank", "house"]
    assert VectorSources.of(f"{file},{tmp_path}/more.txt", None).words(sentences, 20) == words
    assert VectorSources.of(f"{file},{tmp_path}/more.txt", None).words(sentences, 3) == words[:3]


@pytest.mark.parametrize(
    ("value", "words", "message"),
    [
        ("encoder:", None, "`embedding_vectors`='encoder:' names no encoder; it must be encoder: and a Hub id"),
        ("glove-6b-50d,encoder:", None, "`embedding_vectors`='glove-6b-50d,encoder:' names no encoder"),
        ("glove-6b-50d,,encoder:x", None, "`embedding_vectors`=.* must be different, non-empty names"),
        ("encoder:x,encoder:x", None, "`embedding_vectors`=.* must be different, non-empty names"),
        ("x.npy,encoder:x", "x.txt", "`embedding_words`='x.txt' was given, and `embedding_vectors`=.* are several"),
    ],
)
def test_names_that_do_not_go_together(value: str, words: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VectorSources.of(value, words)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (17, "=17 must be from 1 to 10: the vectors have 16 dimensions, and there are 10 words"),
        (0, "=0 must be an int"),
        ("8", "='8' must be an int"),
        (True, "=True must be an int"),
    ],
)
def test_a_size_that_cannot_be(size: Any, message: str, bert: str) -> None:
    with pytest.raises(ValueError, match=f"`embedding_size`{message}"):
        build(bert, texts=["a b c d e f g h i j"], embedding_size=size)


def test_an_encoder_has_no_vocabulary_to_fill_one_from(bert: str) -> None:
    model = ModelArguments(embedding_vectors=f"encoder:{bert}")
    with pytest.raises(ValueError, match="`embedding_vectors`='encoder:.*leave `vocab_from_vectors` out"):
        build_tokenizer(TokenizerArguments(vocab_from_vectors=True), model, TEXTS, show_progress=False)


def test_pieces_have_no_vectors_of_words(bert: str) -> None:
    with pytest.raises(
        ValueError, match="`embedding_vectors`='encoder:.*cuts words into pieces;.*tokenizer_kind word"
    ):
        build(bert, "bpe")


@pytest.mark.parametrize(
    ("text", "count"), [("x 1 2\ny 2 1\n", 0), ("the 1 2\ny 3 4\n", 1), ("the 1 2\ndog 1 2\n", 2)]
)
def test_a_source_that_tells_no_words_apart(text: str, count: int, bert: str, tmp_path: Path) -> None:
    (tmp_path / "poor.txt").write_text(text, encoding="utf-8")
    sources = VectorSources.of(f"encoder:{bert},{tmp_path}/poor.txt", None, 2)
    message = (
        f"`embedding_vectors`=.* different vectors of at least two of the 3 words; '.*poor.txt' has {count} vectors"
    )
    with pytest.raises(ValueError, match=message):
        sources.read(["the", "dog", "house"])


def test_a_source_that_is_not_there(bert: str, tmp_path: Path) -> None:
    for name in (f"{tmp_path}/none.txt", f"encoder:{tmp_path}/none"):
        with pytest.raises(OSError, match=f"`embedding_vectors`='{name}' is no folder here"):
            VectorSources.of(f"encoder:{bert},{name}", None, 2).read(["the", "dog", "house"])


def test_a_distilled_encoder_has_words_of_one_file() -> None:
    EncoderDistillationArguments("folder", texts=["x.txt"], word_vectors="glove-6b-50d")
    with pytest.raises(ValueError, match="`word_vectors`='encoder:x' must be one file or package of vectors"):
        EncoderDistillationArguments("folder", texts=["x.txt"], word_vectors="encoder:x")
