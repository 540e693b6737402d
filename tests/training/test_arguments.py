"""Arguments of the training scripts: what they refuse, and what they fill in."""

from __future__ import annotations

import os
from typing import Any

import pytest

from hf_rnn.tasks.arguments import ModelArguments, ReportArguments
from hf_rnn.training.arguments import RecurrentTrainingArguments


def training(**values: Any) -> RecurrentTrainingArguments:
    return RecurrentTrainingArguments(output_dir="unused", use_cpu=True, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "gru", "model_name_or_path": "some/bert"}, "`model_type`='gru'.*'some/bert'.*give one"),
        (
            {"model_type": "bilstmm"},
            "`model_type`='bilstmm' must be one of bilstm, lstm, gru, .*, dan",
        ),
        ({"model_name_or_path": "x", "embedding_vectors": "y"}, "`embedding_vectors`.*`model_name_or_path`"),
        ({"init_from_lm_backward": "x"}, "`init_from_lm_backward`='x' needs `init_from_lm`"),
        (
            {"init_from_lm": "x", "model_name_or_path": "y"},
            "`init_from_lm`='x' and `model_name_or_path`='y'.*give one",
        ),
        ({"init_from_lm": "x", "embedding_vectors": "y"}, "`init_from_lm`='x' and `embedding_vectors`='y'.*give one"),
        ({"config_overrides": "hidden_size=3"}, "`config_overrides`='hidden_size=3' is not JSON"),
        ({"config_overrides": "[64, 32]"}, r"`config_overrides`='\[64, 32\]' must be a JSON object"),
    ],
)
def test_model_arguments_that_do_not_fit(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelArguments(**values)


def test_no_licence_is_claimed_unless_one_is_named() -> None:
    assert ReportArguments().license is None


def test_a_licence_without_its_address_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(ValueError, match="`license_link`=None must be given, since `license` is 'other'"):
        ReportArguments(license="other", license_name="mine")


def test_overrides() -> None:
    assert ModelArguments().overrides() == {}
    given = ModelArguments(config_overrides='{"hidden_sizes": [64, 32], "single_logit": true}')
    assert given.overrides() == {"hidden_sizes": [64, 32], "single_logit": True}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0.0}, "`learning_rate`=0.0 must be above 0"),
        ({"torch_threads": 0}, "`torch_threads`=0 must be from 1 to"),
        ({"torch_threads": 4 * (os.cpu_count() or 1) + 1}, "`torch_threads`=.*on this machine"),
        ({"early_stopping_patience": 0}, "`early_stopping_patience`=0 must be at least 1"),
        ({"discriminative_lr_decay": 0.5}, "`discriminative_lr_decay`=0.5 must be a finite number of at least 1"),
        ({"discriminative_lr_decay": float("inf")}, "`discriminative_lr_decay`=inf must be a finite number"),
        ({"discriminative_lr_decay": float("nan")}, "`discriminative_lr_decay`=nan must be a finite number"),
        ({"slanted_triangular": True, "lr_scheduler_type": "cosine"}, "`lr_scheduler_type`='cosine' can't be given"),
        ({"slanted_triangular": True, "warmup_steps": 0.1}, "`warmup_steps`=0.1 can't.*`slanted_triangular`"),
        ({"slanted_triangular": True, "lr_scheduler_kwargs": {"a": 1}}, "`lr_scheduler_kwargs`={'a': 1} can't be"),
    ],
)
def test_training_arguments_out_of_range(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        training(**values)


def test_data_seed_is_always_set() -> None:
    assert training(seed=7).data_seed == 7
    assert training(seed=7, data_seed=8).data_seed == 8


def test_defaults_that_differ_from_the_stock_ones() -> None:
    arguments = training()
    assert arguments.learning_rate is None
    assert arguments.eval_strategy == arguments.save_strategy == "epoch"
    assert arguments.load_best_model_at_end and arguments.restore_callback_states_from_checkpoint
    assert arguments.save_total_limit == 2
    assert not arguments.report_to


@pytest.mark.parametrize(
    ("given", "metric", "greater_is_better"),
    [
        ({}, "f1", True),
        ({"metric_for_best_model": "recall"}, "recall", True),
        ({"metric_for_best_model": "loss"}, "loss", False),
        ({"metric_for_best_model": "eval_mse"}, "eval_mse", False),
        ({"metric_for_best_model": "mae"}, "mae", False),
        ({"metric_for_best_model": "mae", "greater_is_better": True}, "mae", True),
        ({"greater_is_better": False}, "f1", False),
    ],
)
def test_selection(given: dict[str, Any], metric: str, greater_is_better: bool) -> None:
    arguments = training(**given)
    arguments.select_by("f1")
    assert (arguments.metric_for_best_model, arguments.greater_is_better) == (metric, greater_is_better)


def test_processes_do_not_wait_for_what_is_frozen() -> None:
    assert training().ddp_find_unused_parameters is None
    assert training(gradual_unfreezing=True).ddp_find_unused_parameters is True
    assert training(gradual_unfreezing=True, ddp_find_unused_parameters=False).ddp_find_unused_parameters is False


def test_selection_by_a_loss_is_by_the_least() -> None:
    arguments = training()
    arguments.select_by("loss")
    assert arguments.greater_is_better is False
