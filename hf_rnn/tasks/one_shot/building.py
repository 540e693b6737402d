"""The network of one-shot verification, and the figures of its splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import Dataset

from ...metrics.similarity import PairClassificationMetric
from ...models.configuration_conv import ConvEncoderConfig
from ...models.configuration_siamese import SiameseConfig
from ...models.modeling_siamese import SiameseModel
from ...training.trainer import RecurrentTrainer
from ..overrides import with_overrides
from .arguments import OneShotArguments


__all__ = ["build_network", "measure_splits"]


# The metrics of pairs that are reported.
PAIR_FIGURES = ("accuracy", "roc_auc")


def build_network(arguments: OneShotArguments, encoder: ConvEncoderConfig) -> SiameseModel:
    """A new siamese network over `encoder`."""
    similarity: Any = arguments.compares_by
    overrides = with_overrides({}, arguments.overrides(), argument="siamese_overrides")
    return SiameseModel(SiameseConfig(encoder=encoder, similarity=similarity, **overrides))


def measure_splits(
    trainer: RecurrentTrainer,
    measured: Mapping[str, Dataset[Any]],
    few_shot: Callable[[SiameseModel, str], dict[str, float]],
) -> dict[str, dict[str, float]]:
    """The figures of validation (`do_eval`) and test (`do_predict`): those of `few_shot`, given the model and the
    split, and, with `pair_` before their names, those of the pairs `measured` by the threshold of the model.
    """
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    wanted = {"validation": trainer.args.do_eval, "test": trainer.args.do_predict}
    metrics = {}
    for split in (split for split in wanted if wanted[split]):
        predicted = trainer.predict(measured[split], metric_key_prefix=split)
        of_pairs = PairClassificationMetric().compute(
            predictions=predicted.predictions, references=predicted.label_ids, threshold=model.config.threshold
        )
        metrics[split] = few_shot(model, split) | {f"pair_{name}": of_pairs[name] for name in PAIR_FIGURES}
    return metrics
