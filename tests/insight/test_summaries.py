"""The table of a model's layers: exact for every family and head, and the model stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

import hf_rnn
from hf_rnn.insight import summary
from tests.models.common import HEADS, ONE_WAY, build_language_model, build_tagger, configure
from tests.models.seq2seq import JOINTS, build_seq2seq
from tests.models.siamese import build_siamese
from tests.models.test_series import build as build_series


def images(auto_class: str) -> Any:
    encoder = AutoConfig.for_model("conv-encoder", image_size=28, hidden_sizes=[2, 3, 4], output_size=6)
    config = hf_rnn.SiameseConfig(encoder=encoder)
    return getattr(hf_rnn, auto_class)(config)


def classifier(variant: str, **options: Any) -> Any:
    return AutoModelForSequenceClassification.from_config(configure(variant, **options))


DEEP = {"hidden_sizes": [4, 3], "classifier_hidden_sizes": [6], "classifier_norm": "batch", "pooling": "attention"}
BERT = {"vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 6}
MODELS: dict[str, Callable[[], Any]] = {
    **{family: lambda family=family: classifier(family) for family in (*ONE_WAY, "bilstm", "dan")},
    "two layers": lambda: classifier("bilstm", **DEEP),
    "wide": lambda: classifier("gru", wide_buckets=16),
    "real-valued": lambda: classifier("gru", vocab_size=None),
    "one-hot": lambda: classifier("lstm", one_hot_input=True),
    "output-fed": lambda: classifier("output-to-output"),
    **{f"tagger, {head}": lambda head=head: build_tagger("bilstm", head) for head in HEADS},
    "tagger with letters": lambda: build_tagger("gru", char_encoder="lstm"),
    "language": lambda: build_language_model("lstm"),
    "tied language": lambda: build_language_model("gru", tie_word_embeddings=True),
    "siamese": lambda: build_siamese(AutoModel, "bilstm"),
    "siamese over BERT": lambda: build_siamese(AutoModel, "bert"),
    "pairs": lambda: build_siamese(AutoModelForSequenceClassification, "gru"),
    "pairs read together": lambda: build_siamese(
        AutoModelForSequenceClassification, "bilstm", composition="recurrent", similarity="cosine"
    ),
    "siamese of images": lambda: images("SiameseModel"),
    "conv encoder": lambda: images("SiameseModel").encoder,
    **{f"writer, {joint}": lambda joint=joint: build_seq2seq("gru", joint) for joint in JOINTS},
    "tied writer": lambda: build_seq2seq("lstm", decoder={"tie_word_embeddings": True}),
    "series": lambda: build_series(patch_length=2, num_time_features=1),
    "series, each channel by itself": lambda: build_series(channel_independent=True, quantiles=[0.1, 0.9]),
    "BERT": lambda: AutoModel.from_config(AutoConfig.for_model("bert", **BERT)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_counts_once(name: str) -> None:
    model = MODELS[name]()
    found = summary(model)
    assert found.parameters == model.num_parameters() == sum({p: p.numel() for p in model.parameters()}.values())
    assert found.trainable == model.num_parameters(only_trainable=True) == found.parameters
    assert found.size_bytes == sum(each.nbytes for each in model.parameters())
    assert found.buffer_bytes == sum(each.nbytes for each in model.buffers())
    # Only what no prediction calls has no shape.
    unseen = {layer.kind for layer in found.layers if layer.output_shape is None}
    assert unseen <= {"ConditionalRandomField", "BertPooler"}, unseen
    assert f"Parameters: {model.num_parameters():,} (" in str(found)


def test_shapes_name_what_the_batch_settles() -> None:
    shapes = {layer.name: layer.output_shape for layer in summary(MODELS["two layers"]()).layers}
    assert shapes["model.embeddings.word_embeddings"] == ("batch", "time", 5)
    assert shapes["model.layers.0.cell"] == ("batch", "time", 8)
    assert shapes["model.layers.1.cell"] == ("batch", "time", 6)
    assert shapes["classifier.dense.1"] == ("batch", 6)
    assert shapes["classifier.output"] == ("batch", 3)
    tagger = {layer.name: layer.output_shape for layer in summary(build_tagger("bilstm", "crf")).layers}
    assert tagger["model.layers.0.cell"] == ("batch", "time", 8)
    assert [shape for name, shape in tagger.items() if name.endswith("classifier.output")] == [("steps", 4)]


def test_what_is_tied_is_told() -> None:
    model = MODELS["tied language"]()
    (head,) = (layer for layer in summary(model).layers if layer.name == "lm_head")
    assert (head.parameters, head.shares_with) == (model.config.vocab_size, ("model.embeddings.word_embeddings",))
    assert "shared with model.embeddings.word_embeddings" in str(summary(model))


def test_what_is_frozen_is_told_and_the_model_is_left_as_it_was() -> None:
    model = MODELS["two layers"]().train()
    model.get_input_embeddings().weight.requires_grad_(False)
    model.classifier.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    found = summary(model)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training and not model.classifier.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert found.trainable == found.parameters - 13 * 5
    assert "65 not trained." in str(found)
    (table,) = (line for line in str(found).splitlines() if "word_embeddings" in line)
    assert table.endswith("no")


def test_another_object_is_refused() -> None:
    with pytest.raises(ValueError, match="`model` is a Linear; it must be a model of this package or transformers"):
        summary(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("bilstm", ["LstmCell", "input_size=5, hidden_size=4, num_directions=2", "pooling=last", "merge=concat"]),
        ("output-fed", ["ElmanCell", "nonlinearity=tanh, recurrence=output_to_output"]),
        ("wide", ["buckets=16, outputs=3"]),
        ("tagger, crf", ["num_labels=4"]),
    ],
)
def test_a_printed_model_shows_its_sizes(name: str, parts: list[str]) -> None:
    shown = repr(MODELS[name]())
    assert all(part in shown for part in parts), shown
