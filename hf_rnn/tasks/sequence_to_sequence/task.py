"""A sequence-to-sequence model from sources and targets to measured results; `scripts/run_sequence_to_sequence.py` is
its command line.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import datasets
from transformers import PreTrainedModel

from ...data.batches.sequences import SequenceCollator, tokenize_sequences
from ...data.readers.sequences.reader import SequenceDataArguments, load_sequences
from ...metrics.sequences import METRIC_SETS
from ...models.modeling_seq2seq import RecurrentForSeq2SeqLM
from ...training.sequence_trainer import SequenceTrainer
from ..arguments import ReportArguments
from ..building import checkpoint_config
from ..pretrained_start import language_of
from ..run import TrainingTask, check_splits
from ..task import Task
from .arguments import (
    SequenceArguments,
    SequenceModelArguments,
    SequenceTokenizerArguments,
    SequenceTrainingArguments,
)
from .baseline import fit_nearest
from .building import build_sequence_model, build_sequence_tokenizer
from .comparing import TEST_DATA
from .measuring import figures_kind, figures_of, measure_sequences, signed, write_targets


__all__ = ["GROUPS", "TASK", "prepare_sequence_to_sequence", "run_sequence_to_sequence"]


logger = logging.getLogger(__name__)

# The argument dataclasses, in the order in which `run_sequence_to_sequence` takes them.
GROUPS = (
    SequenceModelArguments,
    SequenceDataArguments,
    SequenceTokenizerArguments,
    SequenceArguments,
    ReportArguments,
    SequenceTrainingArguments,
)


def run_sequence_to_sequence(
    model_arguments: SequenceModelArguments,
    data_arguments: SequenceDataArguments,
    tokenizer_arguments: SequenceTokenizerArguments,
    sequence_arguments: SequenceArguments,
    report_arguments: ReportArguments,
    arguments: SequenceTrainingArguments,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Train (`do_train`), measure on validation (`do_eval`) and on test (`do_predict`), and write results.

    The output folder ends as `run.run_task` says. The predictions are `predictions.csv`: source, reference and
    hypothesis of each row of the test split.

    Args:
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
        MissingExtraError: the extra `train` is not installed.
    """
    groups = (
        model_arguments,
        data_arguments,
        tokenizer_arguments,
        sequence_arguments,
        report_arguments,
        arguments,
    )
    return TASK.run(groups, recipe)


def prepare_sequence_to_sequence(
    model_arguments: SequenceModelArguments,
    data_arguments: SequenceDataArguments,
    tokenizer_arguments: SequenceTokenizerArguments,
    sequence_arguments: SequenceArguments,
    arguments: SequenceTrainingArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """The rows, the tokenizer and the model of [`run_sequence_to_sequence`], ready to be trained.

    Args:
        checkpoint: From which the run goes on; its tokenizer is taken.
        language: That of the sources; None: it is found.
    """
    data_arguments = _with_kept_prefix(data_arguments, model_arguments)
    data = load_sequences(data_arguments)
    check_splits(data.splits, arguments)
    kind = sequence_arguments.figures or figures_kind(data.columns)
    tokenizer, target_size = build_sequence_tokenizer(
        tokenizer_arguments,
        model_arguments,
        data.splits["train"]["text"],
        data.splits["train"]["text_b"],
        checkpoint=checkpoint,
        show_progress=not arguments.disable_tqdm,
    )

    def model_init(overrides: Mapping[str, Any]) -> PreTrainedModel:
        made = build_sequence_model(model_arguments.overridden(overrides), tokenizer, target_size)
        _set_generation(made, sequence_arguments)
        _set_prefix(made, data_arguments.source_prefix)
        return made

    model = model_init({})
    ours = isinstance(model, RecurrentForSeq2SeqLM)
    rows = {
        split: tokenize_sequences(
            texts,
            tokenizer,
            max_source_length=sequence_arguments.max_source_length,
            max_target_length=sequence_arguments.max_target_length,
            split=split,
            target_size=model.config.vocab_size if ours else None,
        )
        for split, texts in data.splits.items()
    }
    smoothed = arguments.label_smoothing_factor > 0 and not ours
    options: dict[str, Any] = {"data_collator": SequenceCollator(tokenizer, model if smoothed else None)}
    if arguments.predict_with_generate and "validation" in rows:
        options["written_figures"] = partial(
            _written_figures, tokenizer, data.splits["validation"], sequence_arguments, arguments, kind
        )
    return TrainingTask(
        name=TASK.name,
        model=model,
        model_init=model_init,
        tokenizer=tokenizer,
        train=rows["train"],
        validation=rows.get("validation"),
        rows={split: len(texts) for split, texts in data.splits.items()},
        dataset_name=data.dataset_name,
        source=data_arguments,
        metric=METRIC_SETS[kind][0] if arguments.predict_with_generate else TASK.kind.selects["text"],
        compute_metrics=None,
        measure=lambda trainer, output: measure_sequences(
            trainer, rows, dict(data.splits), sequence_arguments, kind, output
        ),
        trainer_class=SequenceTrainer,
        trainer_options=options,
        language=language_of(data.splits["train"]["text"][:], language),
        baselines=(partial(fit_nearest, data, kind, sequence_arguments.lowercase_figures),),
        notes=signed(kind, sequence_arguments.lowercase_figures),
    )


def _set_generation(model: PreTrainedModel, arguments: SequenceArguments) -> None:
    """Let the saved model write as it is measured."""
    generation: Any = model.generation_config
    generation.num_beams = arguments.num_beams
    generation.length_penalty = arguments.length_penalty if arguments.num_beams > 1 else None
    generation.max_new_tokens = arguments.max_target_length
    generation.max_length = None
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"):
        if getattr(model.config, name, None) is not None:
            setattr(generation, name, getattr(model.config, name))


def _with_kept_prefix(data: SequenceDataArguments, model: SequenceModelArguments) -> SequenceDataArguments:
    """The arguments with the prefix that the checkpoint was trained with, where none is given; "" is one."""
    config = checkpoint_config(model) if data.source_prefix is None else None
    prefix = getattr(config, "prefix", None)
    if not prefix:
        return data
    logger.warning("Sources have the prefix of the checkpoint, %r (--source_prefix gives another).", prefix)
    return replace(data, source_prefix=prefix)


def _set_prefix(model: PreTrainedModel, prefix: str | None) -> None:
    """Let the saved model put before a source what stood there in training."""
    if prefix is not None or getattr(model.config, "prefix", None) is not None:
        model.config.prefix = prefix or None


def _written_figures(
    tokenizer: Any,
    texts: datasets.Dataset,
    sequence_arguments: SequenceArguments,
    arguments: SequenceTrainingArguments,
    kind: str,
    model: Any,
    rows: Any,
) -> dict[str, float]:
    written = write_targets(
        model,
        tokenizer,
        rows["input_ids"][:],
        batch_size=arguments.eval_batch_size,
        num_beams=1,
        length_penalty=None,
        max_new_tokens=sequence_arguments.max_target_length,
    )
    return figures_of(written, texts["text_b"][:], kind, sequence_arguments.lowercase_figures)


TASK = Task("sequence-to-sequence", GROUPS, prepare_sequence_to_sequence, test_data=TEST_DATA)
