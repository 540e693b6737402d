"""Makes one vector for each input of what any encoder of transformers returns."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from .pair_inputs import token_mask


__all__ = ["pool", "spread_words"]


def spread_words(
    outputs: ModelOutput, encoder: PreTrainedModel, inputs: Mapping[str, torch.Tensor], padding: int | None
) -> None:
    """Give each token the state of its word, where the encoder takes one step a word: masks are of tokens.

    Args:
        outputs: What the encoder returned of `inputs`; its `last_hidden_state` (batch, words, features) becomes
            (batch, time, features).
        inputs: `input_ids` (batch, time), and the `attention_mask` if there is one.
        padding: The token that is none where there is no mask.
    """
    find_words = getattr(getattr(encoder, "embeddings", None), "find_words", None)
    if find_words is None or "input_ids" not in inputs:
        return
    ids, mask = inputs["input_ids"], inputs.get("attention_mask")
    words = find_words(ids, (token_mask(ids, padding) if mask is None else mask).bool())
    if words is not None:
        outputs["last_hidden_state"] = words.to_pieces(outputs["last_hidden_state"])


def pool(outputs: ModelOutput, attention_mask: torch.Tensor | None, pooling: str) -> torch.Tensor:
    """The vector of each input, (batch, features).

    Args:
        outputs: What the encoder returned.
        attention_mask: (batch, time), 1 at a token; None: every step of `last_hidden_state` counts.
        pooling: `"pooler"`: `pooler_output`; `"mean"`: of `last_hidden_state` over the tokens; `"first"`:
            `last_hidden_state` of the first token. Without a token the latter two are zeros.

    Raises:
        ValueError: if the encoder returned nothing that this pooling could take.
    """
    name = "pooler_output" if pooling == "pooler" else "last_hidden_state"
    features = outputs.get(name)
    if features is None:
        raise ValueError(f"`pooling` is {pooling!r}, but the encoder returns no `{name}`: only {', '.join(outputs)}.")
    if pooling == "pooler":
        # Convolutional networks of transformers pool to (batch, features, 1, 1).
        return features.flatten(1)
    if features.dim() != 3:
        raise ValueError(
            f"`pooling` is {pooling!r}, which needs a `last_hidden_state` (batch, time, features); that of the "
            f"encoder has shape {tuple(features.shape)}."
        )
    mask = torch.ones(features.shape[:2], device=features.device) if attention_mask is None else attention_mask
    mask = mask.to(features.dtype)
    if pooling == "first":
        # With padding on the left the first token is not at 0.
        mask = mask * (mask.cumsum(1) == 1)
    return (features * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
