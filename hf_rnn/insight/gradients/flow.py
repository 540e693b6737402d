"""How the gradient of a loss flows back through time: where it vanishes, and where it explodes (Hochreiter 1991;
Bengio et al. 1994, https://doi.org/10.1109/72.279181; Pascanu et al. 2013, https://arxiv.org/abs/1211.5063).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from ...models.backbone import RecurrentModel
from ...models.paths import recurrent_path
from ...models.recurrent import RecurrentLayer
from ...models.steps import State, Steps
from ..evaluation import evaluation_mode


__all__ = ["GradientFlow", "gradient_flow"]


@dataclass(frozen=True)
class GradientFlow:
    r"""The norms of the gradients of a batch's loss L, float64 on the CPU.

    What a sequence has at step t stands at position t of the batch, for both directions: the gradient of a forward
    direction comes from the last step, that of a backward direction from the first. Padding is NaN.

    Attributes:
        loss: L itself: the mean that the model computes over the labels of the batch, so that a sequence's norms are
            the smaller the more labels there are.
        hidden: ‖∂L/∂h_t‖, (layers, directions, batch, time). The total derivative, as back-propagation through time
            computes it: through what is read of h_t above, and through all later states of its layer. In a model of
            words the steps are words.
        cell: ‖∂L/∂c_t‖ of an LSTM, the "constant error carousel", in the same shape: through h_t and all later states.
            None for the cells without c.
        parameters: ‖∂L/∂θ‖ of each parameter that is trained, by its name.
    """

    loss: float
    hidden: torch.Tensor
    cell: torch.Tensor | None
    parameters: dict[str, float]

    @property
    def hidden_mean(self) -> torch.Tensor:
        """The mean of `hidden` over the sequences that have a step t, (layers, directions, time)."""
        return self.hidden.nanmean(dim=2)

    @property
    def cell_mean(self) -> torch.Tensor | None:
        """The mean of `cell` over the sequences that have a step t, (layers, directions, time)."""
        return None if self.cell is None else self.cell.nanmean(dim=2)

    @property
    def total_norm(self) -> float:
        """The norm of all parameters' gradients together, before clipping: what `max_grad_norm` is a bound of."""
        return float(torch.linalg.vector_norm(torch.tensor(list(self.parameters.values()), dtype=torch.float64)))


def gradient_flow(model: nn.Module, batch: Mapping[str, Any]) -> GradientFlow:
    """How far the gradient of a batch's loss reaches back through time.

    The layers are computed a step at a time (the reference path), as the fused kernels keep to themselves what is fed
    back, and in evaluation mode: without dropout. The model is left as it was, its `.grad`s and its mode included, and
    no random number is drawn.

    Args:
        model: A recurrent network with a head: for sequence or token classification, or a language model.
        batch: Its inputs, `labels` (or `shift_labels`) among them, on its device.

    Raises:
        ValueError: `batch` has no `labels`, or no step; `model` is not a recurrent network with a head, has no
            recurrence (Dan), or reads the batch in more than one go.
    """
    if batch.get("labels") is None and batch.get("shift_labels") is None:
        raise ValueError(f"`batch` must hold `labels`, from which the loss follows; it holds {', '.join(batch)}.")
    layers = _layers(model)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    with evaluation_mode(model), recurrent_path("reference"), torch.enable_grad(), _recorded(layers) as record:
        loss = model(**batch).loss
        padding = record.padding()
        parts = [part for runs in record.states for run in runs for state in run for part in state]
        gradients = torch.autograd.grad(loss, [*parts, *trained.values()], materialize_grads=True)
    of_states = iter(gradients[: len(parts)])
    norms = torch.stack([_by_step(runs, of_states) for runs in record.states])
    if padding is not None:
        norms = norms.masked_fill(padding.cpu(), torch.nan)
    hidden, *cell = norms.unbind(2)
    of_parameters = map(_norm, gradients[len(parts) :])
    return GradientFlow(
        loss.item(), hidden, cell[0] if cell else None, dict(zip(trained, map(float, of_parameters), strict=True))
    )


def _layers(model: nn.Module) -> list[RecurrentLayer]:
    found = [module for module in model.modules() if isinstance(module, RecurrentModel)]
    if len(found) != 1 or found[0] is model:
        raise ValueError(
            f"`model` is a {type(model).__name__}; it must be one recurrent network with a head, such as "
            "LstmForSequenceClassification."
        )
    if not found[0].layers:
        raise ValueError(f"`model` is a {type(model).__name__}, which has no recurrence to flow back through.")
    return cast(list[RecurrentLayer], list(found[0].layers))


class _Record:
    """What the layers of a network compute on the reference path.

    Attributes:
        states: Of each layer and direction the state after every step, in the order of reading.
        readings: The steps of each batch that the network has read.
    """

    def __init__(self, layers: list[RecurrentLayer]) -> None:
        self.states: list[list[list[State]]] = [[[] for _ in range(layer.num_directions)] for layer in layers]
        self.readings: list[Steps] = []

    def padding(self) -> torch.Tensor | None:
        """(batch, time), True where there is no token; None when every step is real."""
        if len(self.readings) != 1:
            raise ValueError(f"`model` reads the batch in {len(self.readings)} goes; it must do so in one.")
        if not self.states[0][0]:
            raise ValueError("`batch` has no step: its sequences are of length 0.")
        return self.readings[0].padding


@contextmanager
def _recorded(layers: list[RecurrentLayer]) -> Iterator[_Record]:
    record = _Record(layers)

    def keep_steps(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        record.readings.append(arguments[1])

    handles = [layers[0].register_forward_pre_hook(keep_steps)]
    for layer, runs in zip(layers, record.states, strict=True):

        def keep_state(module: nn.Module, arguments: tuple[Any, ...], state: State, runs: Any = runs) -> None:
            # A network whose parameters are all frozen has gradients of its states, too.
            runs[arguments[1]].append(tuple(part.requires_grad_() for part in state))

        handles.append(layer.cell.one_step.register_forward_hook(keep_state))
    try:
        yield record
    finally:
        for handle in handles:
            handle.remove()


def _by_step(runs: list[list[State]], gradients: Iterator[torch.Tensor]) -> torch.Tensor:
    """Norms of a layer (directions, parts of the state, batch, time), of which `gradients` are the next."""
    directions = []
    for direction, run in enumerate(runs):
        norms = torch.stack([torch.stack([_norm(next(gradients), dim=1) for _ in state]) for state in run], dim=2)
        directions.append(norms if direction == 0 else norms.flip(2))
    return torch.stack(directions)


def _norm(gradient: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    # Double precision is needed: the square of a vanished gradient is 0 in single precision, that of an exploded one
    # inf.
    return torch.linalg.vector_norm(gradient.detach().cpu().double(), dim=dim)
