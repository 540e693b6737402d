"""The recurrent language model: a token predicted from those before it (Mikolov et al. 2010, Graves 2013)."""

# No `from __future__ import annotations` here: transformers reads `config: GruConfig` as a type, not a string.

from typing import Any, cast

import torch
from torch import nn
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils import can_return_tuple

from .backbone import RecurrentModel, RecurrentPreTrainedModel
from .cache_rnn import RecurrentCache
from .configuration_rnn import RecurrentConfig
from .generation_rnn import RecurrentGenerationMixin
from .losses import next_token_loss


class RecurrentForCausalLM(RecurrentPreTrainedModel, RecurrentGenerationMixin):
    """
    Scores for the next token at every step (https://arxiv.org/abs/1308.0850), and `generate`:

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
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """
        Args:
            labels: (batch, time), the tokens themselves, -100 where none is to be predicted; they are shifted here.
                The first token of a text is not predicted, wherever its padding is.
            logits_to_keep: For how many of the last steps scores are wanted, 0: for all; or their indices (steps).
            num_items_in_batch: Labels in the whole accumulated batch, by which the summed loss is divided.

        The other arguments are those of the backbone. Returns `loss` (if `labels` are given) and `logits`
        (batch, time, vocab_size), the scores of the token after each step. At the padding they are those after the
        last token before it, or of the state that was started from: the last step predicts on either side.
        """
        _, mask = self.model.inputs_and_mask(input_ids, attention_mask, inputs_embeds)
        outputs = self.model(
            input_ids, mask, inputs_embeds, past_key_values=past_key_values, use_cache=use_cache, **kwargs
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        hidden_states = _last_outputs(outputs.last_hidden_state, mask, past_key_values, kept)
        logits = self.lm_head(self.projection(hidden_states))
        loss = None
        if labels is not None:
            loss = next_token_loss(logits, labels, mask, num_items_in_batch)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
        )


def _last_outputs(
    outputs: torch.Tensor, mask: torch.Tensor, start: RecurrentCache | None, kept: slice | torch.Tensor
) -> torch.Tensor:
    # (batch, kept steps, units): the output at each step, at the padding that of the last token before it.
    if bool(mask.all()):
        return outputs[:, kept]
    before = outputs.new_zeros(len(outputs), 1, outputs.shape[2])
    if start is not None:
        before = start.states[-1][0].to(outputs)
    positions = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    last = (positions * mask).cummax(dim=1).values[:, kept]
    rows = torch.arange(len(outputs), device=mask.device).unsqueeze(1)
    return torch.cat([before, outputs], dim=1)[rows, last]


__all__ = ["RecurrentForCausalLM"]
