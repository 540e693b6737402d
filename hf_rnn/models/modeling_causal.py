"""The recurrent language model: a token predicted from those before it (Mikolov et al. 2010, Graves 2013)."""

# No `from __future__ import annotations` here: transformers reads `config: GruConfig` as a type, not a string.

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils import can_return_tuple

from .backbone import RecurrentModel, RecurrentPreTrainedModel
from .cache_rnn import RecurrentCache
from .configuration_rnn import RecurrentConfig
from .generation_rnn import RecurrentGenerationMixin
from .heads import classifier_dropout
from .looks import may_look
from .losses import mean_over_tokens, penalties, tokens_to_predict
from .recurrent import LockedDropout
from .state_name import StateOutputMixin, named_state, take_state
from .token_reader import token_reader
from .token_scores import score_tokens
from .tracing import shape_of


__all__ = ["RecurrentCausalLMOutput", "RecurrentForCausalLM"]


@dataclass
class RecurrentCausalLMOutput(StateOutputMixin, CausalLMOutputWithPast):
    """The outputs of a language model.

    Attributes:
        loss: The mean over the predicted tokens, in nats, if there are labels.
        logits: (batch, time, vocab_size), the scores of the token after each step.
        cache: The state, if it was asked for; transformers up to 5.23 calls it `past_key_values`.
        hidden_states: The embeddings and each layer's output, if they were asked for.
        attentions: None: there are none.
    """


