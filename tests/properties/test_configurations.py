"""Any valid configuration, and any model of one, is after saving and loading what it was before."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, BertConfig, PreTrainedConfig, PreTrainedModel

from hf_rnn import ConvEncoderConfig, SiameseConfig
from hf_rnn.models.configuration_checks import PROBLEM_TYPES
from hf_rnn.models.configuration_rnn import FAMILIES
from tests.properties.generating import generated
from tests.properties.models import AUTO_CLASSES, Batch, answer, batches, models


SIZES = st.integers(1, 2**40)
LISTS = st.none() | st.lists(SIZES, max_size=4)
# A whole number is a number, too.
PROBABILITIES = st.floats(0, 1, exclude_max=True) | st.just(0)
PENALTIES = st.floats(0, allow_infinity=False) | st.integers(0, 2**40)
ACTIVATIONS = st.sampled_from(["relu", "tanh", "gelu"])
NORMS = st.sampled_from(["batch", "none"])
POOLINGS = ["mean", "max", "mean_max", "attention"]


@st.composite
def labels(draw: st.DrawFn, two: bool = False) -> dict[str, Any]:
    """A problem type, and names of labels in any script, or how many there are."""
    problem_type = draw(st.sampled_from(PROBLEM_TYPES[:2] if two else PROBLEM_TYPES))
    least, most = (2, 2) if two else (2 if problem_type == "single_label_classification" else 1, 5)
    names = draw(st.lists(st.text(min_size=1, max_size=8), min_size=least, max_size=most, unique=True))
    if draw(st.booleans()):
        return {"problem_type": problem_type, "num_labels": len(names)}
    numbers = {name: index for index, name in enumerate(names)}
    return {"problem_type": problem_type, "id2label": dict(enumerate(names)), "label2id": numbers}


@st.composite
def recurrent(draw: st.DrawFn) -> PreTrainedConfig:
    """A configuration of any recurrent family with any of the values that it allows."""
    model_type = draw(st.sampled_from(list(FAMILIES)))
    is_dan, is_bilstm = model_type == "dan", model_type == "bilstm"
    words = draw(st.booleans())
    # Without a vocabulary: real-valued inputs.
    vocab_size = draw(st.integers(1, 2**16) if words else st.none() | SIZES)
    single_logit = draw(st.booleans())
    named = draw(labels(two=single_logit))
    # A CRF scores sequences of one label a step.
    crf = named["problem_type"] in (None, "single_label_classification") and draw(st.booleans())
    values: dict[str, Any] = {
        "vocab_size": vocab_size,
        "one_hot_input": not words and vocab_size is not None and draw(st.booleans()),
        "pad_token_id": draw(st.none() | st.integers(0, (vocab_size or 1) - 1)),
        "bidirectional": is_bilstm or (not is_dan and draw(st.booleans())),
        "pooling": draw(st.sampled_from(POOLINGS if is_dan else ["last", *POOLINGS])),
        "weight_dropout": draw(PROBABILITIES) if FAMILIES[model_type].recurrent_weights else 0.0,
        "word_type_dropout": 0.0 if vocab_size is None else draw(PROBABILITIES),
        "classifier_dropout": draw(st.none() | PROBABILITIES),
        "crf": crf,
        "label_scheme": draw(st.sampled_from([None, "BIO", "BIOES"])) if crf else None,
        "single_logit": single_logit,
        "word_vocab_size": draw(SIZES) if words else None,
        "char_encoder": draw(st.sampled_from([None, "cnn", "lstm"])) if words else None,
        "casing_features": words and draw(st.booleans()),
        "max_token_bytes": draw(st.integers(2, 255)),
        "sampled_softmax": draw(st.none() | SIZES),
        "classifier_hidden_sizes": draw(LISTS),
        "classifier_activation": draw(ACTIVATIONS),
        "classifier_norm": draw(NORMS),
        "merge": draw(st.sampled_from(["concat", "sum"])),
        **named,
    }
    if draw(st.booleans()):
        values["hidden_sizes"] = draw(st.lists(SIZES, min_size=0 if is_dan else 1, max_size=4))
    else:
        values["num_hidden_layers"] = draw(st.integers(0 if is_dan else 1, 1000))
    for name in ("embedding_size", "hidden_size", "char_embedding_size", "char_hidden_size"):
        values[name] = draw(SIZES)
    for name in ("word_dropout", "embedding_dropout", "dropout"):
        values[name] = draw(PROBABILITIES)
    for name in ("activation_penalty", "temporal_activation_penalty"):
        values[name] = draw(PENALTIES)
    for name in ("locked_dropout", "use_cache", "tie_word_embeddings"):
        values[name] = draw(st.booleans())
    if model_type == "gru":
        values["reset_after"] = draw(st.booleans())
    if model_type == "elman":
        values["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
        values["recurrence"] = draw(st.sampled_from(["hidden", "output_to_hidden", "output_to_output"]))
        initializers = ["xavier", "he", "identity"] if values["nonlinearity"] == "relu" else ["xavier"]
        values["initializer"] = draw(st.sampled_from(initializers))
    return AutoConfig.for_model(model_type, **values)


@st.composite
def convolutional(draw: st.DrawFn) -> PreTrainedConfig:
    blocks = draw(st.integers(1, 4))
    padding = draw(st.sampled_from(["same", "valid"]))
    sizes = {
        name: draw(st.lists(st.integers(1, 4), min_size=blocks, max_size=blocks))
        for name in ("hidden_sizes", "kernel_sizes", "pool_sizes")
    }
    # Every block leaves at least a fourth of what its kernel leaves: 700 pixels are enough for four of them.
    return ConvEncoderConfig(
        **sizes,
        padding=padding,
        num_channels=draw(SIZES),
        image_size=draw(st.integers(700, 2**40)),
        output_size=draw(SIZES),
        output_activation=draw(st.sampled_from(["none", "relu", "tanh", "sigmoid"])),
        views=draw(SIZES),
    )


@st.composite
def siamese(draw: st.DrawFn) -> PreTrainedConfig:
    encoder = draw(recurrent() | convolutional() | st.builds(BertConfig, vocab_size=SIZES))
    of_words = getattr(encoder, "word_vocab_size", None) is not None
    threshold = draw(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9))
    return SiameseConfig(
        encoder=encoder if draw(st.booleans()) else encoder.to_dict(),
        pooling=draw(st.sampled_from([None, "pooler"] if of_words else [None, "pooler", "mean", "first"])),
        projection_size=draw(st.none() | SIZES),
        similarity=draw(st.sampled_from(["cosine", "dot", "euclidean", "manhattan"])),
        threshold=threshold,
        threshold_metric=None if threshold is None else draw(st.none() | st.text(max_size=8)),
        classifier_hidden_sizes=draw(LISTS),
        classifier_activation=draw(ACTIVATIONS),
        classifier_norm=draw(NORMS),
        classifier_dropout=draw(PROBABILITIES),
        **draw(labels()),
    )


@pytest.mark.reliability(
    section="Properties",
    fault="Any valid configuration saved and loaded: recurrent, convolutional and siamese, labels in any script",
    mutation="a configuration that halves its `dropout` when it is made",
)
@generated(60, 1500, config=recurrent() | convolutional() | siamese())
def test_a_configuration_survives(config: PreTrainedConfig) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        loaded = AutoConfig.from_pretrained(folder)
        text = (Path(folder) / "config.json").read_text(encoding="utf-8")
        loaded.save_pretrained(folder)
        assert (Path(folder) / "config.json").read_text(encoding="utf-8") == text
    assert type(loaded) is type(config)
    assert json.loads(text)["model_type"] == config.model_type
    assert {**loaded.to_dict(), "_name_or_path": None} == {**config.to_dict(), "_name_or_path": None}
    # As written, too: 1 and 1.0 and True are equal in Python.
    assert json.dumps(loaded.to_diff_dict(), sort_keys=True) == json.dumps(config.to_diff_dict(), sort_keys=True)


@pytest.mark.reliability(
    section="Properties",
    fault="Any small model of any family and head saved and loaded: its weights, bit for bit, and its answers",
    mutation="weights saved in half precision",
)
@generated(15, 300, model=models(), batch=batches())
def test_a_model_answers_as_before(model: PreTrainedModel, batch: Batch) -> None:
    model = model.float()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        auto_class = next((AUTO_CLASSES[name] for name in ("classifier", "tagger") if fits(model, name)), AutoModel)
        loaded = auto_class.from_pretrained(folder)
    assert type(loaded) is type(model) and not loaded.training
    kept = loaded.state_dict()
    assert kept.keys() == model.state_dict().keys()
    assert all(torch.equal(weight, kept[name]) for name, weight in model.state_dict().items())
    # Not bit for bit: how weights are aligned in memory decides in which order a sum is made.
    for before, after in zip(answer(model, batch.inputs), answer(loaded, batch.inputs), strict=True):
        assert before is after is None or torch.allclose(before, after, rtol=1e-5, atol=1e-6)


def fits(model: PreTrainedModel, name: str) -> bool:
    return type(model).__name__.endswith(
        {"classifier": "SequenceClassification", "tagger": "TokenClassification"}[name]
    )
