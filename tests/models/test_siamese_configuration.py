"""The configuration of siamese networks: its encoder, its defaults and what it refuses."""

from __future__ import annotations

import pytest
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, BertConfig, ResNetConfig, ViTConfig

from hf_rnn import BiLstmConfig, ConvEncoderConfig, DanConfig, GruConfig, SiameseConfig


@pytest.mark.parametrize(
    ("encoder", "pooling"),
    [
        (BiLstmConfig(), "pooler"),
        (DanConfig(vocab_size=None), "pooler"),
        (ConvEncoderConfig(), "pooler"),
        (ViTConfig(), "pooler"),
        (BertConfig(), "mean"),
    ],
)
def test_the_pooling_follows_from_the_encoder(encoder, pooling):
    assert SiameseConfig(encoder=encoder).pooling == pooling
    assert SiameseConfig(encoder=encoder, pooling="first").pooling == "first"


@pytest.mark.parametrize("encoder", [GruConfig(hidden_size=3), BertConfig(hidden_size=24), ConvEncoderConfig()])
def test_round_trip(encoder, tmp_path):
    config = SiameseConfig(encoder=encoder, similarity="manhattan", threshold=0.5, threshold_metric="f1", num_labels=3)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is SiameseConfig and type(loaded.encoder) is type(encoder)
    assert loaded.encoder.to_dict() == encoder.to_dict()
    assert loaded.to_dict() == {**config.to_dict(), "_name_or_path": str(tmp_path)}
    assert (loaded.similarity, loaded.threshold, loaded.threshold_metric) == ("manhattan", 0.5, "f1")


def test_an_encoder_may_be_a_dict():
    config = SiameseConfig(encoder={"model_type": "gru", "hidden_size": 3})
    assert type(config.encoder) is GruConfig and config.encoder.hidden_size == 3
    assert type(SiameseConfig().encoder) is BiLstmConfig


@pytest.mark.parametrize(
    ("encoder", "pooling", "size"),
    [
        (BiLstmConfig(hidden_size=3), "pooler", 6),
        (BiLstmConfig(hidden_size=3, pooling="mean_max"), "pooler", 12),
        (BiLstmConfig(hidden_size=3, pooling="mean_max"), "mean", 6),
        (DanConfig(embedding_size=7, hidden_size=3), "mean", 7),
        (BertConfig(hidden_size=24), "mean", 24),
        (ConvEncoderConfig(output_size=9), "pooler", 9),
        (ResNetConfig(hidden_sizes=[8, 16]), "pooler", 16),
    ],
)
def test_sizes(encoder, pooling, size):
    config = SiameseConfig(encoder=encoder, pooling=pooling)
    assert config.pooled_size == config.output_size == size
    config.projection_size = 5
    assert (config.pooled_size, config.output_size) == (size, 5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshhold": 0.5}, "`threshhold` .* did you mean `threshold`"),
        ({"similarity": "cosin"}, "similarity"),
        ({"pooling": "max"}, "pooling"),
        ({"projection_size": 0}, "`projection_size` is 0"),
        ({"classifier_hidden_sizes": [4, 0]}, "`classifier_hidden_sizes` is 0"),
        ({"classifier_dropout": 1.0}, "`classifier_dropout` is 1.0"),
        ({"threshold": float("nan")}, "`threshold` is nan"),
        ({"threshold_metric": "f1"}, "`threshold_metric` is 'f1', which needs a `threshold`"),
        ({"problem_type": "ranking"}, "problem_type"),
        ({"num_labels": 0}, "`num_labels` is 0"),
        ({"encoder": {"hidden_size": 3}}, "`encoder` has the `model_type` None"),
        ({"encoder": {"model_type": "bilstn"}}, "`encoder` has the `model_type` 'bilstn'; it may be one of bilstm"),
        ({"encoder": SiameseConfig()}, "`encoder` is itself siamese"),
        ({"encoder": BiLstmConfig(word_vocab_size=9), "pooling": "mean"}, "`pooling` is 'mean'; .*`word_vocab_size`"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises((ValueError, StrictDataclassError), match=message):
        SiameseConfig(**values)


def test_an_encoder_that_does_not_say_its_size():
    with pytest.raises(ValueError, match="`encoder` is a EfficientNetConfig"):
        SiameseConfig(encoder={"model_type": "efficientnet", "hidden_dim": 4}).pooled_size  # noqa: B018
