"""A siamese network from pairs of texts to measured results; `scripts/run_similarity.py` is its command line."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerBase, set_seed

from ..data.pair_collator import PairCollator
from ..data.pair_readers import PairData, PairDataArguments, load_pairs
from ..data.pair_tokens import tokenize_pairs
from ..kernels.loading import build_and_load
from ..models.configuration_rnn import RecurrentConfig
from .arguments import ModelArguments, RecurrentTrainingArguments, ReportArguments, TokenizerArguments
from .building import build_tokenizer
from .describe import split_metrics
from .pair_samplers import duplicate_groups
from .run import TrainingTask, check_splits, run_task
from .run_folder import PREDICTIONS_FILE, checkpoint_to_resume
from .siamese_building import build_siamese
from .siamese_trainer import SiameseTrainer
from .similarity_metrics import (
    PairClassificationMetric,
    ScoreCorrelationMetric,
    best_threshold,
    retrieval_figures,
    similarity_metrics_for,
)
from .similarity_objective import SimilarityArguments, build_objective
from .trainer import RecurrentTrainer


logger = logging.getLogger(__name__)

# kind of the data -> the figure that chooses a checkpoint; neither depends on a threshold.
DEFAULT_METRICS = {"labels": "roc_auc", "scores": "spearman"}


def run_similarity(
    model_arguments: ModelArguments,
    data_arguments: PairDataArguments,
    tokenizer_arguments: TokenizerArguments,
    similarity_arguments: SimilarityArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    recipe: str | None = None,
) -> dict[str, Any]:
    """
    Train (`do_train`), evaluate on train and validation (`do_eval`), on test (`do_predict`), and write results.

    The output folder ends as `run.run_task` says; of labelled pairs the configuration in it has the threshold that was
    best on validation. Retrieval is measured on validation and test, of which every text is searched. The predictions
    are `predictions.csv`.

    Args:
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
    """
    checkpoint = checkpoint_to_resume(arguments)
    build_and_load()
    set_seed(arguments.seed)
    data = load_pairs(data_arguments)
    check_splits(data.splits, arguments)
    objective = build_objective(similarity_arguments, data.kind)
    tokenizer = _tokenizer(model_arguments, tokenizer_arguments, data, arguments, checkpoint)
    model = build_siamese(model_arguments, similarity_arguments, tokenizer)
    splits = _tokenized(data, tokenizer, tokenizer_arguments, isinstance(model.config.encoder, RecurrentConfig))
    train, groups = splits["train"], None
    if objective.in_batch:
        if not objective.of_pairs:
            train = train.filter(lambda labels: [label == 1 for label in labels], input_columns="labels", batched=True)
        groups = row_groups(train)
    task = TrainingTask(
        name="sentence-similarity",
        model=model,
        tokenizer=tokenizer,
        train=train,
        validation=splits.get("validation"),
        rows={name: len(rows) for name, rows in data.splits.items()},
        dataset_name=data.dataset_name,
        source=data_arguments,
        metric=DEFAULT_METRICS[data.kind],
        compute_metrics=similarity_metrics_for(data.kind, similarity_arguments.threshold_metric),
        measure=lambda trainer, output: _measure(trainer, splits, data, similarity_arguments, output),
        trainer_class=SiameseTrainer,
        trainer_options={"data_collator": PairCollator(tokenizer), "objective": objective, "groups": groups},
    )
    recorded = (model_arguments, data_arguments, tokenizer_arguments, similarity_arguments)
    return run_task(task, arguments, model_arguments, report_arguments, recorded, checkpoint=checkpoint, recipe=recipe)


def row_groups(rows: datasets.Dataset) -> list[int]:
    """
    For each tokenized pair the number of its duplicates' group (see `pair_samplers`); pairs that are not alike have a
    number of their own. Texts with the same tokens are one text.
    """
    first, second = ([tuple(ids) for ids in rows[name][:]] for name in ("input_ids", "input_ids_b"))
    alike = [index for index, label in enumerate(rows["labels"][:]) if label == 1]
    of_alike = duplicate_groups([(first[index], second[index]) for index in alike])
    groups = list(range(len(alike), len(alike) + len(rows)))
    for index, group in zip(alike, of_alike, strict=True):
        groups[index] = group
    return groups


def _tokenizer(
    model_arguments: ModelArguments,
    tokenizer_arguments: TokenizerArguments,
    data: PairData,
    arguments: RecurrentTrainingArguments,
    checkpoint: str | None,
) -> PreTrainedTokenizerBase:
    if checkpoint is not None:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(checkpoint)
        return tokenizer
    # A text that is in many pairs counts once.
    train = data.splits["train"]
    texts = list(dict.fromkeys([*train["text"][:], *train["text_b"][:]]))
    return build_tokenizer(tokenizer_arguments, model_arguments, texts, show_progress=not arguments.disable_tqdm)


def _tokenized(
    data: PairData, tokenizer: PreTrainedTokenizerBase, arguments: TokenizerArguments, recurrent: bool
) -> dict[str, datasets.Dataset]:
    """
    `train`, cut for training; `train_whole`, `validation` and `test` as they are evaluated: by default whole for a
    recurrent encoder and cut as in training for one with a limit.
    """
    # A tokenizer without a limit says so by a number of thirty digits.
    limit = tokenizer.model_max_length if tokenizer.model_max_length < 10**9 else None
    length = arguments.max_seq_length or limit
    whole = arguments.max_eval_seq_length or (None if recurrent else length)
    most = {"train": length, **dict.fromkeys(("train_whole", "validation", "test"), whole)}
    return {
        name: tokenize_pairs(
            data.splits[name.removesuffix("_whole")], tokenizer, max_length=most[name], side=arguments.truncation
        )
        for name in most
        if name.removesuffix("_whole") in data.splits
    }


def _measure(
    trainer: RecurrentTrainer,
    splits: dict[str, datasets.Dataset],
    data: PairData,
    arguments: SimilarityArguments,
    output: Path,
) -> dict[str, dict[str, float]]:
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    if data.kind == "labels" and (trainer.args.do_train or model.config.threshold is None):
        _choose_threshold(trainer, model, splits, arguments.threshold_metric)
    wanted = {"train": "train_whole", "validation": "validation"} if trainer.args.do_eval else {}
    if trainer.args.do_predict:
        wanted["test"] = "test"
    metrics = {}
    for name, split in wanted.items():
        if split not in splits:
            continue
        predicted = trainer.predict(splits[split], metric_key_prefix=name)
        similarities, labels = np.asarray(predicted.predictions), np.asarray(predicted.label_ids)
        loss = split_metrics(predicted.metrics or {}, name).get("loss")
        metrics[name] = {} if loss is None else {"loss": loss}
        if data.kind == "scores":
            metrics[name] |= ScoreCorrelationMetric().compute(predictions=similarities, references=labels)
        else:
            metrics[name] |= PairClassificationMetric().compute(
                predictions=similarities, references=labels, threshold=model.config.threshold
            )
            if name != "train":
                metrics[name] |= _retrieval(trainer, model, data.splits[name])
        if name == "test":
            write_predictions(output / PREDICTIONS_FILE, similarities, labels, model.config.threshold)
    return metrics


def _choose_threshold(trainer: RecurrentTrainer, model: Any, splits: dict[str, datasets.Dataset], metric: str) -> None:
    """The threshold that is best on validation goes into the configuration, and so into the saved model."""
    split = "validation" if "validation" in splits else "train_whole"
    if split != "validation":
        logger.warning("There is no validation split: the threshold is the best of the training pairs.")
    predicted = trainer.predict(splits[split], metric_key_prefix="threshold")
    model.config.threshold = best_threshold(predicted.predictions, predicted.label_ids, metric)
    model.config.threshold_metric = metric
    trainer.save_model()


def _retrieval(trainer: RecurrentTrainer, model: Any, rows: datasets.Dataset) -> dict[str, float]:
    columns = rows["text"][:], rows["text_b"][:], rows["label"][:]
    pairs = [(first, second) for first, second, label in zip(*columns, strict=True) if label == 1]
    if all(first == second for first, second in pairs):
        return {}
    texts = list(dict.fromkeys([*columns[0], *columns[1]]))
    vectors = model.encode(texts, trainer.processing_class, trainer.args.eval_batch_size)
    return retrieval_figures(vectors, texts, pairs, model.config.similarity)


def write_predictions(path: Path, similarities: np.ndarray, labels: np.ndarray, threshold: float | None) -> None:
    """
    One row for each pair of the test split, in its order: `row`, the true `label` or score, the `similarity` and, with
    a threshold, the `prediction`, 1 from there on.
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "label", "similarity", *([] if threshold is None else ["prediction"])])
        for row, (similarity, label) in enumerate(zip(similarities.tolist(), labels.tolist(), strict=True)):
            said = [] if threshold is None else [int(similarity >= threshold)]
            writer.writerow([row, f"{label:g}", f"{similarity:.6f}", *said])


__all__ = ["run_similarity", "write_predictions"]
