"""Every kind of model and every option that is documented, and three steps of training of a pair of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel, set_seed

import hf_rnn
from hf_rnn.data.batches.streams import TokenizedText, TokenStreams
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.data.tokenizers.word_pieces import token_bytes, train_word_pieces, word_start
from hf_rnn.losses import CoSENTLoss
from hf_rnn.training.arguments import LanguageTrainingArguments, RecurrentTrainingArguments
from hf_rnn.training.language_model_trainer import LanguageModelTrainer


__all__ = ["FAMILIES", "KINDS", "OPTIONS", "Option", "pairs", "train_three_steps"]


STEPS, BATCH = 3, 4
TEXTS = ["a fine film", "a dull film", "fine", "a dull and long film", "not fine at all", "long"] * 4
SENTENCES = [["Ann", "Roe", "saw", "Rome"], ["Rome", "is", "old"], ["Ann", "saw", "Ann"], ["old", "Rome"]] * 5
TAGS = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O", "O"], ["B-PER", "O", "B-PER"], ["O", "B-LOC"]] * 5
TAG_NAMES = ["O", "B-LOC", "B-PER", "I-PER"]
WORDS = train_tokenizer(TEXTS, min_frequency=1, show_progress=False)
PIECES = train_word_pieces(SENTENCES, vocab_size=290, min_frequency=1, show_progress=False)
FAMILIES = ("bilstm", "lstm", "gru", "elman", "min_gru", "dan")


def named(names: list[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


def texts(labels: list[Any]) -> datasets.Dataset:
    return datasets.Dataset.from_dict({"text": TEXTS, "label": (labels * len(TEXTS))[: len(TEXTS)]})


def images() -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.rand(1, 8, 8, generator=generator) for _ in range(2 * len(TEXTS))]
    return [
        {"pixel_values": a, "pixel_values_b": b, "labels": index % 2}
        for index, (a, b) in enumerate(zip(drawn[::2], drawn[1::2], strict=True))
    ]


def batch_of_images(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}


@dataclass(frozen=True)
class Kind:
    """A kind of model, of a family of encoders.

    Attributes:
        head: The ending of its class after the family's name and "For", or "siamese".
        tokenizer: What its texts are read by; None for images.
        rows: Gives its training rows; a language model reads `TEXTS`.
        config: What its configuration has beside the sizes.
        families: Those that have it.
    """

    head: str
    tokenizer: Any
    rows: Callable[[], Any]
    config: dict[str, Any]
    families: tuple[str, ...] = FAMILIES


SINGLE = named(["bad", "good", "so so"])
KINDS: dict[str, Kind] = {
    "classifier": Kind("SequenceClassification", WORDS, lambda: texts(["bad", "good", "so so"]), SINGLE),
    "classifier of two labels": Kind(
        "SequenceClassification", WORDS, lambda: texts(["bad", "good"]), named(["bad", "good"])
    ),
    "classifier of several labels": Kind(
        "SequenceClassification",
        WORDS,
        lambda: texts([["bad"], ["good", "so so"], []]),
        {**SINGLE, "problem_type": "multi_label_classification"},
    ),
    "regression": Kind("SequenceClassification", WORDS, lambda: texts([0.5, 2.0, -1.0]), {"num_labels": 1}),
    "tagger": Kind(
        "TokenClassification",
        PIECES,
        lambda: datasets.Dataset.from_dict({"tokens": SENTENCES, "tags": TAGS}),
        named(TAG_NAMES),
    ),
    "tagger with a CRF": Kind(
        "TokenClassification",
        PIECES,
        lambda: datasets.Dataset.from_dict({"tokens": SENTENCES, "tags": TAGS}),
        {**named(TAG_NAMES), "crf": True, "label_scheme": "BIO"},
    ),
    "tagger of words": Kind(
        "TokenClassification",
        PIECES,
        lambda: datasets.Dataset.from_dict({"tokens": SENTENCES, "tags": TAGS}),
        {**named(TAG_NAMES), "crf": True, "label_scheme": "BIOES", "word_vocab_size": 4, "char_encoder": "cnn"},
    ),
    "language model": Kind("CausalLM", WORDS, lambda: None, {}, ("lstm", "gru", "elman", "min_gru")),
    "siamese": Kind(
        "siamese",
        WORDS,
        lambda: datasets.Dataset.from_dict({"text": TEXTS, "text_b": TEXTS[::-1], "label": [0, 1] * 12}),
        {},
    ),
    "siamese of images": Kind(
        "siamese",
        None,
        images,
        {"image_size": 8, "hidden_sizes": [3], "kernel_sizes": [3], "pool_sizes": [2], "output_size": 4},
        ("conv",),
    ),
}
SIZES = {"embedding_size": 5, "hidden_size": 4}


@dataclass(frozen=True)
class Option:
    """A value of an argument of training, or of a configuration, with others that it needs to mean something."""

    name: str
    value: Any
    of_training: bool = False
    others: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def of_training(**values: Any) -> list[Option]:
    return [Option(name, value, True) for name, value in values.items()]


def of_config(**values: Any) -> list[Option]:
    return [
        Option(name, value) for name, one in values.items() for value in (one if isinstance(one, tuple) else (one,))
    ]


OPTIONS: list[Option] = [
    *of_training(
        adversarial_epsilon=0.02,
        weight_average_decay=0.9,
        gradual_unfreezing=True,
        discriminative_lr_decay=2.6,
        slanted_triangular=True,
        class_weights="balanced",
        label_smoothing_factor=0.1,
        bucket_by_length=False,
        gradient_accumulation_steps=2,
        activation_checkpointing=True,
        bf16=True,
        dataloader_drop_last=True,
        max_grad_norm=0.0,
        optim="adafactor",
        torch_threads=1,
        early_stopping_patience=1,
        accelerator_config={"split_batches": True},
    ),
    Option("train_sampling_strategy", "group_by_length", True, (("bucket_by_length", False),)),
    *of_config(
        pooling=("mean", "max", "mean_max", "attention"),
        word_dropout=0.3,
        word_type_dropout=0.3,
        embedding_dropout=0.3,
        weight_dropout=0.3,
        hidden_sizes=[4, 3],
        bidirectional=True,
        one_hot_input=True,
        classifier_hidden_sizes=[3],
        classifier_dropout=0.3,
        activation_penalty=1.0,
        temporal_activation_penalty=1.0,
        single_logit=True,
        word_vocab_size=4,
        crf=True,
        sampled_softmax=3,
        tie_word_embeddings=True,
        use_cache=True,
        reset_after=False,
        nonlinearity="relu",
        recurrence=("output_to_hidden", "output_to_output"),
    ),
    Option("initializer", "he", others=(("nonlinearity", "relu"),)),
    Option("initializer", "identity", others=(("nonlinearity", "relu"),)),
    Option("merge", "sum", others=(("bidirectional", True),)),
    Option("dropout", 0.3, others=(("num_hidden_layers", 2),)),
    Option("locked_dropout", False, others=(("embedding_dropout", 0.3),)),
    Option("classifier_norm", "batch", others=(("classifier_hidden_sizes", [3]),)),
    Option("classifier_activation", "gelu", others=(("classifier_hidden_sizes", [3]),)),
    Option("label_scheme", "BIOES", others=(("crf", True),)),
    Option("char_encoder", "cnn", others=(("word_vocab_size", 4),)),
    Option("char_encoder", "lstm", others=(("word_vocab_size", 4),)),
    Option("casing_features", True, others=(("word_vocab_size", 4),)),
]


def pairs() -> Iterator[tuple[str, str, Option]]:
    """Every kind, family and option."""
    for name, kind in KINDS.items():
        for family in kind.families:
            for option in OPTIONS:
                yield name, family, option


def train_three_steps(name: str, family: str, option: Option, folder: Path) -> None:
    """Raises:
    AssertionError: a loss is not finite, a step was left out, or no weight has moved.
    """
    kind = KINDS[name]
    set_seed(0)
    given = {option.name: option.value, **dict(option.others)}
    model = build(kind, family, {} if option.of_training else given)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    trainer = trainer_of(kind, model, folder, given if option.of_training else {})
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == STEPS and all(map(math.isfinite, losses)), losses
    assert trainer.state.global_step == STEPS
    after = dict(model.named_parameters())
    assert all(one.isfinite().all() for one in after.values())
    assert any(not torch.equal(one, after[name]) for name, one in before.items()), "no weight has moved"


def build(kind: Kind, family: str, given: dict[str, Any]) -> PreTrainedModel:
    if family == "conv":
        encoder = hf_rnn.ConvEncoderModel(hf_rnn.ConvEncoderConfig(**{**kind.config, **given}))
        return hf_rnn.SiameseModel.from_encoder(encoder)
    config = AutoConfig.for_model(family, vocab_size=len(kind.tokenizer), **{**SIZES, **kind.config, **given})
    if kind.head == "siamese":
        encoder = AutoModel.from_config(config)
        tell_words(encoder, kind.tokenizer)
        return hf_rnn.SiameseModel.from_encoder(encoder)
    class_name = type(config).__name__.removesuffix("Config") + "For" + kind.head
    model: PreTrainedModel = getattr(hf_rnn, class_name)(config)
    tell_words(model.base_model, kind.tokenizer)
    return model


def tell_words(backbone: Any, tokenizer: Any) -> None:
    """Tell a model of words what the tokens are, and three words."""
    if backbone.config.word_vocab_size is None:
        return
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    if tokenizer is PIECES:
        spelt, starts = list(map(token_bytes, tokens)), list(map(word_start, tokens))
    else:
        spelt, starts = [token.encode() for token in tokens], [True] * len(tokens)
    backbone.embeddings.set_tokens(spelt, starts)
    backbone.embeddings.set_words(["Ann", "Rome", "fine"])


def trainer_of(kind: Kind, model: PreTrainedModel, folder: Path, given: dict[str, Any]) -> Any:
    values: dict[str, Any] = {
        "max_steps": STEPS,
        "per_device_train_batch_size": BATCH,
        "logging_steps": 1,
        "learning_rate": 0.01,
        "eval_strategy": "no",
        "save_strategy": "no",
        "load_best_model_at_end": False,
        "use_cpu": True,
        "disable_tqdm": True,
        **given,
    }
    if kind.head == "CausalLM":
        args = LanguageTrainingArguments(str(folder), block_size=5, **values)
        columns = args.per_device_train_batch_size * args.gradient_accumulation_steps
        ids = [torch.tensor(row) for row in WORDS(TEXTS * 4)["input_ids"]]
        streams = TokenStreams(TokenizedText(ids, characters=0), columns)
        return LanguageModelTrainer(model=model, args=args, train_dataset=streams)
    arguments = RecurrentTrainingArguments(str(folder), **values)
    if kind.head == "siamese":
        collator = None if kind.tokenizer is not None else batch_of_images
        return hf_rnn.SiameseTrainer(
            model, arguments, data_collator=collator, train_dataset=kind.rows(), processing_class=kind.tokenizer,
            loss=CoSENTLoss(),
        )  # fmt: skip
    return hf_rnn.RecurrentTrainer(model, arguments, train_dataset=kind.rows(), processing_class=kind.tokenizer)
