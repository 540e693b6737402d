"""Tagged data written to a file and read as training reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hf_rnn.data.readers.sentences import TokenClassificationData, TokenDataArguments, load_token_classification


Tagged = list[tuple[list[str], list[str]]]


def tagged(data: TokenClassificationData, split: str = "train") -> Tagged:
    """The tokens and the named tags of each sentence."""
    rows = data.splits[split]
    return [(row["tokens"], [data.tag_names[tag] for tag in row["tags"]]) for row in rows]


def read(path: Path, content: str | bytes, **arguments: Any) -> Tagged:
    """The sentences of a training file that holds `content`."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return tagged(load_token_classification(TokenDataArguments(train_file=str(path), **arguments)))


def sentence(text: str) -> tuple[list[str], list[str]]:
    """``"Ann/B-PER saw"``: a word without a slash is O."""
    pairs = [(word, tag or "O") for word, _, tag in (item.partition("/") for item in text.split())]
    return [word for word, _ in pairs], [tag for _, tag in pairs]
