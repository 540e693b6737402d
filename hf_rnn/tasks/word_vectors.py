"""The vectors that `embedding_vectors` names: a file, a package, the table of a model, what an encoder says of words,
or several of these as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from ..bundles import checkpoint_folder, named_if_missing
from ..data.encoder_vectors import encoder_vectors, encoder_words, join_vectors
from ..data.readers.files import expand_path
from ..data.readers.sources import comma_separated
from ..data.tokenizers.training import check_integer
from ..data.vectors import PACKAGED_VECTORS, WordVectors, hub_vectors, read_vectors


__all__ = ["ENCODER", "VectorSources"]


# What stands before the name of an encoder.
ENCODER = "encoder:"
# The most dimensions of vectors that are made short, unless `embedding_size` says otherwise.
DEFAULT_SIZE = 100


@dataclass(frozen=True)
class VectorSources:
    """What `embedding_vectors` names.

    Attributes:
        names: The sources; those that begin with `encoder:` are encoders.
        words_path: The list of words of a .npy matrix; None: there is none.
        size: The dimensions that vectors of encoders, or of several sources, are made short to; None: 100, or as many
            as the sources have, or as there are words.
    """

    names: tuple[str, ...]
    words_path: str | None = None
    size: int | None = None

    @classmethod
    def of(cls, embedding_vectors: str, embedding_words: str | None, size: int | None = None) -> VectorSources:
        """Read the values of these arguments; `size` is the `embedding_size` of `config_overrides`.

        Raises:
            ValueError: a name is empty, or the arguments do not go together.
        """
        names = comma_separated(embedding_vectors, "embedding_vectors") or []
        for name in names:
            if name == ENCODER:
                raise ValueError(
                    f"`embedding_vectors`={embedding_vectors!r} names no encoder; it must be encoder: and a Hub id or "
                    "a folder."
                )
        if embedding_words is not None and len(names) > 1:
            raise ValueError(
                f"`embedding_words`={embedding_words!r} was given, and `embedding_vectors`={embedding_vectors!r} are "
                "several; the words belong to a single matrix."
            )
        sources = cls(tuple(names), embedding_words, size)
        if sources.are_made and size is not None:
            check_integer("embedding_size", size, 1)
        return sources

    @property
    def are_made(self) -> bool:
        """Whether the vectors are made for the words that are asked for, and do not come as they are."""
        return len(self.names) > 1 or self.names[0].startswith(ENCODER)

    def words(self, sentences: Iterable[Sequence[str]], most: int) -> list[str]:
        """The words, in lower case, that get a vector that is made: those that occur more than once in the training
        sentences, the most frequent first, then others of the files, or of the encoders where there are no files, in
        their order, which is often that of frequency; words a sentence to come may hold. Without an encoder all are
        words of the files.
        """
        counts = Counter(word.lower() for sentence in sentences for word in sentence)
        own = [word for word, count in counts.most_common() if count > 1]
        encoders = [name for name in self.names if name.startswith(ENCODER)]
        files = [self._source(name, None).rows for name in self.names if name not in encoders]
        if not encoders:
            own = [word for word in own if any(word in rows for rows in files)]
        others = chain.from_iterable(files or (encoder_words(_encoder(name)) for name in encoders))
        found = dict.fromkeys(chain(own, (word for word in others if word == word.lower())))
        return list(found)[:most]

    def read(self, vocabulary: Collection[str] | None = None) -> WordVectors:
        """The vectors.

        Args:
            vocabulary: The words that are wanted; None for all that a source has.

        Raises:
            ValueError: vectors are to be made of no words in particular, a source has none of the words, or the
                vectors cannot be as long as `size`; or as `read_vectors`.
            OSError: a source is not there.
        """
        if not self.are_made:
            return self._source(self.names[0], vocabulary)
        if vocabulary is None:
            raise ValueError(
                f"`embedding_vectors`={','.join(self.names)!r} makes the vectors of the words it is asked for, so "
                "that no vocabulary follows from it: leave `vocab_from_vectors` out."
            )
        words = list(dict.fromkeys(word.lower() for word in vocabulary))
        sources = [self._source(name, words) for name in self.names]
        known = [word for word in words if any(word in source.rows for source in sources)]
        for name, source in zip(self.names, sources, strict=True):
            self._check(name, source, words)
        dimensions = sum(source.dimensions for source in sources)
        return join_vectors(sources, known, self.size or min(DEFAULT_SIZE, dimensions, len(known)))

    def _source(self, name: str, vocabulary: Collection[str] | None) -> WordVectors:
        if name.startswith(ENCODER):
            return encoder_vectors(_encoder(name), list(vocabulary or ()))
        if name in PACKAGED_VECTORS or expand_path(name).is_file():
            path = name if name in PACKAGED_VECTORS else expand_path(name)
            words_path = None if self.words_path is None else expand_path(self.words_path)
            return read_vectors(path, vocabulary=vocabulary, words_path=words_path)
        with named_if_missing(name, "embedding_vectors", name):
            return hub_vectors(name)

    def _check(self, name: str, source: WordVectors, words: Sequence[str]) -> None:
        vectors = source.matrix[[source.rows[word] for word in words if word in source.rows]]
        if len(vectors) == 0 or (vectors == vectors[0]).all():
            raise ValueError(
                f"`embedding_vectors`={','.join(self.names)!r} must have different vectors of at least two of the "
                f"{len(words)} words; {name!r} has {len(vectors)} vectors of them, none of which differ."
            )


def _encoder(name: str) -> str:
    return checkpoint_folder(name.removeprefix(ENCODER), "embedding_vectors")
