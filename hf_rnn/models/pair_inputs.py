"""The inputs of a siamese network: checked, two of them as one batch, two texts of one sequence apart."""

from __future__ import annotations

import torch
from torch import nn

from .looks import may_look, require
from .tracing import shape_of


__all__ = ["checked_inputs", "split_by_type", "stack", "token_mask"]


def token_mask(input_ids: torch.Tensor, padding: int | None) -> torch.Tensor:
    """(batch, time), 1 at every token of `input_ids` but `padding`, if there is one."""
    return torch.ones_like(input_ids) if padding is None else (input_ids != padding).long()


def checked_inputs(
    suffix: str,
    padding: int | None,
    takes_token_types: bool,
    input_ids: torch.Tensor | None,
    attention_mask: torch.Tensor | None,
    token_type_ids: torch.Tensor | None,
    pixel_values: torch.Tensor | None,
) -> dict[str, torch.Tensor]:
    """Check the inputs of an encoder for one side of a pair.

    Args:
        suffix: The end of the arguments' names in errors.
        padding: The token that counts for nothing where there is no `attention_mask`, if there is one.
        takes_token_types: Whether the encoder takes `token_type_ids`; they are left out if not.
        input_ids, attention_mask, token_type_ids, pixel_values: As [`SiameseModel`] is given them.

    Raises:
        ValueError: if not exactly one of `input_ids` and `pixel_values` is given, shapes do not fit, or
            `token_type_ids` says something to an encoder that does not take them.
    """
    if pixel_values is not None and input_ids is None:
        return {"pixel_values": pixel_values}
    if input_ids is None or pixel_values is not None:
        given = "neither is" if input_ids is None else "both are"
        raise ValueError(f"Exactly one of `input_ids{suffix}` and `pixel_values{suffix}` must be given; {given}.")
    if attention_mask is None:
        attention_mask = token_mask(input_ids, padding)
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    if token_type_ids is not None:
        inputs["token_type_ids"] = token_type_ids
    for name, value in inputs.items():
        if shape_of(value) != shape_of(input_ids):
            raise ValueError(
                f"`{name}{suffix}` has shape {shape_of(value)}; it must be that of `input_ids{suffix}`, "
                f"{shape_of(input_ids)}."
            )
    if token_type_ids is not None and not takes_token_types:
        others = inputs.pop("token_type_ids")
        require(
            others == 0,
            f"`token_type_ids{suffix}` holds other numbers than 0, and the encoder reads one text at a time. Give "
            "the second text as `input_ids_b`, or both to a SiameseForPairClassification.",
        )
    return inputs


def stack(a: torch.Tensor, b: torch.Tensor, padding: int) -> torch.Tensor:
    """One batch of the rows of `a` and `b` (batch, time): (rows of both, the larger width), padded on the right.
    Images (batch, channels, height, width), which must have one shape, are not padded.
    """
    width = max(a.shape[1], b.shape[1])
    missing = (width - a.shape[1], width - b.shape[1])
    wide = (nn.functional.pad(x, (0, n), value=padding) if n else x for x, n in zip((a, b), missing, strict=True))
    return torch.cat(list(wide))


def split_by_type(
    input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The ids and mask of the tokens of type 0, and of those of type 1, each text at the left of its row.

    At the left, because some encoders count their positions from there: each text is then as it is alone.
    """
    if shape_of(token_type_ids) != shape_of(input_ids):
        raise ValueError(
            f"`token_type_ids` has shape {shape_of(token_type_ids)}; it must be that of `input_ids`, "
            f"{shape_of(input_ids)}."
        )
    require(
        (token_type_ids == 0) | (token_type_ids == 1),
        "`token_type_ids` holds other numbers than 0 and 1; they must tell two texts apart.",
    )
    parts: list[torch.Tensor] = []
    for number in (0, 1):
        of_text = (token_type_ids == number) & attention_mask.bool()
        lengths = of_text.sum(1)
        # Where the values are not looked at, the width does not depend on them.
        width = of_text.shape[1] if not may_look(lengths) else int(lengths.max()) if len(lengths) else 0
        order = (~of_text).long().argsort(dim=1, stable=True)[:, :width]
        mask = torch.arange(width, device=lengths.device) < lengths.unsqueeze(1)
        parts += [input_ids.gather(1, order), mask.long()]
    return parts[0], parts[1], parts[2], parts[3]
