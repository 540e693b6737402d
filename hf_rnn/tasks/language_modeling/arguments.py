"""The arguments that differ for a language model."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arguments import TokenizerArguments


__all__ = ["LanguageTokenizerArguments"]


@dataclass
class LanguageTokenizerArguments(TokenizerArguments):
    """The tokenizer of a language model, which writes: it keeps capitals unless it is told otherwise."""

    tokenizer_kind: str = field(
        default="word",
        metadata={"help": "Kind of tokenizer to train: word, bpe, character, whitespace or tweet. Default: word."},
    )
    lowercase: bool = field(default=False, metadata={"help": "Ignore case in a tokenizer that is trained."})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_pieces()
