"""The recurrent model of time series: the next values of every channel, directly, and rolled out."""

# No `from __future__ import annotations` here: transformers reads `config: GruConfig` as a type, not a string.

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import nn
from transformers.utils import ModelOutput, can_return_tuple

from .backbone import RecurrentModel, RecurrentPreTrainedModel
from .cache_rnn import RecurrentCache
from .configuration_rnn import RecurrentConfig
from .configuration_series import SeriesConfig
from .heads import ClassificationHead
from .series_inputs import SeriesInputs, read_inputs, read_targets, to_patches
from .series_scaling import InstanceScale, ReversibleNorm, scaled, unscaled


__all__ = ["RecurrentForTimeSeriesPrediction", "TimeSeriesPredictionOutput"]


@dataclass
class TimeSeriesPredictionOutput(ModelOutput):
    """The outputs of a model of time series.

    Attributes:
        loss: If `future_values` were given: the mean squared error of `prediction_outputs`, and, with
            `config.quantiles`, the mean pinball loss of `quantile_outputs` added, both of values that are scaled by
            `config.channel_means` and `config.channel_scales`.
        prediction_outputs: (batch, prediction_length, channels), the predicted means in the units of the inputs.
        quantile_outputs: (batch, prediction_length, channels, quantiles), rising; None without `config.quantiles`.
        hidden_states: The projected patches and each layer's output, if they were asked for.
    """

    loss: torch.Tensor | None = None
    prediction_outputs: torch.Tensor | None = None
    quantile_outputs: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None


class _Predicted(NamedTuple):
    # (batch, prediction_length, channels, 1 + quantiles), scaled as the loss is.
    values: torch.Tensor
    scale: InstanceScale
    cache: RecurrentCache | None
    hidden_states: Any


