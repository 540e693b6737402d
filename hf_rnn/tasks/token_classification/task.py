"""A tagger from tagged sentences to measured results; `scripts/run_token_classification.py` is its command line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...data.batches.collator import PaddingCollator
from ...data.batches.tags import IGNORED_LABEL, token_predictions, tokenize_tagged
from ...data.readers.conll import SEPARATORS, write_conll
from ...data.readers.sentences import TokenClassificationData, TokenDataArguments, load_token_targets
from ...data.readers.sources import training_column
from ...data.readers.tagged.steps import StepData
from ...metrics.confusion import confusion_table
from ...metrics.tagging import TaggingMetric, TokenAccuracyMetric, best_labels, tagging_metrics_for
from ...models.configuration_rnn import RecurrentConfig
from ...models.encoding import NO_LIMIT
from ...runs.folder import CONFUSION_FILE, TAGS_FILE
from ...training.arguments import NEW_LEARNING_RATE, RecurrentTrainingArguments
from ...training.trainer import RecurrentTrainer
from ..arguments import ModelArguments, ReportArguments, WordArguments
from ..building import bare_encoder, checkpoint_config, trained_labels
from ..distillation.arguments import DistillationArguments
from ..pretrained_start import language_of, start_from_base
from ..run import TrainingTask, check_splits
from ..task import Task
from .baseline import fit_crf, fit_most_frequent
from .building import build_tagger, tagger_tokenizer
from .comparing import TEST_DATA
from .distilling import distil_sentences, with_unlabelled_sentences
from .natural_text import detokenized_figures
from .steps import refuse_of_steps, start_at_means, step_parts
from .trainer import TaggingTrainer


__all__ = [
    "GROUPS",
    "TASK",
    "predict_tags",
    "prepare_token_classification",
    "run_token_classification",
    "tokenize_tagged_splits",
]


logger = logging.getLogger(__name__)

# The argument dataclasses, in the order in which `run_token_classification` takes them.
GROUPS = (
    ModelArguments,
    TokenDataArguments,
    WordArguments,
    ReportArguments,
    RecurrentTrainingArguments,
    DistillationArguments,
)


def run_token_classification(
    model_arguments: ModelArguments,
    data_arguments: TokenDataArguments,
    word_arguments: WordArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    distillation_arguments: DistillationArguments | None = None,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Train (`do_train`), evaluate on train and validation (`do_eval`), on test (`do_predict`), and write results.

    The output folder ends as `run.run_task` says; the predictions are `predictions.conll` (token, true tag, predicted
    tag), of numbers or several labels a token `predictions.jsonl`, and of entities `confusion.json` counts which types
    the test split's tokens were taken for. Entities are also looked for in the test sentences as natural text
    (`raw_text.detokenized_figures`).

    Args:
        distillation_arguments: A model to learn from besides; None: the labels alone.
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
        MissingExtraError: the extra `train` is not installed.
    """
    distillation = distillation_arguments or DistillationArguments()
    groups = (model_arguments, data_arguments, word_arguments, report_arguments, arguments, distillation)
    return TASK.run(groups, recipe)


