"""A siamese network over images, from nothing to measured results; `scripts/run_one_shot.py` is its command."""

from __future__ import annotations

from typing import Any, cast

from ...data.synthetic.glyph_training import TrainingGlyphPairs
from ...data.synthetic.glyphs import GlyphPairs, glyph_classes
from ...metrics.pairs import similarity_metrics_for
from ...training.arguments import RecurrentTrainingArguments
from ...training.siamese_trainer import SiameseTrainer
from ...training.trainer import RecurrentTrainer
from ..arguments import ReportArguments
from ..run import TrainingTask
from ..similarity.arguments import build_objective
from ..similarity.measuring import choose_thresholds
from ..start import NothingToDoError
from ..task import Task
from .arguments import OneShotArguments
from .building import build_network, measure_splits
from .folder import prepare_folder
from .measuring import few_shot_figures


__all__ = ["GROUPS", "TASK", "OneShotArguments", "prepare_one_shot", "run_one_shot"]


# Pairs of validation and of test letters, half of them alike. A run's seed does not change them, so that runs compare.
MEASURED_PAIRS = 2000
IMAGE_SEED = 0
# The argument dataclasses, in the order in which `run_one_shot` takes them.
GROUPS = (OneShotArguments, ReportArguments, RecurrentTrainingArguments)


def run_one_shot(
    one_shot_arguments: OneShotArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Train on the letters of training, choose the checkpoint and the threshold by those of validation, measure on
    these (`do_eval`) and on those of test (`do_predict`), and write results.

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
    return TASK.run((one_shot_arguments, report_arguments, arguments), recipe)


def prepare_one_shot(
    one_shot_arguments: OneShotArguments,
    arguments: RecurrentTrainingArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """The glyphs, or the pictures of a folder, and the network of [`run_one_shot`], ready to be trained.

    Args:
        checkpoint: The folder that the run goes on from; nothing of it is needed here.
        language: That of the letters, for the card.
    """
    if one_shot_arguments.image_folder is not None:
        return prepare_folder(one_shot_arguments, arguments, TASK.name, TASK.kind.selects["labels"])
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
    return TrainingTask(
        name=TASK.name,
        model=build_network(one_shot_arguments, encoder),
        tokenizer=None,
        train=train,
        validation=measured["validation"],
        rows={"train": len(train.letters), **{split: len(glyph_classes(split)) for split in measured}},
        dataset_name="glyphs",
        source=None,
        metric=TASK.kind.selects["labels"],
        compute_metrics=similarity_metrics_for("labels", one_shot_arguments.threshold_metric),
        measure=lambda trainer, _: _measure(trainer, measured, one_shot_arguments.threshold_metric),
        trainer_class=SiameseTrainer,
        trainer_options={"loss": objective, "groups": train.groups if objective.in_batch else None},
        language=language,
    )


def _measure(
    trainer: RecurrentTrainer, measured: dict[str, GlyphPairs], threshold_metric: str
) -> dict[str, dict[str, float]]:
    choose_thresholds(trainer, measured["validation"], threshold_metric)
    return measure_splits(trainer, measured, lambda model, split: few_shot_figures(model, split, IMAGE_SEED))


def _check(arguments: tuple[Any, ...]) -> None:
    training = next(group for group in arguments if isinstance(group, RecurrentTrainingArguments))
    if not training.do_train:
        raise NothingToDoError("`do_train` is False; it must be true: there is no other model to measure.")


TASK = Task("image-feature-extraction", GROUPS, prepare_one_shot, check=_check)
