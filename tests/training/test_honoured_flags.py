"""Flags that a model or a task cannot honour are refused by name; those that it can, act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import set_seed

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    BiLstmForTokenClassification,
    GruConfig,
    GruForCausalLM,
    LanguageModelTrainer,
    LanguageTrainingArguments,
    RecurrentTrainer,
    RecurrentTrainingArguments,
    SiameseConfig,
    SiameseModel,
    SiameseTrainer,
)
from hf_rnn.losses import CoSENTLoss, MultipleNegativesRankingLoss
from hf_rnn.metrics import metrics_for
from hf_rnn.training.honoured_flags import refuse_split_batches
from tests.training.accumulation_cases import CASES, NAMES, SIZES, TOKENIZER


def classifier(**values: Any) -> BiLstmForSequenceClassification:
    set_seed(0)
    return BiLstmForSequenceClassification(BiLstmConfig(**{"num_labels": 3, **SIZES, **values}))


def of_pairs(args: Any, loss: Any = None, **options: Any) -> SiameseTrainer:
    model = SiameseModel(SiameseConfig(encoder=BiLstmConfig(**SIZES)))
    return SiameseTrainer(model, args, loss=loss or CoSENTLoss(), **options)


def of_a_text(args: Any, **options: Any) -> LanguageModelTrainer:
    args = LanguageTrainingArguments(**{"output_dir": args.output_dir, "use_cpu": True, **args.given})
    return LanguageModelTrainer(GruForCausalLM(GruConfig(**SIZES)), args, **options)


MADE: dict[str, Any] = {
    "classes": lambda args: RecurrentTrainer(classifier(), args),
    "regression": lambda args: RecurrentTrainer(classifier(num_labels=1), args),
    "several labels": lambda args: RecurrentTrainer(classifier(problem_type="multi_label_classification"), args),
    "CRF": lambda args: RecurrentTrainer(BiLstmForTokenClassification(BiLstmConfig(crf=True, **NAMES, **SIZES)), args),
    "measured": lambda args: RecurrentTrainer(
        classifier(), args, compute_metrics=metrics_for("single_label_classification", 3)
    ),
    "measured by default": lambda args: RecurrentTrainer(classifier(), args, eval_dataset=list(CASES["classes"].rows)),
    "pairs": of_pairs,
    "duplicates": lambda args: of_pairs(args, MultipleNegativesRankingLoss(), groups=[0, 1]),
    "text": of_a_text,
}


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("CRF", {"label_smoothing_factor": 0.1}, "for a BiLstmForTokenClassification with a CRF it must be 0"),
        ("regression", {"label_smoothing_factor": 0.1}, "for regression it must be 0"),
        ("several labels", {"label_smoothing_factor": 0.1}, "for multi_label_classification it must be 0"),
        ("pairs", {"label_smoothing_factor": 0.1}, "for pairs.* it must be 0"),
        ("text", {"label_smoothing_factor": 0.1}, "for a GruForCausalLM it must be 0"),
        ("measured", {"eval_do_concat_batches": False}, "the metrics of hf_rnn are of a whole split: it must be True"),
        (
            "measured by default",
            {"batch_eval_metrics": True},
            "the metrics of hf_rnn are of a whole split: it must be False",
        ),
        ("classes", {"train_sampling_strategy": "sequential"}, "with `bucket_by_length`.* it must be 'random'"),
        ("classes", {"dataloader_in_order": False, "dataloader_num_workers": 1}, ".* need the order.* must be True"),
        ("pairs", {"remove_unused_columns": False}, "for pairs.* it must be True"),
        ("pairs", {"label_names": ["label"]}, r"for pairs it must be \['labels'\]"),
        ("duplicates", {"auto_find_batch_size": True}, ".* takes negatives from the batch it must be False"),
        ("text", {"auto_find_batch_size": True}, "for a language model.* it must be False"),
        ("text", {"batch_eval_metrics": True}, "for a language model.* it must be False"),
        ("text", {"bf16_full_eval": True}, "for a language model.* it must be False"),
        ("text", {"include_for_metrics": ["inputs"]}, r"for a language model.* it must be \[\]"),
        ("text", {"dataloader_drop_last": True}, "for a language model.* it must be False"),
    ],
)
def test_refused_by_name(kind: str, values: dict[str, Any], reason: str, tmp_path: Path) -> None:
    args: Any = RecurrentTrainingArguments(str(tmp_path), use_cpu=True, **values)
    args.given = values
    name = next(iter(values))
    with pytest.raises(ValueError, match=f"`{name}` is .*; {reason}"):
        MADE[kind](args)


def test_liger_has_no_kernels_for_recurrent_models(tmp_path: Path) -> None:
    args = RecurrentTrainingArguments(str(tmp_path), use_cpu=True)
    made = RecurrentTrainer(classifier(), args)
    allowed = made._allowed_flags(made.model)["use_liger_kernel"]
    assert not allowed.value and "BiLstmForSequenceClassification" in allowed.reason


@pytest.mark.parametrize("name", ["compute_metrics", "compute_loss_func", "preprocess_logits_for_metrics"])
def test_a_language_model_has_metrics_of_its_own(name: str, tmp_path: Path) -> None:
    args: Any = RecurrentTrainingArguments(str(tmp_path), use_cpu=True)
    args.given = {}
    with pytest.raises(ValueError, match=f"`{name}` was given; a language model has"):
        of_a_text(args, **{name: lambda *given: {}})


def test_pairs_have_a_loss_in_place_of_a_function(tmp_path: Path) -> None:
    args = RecurrentTrainingArguments(str(tmp_path), use_cpu=True)
    with pytest.raises(ValueError, match="`compute_loss_func` was given; for pairs give a `loss`"):
        of_pairs(args, compute_loss_func=lambda *given: None)


@pytest.mark.parametrize("name", ["split_batches", "dispatch_batches"])
def test_several_processes_share_batches_in_one_way(name: str, tmp_path: Path) -> None:
    args: Any = RecurrentTrainingArguments(str(tmp_path), use_cpu=True, accelerator_config={name: True})
    refuse_split_batches(args)

    class OfTwo:
        accelerator_config, world_size = args.accelerator_config, 2

    with pytest.raises(
        ValueError, match=f"`accelerator_config` has `{name}`=True; with 2 processes it must be absent"
    ):
        refuse_split_batches(OfTwo())


def test_smoothed_labels_are_learnt_from(tmp_path: Path) -> None:
    """The gradient of a step is that of torch's smoothed cross-entropy, and not of the plain one."""
    case = CASES["classes"]
    batch = case.collator([row for row in case.rows if row["labels"] >= 0])
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}

    def gradient(model: Any, loss: torch.Tensor) -> torch.Tensor:
        model.zero_grad()
        loss.backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])

    model = classifier().train()
    args = RecurrentTrainingArguments(str(tmp_path), use_cpu=True, label_smoothing_factor=0.2)
    made = RecurrentTrainer(model, args, processing_class=TOKENIZER)
    number = (batch["labels"] != -100).sum()
    found = gradient(model, made.compute_loss(model, dict(batch), num_items_in_batch=number))
    smoothed, plain = (
        gradient(model, functional.cross_entropy(model(**inputs).logits, batch["labels"], label_smoothing=share))
        for share in (0.2, 0.0)
    )
    torch.testing.assert_close(found, smoothed, rtol=1e-4, atol=1e-6)
    assert (found - plain).abs().max() > 1e-3
