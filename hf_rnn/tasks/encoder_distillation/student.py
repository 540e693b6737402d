"""The student: a recurrent encoder of words and its losses against what the teacher said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from ...data.batches.collator import PaddingCollator
from ...data.tokenizers.spelling import spell_with_boundaries
from ...data.tokenizers.word_vocabulary import spell_tokens
from ...models.configuration_rnn import BiLstmConfig
from ...models.configuration_siamese import SiameseConfig
from ...models.modeling_rnn import BiLstmModel
from ...models.modeling_siamese import SiameseModel
from .arguments import EncoderDistillationArguments
from .teaching import Lessons


__all__ = ["LessonCollator", "Student", "new_encoder"]


# Regularisation of the student; the teacher's answers are the same whatever is dropped.
DROPOUT: dict[str, Any] = {"dropout": 0.1, "word_dropout": 0.03, "embedding_dropout": 0.05}
CHARACTERS: dict[str, Any] = {
    "char_encoder": "cnn",
    "char_embedding_size": 24,
    "char_hidden_size": 48,
    "casing_features": True,
}


def new_encoder(
    arguments: EncoderDistillationArguments,
    tokenizer: PreTrainedTokenizerBase,
    words: Sequence[str],
    vectors: np.ndarray,
) -> BiLstmModel:
    """An encoder of words with these first vectors (words, embedding_size), their spelling and their capitals."""
    spelt, starts = spell_tokens(tokenizer)
    config = BiLstmConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        word_vocab_size=len(words) + 1,
        # The table of the wide part of a classifier, which is as wide, spells the ends of words, too.
        max_token_bytes=max(map(len, spell_with_boundaries(tokenizer))),
        embedding_size=arguments.embedding_size,
        hidden_size=arguments.hidden_size,
        num_hidden_layers=1,
        pooling="mean",
        **CHARACTERS,
        **DROPOUT,
    )
    model = BiLstmModel(config)
    embeddings: Any = model.embeddings
    embeddings.set_tokens(spelt, starts)
    rows = embeddings.set_words(words)
    with torch.no_grad():
        embeddings.word_embeddings.weight[[rows[word] for word in words]] = torch.from_numpy(vectors)
    return model


class LessonCollator:
    """Pads sentences, and adds what the teacher said of them: `vectors` (batch, dimensions), `states` (batch, words,
    components) and `known` (batch, words), False at the padding.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, lessons: Lessons) -> None:
        self.pad = PaddingCollator(tokenizer)
        self.lessons = lessons

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        lessons = self.lessons
        numbers = [row["number"] for row in rows]
        batch = self.pad([{"input_ids": row["input_ids"]} for row in rows])
        batch.pop("attention_mask", None)
        batch["attention_mask"] = (torch.arange(batch["input_ids"].shape[1]) < _lengths(rows)[:, None]).long()
        places = [slice(lessons.starts[number], lessons.starts[number + 1]) for number in numbers]
        padded = torch.nn.utils.rnn.pad_sequence
        return batch | {
            "vectors": torch.from_numpy(lessons.vectors[numbers].astype(np.float32)),
            "states": padded([torch.from_numpy(lessons.states[p].astype(np.float32)) for p in places], True),
            "known": padded([torch.from_numpy(np.array(lessons.known[p])) for p in places], True),
        }


def _lengths(rows: Sequence[Mapping[str, Any]]) -> torch.Tensor:
    return torch.tensor([len(row["input_ids"]) for row in rows])


class Student(nn.Module):
    """An encoder with two linear maps into the teacher's space. The second, and as a rule the first, are left behind
    when it has learnt.

    loss = (1 − cos(V m, v)) + λ ‖W h_t − s_t‖² over the words that were read + μ (cos of two sentences − that of the
    teacher)² over all pairs of the batch; m the mean of the states h_t, v and s_t what the teacher said.

    Args:
        encoder: What learns.
        dimensions, components: Of the teacher's vectors and states.
        state_weight, similarity_weight: λ and μ.
    """

    def __init__(
        self, encoder: BiLstmModel, dimensions: int, components: int, state_weight: float, similarity_weight: float
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config
        self.of_sentence = nn.Linear(encoder.config.output_size, dimensions)
        self.of_word = nn.Linear(encoder.config.step_size, components)
        self.state_weight, self.similarity_weight = state_weight, similarity_weight

    def compared(self) -> SiameseModel:
        """A siamese network of the encoder and the map V, which is its projection."""
        config = SiameseConfig(
            encoder=self.encoder.config, projection_size=self.of_sentence.out_features, similarity="cosine"
        )
        model = SiameseModel(config, self.encoder)
        model.projection = self.of_sentence
        return model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        vectors: torch.Tensor,
        states: torch.Tensor,
        known: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """The `loss` and its three parts; the arguments are what a `LessonCollator` gives."""
        outputs = self.encoder(input_ids, attention_mask)
        found = nn.functional.normalize(self.of_sentence(outputs.pooler_output), dim=1)
        sentence = 1 - (found * vectors).sum(1).mean()
        similarity = (found @ found.T - vectors @ vectors.T).square().mean()
        # The longest sentence of a batch has as many words here as there.
        difference = (self.of_word(outputs.last_hidden_state) - states)[known]
        state = difference.square().sum(1).mean()
        loss = sentence + self.state_weight * state + self.similarity_weight * similarity
        return {"loss": loss, "sentence": sentence.detach(), "state": state.detach(), "pairs": similarity.detach()}
