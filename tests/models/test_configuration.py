"""Configurations: what is refused and how it is said, what is derived, and what survives a file."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from hf_rnn.models.configuration_rnn import (
    FAMILIES,
    BiLstmConfig,
    DanConfig,
    ElmanConfig,
    GruConfig,
    LstmConfig,
    RecurrentConfig,
)
from tests.models.common import POOLINGS, VARIANTS, batch_of, build, configure, sentences


@pytest.mark.parametrize(
    ("config_class", "arguments", "messages"),
    [
        (LstmConfig, {"vocab_size": 0}, ["`vocab_size` is 0", "at least 1"]),
        (LstmConfig, {"embedding_size": -3}, ["`embedding_size` is -3", "at least 1"]),
        (LstmConfig, {"hidden_size": 0}, ["`hidden_size` is 0", "at least 1"]),
        (LstmConfig, {"hidden_sizes": [4, 0]}, ["`hidden_sizes` is 0", "at least 1"]),
        (LstmConfig, {"hidden_sizes": []}, ["`hidden_sizes` is []", "at least 1 layer"]),
        (LstmConfig, {"num_hidden_layers": 0}, ["`num_hidden_layers` is 0", "at least 1 layer"]),
        (DanConfig, {"num_hidden_layers": -1}, ["`num_hidden_layers` is -1", "at least 0"]),
        (LstmConfig, {"classifier_hidden_sizes": [-1]}, ["`classifier_hidden_sizes` is -1", "at least 1"]),
        (LstmConfig, {"one_hot_input": True, "vocab_size": None}, ["`one_hot_input` is True", "`vocab_size`", "None"]),
        (LstmConfig, {"vocab_size": 9, "pad_token_id": 9}, ["`pad_token_id` is 9", "[0, 9)"]),
        (LstmConfig, {"pad_token_id": -1}, ["`pad_token_id` is -1", "[0, 20000)"]),
        (LstmConfig, {"word_dropout": 1.0}, ["`word_dropout` is 1.0", "[0, 1)"]),
        (LstmConfig, {"embedding_dropout": -0.1}, ["`embedding_dropout` is -0.1", "[0, 1)"]),
        (LstmConfig, {"dropout": 2}, ["`dropout` is 2", "[0, 1)"]),
        (LstmConfig, {"dropout": float("nan")}, ["`dropout` is nan", "[0, 1)"]),
        (LstmConfig, {"classifier_dropout": 1}, ["`classifier_dropout` is 1", "[0, 1)"]),
        (LstmConfig, {"weight_dropout": 1.0}, ["`weight_dropout` is 1.0", "[0, 1)"]),
        (LstmConfig, {"word_type_dropout": -0.5}, ["`word_type_dropout` is -0.5", "[0, 1)"]),
        (LstmConfig, {"word_type_dropout": 0.1, "vocab_size": None}, ["`word_type_dropout` is 0.1", "`vocab_size`"]),
        (DanConfig, {"weight_dropout": 0.5}, ["`weight_dropout` is 0.5", "must be 0"]),
        (LstmConfig, {"activation_penalty": -1}, ["`activation_penalty` is -1", "at least 0"]),
        (LstmConfig, {"activation_penalty": float("inf")}, ["`activation_penalty` is inf", "finite"]),
        (LstmConfig, {"temporal_activation_penalty": float("nan")}, ["`temporal_activation_penalty` is nan"]),
        (LstmConfig, {"num_labels": 0}, ["`num_labels` is 0", "at least 1"]),
        (LstmConfig, {"problem_type": "binary"}, ["`problem_type` is 'binary'", "'multi_label_classification'"]),
        (LstmConfig, {"single_logit": True, "num_labels": 3}, ["`single_logit` is True", "`num_labels`", "2", "is 3"]),
        (
            LstmConfig,
            {"single_logit": True, "problem_type": "regression"},
            ["`single_logit` is True", "`problem_type`", "'single_label_classification'", "is 'regression'"],
        ),
        (LstmConfig, {"word_vocab_size": 0}, ["`word_vocab_size` is 0", "at least 1"]),
        (LstmConfig, {"word_vocab_size": 9, "vocab_size": None}, ["`word_vocab_size` is 9", "`vocab_size`", "65536"]),
        (LstmConfig, {"word_vocab_size": 9, "vocab_size": 65537}, ["`word_vocab_size` is 9", "it is 65537"]),
        (LstmConfig, {"word_vocab_size": 9, "one_hot_input": True}, ["`word_vocab_size` is 9", "`one_hot_input`"]),
        (LstmConfig, {"max_token_bytes": 1}, ["`max_token_bytes` is 1", "[2, 255]"]),
        (LstmConfig, {"max_token_bytes": 256}, ["`max_token_bytes` is 256", "[2, 255]"]),
        (LstmConfig, {"char_embedding_size": 0}, ["`char_embedding_size` is 0", "at least 1"]),
        (LstmConfig, {"char_hidden_size": -1}, ["`char_hidden_size` is -1", "at least 1"]),
        (LstmConfig, {"char_encoder": "cnn"}, ["`char_encoder` is 'cnn'", "needs a `word_vocab_size`"]),
        (LstmConfig, {"casing_features": True}, ["`casing_features` is True", "needs a `word_vocab_size`"]),
        (LstmConfig, {"label_scheme": "BIO"}, ["`label_scheme` is 'BIO'", "needs `crf=True`"]),
        (LstmConfig, {"crf": True, "label_scheme": "IOB1"}, ["'label_scheme'", "IOB1", "'BIO', 'BIOES'"]),
        (LstmConfig, {"word_vocab_size": 9, "char_encoder": "gru"}, ["'char_encoder'", "gru", "'cnn', 'lstm'"]),
        (BiLstmConfig, {"bidirectional": False}, ["`bidirectional` is False", "must be True"]),
        (DanConfig, {"bidirectional": True}, ["`bidirectional` is True", "must be False"]),
        (ElmanConfig, {"initializer": "he"}, ["`initializer` is 'he'", "`nonlinearity`", "'relu'", "is 'tanh'"]),
        (ElmanConfig, {"initializer": "identity"}, ["`initializer` is 'identity'", "`nonlinearity`"]),
        # Types and choices, which huggingface_hub's `@strict` checks in its own words.
        (LstmConfig, {"hidden_size": 4.0}, ["'hidden_size'", "4.0", "int"]),
        (LstmConfig, {"hidden_size": True}, ["'hidden_size'", "True", "int"]),
        (LstmConfig, {"dropout": "0.5"}, ["'dropout'", "'0.5'", "float"]),
        (LstmConfig, {"hidden_sizes": ["4"]}, ["'hidden_sizes'", "['4']", "list[int]"]),
        (LstmConfig, {"locked_dropout": 1}, ["'locked_dropout'", "1", "bool"]),
        (LstmConfig, {"merge": "average"}, ["'merge'", "average", "'concat', 'sum'"]),
        (LstmConfig, {"pooling": "first"}, ["'pooling'", "first", "'mean_max'"]),
        (DanConfig, {"pooling": "last"}, ["'pooling'", "last", "'mean'"]),
        (LstmConfig, {"classifier_activation": "elu"}, ["'classifier_activation'", "elu", "'gelu'"]),
        (LstmConfig, {"classifier_norm": "layer"}, ["'classifier_norm'", "layer", "'batch'"]),
        (ElmanConfig, {"nonlinearity": "gelu"}, ["'nonlinearity'", "gelu", "'tanh', 'relu'"]),
        (ElmanConfig, {"recurrence": "jordan"}, ["'recurrence'", "jordan", "'output_to_hidden'"]),
        (ElmanConfig, {"initializer": "zeros"}, ["'initializer'", "zeros", "'identity'"]),
        (GruConfig, {"reset_after": "yes"}, ["'reset_after'", "'yes'", "bool"]),
        # Names that do not exist.
        (LstmConfig, {"hiden_size": 4}, ["`hiden_size` (given: 4)", "LstmConfig", "did you mean `hidden_size`?"]),
        (LstmConfig, {"droput": 0.5}, ["`droput` (given: 0.5)", "did you mean `dropout`?"]),
        (LstmConfig, {"xyz": 1}, ["`xyz` (given: 1)", "it may be one of", "hidden_size"]),
        (LstmConfig, {"reset_after": True}, ["`reset_after` (given: True)", "not an argument of LstmConfig"]),
        (GruConfig, {"nonlinearity": "relu"}, ["`nonlinearity` (given: 'relu')", "not an argument of GruConfig"]),
    ],
)
def test_bad_arguments_are_named(config_class, arguments, messages):
    # `@strict` wraps the validators' ValueErrors in exceptions of its own, which need not be ValueErrors.
    with pytest.raises(Exception) as error:  # noqa: PT011
        config_class(**arguments)
    assert type(error.value).__name__ in (
        "ValueError",
        "StrictDataclassClassValidationError",
        "StrictDataclassFieldValidationError",
    )
    for message in messages:
        assert message in str(error.value)


def test_the_list_of_arguments_holds_only_arguments():
    with pytest.raises(ValueError, match="it may be one of") as error:
        LstmConfig(xyz=1)
    names = str(error.value).split("one of: ")[1].rstrip(".").split(", ")
    assert {"pooling", "id2label", "problem_type"} <= set(names)
    assert not {"cell", "_auto_class", "model_type", "attribute_map"} & set(names)


def test_whole_numbers_serve_as_probabilities():
    config = LstmConfig(dropout=0, word_dropout=0, embedding_dropout=0, classifier_dropout=0)
    assert config.dropout == 0


UNUSUAL = {
    "vocab_size": 31,
    "embedding_size": 7,
    "hidden_sizes": [6, 5],
    "word_dropout": 0.1,
    "embedding_dropout": 0.2,
    "dropout": 0.3,
    "locked_dropout": False,
    "pooling": "attention",
    "classifier_hidden_sizes": [8],
    "classifier_activation": "gelu",
    "classifier_norm": "batch",
    "classifier_dropout": 0.4,
    "word_type_dropout": 0.5,
    "activation_penalty": 2,
    "temporal_activation_penalty": 0.25,
    "word_vocab_size": 17,
    "max_token_bytes": 5,
    "char_encoder": "lstm",
    "char_embedding_size": 6,
    "char_hidden_size": 9,
    "casing_features": True,
    "crf": True,
    "label_scheme": "BIOES",
    "pad_token_id": 3,
    "use_cache": True,
    "num_labels": 4,
    "problem_type": "single_label_classification",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_argument_survives_a_file(variant, tmp_path):
    recurrent = FAMILIES[VARIANTS[variant][0]].recurrent_weights
    config = configure(variant, **UNUSUAL, weight_dropout=0.6 if recurrent else 0)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is type(config) is FAMILIES[config.model_type]
    assert loaded.to_diff_dict() == config.to_diff_dict()
    assert {name: getattr(loaded, name) for name in UNUSUAL} == UNUSUAL
    for name, value in VARIANTS[variant][1].items():
        assert getattr(loaded, name) == value


def test_the_trainer_may_write_token_ids_into_a_config(tmp_path):
    # transformers' Trainer copies them from the tokenizer as plain attributes, which are saved.
    config = GruConfig()
    config.bos_token_id, config.eos_token_id = 2, 3
    config.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["eos_token_id"] == 3
    assert AutoConfig.from_pretrained(tmp_path).eos_token_id == 3


def test_hidden_sizes_override():
    config = LstmConfig(hidden_size=9, num_hidden_layers=5, hidden_sizes=[4, 3])
    assert config.layer_sizes == [4, 3]
    assert config.num_hidden_layers == 2
    assert LstmConfig(hidden_size=9, num_hidden_layers=3).layer_sizes == [9, 9, 9]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(
    ("options", "step_size"),
    [
        ({"hidden_sizes": [4, 3]}, 3),
        ({"hidden_sizes": [4, 3], "bidirectional": True}, 6),
        ({"hidden_sizes": [4, 3], "bidirectional": True, "merge": "sum"}, 3),
    ],
)
def test_output_sizes_are_those_of_the_outputs(pooling, options, step_size):
    model = build("gru", head=False, pooling=pooling, **options)
    outputs = model(**batch_of(sentences(), "right")[0])
    assert model.config.step_size == outputs.last_hidden_state.shape[2] == step_size
    wanted = 2 * step_size if pooling == "mean_max" else step_size
    assert model.config.output_size == outputs.pooler_output.shape[1] == wanted


@pytest.mark.parametrize("pooling", [pooling for pooling in POOLINGS if pooling != "last"])
@pytest.mark.parametrize("layers", [0, 1, 2])
def test_output_sizes_of_a_dan(pooling, layers):
    model = build("dan", head=False, pooling=pooling, num_hidden_layers=layers)
    outputs = model(**batch_of(sentences(), "right")[0])
    assert model.config.step_size == outputs.last_hidden_state.shape[2] == 5
    wanted = 4 if layers else (10 if pooling == "mean_max" else 5)
    assert model.config.output_size == outputs.pooler_output.shape[1] == wanted


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 128),
        ({"one_hot_input": True}, 31),
        ({"vocab_size": None}, 128),
        ({"word_vocab_size": 9}, 128),
        ({"word_vocab_size": 9, "char_encoder": "cnn", "char_hidden_size": 7}, 128 + 7),
        ({"word_vocab_size": 9, "char_encoder": "lstm", "char_hidden_size": 7, "casing_features": True}, 128 + 14 + 6),
    ],
)
def test_input_size(options, size):
    assert LstmConfig(**{"vocab_size": 31, **options}).input_size == size


def test_defaults_of_the_families():
    directions = {name: config_class().num_directions for name, config_class in FAMILIES.items()}
    assert directions == {"bilstm": 2, "lstm": 1, "gru": 1, "elman": 1, "min_gru": 1, "min_lstm": 1, "dan": 1}
    assert {config_class().pooling for name, config_class in FAMILIES.items() if name != "dan"} == {"last"}
    assert DanConfig().pooling == "mean"
    assert RecurrentConfig.keys_to_ignore_at_inference == ["cache", "past_key_values", "hidden_states", "emissions"]


def test_overrides_while_loading_leave_nothing_stale(tmp_path):
    build("lstm", hidden_sizes=[4, 3]).save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path, hidden_sizes=[2, 3, 5], bidirectional=True, pooling="mean_max")
    assert config.layer_sizes == [2, 3, 5]
    assert config.output_size == 20
    assert AutoConfig.from_pretrained(tmp_path, one_hot_input=True, vocab_size=21).input_size == 21
    model = AutoModel.from_config(config)
    assert len(model.layers) == model.config.num_hidden_layers == 3
    assert model(torch.tensor([[1, 2]])).pooler_output.shape == (1, 20)


def test_overrides_while_loading_are_validated(tmp_path):
    build("lstm").save_pretrained(tmp_path)
    for arguments, message in [
        ({"dropout": 3.0}, "`dropout` is 3.0"),
        ({"pooling": "first"}, "'pooling'"),
        ({"single_logit": True}, "`single_logit` is True, which needs `num_labels`"),
        ({"droput": 0.1}, "droput"),
    ]:
        with pytest.raises(Exception, match=message):
            AutoModelForSequenceClassification.from_pretrained(tmp_path, **arguments)
