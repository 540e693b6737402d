"""Two texts in one sequence that can be told apart again."""

from __future__ import annotations

import copy

from tokenizers import processors
from transformers import PreTrainedTokenizerFast


__all__ = ["with_pair_template"]


def with_pair_template(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A copy of `tokenizer` that puts the two texts of a pair one after the other, each as it is alone, with
    `token_type_ids` 0 for the first and 1 for the second.

    The special tokens that the tokenizer puts around a single text, if any, stand around each of the two; it is given
    no others. A `SiameseForPairClassification` splits the sequence by its `token_type_ids` and finds the very ids of
    each text alone.

    Args:
        tokenizer: Any tokenizer of the tokenizers library; it is not changed.

    Raises:
        ValueError: for another tokenizer.

    Example:
        >>> with_pair_template(tokenizer)("A film.", "A good film.")["token_type_ids"]  # doctest: +SKIP
        [0, 0, 0, 1, 1, 1, 1]
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            f"`tokenizer` is a {type(tokenizer).__name__}; it must be a fast one, of the tokenizers library."
        )
    paired = copy.deepcopy(tokenizer)
    before, after = _around_a_text(tokenizer)
    template = processors.TemplateProcessing(
        single=[*before, "$A", *after],
        pair=[f"{token}:{number}" for number, text in enumerate("AB") for token in [*before, f"${text}", *after]],
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token)) for token in {*before, *after}],
    )
    backend = paired.backend_tokenizer
    # Whatever adds special tokens gives way to the template. What does not, corrects offsets, which is still wanted.
    keeps = not before and not after and backend.post_processor is not None
    backend.post_processor = processors.Sequence([backend.post_processor, template]) if keeps else template
    names = [name for name in paired.model_input_names if name != "token_type_ids"]
    paired.model_input_names = [*names[:1], "token_type_ids", *names[1:]]
    # The former is what it goes by, the latter what is saved.
    paired.init_kwargs["model_input_names"] = paired.model_input_names
    return paired


def _around_a_text(tokenizer: PreTrainedTokenizerFast) -> tuple[list[str], list[str]]:
    # The special tokens that stand before and after a single text.
    if not tokenizer.num_special_tokens_to_add(pair=False):
        return [], []
    with_them = tokenizer("a", return_special_tokens_mask=True)
    tokens = list(tokenizer.convert_ids_to_tokens(with_them["input_ids"]))
    of_text = [index for index, special in enumerate(with_them["special_tokens_mask"]) if not special]
    return tokens[: of_text[0]], tokens[of_text[-1] + 1 :]
