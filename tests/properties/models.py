"""Strategies for models of every family with any of their options, and for batches of texts with padding anywhere."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.models.paths import PATHS, compiled_layer, recurrent_path
from tests.models.common import SPELT, STARTS, TAGS, VOCAB_SIZE, perturbed


AUTO_CLASSES = {
    "encoder": AutoModel,
    "classifier": AutoModelForSequenceClassification,
    "tagger": AutoModelForTokenClassification,
}
WIDTHS = st.integers(1, 5)
TOKENS = st.integers(0, VOCAB_SIZE - 1)


@st.composite
def options(draw: st.DrawFn, model_type: str, head: str, one_way: bool = False) -> dict[str, Any]:
    """Options of a tiny model that change what it computes in evaluation."""
    found: dict[str, Any] = {
        "vocab_size": VOCAB_SIZE,
        "embedding_size": draw(WIDTHS),
        "hidden_sizes": draw(st.lists(WIDTHS, min_size=0 if model_type == "dan" else 1, max_size=3)),
        "one_hot_input": draw(st.booleans()),
        "pad_token_id": draw(st.none() | TOKENS),
        "merge": draw(st.sampled_from(["concat", "sum"])),
        "pooling": draw(st.sampled_from(["mean", "max", "mean_max", "attention"] + ["last"] * (model_type != "dan"))),
        "classifier_hidden_sizes": draw(st.none() | st.lists(WIDTHS, max_size=2)),
        "classifier_activation": draw(st.sampled_from(["relu", "tanh", "gelu"])),
        "classifier_norm": draw(st.sampled_from(["batch", "none"])),
        "num_labels": draw(WIDTHS),
    }
    if model_type not in ("bilstm", "dan"):
        found["bidirectional"] = not one_way and draw(st.booleans())
    if model_type == "gru":
        found["reset_after"] = draw(st.booleans())
    if model_type in ("min_gru", "min_lstm"):
        found["activation"] = draw(st.sampled_from(["linear", "tanh", "relu", "sigmoid"]))
    if model_type == "elman":
        found["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
        found["recurrence"] = draw(st.sampled_from(["hidden", "output_to_hidden", "output_to_output"]))
    if head == "tagger":
        found |= draw(tagging(words=not one_way and not found["one_hot_input"]))
        del found["num_labels"]
    return found


@st.composite
def tagging(draw: st.DrawFn, words: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"crf": draw(st.booleans()), "id2label": dict(enumerate(TAGS))}
    found["label2id"] = {tag: index for index, tag in enumerate(TAGS)}
    if found["crf"]:
        found["label_scheme"] = draw(st.sampled_from([None, "BIO", "BIOES"]))
    if words and draw(st.booleans()):
        found |= {
            "word_vocab_size": 4,
            "char_encoder": draw(st.sampled_from([None, "cnn", "lstm"])),
            "char_embedding_size": draw(WIDTHS),
            "char_hidden_size": draw(WIDTHS),
            "casing_features": draw(st.booleans()),
        }
    return found


@st.composite
def models(draw: st.DrawFn, head: str | None = None, one_way: bool = False) -> PreTrainedModel:
    """A float64 model in evaluation, none of whose parameters is left at zero."""
    head = head or draw(st.sampled_from(list(AUTO_CLASSES)))
    model_type = draw(st.sampled_from([name for name in FAMILIES if not one_way or name not in ("bilstm", "dan")]))
    config = AutoConfig.for_model(model_type, **draw(options(model_type, head, one_way)))
    model = perturbed(AUTO_CLASSES[head], config, draw(st.integers(0, 999)))
    if config.word_vocab_size is not None:
        model.model.embeddings.set_tokens(SPELT, STARTS)
        model.model.embeddings.set_words(["aB", "Bcc-", "-1"])
    return model


@dataclass
class Batch:
    """Texts laid out in a batch.

    Attributes:
        texts: The ids (time) of each.
        places: Where they stand in their rows.
        inputs: `input_ids`, with any tokens at the padding, and `attention_mask`, both (batch, width).
    """

    texts: list[torch.Tensor]
    places: list[torch.Tensor]
    inputs: dict[str, torch.Tensor]

    def row(self, index: int) -> dict[str, torch.Tensor]:
        """The text at `index` alone without padding; one step of padding for the empty text."""
        text = self.texts[index]
        if len(text) == 0:
            return {"input_ids": torch.tensor([[5]]), "attention_mask": torch.tensor([[0]])}
        return {"input_ids": text.unsqueeze(0), "attention_mask": torch.ones(1, len(text), dtype=torch.long)}


@st.composite
def batches(draw: st.DrawFn, max_batch: int = 5, max_length: int = 8, max_padding: int = 6) -> Batch:
    """Texts of 0 to `max_length` tokens, padded on the right, on the left, or with holes anywhere between tokens."""
    texts = draw(st.lists(st.lists(TOKENS, max_size=max_length), min_size=1, max_size=max_batch))
    width = max(1, *map(len, texts)) + draw(st.integers(0, max_padding))
    side = draw(st.sampled_from(["right", "left", "holes"]))
    ids = torch.tensor([draw(st.lists(TOKENS, min_size=width, max_size=width)) for _ in texts])
    mask = torch.zeros(len(texts), width, dtype=torch.long)
    places = []
    for row, text in enumerate(texts):
        start = 0 if side == "right" else width - len(text)
        place = range(start, start + len(text))
        if side == "holes":
            place = sorted(draw(st.permutations(range(width)))[: len(text)])
        places.append(torch.tensor(list(place), dtype=torch.long))
        ids[row, places[-1]], mask[row, places[-1]] = torch.tensor(text, dtype=torch.long), 1
    held = [torch.tensor(text, dtype=torch.long) for text in texts]
    return Batch(held, places, {"input_ids": ids, "attention_mask": mask})


def paths() -> st.SearchStrategy[str | None]:
    """A path of the recurrent layers that this machine has, or None for the one that is fastest."""
    return st.sampled_from([None, *(name for name in PATHS if name != "compiled" or compiled_layer() is not None)])


def by_path(name: str | None) -> AbstractContextManager[None]:
    return nullcontext() if name is None else recurrent_path(name)


def answer(model: PreTrainedModel, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """What the model says of the steps (batch, time, …), and of the texts (batch, …); None for what it does not."""
    with torch.no_grad():
        output = model(**inputs)
    if "logits" not in output:
        return output.last_hidden_state, output.pooler_output
    return (output.logits, None) if output.logits.dim() == 3 else (None, output.logits)
