"""Shows which words of a source a model looks at for each word that it writes (Bahdanau et al. 2015, figure 3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..data.tokenizers.separate_vocabularies import replace_tokens, target_replacements
from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from .evaluation import evaluation_mode
from .figures import MOST_NAMES, name_of, name_steps, new_figure, write_with_figure
from .reading import check_text
from .steps import NotApplicableError


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["Alignment", "alignment_weights", "written_text"]


@dataclass(frozen=True)
class Alignment:
    """Attributes:
    source: The tokens that were read.
    target: Those that were written, or were given.
    weights: (target, source), how much of the context of each written token comes from each step of the source; at
        least 0, the sum of each row 1. Of a model with several heads, the mean over them, in its last layer.
    text: The target as text.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: np.ndarray
    text: str

    def figure(self) -> Figure:
        """A row for each written token, a column for each that was read: the darker, the more it counts."""
        width, height = (min(max(0.32 * len(steps) + 2.2, 3.6), 16.0) for steps in (self.source, self.target))
        figure = new_figure(width, height)
        axes = figure.subplots()
        image = axes.imshow(self.weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        name_steps(axes, self.source)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlabel("read")
        axes.set_ylabel("written")
        every = -(-len(self.target) // MOST_NAMES)
        names = [name_of(step) for step in self.target[::every]]
        axes.set_yticks(range(0, len(self.target), every), names, fontsize=8, family="DejaVu Sans")
        figure.colorbar(image, ax=axes, label="weight")
        return figure

    def strongest(self) -> tuple[tuple[str, str, str], ...]:
        """For each written token the one of the source that counts most, and its weight."""
        places = self.weights.argmax(1)
        return tuple(
            (token, self.source[place], f"{row[place]:.2f}")
            for token, place, row in zip(self.target, places, self.weights, strict=True)
        )

    def write(self, path: str | Path) -> tuple[Path, Path]:
        """Write the weights as CSV to `path`, and the figure as PNG beside it; missing folders are made.

        The first line has the tokens that were read, each other one a written token and its weights.

        Returns:
            Both paths.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        lines = ([token, *row] for token, row in zip(self.target, self.weights.tolist(), strict=True))
        return write_with_figure(path, [["written", *self.source], *lines], self.figure())


def alignment_weights(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    source: str,
    target: str | None = None,
    **options: Any,
) -> Alignment:
    """The attention of an encoder-decoder to a source, for each token of a target.

    Args:
        model: One of ours with an `attention`, or one of transformers.
        source: The text that is read, behind the `prefix` of the model's configuration if it has one.
        target: What is written; None: what the model writes, greedily unless `options` say otherwise.
        options: As `generate` takes them.

    Raises:
        NotApplicableError: the model is no encoder-decoder, or has no attention.
        ValueError: a text is no string, or has no token.
    """
    if not getattr(model.config, "is_encoder_decoder", False):
        raise NotApplicableError(f"`model` is a {type(model).__name__}; it must be an encoder-decoder.")
    if getattr(model.config, "attention", "its own") is None:
        raise NotApplicableError("`model` has `attention`=None: what it writes is not aligned with what it reads.")
    check_text("source", source)
    any_model: Any = model
    inputs = _encoded(model, tokenizer, source)
    with torch.no_grad(), evaluation_mode(model):
        if target is None:
            written = _write(model, inputs, options)
        else:
            check_text("target", target)
            written = torch.tensor(_written(any_model, tokenizer, target), device=model.device)
        labels = written.unsqueeze(0)
        outputs = any_model(**_read(inputs), labels=labels, output_attentions=True)
    of_layers = outputs.cross_attentions
    if not of_layers or of_layers[-1] is None:
        raise NotApplicableError(
            f"`model` is a {type(model).__name__} that keeps no weights of its attention; load it with "
            '`attn_implementation="eager"`.'
        )
    weights = of_layers[-1][0].mean(0)
    return Alignment(
        _tokens(tokenizer, inputs.input_ids[0]),
        _tokens(tokenizer, written),
        weights.float().cpu().numpy(),
        _decoded(tokenizer, written),
    )


def _written(model: Any, tokenizer: PreTrainedTokenizerBase, target: str) -> list[int]:
    """The ids of a target as the model was trained on it."""
    ids: list[int] = tokenizer(text_target=target)["input_ids"]
    ours = isinstance(model, RecurrentForSeq2SeqLM)
    return replace_tokens(ids, target_replacements(tokenizer, model.config.vocab_size)) if ours else ids


def written_text(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str, **options: Any) -> str:
    """What an encoder-decoder writes for a source: greedily, unless `options` say otherwise."""
    written = _write(model, _encoded(model, tokenizer, source), options)
    return _decoded(tokenizer, written)


def _encoded(model: Any, tokenizer: PreTrainedTokenizerBase, source: str) -> Any:
    """The source as the model's pipeline reads it."""
    return tokenizer((getattr(model.config, "prefix", None) or "") + source, return_tensors="pt").to(model.device)


def _decoded(tokenizer: PreTrainedTokenizerBase, ids: torch.Tensor) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True)).strip()


def _write(model: PreTrainedModel, inputs: Any, options: dict[str, Any]) -> torch.Tensor:
    # The ids behind the first one, which is read.
    any_model: Any = model
    chosen = {"num_beams": 1, "do_sample": False, "length_penalty": None, **options}
    with evaluation_mode(model):
        written: torch.Tensor = any_model.generate(**_read(inputs), **chosen)[0, 1:]
    return written


def _read(inputs: Any) -> dict[str, torch.Tensor]:
    return {name: inputs[name] for name in ("input_ids", "attention_mask")}


def _tokens(tokenizer: PreTrainedTokenizerBase, ids: torch.Tensor) -> tuple[str, ...]:
    """Each token as it reads."""
    return tuple(
        str(tokenizer.decode([index])).strip() or tokenizer.convert_ids_to_tokens([index])[0] for index in ids.tolist()
    )
