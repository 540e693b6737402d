"""The vectors that `embedding_vectors` names: a file, a package, the table of a model, what an encoder says of words,
or several of these as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from ..bundles import checkpoint_folder
from ..data.encoder_vectors import encoder_vectors, encoder_words, join_vectors
from ..data.readers.files import expand_path
from ..data.readers.sources import comma_separated
from ..data.vectors import PACKAGED_VECTORS, WordVectors, hub_vectors, read_vectors


__all__ = ["ENCODER", "VectorSources"]


# What stands before the name of an encoder.
ENCODER = "encoder:"
# The dimensions of vectors that are made short, unless `embedding_size` says otherwise.
DEFAULT_SIZE = 100


@dataclass(frozen=True)
class VectorSources:
    """What `embedding_vectors` names.

    Attributes:
        names: The sources; those that begin with `encoder:` are encoders.
        words_path: The list of words of a .npy matrix; None: there is none.
        size: The dimensions that vectors of encoders, or of several sources, are made short to.
    """

    names: tuple[str, ...]
    words_path: str | None = None
    size: int = DEFAULT_SIZE

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
        return cls(tuple(names), embedding_words, size or DEFAULT_SIZE)

    @property
    def are_made(self) -> bool:
        """Whether the vectors are made for the words that are asked for, and do not come as they are."""
        return len(self.names) > 1 or self.names[0].startswith(ENCODER)

    def words(self, sentences: Iterable[Sequence[str]], most: int) -> list[str]:
        """The words, in lower case, that get a vector that is made: those that occur more than once in the training
        sentences, the most frequent first, then others of the sources, in their order, which is often that of
        frequency; words a sentence to come may hold.
        """
        counts = Counter(word.lower() for sentence in sentences for word in sentence)
        files = self._files(None)
        in_files = chain.from_iterable(source.rows for source in files)
        others = in_files if files else chain.from_iterable(encoder_words(name) for name in self._encoders())
        own = (word for word, count in counts.most_common() if count > 1)
        found: dict[str, None] = {}
        for word in chain(own, (word for word in others if word == word.lower())):
            if len(found) == most:
                break
            found.setdefault(word)
        return list(found)

    def read(self, vocabulary: Collection[str] | None = None) -> WordVectors:
        """The vectors.

        Args:
            vocabulary: The words that are wanted; None for all that a source has.

        Raises:
            ValueError: an encoder is to give vectors of no words in particular; or as `read_vectors`.
        """
        if not self.are_made:
            return self._file(self.names[0], vocabulary)
        if vocabulary is None:
            raise ValueError(
                f"`embedding_vectors`={','.join(self.names)!r} can be asked for any word, so that no vocabulary "
                "follows from them: leave `vocab_from_vectors` out."
            )
        words = list(dict.fromkeys(word.lower() for word in vocabulary))
        sources = [*self._files(words), *(encoder_vectors(name, words) for name in self._encoders())]
        known = [word for word in words if any(word in source.rows for source in sources)]
        return join_vectors(sources, known, self.size)

    def _encoders(self) -> list[str]:
        names = (name.removeprefix(ENCODER) for name in self.names if name.startswith(ENCODER))
        return [checkpoint_folder(name, "embedding_vectors") for name in names]

    def _files(self, vocabulary: Collection[str] | None) -> list[WordVectors]:
        return [self._file(name, vocabulary) for name in self.names if not name.startswith(ENCODER)]

    def _file(self, name: str, vocabulary: Collection[str] | None) -> WordVectors:
        if name in PACKAGED_VECTORS or expand_path(name).is_file():
            path = name if name in PACKAGED_VECTORS else expand_path(name)
            words_path = None if self.words_path is None else expand_path(self.words_path)
            return read_vectors(path, vocabulary=vocabulary, words_path=words_path)
        return hub_vectors(name)
