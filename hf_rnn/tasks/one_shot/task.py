"""A siamese network over drawn glyphs, from nothing to measured results; `scripts/run_one_shot.py` is its command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from transformers import set_seed

from ...data.synthetic.glyph_training import TrainingGlyphPairs
from ...data.synthetic.glyphs import GlyphPairs, glyph_classes
from ...losses.objective import LOSSES
from ...metrics.pairs import similarity_metrics_for
from ...metrics.similarity import PairClassificationMetric
from ...models.configuration_conv import ConvEncoderConfig
from ...models.configuration_siamese import SiameseConfig
from ...models.modeling_siamese import SiameseModel
from ...runs.folder import checkpoint_to_resume
from ...training.arguments import RecurrentTrainingArguments
from ...training.siamese_trainer import SiameseTrainer
from ...training.trainer import RecurrentTrainer
from ..arguments import ReportArguments, json_object
from ..run import TrainingTask, run_task
from ..similarity.arguments import SimilarityArguments, build_objective
from ..similarity.measuring import choose_thresholds
from ..start import NothingToDoError, starts_run
from .measuring import few_shot_figures


# Of validation and test letters, half of them alike. The same whatever the seed of a run, so that runs compare.
MEASURED_PAIRS = 2000
IMAGE_SEED = 0
# Of the metrics of pairs, those that are reported.
PAIR_FIGURES = ("accuracy", "roc_auc")
# Without the classifier of pairs, which gives no similarity to know a letter by.
TRAINABLE = [name for name, loss in LOSSES.items() if loss.takes != "logits"]


@dataclass
class OneShotArguments(SimilarityArguments):
    """Which network learns to tell glyphs apart, and what from."""

    loss: str = field(
        default="multiple_negatives",
        metadata={"help": f"What is trained to; several, separated by commas, are summed: {', '.join(TRAINABLE)}."},
    )
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Values for the configuration of the encoder, a ConvEncoderConfig, as JSON, such as "
            '\'{"hidden_sizes": [64, 128, 128], "image_size": 28}\'; the glyphs are drawn at its `image_size`.'
        },
    )
    pairs_per_letter: int = field(default=10, metadata={"help": "Pairs of images of each letter in an epoch."})
    train_letters: int | None = field(
        default=None, metadata={"help": "Train on so many of the letters only. Default: all."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.names) <= set(TRAINABLE):
            raise ValueError(f"`loss`={self.loss!r} must be of {', '.join(TRAINABLE)}.")

    def encoder(self) -> ConvEncoderConfig:
        """
        The configuration that `config_overrides` give.

        Raises:
            ValueError: they are not a JSON object, or no configuration of grey images.
        """
        config = ConvEncoderConfig(**json_object(self.config_overrides, "config_overrides"))
        if config.num_channels != 1:
            raise ValueError(f"`num_channels`={config.num_channels} must be 1: glyphs are drawn in grey.")
        return config


@starts_run
def run_one_shot(
    one_shot_arguments: OneShotArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    recipe: str | None = None,
) -> dict[str, Any]:
    """
    Train on the letters of training, choose the checkpoint and the threshold by those of validation, measure on these
    (`do_eval`) and on those of test (`do_predict`), and write results.

    The output folder ends with the best model on validation, its threshold in its configuration, the last checkpoints,
    `results.json` and `learning_curves.png`. The rows of a split, in the results, are its letters.

    Args:
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments that do not fit together; the message names them.
        MissingExtraError: the extra `train` is not installed.
    """
    if not arguments.do_train:
        raise NothingToDoError("`do_train` is False; it must be true: there is no other model to measure.")
    checkpoint = checkpoint_to_resume(arguments)
    set_seed(arguments.seed)
    encoder = one_shot_arguments.encoder()
    objective = build_objective(one_shot_arguments, "labels")
    train = TrainingGlyphPairs(
        one_shot_arguments.pairs_per_letter,
        encoder.image_size,
        cast(int, arguments.data_seed),
        one_shot_arguments.train_letters,
        alike_only=not objective.of_pairs,
    )
    measured = {
        split: GlyphPairs(split, MEASURED_PAIRS, encoder.image_size, IMAGE_SEED) for split in ("validation", "test")
    }
    task = TrainingTask(
        name="image-feature-extraction",
        model=_model(one_shot_arguments, encoder),
        tokenizer=None,
        train=train,
        validation=measured["validation"],
        rows={"train": len(train.letters), **{split: len(glyph_classes(split)) for split in measured}},
        dataset_name="glyphs",
        source=None,
        metric="roc_auc",
        compute_metrics=similarity_metrics_for("labels", one_shot_arguments.threshold_metric),
        measure=lambda trainer, _: _measure(trainer, measured, one_shot_arguments.threshold_metric),
        trainer_class=SiameseTrainer,
        trainer_options={"loss": objective, "groups": train.groups if objective.in_batch else None},
    )
    return run_task(
        task, arguments, None, report_arguments, (one_shot_arguments,), checkpoint=checkpoint, recipe=recipe
    )


def _model(arguments: OneShotArguments, encoder: ConvEncoderConfig) -> SiameseModel:
    similarity: Any = arguments.similarity or LOSSES[arguments.names[0]].similarity
    return SiameseModel(SiameseConfig(encoder=encoder, similarity=similarity, **arguments.overrides()))


def _measure(
    trainer: RecurrentTrainer, measured: dict[str, GlyphPairs], threshold_metric: str
) -> dict[str, dict[str, float]]:
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    choose_thresholds(trainer, measured["validation"], threshold_metric)
    wanted = {"validation": trainer.args.do_eval, "test": trainer.args.do_predict}
    metrics = {}
    for split in (split for split in wanted if wanted[split]):
        predicted = trainer.predict(measured[split], metric_key_prefix=split)
        of_pairs = PairClassificationMetric().compute(
            predictions=predicted.predictions, references=predicted.label_ids, threshold=model.config.threshold
        )
        metrics[split] = few_shot_figures(model, split, IMAGE_SEED)
        metrics[split] |= {f"pair_{name}": of_pairs[name] for name in PAIR_FIGURES}
    return metrics


__all__ = ["OneShotArguments", "run_one_shot"]
