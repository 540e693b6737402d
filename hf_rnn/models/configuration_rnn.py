"""Configurations of the recurrent families: BiLstm, Lstm, Gru, Elman, MinGru and MinLstm, and Dan, which has no
recurrence. What they share is in `configuration_recurrent.py`.
"""

# No `from __future__ import annotations` here: `@strict` checks types only where annotations are types, not strings.

from typing import ClassVar, Literal

from huggingface_hub.dataclasses import strict

from .configuration_checks import check_gates
from .configuration_recurrent import HEADS, RecurrentConfig


__all__ = [
    "BiLstmConfig",
    "DanConfig",
    "ElmanConfig",
    "FAMILIES",
    "GatedConfig",
    "GruConfig",
    "HEADS",
    "LstmConfig",
    "MinGruConfig",
    "MinLstmConfig",
    "MinimalConfig",
    "RecurrentConfig",
]


@strict
class GatedConfig(RecurrentConfig):
    r"""What families with gates share: [`BiLstmConfig`], [`LstmConfig`], [`GruConfig`], [`MinGruConfig`],
    [`MinLstmConfig`]. The arguments are those of [`RecurrentConfig`], and:

    Args:
        gate_bias (`float`, defaults to 1 for an LSTM, to 0 for a GRU):
            Initial bias of the gate that keeps the state from step to step: the forget gate of an LSTM (Gers et al.
            2000, https://doi.org/10.1162/089976600300015015), the update gate of a GRU, with which
            h_t = (1 − z) ∗ n + z ∗ h_{t-1}. With a bias of b it starts near σ(b), and the state forgets within some
            1 + e^b steps: of what is to be remembered for fifty steps a GRU learns nothing with 0, and soon with 3.
            New weights start so; those of a checkpoint are as they were trained.
        chrono_time_scales (`list[float]`, *optional*):
            Shortest and longest number of steps T to remember, above 1, such as `[2, 50]`, in place of `gate_bias`
            (chrono initialisation, Tallec & Ollivier 2018, https://arxiv.org/abs/1804.11188): each unit draws its T
            between them, evenly, and its bias is log(T − 1); that of an LSTM's input gate is the negative.
        activation (`"tanh"`, `"relu"`, `"sigmoid"` or `"linear"`, defaults to `"tanh"`):
            What is applied to the candidate, and to the cell state that an LSTM puts out, as Keras' `activation`. In
            an LSTM and a GRU all but `"tanh"` are plain loops over the steps, slower, and are not exported to ONNX.
    """

    gate_bias: float | int = 1.0
    chrono_time_scales: list[float | int] | None = None
    activation: Literal["tanh", "relu", "sigmoid", "linear"] = "tanh"

    def validate_gates(self) -> None:
        """The bias is a finite number, and the time scales are two, in order."""
        check_gates(self)


@strict
class BiLstmConfig(GatedConfig):
    """A bidirectional LSTM; the arguments are those of [`GatedConfig`]."""

    model_type = "bilstm"
    bidirectional: bool = True

    def validate_directions(self) -> None:
        """A BiLstm reads both ways."""
        if not self.bidirectional:
            raise ValueError("`bidirectional` is False; a BiLstm must be True (use LstmConfig for one direction).")


@strict
class LstmConfig(GatedConfig):
    """An LSTM, one-directional by default; the arguments are those of [`GatedConfig`]."""

    model_type = "lstm"


@strict
class GruConfig(GatedConfig):
    """A GRU, one-directional by default; the arguments are those of [`GatedConfig`], and:

    Args:
        reset_after (`bool`, defaults to `True`):
            `True` applies the reset gate after the recurrent product, as torch, cuDNN and Keras do. `False` applies
            it before, as Cho et al. 2014 and most textbooks write it; a plain loop over the steps, slower.
    """

    model_type = "gru"
    cell: ClassVar[str] = "gru"
    # Measured: with 1 it remembers longer, classifies texts as well, and learns to write dates less soon.
    gate_bias: float | int = 0.0
    reset_after: bool = True


