"""A language model from raw text to measured results; `scripts/run_language_modeling.py` is its command line."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, cast

from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from ...data.batches.streams import TokenizedText, TokenStreams, encode_text
from ...data.readers.documents import LanguageData, LanguageDataArguments, load_language_data
from ...data.tokenizers.document_start import with_document_start
from ...models.configuration_rnn import FAMILIES
from ...runs.describe import split_metrics
from ...training.arguments import LanguageTrainingArguments
from ...training.language_model_trainer import LanguageModelTrainer
from ...training.streams import choose_streams, streams_of
from ...training.trainer import RecurrentTrainer
from ..arguments import ModelArguments, ReportArguments, TokenizerArguments
from ..building import build_model, build_tokenizer
from ..pretrained_start import language_of
from ..run import TrainingTask, check_splits
from ..task import Task
from .arguments import LanguageTokenizerArguments
from .baseline import fit_ngrams
from .sizes import fewest_epochs, size_values


__all__ = ["GROUPS", "TASK", "encode_splits", "prepare_language_modeling", "run_language_modeling"]


logger = logging.getLogger(__name__)

DEFAULT_FAMILY = "lstm"
# Lines mean something in a text whose lines are shorter than this on average, or often indented.
SHORT_LINE, MOST_INDENTED, LOOKED_AT = 45, 0.2, 200_000
# The argument dataclasses, in the order in which `run_language_modeling` takes them.
GROUPS = (
    ModelArguments,
    LanguageDataArguments,
    LanguageTokenizerArguments,
    ReportArguments,
    LanguageTrainingArguments,
)


def run_language_modeling(
    model_arguments: ModelArguments,
    data_arguments: LanguageDataArguments,
    tokenizer_arguments: TokenizerArguments,
    report_arguments: ReportArguments,
    arguments: LanguageTrainingArguments,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Train (`do_train`), measure on validation (`do_eval`) and on test (`do_predict`), and write results.

    The output folder ends as `run.run_task` says, without predictions. What is written of validation and test is of
    the whole text in one stream, whatever the batch size.

    Args:
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
        MissingExtraError: the extra `train` is not installed.
    """
    return TASK.run((model_arguments, data_arguments, tokenizer_arguments, report_arguments, arguments), recipe)