def prepare_token_classification(
    model_arguments: ModelArguments,
    data_arguments: TokenDataArguments,
    word_arguments: WordArguments,
    arguments: RecurrentTrainingArguments,
    distillation: DistillationArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """The data, the tokenizer and the model of [`run_token_classification`], ready to be trained.

    Args:
        checkpoint: From which the run goes on; its tokenizer is taken.
        language: That of the sentences; None: it is found.
    """
    trained = None if arguments.do_train else checkpoint_config(model_arguments)
    data = load_token_targets(
        data_arguments,
        problem_type=getattr(trained, "problem_type", None),
        label2id=trained_labels(model_arguments),
        new_head=arguments.do_train,
    )
    check_splits(data.splits, arguments)
    language = language_of([" ".join(words) for words in training_column(data.splits, "tokens")], language)
    start_from_base(model_arguments, word_arguments, language)
    if isinstance(data, StepData):
        refuse_of_steps(data, model_arguments, word_arguments, distillation)
    else:
        data = with_unlabelled_sentences(data, data_arguments, distillation)
    tokenizer = tagger_tokenizer(
        word_arguments,
        model_arguments,
        training_column(data.splits, "tokens"),
        checkpoint=checkpoint,
        show_progress=not arguments.disable_tqdm,
    )

    def model_init(overrides: Mapping[str, Any]) -> PreTrainedModel:
        made = build_tagger(model_arguments.overridden(overrides), word_arguments, tokenizer, data)
        if isinstance(data, StepData):
            start_at_means(made, data)
        return made

    model = model_init({})
    if arguments.learning_rate is None and bare_encoder(model_arguments) is not None:
        # A tagger has more to learn from each text than a classifier.
        arguments.learning_rate = NEW_LEARNING_RATE
    recurrent = isinstance(model.config, RecurrentConfig)
    if word_arguments.label_all_tokens and recurrent and model.config.word_vocab_size is not None:
        raise ValueError("`label_all_tokens` was given, but the model labels words, however many pieces they have.")
    made = partial(
        TrainingTask,
        name=TASK.name,
        model=model,
        model_init=model_init,
        tokenizer=tokenizer,
        rows={name: len(rows) for name, rows in data.splits.items()},
        dataset_name=data.dataset_name,
        source=data_arguments,
        language=language,
    )
    if isinstance(data, StepData):
        parts = step_parts(data, model, tokenizer, word_arguments.max_seq_length)
        return made(metric=TASK.kind.selects[data.problem_type], **parts)
    splits = tokenize_tagged_splits(data, tokenizer, word_arguments, recurrent)
    task = made(metric=TASK.kind.selects["tagging" if data.is_entities else "tags"], **_parts(data, tokenizer, splits))
    if distillation.teacher_name_or_path is not None and arguments.do_train:
        task = distil_sentences(task, data, splits, distillation, arguments)
    return task


def _parts(
    data: TokenClassificationData, tokenizer: PreTrainedTokenizerBase, splits: dict[str, datasets.Dataset]
) -> dict[str, Any]:
    """The fields of a [`TrainingTask`] that are those of one tag a token."""
    return {
        # Both columns tell where the predictions belong; a collator could not pad them.
        "train": splits["train"].remove_columns(["token", "sentence"]),
        "validation": splits["validation"].remove_columns(["token", "sentence"]) if "validation" in splits else None,
        "compute_metrics": tagging_metrics_for(data.tag_names, data.is_entities),
        "measure": lambda trainer, output: _measure(trainer, tokenizer, splits, data, output),
        "trainer_class": TaggingTrainer,
        "trainer_options": {
            "data_collator": PaddingCollator(tokenizer, label_padding=IGNORED_LABEL),
            "preprocess_logits_for_metrics": best_labels,
        },
        "baselines": (partial(fit_most_frequent, data), partial(fit_crf, data)),
    }


def tokenize_tagged_splits(
    data: TokenClassificationData, tokenizer: PreTrainedTokenizerBase, arguments: WordArguments, recurrent: bool
) -> dict[str, datasets.Dataset]:
    """Every split, its sentences whole or, for a model with a limit, in windows; `train_whole` as it is evaluated,
    where `label_all_tokens` makes the one that is trained on another. A sentence without a labelled piece is no row:
    the mean loss of a batch of such sentences would be that of nothing.

    Raises:
        ValueError: a split has no sentence with a labelled piece.
    """
    limit = tokenizer.model_max_length if tokenizer.model_max_length < NO_LIMIT and not recurrent else None
    options: dict[str, Any] = {"max_length": arguments.max_seq_length or limit, "label_names": data.tag_names}
    splits = {name: tokenize_tagged(rows, tokenizer, **options) for name, rows in data.splits.items()}
    splits["train_whole"] = splits["train"]
    if arguments.label_all_tokens:
        splits["train"] = tokenize_tagged(data.splits["train"], tokenizer, label_all_tokens=True, **options)
    return {name: _labelled(rows, name) for name, rows in splits.items()}


def _labelled(rows: datasets.Dataset, split: str) -> datasets.Dataset:
    kept = [index for index, tokens in enumerate(rows["token"][:]) if any(token >= 0 for token in tokens)]
    if not kept:
        raise ValueError(f"The {split} split has no token that the tokenizer has a piece for.")
    return rows if len(kept) == len(rows) else rows.select(kept)


def _measure(
    trainer: RecurrentTrainer,
    tokenizer: PreTrainedTokenizerBase,
    splits: dict[str, datasets.Dataset],
    data: TokenClassificationData,
    output: Path,
) -> dict[str, dict[str, float]]:
    wanted = {"train": "train_whole", "validation": "validation"} if trainer.args.do_eval else {}
    if trainer.args.do_predict:
        wanted["test"] = "test"
    metrics = {}
    for name, split in wanted.items():
        if split not in splits:
            continue
        predicted, references, loss = predict_tags(trainer, splits[split], data, name)
        metric = TaggingMetric() if data.is_entities else TokenAccuracyMetric()
        metrics[name] = {"loss": loss, **metric.compute(predictions=predicted, references=references)}
        if name == "test":
            _write_tags(output / TAGS_FILE, data.splits["test"]["tokens"], references, predicted)
            if data.is_entities:
                metrics[name] |= detokenized_figures(
                    trainer.accelerator.unwrap_model(trainer.model),
                    tokenizer,
                    data.splits["test"]["tokens"],
                    references,
                    progress=not trainer.args.disable_tqdm,
                )
                table = confusion_table(references, predicted, data.tag_names)
                text = json.dumps(table, indent=2, ensure_ascii=False) + "\n"
                (output / CONFUSION_FILE).write_text(text, encoding="utf-8")
    return metrics


def _write_tags(path: Path, *columns: Iterable[Sequence[str]]) -> None:
    """A row of each token. White space inside of one, which would end its column, becomes a no-break space."""
    sentences = [list(zip(*rows, strict=True)) for rows in zip(*columns, strict=True)]
    changed = sum(SEPARATORS.search(cell) is not None for rows in sentences for row in rows for cell in row)
    if changed:
        logger.warning("%d tokens or tags in %s have no-break spaces for their white space.", changed, path)
        sentences = [[tuple(SEPARATORS.sub("\u00a0", cell) for cell in row) for row in rows] for rows in sentences]
    write_conll(path, sentences)


def predict_tags(
    trainer: RecurrentTrainer, tokenized: datasets.Dataset, data: TokenClassificationData, split: str
) -> tuple[list[list[str]], list[list[str]], float]:
    """The predicted and the true tags of every token of a split, a list for each sentence, and the loss."""
    output = trainer.predict(tokenized.remove_columns(["token", "sentence"]), metric_key_prefix=split)
    ids = np.asarray(output.predictions[0] if isinstance(output.predictions, tuple) else output.predictions)
    rows = data.splits[split]
    found = token_predictions(ids, tokenized, rows, label_names=data.label_names)  # type: ignore[arg-type]
    names = data.tag_names
    predicted = [[names[index] for index in sentence] for sentence in found]
    references = [[names[index] for index in sentence] for sentence in rows["tags"]]
    return predicted, references, float((output.metrics or {})[f"{split}_loss"])


TASK = Task("token-classification", GROUPS, prepare_token_classification, test_data=TEST_DATA)
