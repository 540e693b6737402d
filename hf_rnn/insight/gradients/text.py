"""Shows how far the gradient of a model's own answer to one text reaches back through time."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...models.modeling_causal import RecurrentForCausalLM
from ...models.modeling_rnn import RecurrentForSequenceClassification, RecurrentForTokenClassification
from ...models.modeling_siamese import SiameseForPairClassification, SiameseModel
from ..evaluation import evaluation_mode
from ..figures import name_steps, new_figure, width_for
from ..steps import NotApplicableError, ReadText, backbone_of, label_names, layers_of, read_text
from .flow import GradientFlow, gradient_flow
from .plots import draw_gradient_flow


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["TextGradientFlow", "text_gradient_flow"]


@dataclass(frozen=True)
class TextGradientFlow:
    """Attributes:
    steps: What was read at each step, for each text: of a pair two, else one.
    loss_of: What the loss is that of, such as "label positive".
    flow: Its gradients, see `hf_rnn.insight.gradients.flow.GradientFlow`; the texts are its batch.
    """

    steps: tuple[tuple[str, ...], ...]
    loss_of: str
    flow: GradientFlow

    def figure(self) -> Figure:
        """‖∂L/∂h_t‖ by step on a logarithmic scale, with ‖∂L/∂c_t‖; a row for a text, a column for a layer."""
        num_texts, num_layers = len(self.steps), len(self.flow.hidden)
        width = max(4.5, max(map(width_for, self.steps)) / num_layers)
        figure = new_figure(min(width * num_layers, 16.0), 3.2 * num_texts)
        rows = figure.subplots(num_texts, num_layers, sharey=True, squeeze=False)
        for row, (panels, steps) in enumerate(zip(rows, self.steps, strict=True)):
            for layer, axes in enumerate(panels):
                draw_gradient_flow(axes, {("text", "text_pair")[row]: self._of_text(row)}, layer)
                name_steps(axes, steps, first=1)
                axes.set_xlabel("")
                axes.set_title(f"layer {layer + 1}" if num_layers > 1 and row == 0 else "", fontsize=10)
                axes.legend(fontsize="x-small")
        return figure

    def _of_text(self, row: int) -> GradientFlow:
        # The padding after the shorter text is left out.
        end = len(self.steps[row])
        of_text = self.flow.cell if self.flow.cell is None else self.flow.cell[:, :, row : row + 1, :end]
        return dataclasses.replace(self.flow, hidden=self.flow.hidden[:, :, row : row + 1, :end], cell=of_text)


def text_gradient_flow(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    text_pair: str | None = None,
    label: str | None = None,
    max_tokens: int | None = None,
) -> TextGradientFlow:
    """The gradient flow of the loss of one text: that of `label`, of a tagger's own tags, or of a language model's
    text.

    Args:
        text_pair: The second text, for a classifier of pairs.
        label: The name of a classifier's label; None: the one that it answers. The surer it is of that, the smaller
            are all norms together; their course over the steps is what is to be read.
        max_tokens: As of `read_text`, for each text.

    Raises:
        NotApplicableError: the model has no recurrence, or no head with a loss of texts.
        ValueError: a text or `label` is not as it must be, or a language model's text is of one token.
    """
    layers_of(backbone_of(model))
    if isinstance(model, SiameseModel):
        raise NotApplicableError(f"`model` is a {type(model).__name__}, which has no loss of a text.")
    reads = [read_text(model, tokenizer, text, max_tokens)]
    batch: dict[str, Any] = dict(reads[0].inputs)
    if isinstance(model, SiameseForPairClassification):
        if text_pair is None:
            raise ValueError("`text_pair` is None; a classifier of pairs needs a second text.")
        reads.append(read_text(model, tokenizer, text_pair, max_tokens, name="text_pair"))
        batch |= {f"{name}_b": value for name, value in reads[1].inputs.items()}
    elif text_pair is not None:
        raise ValueError(f"`text_pair`={text_pair!r} was given to a {type(model).__name__}, which reads one text.")
    batch["labels"], loss_of = _labels(model, batch, reads[0], label)
    return TextGradientFlow(tuple(read.steps for read in reads), loss_of, gradient_flow(model, batch))


def _labels(
    model: PreTrainedModel, batch: dict[str, Any], read: ReadText, label: str | None
) -> tuple[torch.Tensor, str]:
    ids = read.inputs["input_ids"]
    if isinstance(model, RecurrentForSequenceClassification | SiameseForPairClassification):
        return _class_label(model, batch, label)
    if label is not None:
        raise ValueError(f"`label`={label!r} was given to a {type(model).__name__}; it is for classifiers of texts.")
    if isinstance(model, RecurrentForCausalLM):
        if ids.shape[1] < 2:
            raise ValueError("`text` has one token; a language model needs two, of which it predicts the second.")
        return ids, "the tokens of the text"
    if isinstance(model, RecurrentForTokenClassification):
        return _logits(model, batch).argmax(2), "the tags that the model answers"
    raise NotApplicableError(f"`model` is a {type(model).__name__}, which has no loss of a text.")


def _class_label(model: PreTrainedModel, batch: dict[str, Any], label: str | None) -> tuple[torch.Tensor, str]:
    if model.config.problem_type not in (None, "single_label_classification") or model.config.num_labels == 1:
        raise NotApplicableError(
            f"`model` is one of {model.config.problem_type}; it must choose one label of several."
        )
    names = label_names(model)
    if label is not None and label not in names:
        raise ValueError(f"`label`={label!r} must be one of {', '.join(names)}.")
    chosen = int(_logits(model, batch).argmax()) if label is None else names.index(label)
    return torch.tensor([chosen], device=model.device), f"label {names[chosen]}"


@torch.no_grad()
def _logits(model: PreTrainedModel, batch: dict[str, Any]) -> torch.Tensor:
    with evaluation_mode(model):
        logits: torch.Tensor = model(**batch).logits
    return logits
