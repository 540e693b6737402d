"""A tokenizer for the tiny models: the words a, b, c … are the tokens 1, 2, 3 …"""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tests.models.common import VOCAB_SIZE


def letters_tokenizer(special: bool = False, **options: Any) -> PreTrainedTokenizerFast:
    """Splits at white space; with `special` tokens, [CLS] and [SEP] stand around a text and between two."""
    names = ["[PAD]", *"abcdefgh", "[UNK]", "[CLS]", "[SEP]", "z"]
    assert len(names) == VOCAB_SIZE
    vocabulary = {name: index for index, name in enumerate(names)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inputs = ["input_ids", "attention_mask"]
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
        )
        inputs.insert(1, "token_type_ids")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_input_names=inputs, **options
    )