def prepare_language_modeling(
    model_arguments: ModelArguments,
    data_arguments: LanguageDataArguments,
    tokenizer_arguments: TokenizerArguments,
    arguments: LanguageTrainingArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """The streams, the tokenizer and the model of [`run_language_modeling`], ready to be trained.

    Args:
        checkpoint: From which the run goes on; its tokenizer is taken.
        language: That of the text; None: it is found, for the card.
    """
    data = load_language_data(data_arguments)
    check_splits(data.splits, arguments)
    if model_arguments.init_from_lm is not None:
        raise ValueError(
            f"`init_from_lm`={model_arguments.init_from_lm!r} starts classifiers; to train a language model further "
            "give it as `model_name_or_path`."
        )
    if model_arguments.model_type is None and model_arguments.model_name_or_path is None:
        model_arguments = dataclasses.replace(model_arguments, model_type=DEFAULT_FAMILY)
    writers = [name for name, family in FAMILIES.items() if "AutoModelForCausalLM" in family.head_classes()]
    if model_arguments.model_type not in (None, *writers):
        raise ValueError(
            f"`model_type`={model_arguments.model_type!r} does not predict the token after those that it has read; it "
            f"must be one of {', '.join(writers)}."
        )
    tokenizer = _tokenizer(model_arguments, tokenizer_arguments, data, arguments, checkpoint)

    texts = encode_splits(data, tokenizer, reverse=data_arguments.reverse_text)
    tokens = len(texts["train"].ids())

    def model_init(overrides: Mapping[str, Any]) -> PreTrainedModel:
        return _language_model(model_arguments.overridden(overrides), tokenizer, tokens)

    model = model_init({})
    choose_streams(arguments, tokens)
    _say_sizes(_size_values(model_arguments, tokenizer, tokens), tokens)
    if model_arguments.model_name_or_path is None:
        arguments.fewest_epochs = fewest_epochs(tokens, len(tokenizer))
    streams = {split: _streams(split, text, arguments) for split, text in texts.items()}
    return TrainingTask(
        name=TASK.name,
        model=model,
        model_init=model_init,
        tokenizer=tokenizer,
        train=streams["train"],
        validation=streams.get("validation"),
        rows={split: each.num_tokens for split, each in streams.items()},
        dataset_name=data.dataset_name,
        source=data_arguments,
        metric=TASK.kind.selects["text"],
        compute_metrics=None,
        measure=lambda trainer, output: _measure(trainer, texts),
        plotted_metric="perplexity",
        trainer_class=LanguageModelTrainer,
        train_for=lambda changed: _streams("train", texts["train"], changed),
        language=language_of(data.splits["train"], language),
        baselines=(partial(fit_ngrams, texts, len(tokenizer)),),
    )


def encode_splits(
    data: LanguageData,
    tokenizer: PreTrainedTokenizerBase,
    *,
    reverse: bool = False,
    only: Collection[str] | None = None,
) -> dict[str, TokenizedText]:
    """The tokens of each split, or `only` of these; documents, if that is what the data are, between `eos_token`s."""
    end = None if data.one_text else tokenizer.eos_token_id
    texts = {}
    for split, documents in data.splits.items():
        if only is not None and split not in only:
            continue
        texts[split] = encode_text(tokenizer, documents, end=end, reverse=reverse)
        unknown = sum(int((ids == tokenizer.unk_token_id).sum()) for ids in texts[split].documents)
        logger.info("%s: %d documents; %d of their tokens are unknown", split, len(documents), unknown)
    return texts


def _streams(split: str, text: TokenizedText, arguments: LanguageTrainingArguments) -> TokenStreams:
    columns = {"train": streams_of(arguments), "validation": arguments.eval_batch_size}
    try:
        return TokenStreams(text, columns.get(split, 1))
    except ValueError as error:
        raise ValueError(f"The {split} split: {error}") from error


def _tokenizer(
    model_arguments: ModelArguments,
    tokenizer_arguments: TokenizerArguments,
    data: LanguageData,
    arguments: LanguageTrainingArguments,
    checkpoint: str | None,
) -> PreTrainedTokenizerBase:
    tokenizer = build_tokenizer(
        tokenizer_arguments,
        model_arguments,
        data.splits["train"],
        checkpoint=checkpoint,
        end_of_text=True,
        show_progress=not arguments.disable_tqdm,
    )
    if data.one_text:
        _say_lost_lines(data.splits["train"][0], tokenizer)
        return tokenizer
    if tokenizer.eos_token is None:
        given = tokenizer_arguments.tokenizer_name_or_path
        argument, name = ("tokenizer_name_or_path", given) if given else ("model_name_or_path", tokenizer.name_or_path)
        raise ValueError(
            f"`{argument}`={name!r} has a tokenizer without an `eos_token`, which documents end with; give "
            "another, none (one is trained), or one long text in a .txt file."
        )
    return with_document_start(cast(Any, tokenizer))


def _language_model(arguments: ModelArguments, tokenizer: PreTrainedTokenizerBase, tokens: int) -> PreTrainedModel:
    values = _size_values(arguments, tokenizer, tokens)
    model = build_model(arguments, AutoModelForCausalLM, tokenizer, **values)
    generation: Any = model.generation_config
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        token = getattr(tokenizer, name)
        setattr(generation, name, token)
        if token is not None:
            # The Trainer would do the same, and warn of it.
            setattr(model.config, name, token)
    return model


def _size_values(arguments: ModelArguments, tokenizer: PreTrainedTokenizerBase, tokens: int) -> dict[str, Any]:
    """What the length of the text chooses of a new model's configuration."""
    if arguments.model_name_or_path is not None:
        return {}
    has_vectors = arguments.embedding_vectors is not None
    values = size_values(tokens, len(tokenizer), arguments.overrides(), has_vectors=has_vectors)
    if not FAMILIES[arguments.model_type or DEFAULT_FAMILY].recurrent_weights:
        values.pop("weight_dropout", None)
    return values


def _say_lost_lines(text: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """Say that tokens of words have no line ends, where the text is one of verse or of code."""
    lines = [line for line in text[:LOOKED_AT].split("\n") if line.strip()]
    if not lines or tokenizer("\n", add_special_tokens=False)["input_ids"]:
        return
    indented = sum(line[0].isspace() for line in lines) / len(lines)
    if indented > MOST_INDENTED or sum(map(len, lines)) / len(lines) < SHORT_LINE:
        logger.warning(
            "The text has short or indented lines. Tokens of words leave out line ends and indentation, and so does "
            "what the model writes; `--tokenizer_kind` character or bpe keeps them."
        )


def _say_sizes(chosen: Mapping[str, Any], tokens: int) -> None:
    if chosen:
        said = ", ".join(f"{name} {json.dumps(value)}" for name, value in chosen.items())
        logger.warning("For a text of %s tokens: %s; `--config_overrides` sets others.", f"{tokens:,}", said)


def _measure(trainer: RecurrentTrainer, texts: dict[str, TokenizedText]) -> dict[str, dict[str, float]]:
    asked = {"validation": trainer.args.do_eval, "test": trainer.args.do_predict}
    return {
        split: split_metrics(trainer.evaluate(TokenStreams(texts[split]), metric_key_prefix=split), split)
        for split, wanted in asked.items()
        if wanted and split in texts
    }


TASK = Task("text-generation", GROUPS, prepare_language_modeling)