class RecurrentForCausalLM(RecurrentPreTrainedModel, RecurrentGenerationMixin):
    """Scores for the next token at every step (https://arxiv.org/abs/1308.0850), and `generate`:

        y_t = V P h_t + b

    V has a row for each token: with `config.tie_word_embeddings` the embedding table itself (Press & Wolf 2017,
    https://aclanthology.org/E17-2025). P is the identity, or, where a tied V has another width than h_t, learnt.

    Raises:
        ValueError: for a configuration that cannot predict what comes next: `bidirectional`, of words, or without a
            vocabulary.
    """

    _auto_class = "AutoModelForCausalLM"
    _tied_weights_keys = {"lm_head.weight": "model.embeddings.word_embeddings.weight"}

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        if config.causal_obstacle is not None:
            raise ValueError(f"{type(self).__name__} cannot be made of this configuration: {config.causal_obstacle}.")
        self.model = RecurrentModel(config)
        self.dropout = LockedDropout(classifier_dropout(config), config.locked_dropout)
        width = config.embedding_size if config.tie_word_embeddings else config.step_size
        same = width == config.step_size
        self.projection = nn.Identity() if same else nn.Linear(config.step_size, width, bias=False)
        self.lm_head = nn.Linear(width, cast(int, config.vocab_size))
        self.keep_state()
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        past_key_values: RecurrentCache | None = None,
        use_cache: bool | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        num_items_in_batch: torch.Tensor | int | None = None,
        skip_logits: bool = False,
        cache: RecurrentCache | None = None,
        **kwargs: Any,
    ) -> RecurrentCausalLMOutput:
        """Args:
            labels: (batch, time), the tokens themselves, -100 where none is to be predicted; they are shifted here.
                The first token of a text is not predicted, wherever its padding is.
            logits_to_keep: For how many of the last steps scores are wanted, 0: for all; or their indices (steps).
            num_items_in_batch: Predicted tokens of the whole accumulated batch, by which the summed loss is divided;
                None: those of this one. transformers' `Trainer` counts `labels` from each row's second step on, which
                is what is predicted, unless padding stands on the left: it then counts first tokens too, and the loss
                is smaller by their share. It counts nothing in a batch without `labels`.
            skip_logits: With labels, only the loss is wanted: it takes far less memory, and less time, to compute it
                without keeping the scores of all tokens at all steps.
            shift_labels: (batch, time), in place of `labels`, also where these are given: the token after each step,
                -100 where none is to be predicted, as transformers names labels that are shifted already. With a text
                cut into windows whose state is carried, the last step of each predicts the first token of the next. A
                `Trainer` evaluates with them if its `label_names` are `["shift_labels"]`.

        The other arguments are those of the backbone. Returns `loss` (if there are labels; in training with
        `losses.penalties` of `config.activation_penalty` and `config.temporal_activation_penalty`) and `logits`
        (batch, time, vocab_size), the scores of the token after each step. At the padding they are those after the
        last token before it, or of the state that was started from: the last step predicts on either side. With labels
        there are none if `skip_logits`, or in training with `config.sampled_softmax`.

        Raises:
            ValueError: for labels that do not fit.
        """
        # It is no name of the signature: a `Trainer` would want every name with "label" in it for an evaluation.
        shift_labels = kwargs.pop("shift_labels", None)
        cache = take_state(kwargs, cache, past_key_values)
        others = (inputs_embeds, labels, shift_labels, *kwargs.values())
        if use_cache and isinstance(logits_to_keep, int) and all(given is None or given is False for given in others):
            read = self._read_token(input_ids, attention_mask, cache)
            if read is not None:
                return read
        _, mask = self.model.inputs_and_mask(input_ids, attention_mask, inputs_embeds)
        outputs = self.model(input_ids, mask, inputs_embeds, cache=cache, use_cache=use_cache, **kwargs)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        hidden_states = _last_outputs(outputs.last_hidden_state, mask, cache, kept)
        dropped = self.dropout(hidden_states)
        vocab_size = self.lm_head.out_features
        targets = tokens_to_predict(shape_of(hidden_states)[:2], vocab_size, mask, labels, shift_labels)
        logits, loss = self._score(self.projection(dropped), targets, skip_logits)
        if targets is not None and loss is not None:
            penalty = self._penalty(hidden_states, dropped, mask) if self.training else 0.0
            loss = mean_over_tokens(loss + penalty, targets, num_items_in_batch)
        return RecurrentCausalLMOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, **named_state(outputs.cache)
        )

    def _read_token(
        self, input_ids: torch.Tensor | None, attention_mask: torch.Tensor | None, cache: RecurrentCache | None
    ) -> RecurrentCausalLMOutput | None:
        """What `forward` returns of a token of `generate`, in one call; None where the modules are to read it."""
        reader = token_reader(self)
        if reader is None or input_ids is None or attention_mask is None or not isinstance(cache, RecurrentCache):
            return None
        # Without a mask a pad token would count as padding.
        if attention_mask.shape != input_ids.shape or not bool(attention_mask.all()):
            return None
        found = reader(input_ids, cache)
        return None if found is None else RecurrentCausalLMOutput(logits=found[0], **named_state(found[1]))

    def _score(
        self, features: torch.Tensor, targets: torch.Tensor | None, skip_logits: bool
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        sampled = self.config.sampled_softmax if self.training else None
        return score_tokens(features, targets, self.lm_head, sampled, skip_logits)

    def _penalty(self, hidden_states: torch.Tensor, dropped: torch.Tensor, mask: torch.Tensor) -> torch.Tensor | float:
        alpha, beta = self.config.activation_penalty, self.config.temporal_activation_penalty
        return penalties(hidden_states, dropped, mask, alpha, beta)


def _last_outputs(
    outputs: torch.Tensor, mask: torch.Tensor, start: RecurrentCache | None, kept: slice | torch.Tensor
) -> torch.Tensor:
    # (batch, kept steps, units): the output at each step, at the padding that of the last token before it.
    if may_look(mask) and bool(mask.all()):
        return outputs[:, kept]
    before = outputs.new_zeros(outputs.shape[0], 1, outputs.shape[2])
    if start is not None:
        before = start.states[-1][0].to(outputs)
    positions = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    last = (positions * mask).cummax(dim=1).values[:, kept]
    rows = torch.arange(outputs.shape[0], device=mask.device).unsqueeze(1)
    return torch.cat([before, outputs], dim=1)[rows, last]