@strict
class ElmanConfig(RecurrentConfig):
    """A simple recurrent network, one-directional by default; the arguments are those of [`RecurrentConfig`], and:

    Args:
        nonlinearity (`"tanh"` or `"relu"`, defaults to `"tanh"`): Activation of the recurrence.
        recurrence (`str`, defaults to `"hidden"`):
            What is fed back: `"hidden"` (Elman 1990), `"output_to_hidden"` (Jordan 1986) or `"output_to_output"`;
            the latter two are plain loops over the steps.
        initializer (`"xavier"`, `"he"` or `"identity"`, defaults to `"xavier"`):
            Of the weights; `"he"` and `"identity"` (Le et al. 2015, https://arxiv.org/abs/1504.00941) are for relu.
    """

    model_type = "elman"
    cell: ClassVar[str] = "elman"
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    recurrence: Literal["hidden", "output_to_hidden", "output_to_output"] = "hidden"
    initializer: Literal["xavier", "he", "identity"] = "xavier"

    def validate_initializer(self) -> None:
        """He and identity assume the relu's halved variance and its open right side."""
        if self.initializer != "xavier" and self.nonlinearity != "relu":
            raise ValueError(
                f"`initializer` is {self.initializer!r}, which needs `nonlinearity` to be 'relu'; "
                f"it is {self.nonlinearity!r}."
            )


@strict
class MinimalConfig(GatedConfig):
    """What minGRU and minLSTM share (Feng et al. 2024, https://arxiv.org/abs/2410.01201): [`MinGruConfig`],
    [`MinLstmConfig`]. Their gates look at the input alone, so that all steps are computed at once; there is no W_h.
    The arguments are those of [`GatedConfig`], with these differences:

    Args:
        gate_bias (`float`, defaults to 1): A unit starts by keeping the share σ(gate_bias) of its state at each step.
        activation (`"tanh"`, `"relu"`, `"sigmoid"` or `"linear"`, defaults to `"linear"`, as in the paper):
            What is applied to the candidate. With any of them all steps are computed at once and the model is exported
            to ONNX; the compiled kernel has `"linear"` alone.
    """

    recurrent_weights: ClassVar[bool] = False
    activation: Literal["tanh", "relu", "sigmoid", "linear"] = "linear"


@strict
class MinGruConfig(MinimalConfig):
    """A minimal GRU, one-directional by default, see `cells.MinGruCell`; the arguments are those of
    [`MinimalConfig`].
    """

    model_type = "min_gru"
    cell: ClassVar[str] = "min_gru"


@strict
class MinLstmConfig(MinimalConfig):
    """A minimal LSTM, one-directional by default, see `cells.MinLstmCell`; the arguments are those of
    [`MinimalConfig`].
    """

    model_type = "min_lstm"
    cell: ClassVar[str] = "min_lstm"


@strict
class DanConfig(RecurrentConfig):
    """A deep averaging network (Iyyer et al. 2015, https://aclanthology.org/P15-1162): the masked mean of the
    embeddings, then dense layers of `hidden_sizes` (or `num_hidden_layers` times `hidden_size`; 0 layers leave the
    bare mean). The other arguments are those of [`RecurrentConfig`]; `classifier_activation` serves both stacks of
    dense layers.
    """

    model_type = "dan"
    cell: ClassVar[str] = "none"
    recurrent_weights: ClassVar[bool] = False
    pooling: Literal["mean", "max", "mean_max", "attention"] = "mean"

    def validate_directions(self) -> None:
        """Accept any direction: without a recurrence there is none."""
        if self.bidirectional:
            raise ValueError("`bidirectional` is True; a Dan has no recurrence and must be False.")


FAMILIES: dict[str, type[RecurrentConfig]] = {
    config.model_type: config
    for config in (BiLstmConfig, LstmConfig, GruConfig, ElmanConfig, MinGruConfig, MinLstmConfig, DanConfig)
}
