"""Spells the tokens of any tokenizer, in bytes, and says where words begin and end in them."""

from __future__ import annotations

import json
import re
from typing import Any

from transformers import PreTrainedTokenizerBase

from .word_pieces import byte_of


__all__ = ["BOUNDARY", "UNKNOWN", "spell_with_boundaries"]


# Neither is a byte of UTF-8: where a word begins or ends, and a token for whatever the tokenizer does not know.
BOUNDARY, UNKNOWN = b"\xff", b"\xfe"
# White space, and marks, each of which is a word of its own; what is beyond ASCII belongs to words.
_WHITE_SPACE = re.compile(rb"[\x00-\x20\x7f]+")
_MARK = re.compile(rb"[!-&(-/:-@\[-`{-~]")


def spell_with_boundaries(tokenizer: PreTrainedTokenizerBase) -> list[bytes]:
    """The bytes of every token, in the order of the ids, in lower case; `BOUNDARY` where a word begins or ends.

    A word is cut from another by white space and by the marks of ASCII but the apostrophe, as far as the tokenizer
    tells where they were: byte-level ones do, and those that mark a word's first piece or its others. Tokens of other
    tokenizers are a word each, unless white space is among them. A special token spells nothing; an unknown word is
    one of its own, and all are alike.
    """
    model, byte_level = _kind(tokenizer)
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
    special = set(tokenizer.all_special_tokens)
    joined = any(token.isspace() for token in tokens if token not in special)
    marked = any("▁" in token for token in tokens)
    spelt = []
    for token in tokens:
        if token == tokenizer.unk_token:
            spelt.append(BOUNDARY + UNKNOWN + BOUNDARY)
        elif token in special:
            spelt.append(b"")
        elif byte_level:
            spelt.append(_cut(_bytes_of(token)))
        elif model == "WordPiece":
            begins = not token.startswith("##")
            spelt.append(BOUNDARY * begins + _cut(token.removeprefix("##").encode()))
        elif marked:
            spelt.append(_cut(token.replace("▁", " ").encode()))
        else:
            spelt.append(BOUNDARY * (not joined) + _cut(token.encode()))
    return spelt


def _kind(tokenizer: PreTrainedTokenizerBase) -> tuple[str, bool]:
    # The name of the model behind a fast tokenizer, and whether its tokens are written in the alphabet of bytes.
    if not tokenizer.is_fast:
        return "", False
    state: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    return str(state["model"].get("type", "")), '"ByteLevel"' in json.dumps(state["pre_tokenizer"])


def _bytes_of(token: str) -> bytes:
    names = byte_of()
    if all(character in names for character in token):
        return bytes(names[character] for character in token)
    # One that was added to the vocabulary, as it is written.
    return token.encode()


def _cut(text: bytes) -> bytes:
    # Letters beyond ASCII are only put in lower case where the token has all bytes of them.
    try:
        text = text.decode().lower().encode()
    except UnicodeDecodeError:
        text = text.lower()
    return _WHITE_SPACE.sub(BOUNDARY, _MARK.sub(lambda found: BOUNDARY + found[0] + BOUNDARY, text))
