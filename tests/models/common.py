"""Tiny models of every family, and ways to lay the same sentences out in a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

import hf_rnn  # noqa: F401  (registers the families)
from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.models.paths import compiled_layer, recurrent_path


VOCAB_SIZE, EMBEDDING_SIZE = 13, 5
SMALL = {"vocab_size": VOCAB_SIZE, "embedding_size": EMBEDDING_SIZE, "hidden_size": 4, "num_labels": 3}

# Name → the family, and the options by which it computes something else than the family does by default.
VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    **{family: (family, {}) for family in FAMILIES if family != "elman"},
    "gru-reset-before": ("gru", {"reset_after": False}),
    "elman-tanh": ("elman", {}),
    "elman-relu": ("elman", {"nonlinearity": "relu"}),
    "jordan": ("elman", {"recurrence": "output_to_hidden"}),
    "output-to-output": ("elman", {"recurrence": "output_to_output"}),
}
RECURRENT = [name for name, (family, _) in VARIANTS.items() if FAMILIES[family].cell != "none"]
# Those that multiply the state by W_h.
WITH_W_H = [name for name in RECURRENT if FAMILIES[VARIANTS[name][0]].recurrent_weights]
ONE_WAY = [name for name in RECURRENT if name != "bilstm"]
POOLINGS = ["last", "mean", "max", "mean_max", "attention"]
LENGTHS = [3, 0, 7, 1, 5, 7]


@contextmanager
def forced_path(name: str) -> Iterator[None]:
    """`recurrent_path`; the test is skipped where nothing could compile the path."""
    if name == "compiled" and compiled_layer() is None:
        import pytest  # the checks on a GPU (tests/gpu) do without

        pytest.skip("the kernels could not be built: no C++ compiler")
    with recurrent_path(name):
        yield


def configure(variant: str, **options):
    model_type, own = VARIANTS[variant]
    values = {**SMALL, **own, **options}
    if "id2label" in values:
        del values["num_labels"]
    return AutoConfig.for_model(model_type, **values)


def build(variant: str, head: bool = True, seed: int = 0, **options) -> PreTrainedModel:
    """A float64 model in eval mode with no parameter left at zero, the row of the padding token included."""
    auto_class = AutoModelForSequenceClassification if head else AutoModel
    return perturbed(auto_class, configure(variant, **options), seed)


TAGS = ["O", "B-A", "I-A", "B-B"]
# What a tagger scores labels by: nothing, a CRF without rules, and one with each scheme.
HEADS: dict[str, dict[str, object]] = {
    "softmax": {},
    "crf": {"crf": True},
    "bio": {"crf": True, "label_scheme": "BIO"},
    "bioes": {"crf": True, "label_scheme": "BIOES"},
}
WORDS = {"word_vocab_size": 4, "char_encoder": "cnn", "char_embedding_size": 3, "char_hidden_size": 3}
# Of the tokens of a tagger of words the odd ones begin a word.
SPELT = [b"", *(b"aBc-1xYz,2De"[i : i + 2] for i in range(VOCAB_SIZE - 1))]
STARTS = [token % 2 == 1 for token in range(VOCAB_SIZE)]


def build_tagger(variant: str, head: str = "bioes", words: bool = True, seed: int = 0, **options) -> PreTrainedModel:
    """Build a tagger with `HEADS[head]` and the labels `TAGS`, whose steps are tokens, or words of tokens."""
    labels = {"id2label": dict(enumerate(TAGS)), "label2id": {tag: index for index, tag in enumerate(TAGS)}}
    own = {**(WORDS if words else {}), **HEADS[head], **labels, **options}
    model = perturbed(AutoModelForTokenClassification, configure(variant, **own), seed)
    if words:
        model.model.embeddings.set_tokens(SPELT, STARTS)
        others = [f"unseen {number}" for number in range(3, model.config.word_vocab_size - 1)]
        aliases = {f"further {number}": "aB" for number in range(model.config.word_aliases)}
        model.model.embeddings.set_words(["aB", "Bcc-", "-1", *others], aliases)
    return model


def build_language_model(variant: str, seed: int = 0, **options) -> PreTrainedModel:
    """Build a language model with weights so large that what it predicts depends on what it has read."""
    model = perturbed(AutoModelForCausalLM, configure(variant, **options), seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter *= 3
    return model


def perturbed(auto_class: type, config: PreTrainedConfig, seed: int) -> PreTrainedModel:
    """A float64 model in evaluation, none of whose parameters is left at zero."""
    torch.manual_seed(seed)
    model = auto_class.from_config(config).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5)
    return model


def shapes_of_stacks(variant: str) -> Iterator[dict[str, object]]:
    """One layer, several, both directions joined either way; as far as the family has them."""
    if variant != "bilstm":
        yield {}
        yield {"hidden_sizes": [4, 3]}
    if variant != "dan":
        yield {"bidirectional": True, "hidden_sizes": [4, 3]}
        yield {"bidirectional": True, "merge": "sum", "num_hidden_layers": 2}


def sentences(lengths: list[int] = LENGTHS, seed: int = 1) -> list[torch.Tensor]:
    """Token ids (time) for each of the lengths; never the padding token."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, VOCAB_SIZE, (length,), generator=generator) for length in lengths]


def positions(texts: list[torch.Tensor], layout: str) -> tuple[list[torch.Tensor], int]:
    """Give the places of each text's tokens in a batch of that layout, and the width of the batch."""
    width = max(1, *(len(text) for text in texts)) + (0 if layout == "right" else 4)
    generator = torch.Generator().manual_seed(2)
    places = []
    for text in texts:
        if layout in ("right", "right-wide"):
            places.append(torch.arange(len(text)))
        elif layout == "left":
            places.append(torch.arange(width - len(text), width))
        else:
            places.append(torch.randperm(width, generator=generator)[: len(text)].sort().values)
    return places, width


LAYOUTS = ["right", "right-wide", "left", "holes"]


def batch_of(texts: list[torch.Tensor], layout: str) -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
    """`input_ids` and `attention_mask`, the padding filled with any token, and where each text's tokens stand."""
    places, width = positions(texts, layout)
    ids = torch.randint(0, VOCAB_SIZE, (len(texts), width), generator=torch.Generator().manual_seed(3))
    mask = torch.zeros(len(texts), width, dtype=torch.long)
    for row, (text, place) in enumerate(zip(texts, places, strict=True)):
        ids[row, place], mask[row, place] = text, 1
    return {"input_ids": ids, "attention_mask": mask}, places


def alone(text: torch.Tensor) -> dict[str, torch.Tensor]:
    """A batch of one with nothing but the text's own tokens; one step of padding for the empty text."""
    if len(text) == 0:
        return {"input_ids": torch.tensor([[5]]), "attention_mask": torch.tensor([[0]])}
    return {"input_ids": text.unsqueeze(0), "attention_mask": torch.ones(1, len(text), dtype=torch.long)}


def assert_close(actual: torch.Tensor, expected: torch.Tensor, message: str = "") -> None:
    """Equal to 1e-10 in float64, and to 1e-5 of the largest value in float32."""
    assert actual.shape == expected.shape, message
    if actual.numel() == 0:
        return
    tolerance = 1e-10 if actual.dtype == torch.float64 else 1e-5
    scale = max(expected.abs().max().item(), 1.0 if actual.dtype == torch.float64 else 1e-3)
    difference = (actual - expected).abs().max().item()
    assert difference <= tolerance * scale, f"{message}: off by {difference}"
