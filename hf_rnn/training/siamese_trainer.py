"""Trainer for siamese networks: the loss is one of embeddings, the batches those that it wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import torch
from torch import nn
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import PreTrainedTokenizerBase
from transformers.modeling_outputs import ModelOutput

from ..data.batches.duplicates import row_groups
from ..data.batches.pair_collator import PairCollator
from ..extras import MissingExtraError
from ..losses.objective import SimilarityObjective
from ..metrics.names import CLASSIFIER
from ..metrics.pairs import similarity_metrics_for
from ..metrics.triplets import TRIPLET_ACCURACY, triplet_metrics
from ..models.pair_inputs import stack
from ..models.similarity import pairwise
from .honoured_flags import Only
from .pair_sampler import GroupedPairSampler
from .raw_rows import all_labels
from .task_of_model import DefaultMetrics, Head, head_of, label_of
from .trainer import RecurrentTrainer


__all__ = ["SiameseTrainer"]


# What a row has of each of its texts, or images; the second ends in `_b`, the third in `_c`.
INPUTS = ("input_ids", "attention_mask", "pixel_values")
_SUFFIXES = ("_b", "_c")


class SiameseTrainer(RecurrentTrainer):
    """A [`RecurrentTrainer`] for a siamese network and rows of two inputs and `labels`.

    The loss is a mean over a batch, and with gradient accumulation, or several processes, the mean of those of its
    micro-batches, each weighed by its rows. So a loss of single pairs is that of one large batch; in-batch negatives,
    and what CoSENT compares, are those of one micro-batch. In evaluation an objective that takes negatives from the
    batch has no loss, because batches of similar length would make it another one.

    Rows of triplets have a third text, `text_c`, which is the negative. What a [`TripletLoss`] learns from must have
    it. Evaluated, such rows give the similarity of each anchor to its positive, and to its negative, and the
    `triplet_accuracy`.

    What is not given follows from the pairs: texts in the columns `text`, `text_b` and `label` are tokenised, the
    `groups` of losses that need them are those of equal texts, and an evaluation measures
    [`PairClassificationMetric`] of labels 0 and 1 and [`ScoreCorrelationMetric`] of scores.

    Args:
        loss: One of `hf_rnn.losses` for pairs or for duplicates, such as `CoSENTLoss()`, a [`SimilarityObjective`] of
            several, or any `torch.nn.Module` that is called as `loss(a, b, labels)`, with the embeddings of each side,
            (batch, features), and labels or scores, (batch), and returns their mean, a scalar.
        groups: The group of each training row; no two of a group come into a batch. Losses that take negatives from
            the batch need it. Default: found by `row_groups` where the rows are a `datasets.Dataset`.
        predicts_embeddings: Whether evaluations hand over the embeddings of both sides after the similarities, in the
            order of the rows, for metrics that compare each text with all others.
        args, kwargs: As [`RecurrentTrainer`] takes them.

    Raises:
        ValueError: the loss is none of pairs, or takes negatives from the batch of rows that have no `groups`; or as
            [`RecurrentTrainer`].

    Example:
        >>> SiameseTrainer(model, train_dataset=pairs, processing_class=tokenizer, loss=CoSENTLoss())  # doctest: +SKIP
    """

    # The name is not `objective`: transformers calls so what a search has found.
    pair_objective: SimilarityObjective

    def __init__(
        self,
        *args: Any,
        loss: nn.Module,
        groups: Sequence[int] | None = None,
        predicts_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        # This comes before all else: the flags and metrics depend on it.
        self.pair_objective = SimilarityObjective.of(loss)
        self.groups = groups
        self.predicts_embeddings = predicts_embeddings
        super().__init__(*args, **kwargs)
        # The forward of the model takes no labels, by which the Trainer would know what they are called.
        self.label_names = ["labels"]

    def _set_up(self, model: Any) -> None:
        super()._set_up(model)
        if self.pair_objective.of_logits and head_of(model) != "pairs":
            raise ValueError(
                f"`loss` is one of a classifier of pairs, and `model` is a {type(model).__name__}; it must be a "
                "SiameseForPairClassification."
            )
        if isinstance(self.train_dataset, datasets.Dataset):
            columns = self.train_dataset.column_names
            if self.pair_objective.of_triplets:
                _require_third(columns)
            elif "input_ids_c" in columns:
                raise ValueError(
                    "`train_dataset` has a third text, `text_c`, and `loss` learns nothing from it: give a "
                    "TripletLoss, or leave the column out."
                )
        if self.pair_objective.in_batch and self.groups is None and self.train_dataset is not None:
            if not isinstance(self.train_dataset, datasets.Dataset):
                raise ValueError("`groups` is None; with in-batch negatives it must say which rows are duplicates.")
            self.groups = row_groups(self.train_dataset)

    def _head(self, model: Any) -> Head | None:
        return head_of(model)

    def _allowed_flags(self, model: Any) -> dict[str, Only]:
        allowed = super()._allowed_flags(model)
        allowed |= {
            "label_smoothing_factor": Only(0, "for pairs, whose losses have a `label_smoothing` where they have any,"),
            "label_names": Only(self.args.label_names and ["labels"], "for pairs"),
            "remove_unused_columns": Only(True, "for pairs, whose model takes no other columns,"),
        }
        if self.groups is not None:
            reason = "with a loss that takes negatives from the batch"
            allowed["auto_find_batch_size"] = Only(False, reason)
            allowed["train_sampling_strategy"] = Only("random", reason)
        if self.compute_loss_func is not None:
            raise ValueError("`compute_loss_func` was given; for pairs give a `loss`.")
        return allowed

    def _default_collator(self, tokenizer: PreTrainedTokenizerBase) -> Any:
        return PairCollator(tokenizer)

    def _default_metrics(self, rows: Any) -> DefaultMetrics | None:
        if "input_ids_c" in getattr(rows, "column_names", []):
            return DefaultMetrics(triplet_metrics, TRIPLET_ACCURACY)
        kind = _kind_of_labels(rows)
        if kind is None:
            return None
        try:
            metrics = similarity_metrics_for(kind)
        except MissingExtraError:
            return None
        classifier = CLASSIFIER if self.pair_objective.of_logits else ""
        return DefaultMetrics(metrics, "spearman" if kind == "scores" else f"{classifier}roc_auc")

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See `transformers.Trainer.compute_loss`."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        if any(name.endswith("_c") for name in inputs):
            outputs = self._compare_triplets(model, inputs)
        else:
            if model.training and self.pair_objective.of_triplets:
                _require_third(list(inputs))
            outputs = model(**inputs)
        negatives = outputs.get("embeddings_c")
        loss = self.pair_objective(outputs.embeddings, outputs.embeddings_b, labels, outputs.logits, negatives)
        if num_items_in_batch is not None:
            loss = self._weighed(loss, labels, num_items_in_batch)
        if self.predicts_embeddings:
            # In this order, and nothing else.
            outputs = {name: outputs[name] for name in ("logits", "embeddings", "embeddings_b")}
        return (loss, outputs) if return_outputs else loss

    def _compare_triplets(self, model: nn.Module, inputs: dict[str, Any]) -> Any:
        """Embed the three texts of each row as one batch, and compare the first with the others."""
        config: Any = self.accelerator.unwrap_model(model).config
        joined: dict[str, torch.Tensor] = {}
        for name in (name for name in inputs if not name.endswith(_SUFFIXES)):
            padding = (config.padding or 0) if name == "input_ids" else 0
            for suffix in _SUFFIXES:
                inputs[name] = stack(inputs[name], inputs[name + suffix], padding)
            joined[name] = inputs[name]
        vectors = model(**joined).embeddings.chunk(3)
        to_positive, to_negative = (pairwise(vectors[0], other, config.similarity) for other in vectors[1:])
        compared = dict(zip(("embeddings", "embeddings_b", "embeddings_c"), vectors, strict=True))
        return _Compared(logits=to_positive, logits_c=to_negative, **compared)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        # The model reads the texts of a triplet by the names of the first.
        own: list[str] = self._signature_columns or []
        self._signature_columns = list(dict.fromkeys([*own, *(f"{name}_c" for name in INPUTS)]))  # type: ignore[assignment]

    def prediction_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """See `transformers.Trainer.prediction_step`."""
        of_triplets = any(name.endswith("_c") for name in inputs)
        if of_triplets:
            kwargs["ignore_keys"] = ["embeddings", "embeddings_b", "embeddings_c"]
        elif self.predicts_embeddings:
            kwargs["ignore_keys"] = []
        loss, logits, labels = super().prediction_step(model, inputs, *args, **kwargs)
        none = self.pair_objective.in_batch or (self.pair_objective.of_triplets and not of_triplets)
        return None if none else loss, logits, labels

    def _get_eval_sampler(self, eval_dataset: Dataset[Any]) -> Sampler[Any] | None:
        # The metrics know the texts by their order.
        return SequentialSampler(eval_dataset) if self.predicts_embeddings else super()._get_eval_sampler(eval_dataset)  # type: ignore[arg-type]

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[Any] | None:
        if self.groups is None:
            return super()._get_train_sampler(train_dataset)
        processes = self.args.world_size
        batch_size = self.args.train_batch_size * processes
        return GroupedPairSampler(self.groups, batch_size, seed=self.args.data_seed, parts=processes)  # type: ignore[arg-type]


@dataclass
class _Compared(ModelOutput):
    # What came of a batch of triplets, as a model's own outputs have it.

    logits: torch.Tensor | None = None
    logits_c: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    embeddings_b: torch.Tensor | None = None
    embeddings_c: torch.Tensor | None = None


def _require_third(columns: list[str]) -> None:
    """Raise a ValueError unless rows have the third text of a triplet."""
    if not any(f"{name}_c" in columns for name in INPUTS):
        raise ValueError(
            f"`loss` is one of triplets, and `train_dataset` has the columns {', '.join(columns)}; it must have a "
            "third text beside `text` and `text_b`, `text_c`, the negative (tokenised, `input_ids_c`)."
        )


def _kind_of_labels(rows: Any) -> str | None:
    """`"labels"`, 0 and 1, or `"scores"`; None where they are all the same, so that there is nothing to tell apart."""
    if label_of(rows) is None or isinstance(rows, dict):
        return None
    found = set(map(float, all_labels(rows)))
    if len(found) < 2:
        return None
    return "labels" if found == {0.0, 1.0} else "scores"
