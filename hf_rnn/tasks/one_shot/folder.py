"""A siamese network over the pictures of a folder, with a folder a class."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from ...data.images.folders import class_files, hold_out_classes, read_classes, split_folders
from ...data.images.pairs import ImagePairs, TrainingImagePairs, turned_classes
from ...metrics.pairs import similarity_metrics_for
from ...models.image_processing_conv import ConvImageProcessor, paper_of
from ...training.arguments import RecurrentTrainingArguments
from ...training.siamese_trainer import SiameseTrainer
from ...training.trainer import RecurrentTrainer
from ..run import TrainingTask
from ..similarity.arguments import build_objective
from ..similarity.measuring import choose_thresholds
from .arguments import OneShotArguments
from .building import build_network, measure_splits
from .measuring import figures_of


__all__ = ["prepare_folder"]


logger = logging.getLogger(__name__)

# Pairs of pictures of classes that are not trained on, half of them alike; a run's seed does not change them.
MEASURED_PAIRS = 2000
PAIR_SEED = 0
HELD_OUT_SEED = 42
# Two shades that differ by less are the same paper.
SAME_SHADE = 0.05


def prepare_folder(
    arguments: OneShotArguments, training: RecurrentTrainingArguments, name: str, metric: str
) -> TrainingTask:
    """The pictures and the network, ready to be trained. One line says how the pictures are read, and another which
    classes are held out where the folder has no validation split.

    Args:
        name: That of the task.
        metric: By which the checkpoint is chosen.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds other things than pictures of classes, as `data.images.folders` says.
    """
    folder = str(arguments.image_folder)
    files = {split: class_files(path) for split, path in split_folders(folder).items()}
    if "validation" not in files:
        kept, held = hold_out_classes(list(files["train"]), arguments.hold_out_percentage, HELD_OUT_SEED)
        logger.warning("There is no validation split: %d of %d classes are held out.", len(held), len(files["train"]))
        files |= {
            "train": {one: files["train"][one] for one in kept},
            "validation": {one: files["train"][one] for one in held},
        }
    if training.do_predict and "test" not in files:
        raise ValueError(f"`do_predict` needs pictures to test on, and `image_folder`={folder!r} has no folder test.")
    processor, pictures = _read(arguments, files)
    objective = build_objective(arguments, "labels")
    learnt = turned_classes(pictures["train"]) if arguments.turned_classes else pictures["train"]
    if objective.in_batch and training.per_device_train_batch_size > len(learnt):
        # A batch has one pair of a class at most, whose negatives are the other classes.
        logger.warning("A batch has %d pairs, one of each class.", len(learnt))
        training.per_device_train_batch_size = len(learnt)
    train = TrainingImagePairs(
        learnt,
        arguments.pairs_per_letter,
        cast(int, training.data_seed),
        alike_only=not objective.of_pairs,
        affine=1.0 if arguments.affine is None else arguments.affine,
    )
    measured = {
        split: ImagePairs(pictures[split], MEASURED_PAIRS, PAIR_SEED) for split in pictures if split != "train"
    }
    return TrainingTask(
        name=name,
        model=build_network(arguments, arguments.encoder(processor.num_channels)),
        tokenizer=cast(Any, processor),
        train=train,
        validation=measured["validation"],
        rows={split: sum(map(len, own.values())) for split, own in files.items()},
        dataset_name=Path(folder).resolve().name,
        source=None,
        metric=metric,
        compute_metrics=similarity_metrics_for("labels", arguments.threshold_metric),
        measure=lambda trainer, _: _measure(trainer, measured, pictures, arguments.threshold_metric),
        trainer_class=SiameseTrainer,
        trainer_options={"loss": objective, "groups": train.groups if objective.in_batch else None},
        notes="; ".join(f"{split}: {len(own)} classes" for split, own in files.items()) + ".",
    )


def _read(
    arguments: OneShotArguments, files: Mapping[str, Mapping[str, list[Path]]]
) -> tuple[ConvImageProcessor, dict[str, dict[str, torch.Tensor]]]:
    """The processor that goes with the model, and what it makes of the pictures of each split. The mean and the
    deviation of a channel are those of the training pictures.
    """
    config = arguments.encoder(3)
    size = {"height": config.image_size, "width": config.image_size}
    pixels = ConvImageProcessor(size, config.num_channels, trim=arguments.trim).pixels
    read = {split: read_classes(own, pixels) for split, own in files.items()}
    train = torch.cat(list(read["train"].values()))
    if config.num_channels == 3 and _is_grey(train) and "num_channels" not in (arguments.config_overrides or ""):
        read = {split: {one: own[:, :1] for one, own in of_split.items()} for split, of_split in read.items()}
        train = train[:, :1]
    channels = train.shape[1]
    logger.warning(
        'The pictures are read in %s and stretched to %d x %d pixels (--config_overrides \'{"num_channels": %d, '
        '"image_size": 64}\' is another way).',
        "grey" if channels == 1 else "colour",
        config.image_size,
        config.image_size,
        4 - channels,
    )
    mean, std = train.mean((0, 2, 3)), train.std((0, 2, 3)).clamp(min=1e-3)
    if not arguments.trim and _are_drawings(train):
        logger.warning(
            "The pictures are drawings on plain paper: where their place on it and their size mean nothing, "
            "`--trim true` cuts them out."
        )
    processor = ConvImageProcessor(size, channels, mean.tolist(), std.tolist(), trim=arguments.trim)
    return processor, {
        split: {one: processor.normalized(own) for one, own in of_split.items()} for split, of_split in read.items()
    }


def _is_grey(pictures: torch.Tensor) -> bool:
    """Whether red, green and blue are the same everywhere, but for what the stretching rounds."""
    return bool((pictures - pictures[:, :1]).abs().max() < 1e-3)


def _are_drawings(pictures: torch.Tensor) -> bool:
    """Whether nearly all have one shade along their edges, which nine tenths of each at most differ from."""
    paper = paper_of(pictures)[..., None, None]
    plain = ((pictures - paper).abs() < SAME_SHADE).all(1)
    edges = torch.cat([plain[:, [0, -1]].flatten(1), plain[..., [0, -1]].flatten(1)], dim=1).float().mean(1)
    return bool(((edges > 0.95) & (plain.float().mean((1, 2)) > 0.1)).float().mean() > 0.9)


def _measure(
    trainer: RecurrentTrainer,
    measured: Mapping[str, ImagePairs],
    pictures: Mapping[str, Mapping[str, torch.Tensor]],
    threshold_metric: str,
) -> dict[str, dict[str, float]]:
    choose_thresholds(trainer, measured["validation"], threshold_metric)
    return measure_splits(trainer, measured, lambda model, split: figures_of(model, pictures[split]))