class RecurrentForTimeSeriesPrediction(RecurrentPreTrainedModel):
    """The next `config.prediction_length` values of each channel from those before them: the values, scaled, in
    patches, projected to the `inputs_embeds` of the backbone; its pooled output to all steps at once by one linear
    layer (direct multi-step prediction).

    Raises:
        ValueError: for a configuration without a `prediction_length`, with a vocabulary, or without a recurrence.
    """

    _auto_class = "AutoModelForTimeSeriesPrediction"
    main_input_name = "past_values"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        if config.series_obstacle is not None:
            raise ValueError(f"{type(self).__name__} cannot be made of this configuration: {config.series_obstacle}.")
        self.num_outputs = 1 + len(config.quantiles or ())
        # What the network reads at once; with independent channels one of them.
        self.num_channels = 1 if config.channel_independent else config.num_channels
        steps, known = config.prediction_length or 0, config.num_time_features
        self.norm = ReversibleNorm(config, self.num_channels)
        self.projection = nn.Linear(config.patch_length * (2 * self.num_channels + known), config.embedding_size)
        self.model = RecurrentModel(config)
        self.head = ClassificationHead(
            config, config.output_size + steps * known, steps * self.num_channels * self.num_outputs
        )
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, ReversibleNorm):
            module.initialize()
        else:
            super()._init_weights(module)

    @can_return_tuple
    def forward(
        self,
        past_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        past_observed_mask: torch.Tensor | None = None,
        past_time_features: torch.Tensor | None = None,
        future_time_features: torch.Tensor | None = None,
        future_values: torch.Tensor | None = None,
        future_observed_mask: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs: Any,
    ) -> TimeSeriesPredictionOutput:
        """Args:
            past_values: (batch, time, channels), in their own units; a value that is not finite is missing. The time
                may be any, `config.context_length` is what the model was trained with.
            attention_mask: (batch, time), 1 at a step and 0 at padding, wherever it stands: contexts of different
                lengths may be padded on either side. What is predicted follows the last real step.
            past_observed_mask: (batch, time, channels), 1 at a value and 0 where it is missing within the context.
            past_time_features: (batch, time, features), what is known ahead, at the steps of the context.
            future_time_features: (batch, prediction_length, features), the same at the steps to predict. Both are
                needed where `config.num_time_features` is above 0.
            future_values: (batch, prediction_length, channels), the targets; those that are not finite do not count.
            future_observed_mask: The same shape, 1 at a target that counts.
            num_items_in_batch: The number of targets to divide the loss by, as the Trainer counts them over all
                batches of a step; None: those of this batch.

        Raises:
            ValueError: for shapes that do not fit.
        """
        inputs = read_inputs(
            cast(SeriesConfig, self.config),
            past_values,
            attention_mask,
            past_observed_mask,
            past_time_features,
            self.dtype,
        )
        future = self._future(future_time_features, len(past_values))
        predicted = self._predict(self._by_channel(inputs), self._for_channels(future), **kwargs)
        values = self._together(predicted.values)
        loss = None
        if future_values is not None:
            shape = (len(past_values), self.config.prediction_length, self.config.num_channels)
            targets, counted = read_targets(future_values, future_observed_mask, shape, values.dtype)
            loss = self._loss(values, self._scaled(targets), counted, num_items_in_batch)
        own = unscaled(values, self.config.channel_means, self.config.channel_scales)
        return TimeSeriesPredictionOutput(
            loss=loss,
            prediction_outputs=own[..., 0],
            quantile_outputs=own[..., 1:] if self.config.quantiles else None,
            hidden_states=predicted.hidden_states,
        )

    @torch.no_grad()
    def forecast(
        self,
        past_values: torch.Tensor,
        steps: int,
        attention_mask: torch.Tensor | None = None,
        past_observed_mask: torch.Tensor | None = None,
        past_time_features: torch.Tensor | None = None,
        future_time_features: torch.Tensor | None = None,
        carry_state: bool = False,
    ) -> TimeSeriesPredictionOutput:
        """Predict any number of steps. Beyond `config.prediction_length` the model reads its own predicted means as
        the next values; the quantiles there leave out that what was read is predicted.

        Args:
            steps: How many; at least 1.
            future_time_features: (batch, steps, features) where `config.num_time_features` is above 0.
            carry_state: Whether it goes on from the state that it has reached, so that nothing is read twice, with
                the level and scale of the context. By default it reads the last steps of each row anew, as many as
                the row had: a model that was trained on contexts of one length has not learnt to go on behind them.

        The other arguments and what is returned are those of `forward`, with `steps` in place of `prediction_length`.

        Raises:
            ValueError: with `carry_state`, more steps than `prediction_length` of a model that is bidirectional, does
                not pool by the last state, or whose `prediction_length` is no multiple of its `patch_length`.
        """
        config: Any = self.config
        length = config.prediction_length or 0
        self._check_steps(steps, carry_state)
        rounds = -(-steps // length)
        inputs = read_inputs(config, past_values, attention_mask, past_observed_mask, past_time_features, self.dtype)
        inputs = inputs.aligned()
        future = self._future(future_time_features, len(past_values), steps)
        if future is not None:
            # What is asked of the last round beyond `steps` is thrown away; so it reads zeros there.
            future = nn.functional.pad(future, (0, 0, 0, rounds * length - steps))
        found: list[torch.Tensor] = []
        carried: dict[str, Any] = {"use_cache": carry_state and rounds > 1}
        for start in range(0, rounds * length, length):
            ahead = None if future is None else future[:, start : start + length]
            predicted = self._predict(self._by_channel(inputs), self._for_channels(ahead), **carried)
            found.append(self._together(predicted.values))
            if carry_state:
                carried |= {"cache": predicted.cache, "scale": predicted.scale}
                inputs = SeriesInputs.all_observed(found[-1][..., 0], ahead)
            else:
                inputs = inputs.followed_by(found[-1][..., 0], ahead)
        own = unscaled(torch.cat(found, 1)[:, :steps], config.channel_means, config.channel_scales)
        return TimeSeriesPredictionOutput(
            prediction_outputs=own[..., 0], quantile_outputs=own[..., 1:] if config.quantiles else None
        )

    def _check_steps(self, steps: int, carry_state: bool) -> None:
        config = self.config
        if isinstance(steps, bool) or steps < 1:
            raise ValueError(f"`steps`={steps!r} must be a whole number of at least 1.")
        if not carry_state or steps <= config.prediction_length:
            return
        found = {
            "`bidirectional` is True": config.bidirectional,
            f"`pooling` is {config.pooling!r}, not 'last'": config.pooling != "last",
            f"`prediction_length` is no multiple of `patch_length`, {config.patch_length}": bool(
                config.prediction_length % config.patch_length
            ),
        }
        for problem, holds in found.items():
            if holds:
                raise ValueError(
                    f"`steps`={steps} must be at most `prediction_length`={config.prediction_length}: this model "
                    f"cannot go on from its state, since {problem}."
                )

    def _predict(
        self,
        inputs: SeriesInputs,
        future: torch.Tensor | None,
        cache: RecurrentCache | None = None,
        scale: InstanceScale | None = None,
        **kwargs: Any,
    ) -> _Predicted:
        if scale is None:
            scale = self.norm.measure(inputs.values, inputs.observed)
        patches, mask = to_patches(
            inputs._replace(values=self.norm(inputs.values, scale) * inputs.observed), self.config.patch_length
        )
        embedded = self.projection(patches.to(self.dtype))
        outputs = self.model(inputs_embeds=embedded, attention_mask=mask, cache=cache, **kwargs)
        features = outputs.pooler_output
        if future is not None:
            features = torch.cat([features, future.flatten(1).to(features.dtype)], 1)
        flat = self.head(features).to(inputs.values.dtype)
        shape = (len(flat), self.config.prediction_length, self.num_channels, self.num_outputs)
        values = self.norm.restore(flat.view(shape), scale)
        if self.num_outputs > 1:
            # Quantiles that cross are put in order (Chernozhukov et al. 2010).
            values = torch.cat([values[..., :1], values[..., 1:].sort(-1).values], -1)
        return _Predicted(values, scale, outputs.cache, outputs.hidden_states)

    def _future(self, features: torch.Tensor | None, batch: int, steps: int | None = None) -> torch.Tensor | None:
        config = self.config
        wanted = (batch, steps or config.prediction_length, config.num_time_features)
        given = None if features is None else tuple(features.shape)
        if given != (wanted if config.num_time_features else None):
            needed = f"of shape {wanted}" if config.num_time_features else "None: `num_time_features` is 0"
            raise ValueError(f"`future_time_features` is {given and f'of shape {given}'}; it must be {needed}.")
        if features is None:
            return None
        return scaled(features.to(self.dtype), config.time_feature_means, config.time_feature_scales)

    def _scaled(self, values: torch.Tensor) -> torch.Tensor:
        return scaled(values, self.config.channel_means, self.config.channel_scales)

    def _by_channel(self, inputs: SeriesInputs) -> SeriesInputs:
        """With independent channels the rows (batch * channels) of one channel each; else `inputs`."""
        return inputs.by_channel() if self.config.channel_independent else inputs

    def _for_channels(self, future: torch.Tensor | None) -> torch.Tensor | None:
        if future is None or not self.config.channel_independent:
            return future
        return future.repeat_interleave(self.config.num_channels, 0)

    def _together(self, values: torch.Tensor) -> torch.Tensor:
        """(batch, steps, channels, outputs) of the rows of `_by_channel`."""
        if not self.config.channel_independent:
            return values
        _, steps, _, outputs = values.shape
        return values.view(-1, self.config.num_channels, steps, outputs).transpose(1, 2)

    def _loss(
        self,
        values: torch.Tensor,
        targets: torch.Tensor,
        counted: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None,
    ) -> torch.Tensor:
        number: Any = counted.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        errors = (targets - values[..., 0]) * counted
        loss = errors.square().sum() / number
        if self.config.quantiles:
            levels = values.new_tensor(self.config.quantiles)
            # Above the quantile an error costs its level, below it the rest (Koenker & Bassett 1978).
            missed = (targets.unsqueeze(-1) - values[..., 1:]) * counted.unsqueeze(-1)
            pinball = torch.maximum(levels * missed, (levels - 1) * missed)
            loss = loss + pinball.sum() / len(levels) / number
        return loss
