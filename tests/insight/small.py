"""A tokenizer for the models of `tests.models.common`: a letter is a token."""

from __future__ import annotations

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.models.common import VOCAB_SIZE


LETTERS = "abcdefghijk"
TEXT = "a c e d b b k a"


def tokenizer() -> PreTrainedTokenizerFast:
    """Words that are separated by spaces; those of one letter of `LETTERS` are known."""
    tokens = ["[PAD]", "[UNK]", *LETTERS]
    assert len(tokens) == VOCAB_SIZE
    words = Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")
