"""A siamese network from pairs of texts to measured results; `scripts/run_similarity.py` is its command line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import Any, cast

import datasets
from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerBase

from ...data.batches.duplicates import row_groups
from ...data.batches.pair_collator import PairCollator
from ...data.batches.pairs import tokenize_pairs
from ...data.readers.pairs import PairData, PairDataArguments, load_pairs
from ...data.readers.sources import UNLABELLED_SPLIT, training_column
from ...data.tokenizers.pair_template import with_pair_template
from ...losses.objective import SimilarityObjective
from ...metrics.classification import metrics_for
from ...metrics.pairs import matching_metrics_for, similarity_metrics_for
from ...metrics.triplets import triplet_metrics
from ...models.configuration_rnn import RecurrentConfig
from ...training.arguments import RecurrentTrainingArguments
from ...training.siamese_trainer import SiameseTrainer
from ..arguments import ModelArguments, ReportArguments, TokenizerArguments
from ..beside import Fit
from ..building import bare_encoder, build_tokenizer, checkpoint_config, trained_labels
from ..distillation.arguments import DistillationArguments
from ..pretrained_start import language_of, start_from_base
from ..run import TrainingTask, check_splits
from ..task import Task
from .arguments import SimilarityArguments, build_objective
from .baseline import fit_overlap, fit_triplets
from .building import LABEL_NAMES, build_siamese, pair_label_names
from .comparing import TEST_DATA
from .distilling import distil_pairs, with_unlabelled, with_unlabelled_pairs
from .measuring import measure_pairs, text_pairs
from .together_start import most_epochs, start_together


__all__ = ["GROUPS", "TASK", "prepare_similarity", "run_similarity"]


logger = logging.getLogger(__name__)

# The argument dataclasses, in the order in which `run_similarity` takes them.
GROUPS = (
    ModelArguments,
    PairDataArguments,
    TokenizerArguments,
    SimilarityArguments,
    ReportArguments,
    RecurrentTrainingArguments,
    DistillationArguments,
)


def run_similarity(
    model_arguments: ModelArguments,
    data_arguments: PairDataArguments,
    tokenizer_arguments: TokenizerArguments,
    similarity_arguments: SimilarityArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    distillation_arguments: DistillationArguments | None = None,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Train (`do_train`), evaluate on train and validation (`do_eval`), on test (`do_predict`), and write results.

    The output folder ends as `run.run_task` says; of labelled pairs the configuration in it has the threshold of the
    similarity that was best on validation, and a classifier of pairs the bias that was. Retrieval is measured on
    validation and test, of which every text is searched. The predictions are `predictions.csv`.

    Args:
        distillation_arguments: Models to learn from besides; None: the labels alone.
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
        similarity_arguments,
        report_arguments,
        arguments,
        distillation_arguments or DistillationArguments(),
    )
    return TASK.run(groups, recipe)


def prepare_similarity(
    model_arguments: ModelArguments,
    data_arguments: PairDataArguments,
    tokenizer_arguments: TokenizerArguments,
    similarity_arguments: SimilarityArguments,
    arguments: RecurrentTrainingArguments,
    distillation: DistillationArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """The pairs, the tokenizer and the network of [`run_similarity`], ready to be trained.

    Args:
        checkpoint: From which the run goes on; its tokenizer is taken.
        language: That of the texts; None: it is found.
    """
    data = load_pairs(data_arguments, _trained_classes(model_arguments))
    data = with_unlabelled_pairs(data, data_arguments, distillation)
    check_splits(data.splits, arguments)
    language = language_of(training_column(data.splits, "text"), language)
    start_from_base(model_arguments, tokenizer_arguments, language)
    similarity_arguments = similarity_arguments.settled(data.kind, _may_read_together(model_arguments))
    tokenizer_arguments = tokenizer_arguments.of_tokens("bpe" if model_arguments.embedding_vectors is None else "word")
    named = checkpoint or tokenizer_arguments.tokenizer_name_or_path or model_arguments.model_name_or_path
    if similarity_arguments.read_together and named is None:
        _say_unknown_words(tokenizer_arguments)
    objective = build_objective(similarity_arguments, data.kind, "train" in (data.triplets or {}))
    trained = data.triplets if objective.of_triplets and data.triplets is not None else data.splits
    tokenizer = _tokenizer(model_arguments, tokenizer_arguments, data, arguments, checkpoint)
    plain = tokenizer

    def model_init(overrides: Mapping[str, Any]) -> PreTrainedModel:
        names = pair_label_names(similarity_arguments, data.label_names)
        made = build_siamese(model_arguments.overridden(overrides), similarity_arguments, plain, names)
        start_together(made, splits)
        return made

    splits: dict[str, datasets.Dataset] = {}
    if similarity_arguments.read_together and "train" in data.splits:
        arguments.most_epochs = most_epochs(len(data.splits["train"]))
    model = model_init({})
    if similarity_arguments.classifies:
        # For the pipeline of text classification, which is given both texts; each alone is tokenized as before.
        tokenizer = with_pair_template(cast(Any, tokenizer))
    recurrent = isinstance(model.config.encoder, RecurrentConfig)
    splits |= _tokenized(data.splits, tokenizer, tokenizer_arguments, recurrent)
    start_together(model, splits)
    learnt = splits
    if objective.of_triplets:
        learnt = _tokenized(trained, tokenizer, tokenizer_arguments, recurrent)
    taught = distillation.teaches and arguments.do_train
    train, groups = _trained_rows(with_unlabelled(learnt) if taught else learnt["train"], objective, taught)
    task = TrainingTask(
        name=TASK.name,
        model=model,
        model_init=model_init,
        tokenizer=tokenizer,
        train=train,
        validation=learnt.get("validation"),
        rows={name: len(rows) for name, rows in trained.items()},
        dataset_name=data.dataset_name,
        source=data_arguments,
        metric=TASK.kind.selects[_selects_by(data, similarity_arguments, objective)],
        compute_metrics=_metrics(data, similarity_arguments, objective, cast(Any, model).config.similarity),
        measure=lambda trainer, output: measure_pairs(
            trainer, splits, data, similarity_arguments.threshold_metric, output
        ),
        trainer_class=SiameseTrainer,
        trainer_options={
            "data_collator": PairCollator(tokenizer),
            "loss": objective,
            "groups": groups,
            "predicts_embeddings": data.kind == "positives",
        },
        language=language,
        baselines=_baselines(data, similarity_arguments),
    )
    return distil_pairs(task, data, distillation, arguments, similarity_arguments) if taught else task


def _say_unknown_words(tokenizer_arguments: TokenizerArguments) -> None:
    if tokenizer_arguments.tokenizer_kind == "word":
        logger.warning(
            "All words that are not in the vocabulary are one token, which texts seem to share: with --read_together "
            "leave out --tokenizer_kind word, and vectors of words, for bpe."
        )


def _trained_rows(
    train: datasets.Dataset, objective: SimilarityObjective, taught: bool
) -> tuple[datasets.Dataset, Any]:
    """The pairs that `objective`, or where a run is `taught` its teachers, learn from; and which of them must not be
    each other's negatives, where a batch is its own negatives.
    """
    if not objective.in_batch:
        return train, None
    if not objective.of_pairs and not taught:
        train = train.filter(lambda labels: [label == 1 for label in labels], input_columns="labels", batched=True)
    return train, row_groups(train)


def _may_read_together(arguments: ModelArguments) -> bool:
    """Tell whether a model is new, but for its encoder, or reads the texts of a pair together already."""
    config = checkpoint_config(arguments)
    together = getattr(config, "composition", None) is not None
    return config is None or together or bare_encoder(arguments) is not None


def _trained_classes(arguments: ModelArguments) -> list[str] | None:
    """The classes of a classifier of pairs that is trained further; None where it tells alike from different."""
    known = trained_labels(arguments)
    names = None if known is None else sorted(known, key=known.__getitem__)
    return None if names == list(LABEL_NAMES) else names


def _selects_by(data: PairData, arguments: SimilarityArguments, objective: SimilarityObjective) -> str:
    """Which of the metrics of the task chooses the checkpoint, a key of `Kind.selects`."""
    if objective.of_triplets:
        return "triplets"
    return "classifier" if arguments.classifies and data.kind == "labels" else data.kind


def _baselines(data: PairData, arguments: SimilarityArguments) -> tuple[Fit, ...]:
    """What the network is compared with: the overlap of the pairs, and of triplets TF-IDF."""
    of_triplets = () if data.triplets is None else (partial(fit_triplets, data),)
    return (partial(fit_overlap, data, arguments), *of_triplets)


def _metrics(
    data: PairData, arguments: SimilarityArguments, objective: SimilarityObjective, similarity: str
) -> Callable[[EvalPrediction], dict[str, float]]:
    """What measures the validation split while a network is trained."""
    if objective.of_triplets:
        return triplet_metrics
    if data.kind == "classes":
        return metrics_for("single_label_classification", len(data.label_names or ()))
    if data.kind == "positives":
        rows = data.splits["validation" if "validation" in data.splits else "train"]
        return matching_metrics_for(text_pairs(rows), similarity)
    return similarity_metrics_for(data.kind, arguments.threshold_metric)


def _tokenizer(
    model_arguments: ModelArguments,
    tokenizer_arguments: TokenizerArguments,
    data: PairData,
    arguments: RecurrentTrainingArguments,
    checkpoint: str | None,
) -> PreTrainedTokenizerBase:
    # A text that is in many pairs counts once.
    sides = (training_column(data.splits, name) for name in ("text", "text_b"))
    texts = list(dict.fromkeys(chain(*sides)))
    show_progress = not arguments.disable_tqdm
    return build_tokenizer(
        tokenizer_arguments, model_arguments, texts, checkpoint=checkpoint, show_progress=show_progress
    )


def _tokenized(
    rows: Any, tokenizer: PreTrainedTokenizerBase, arguments: TokenizerArguments, recurrent: bool
) -> dict[str, datasets.Dataset]:
    """`train` and `unlabelled`, cut for training; `train_whole`, `validation` and `test` as they are evaluated: by
    default whole for a recurrent encoder and cut as in training for one with a limit.
    """
    length, whole = arguments.lengths(tokenizer, recurrent)
    most = {"train": length, UNLABELLED_SPLIT: length, **dict.fromkeys(("train_whole", "validation", "test"), whole)}
    return {
        name: tokenize_pairs(
            rows[name.removesuffix("_whole")], tokenizer, max_length=most[name], side=arguments.truncation
        )
        for name in most
        if name.removesuffix("_whole") in rows
    }


TASK = Task("sentence-similarity", GROUPS, prepare_similarity, test_data=TEST_DATA)
