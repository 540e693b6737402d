"""What is trained under gradient accumulation: every head with its rows and its loss of a whole batch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    LlamaConfig,
    LlamaForCausalLM,
)

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    BiLstmForTokenClassification,
    DanConfig,
    DanForSequenceClassification,
    ElmanConfig,
    ElmanForTokenClassification,
    GruConfig,
    GruForCausalLM,
    LstmConfig,
    LstmForSequenceClassification,
)
from hf_rnn.data.batches.collator import PaddingCollator
from hf_rnn.data.batches.pair_collator import PairCollator
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.losses.objective import SimilarityObjective
from hf_rnn.models.configuration_conv import ConvEncoderConfig
from hf_rnn.models.configuration_siamese import SiameseConfig
from hf_rnn.models.modeling_siamese import SiameseForPairClassification, SiameseModel
from hf_rnn.tasks.similarity.trainer import PairDistillationTrainer
from hf_rnn.training.distillation_trainer import DistillationTrainer, TaggedDistillationCollator
from hf_rnn.training.siamese_trainer import SiameseTrainer
from hf_rnn.training.trainer import RecurrentTrainer


TOKENIZER = train_tokenizer(["a b c d e f g h"], min_frequency=1, show_progress=False)
TAGS = ("O", "B-A", "I-A")
NAMES: dict[str, Any] = {"id2label": dict(enumerate(TAGS)), "label2id": {name: i for i, name in enumerate(TAGS)}}
SIZES = {"vocab_size": len(TOKENIZER), "embedding_size": 5, "hidden_size": 4, "pad_token_id": TOKENIZER.pad_token_id}
STOCK = {"vocab_size": len(TOKENIZER), "pad_token_id": TOKENIZER.pad_token_id}
BERT = {
    **STOCK,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
# With micro-batches of two, four a step: steps of 2 + 2 + 2 + 2 and, at the end of an epoch, of 2 + 1.
ROWS = 11

TOKENS = PaddingCollator(TOKENIZER, label_padding=-100)
Row = dict[str, Any]
Loss = Callable[[Any, Any], torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A model, its rows, and how a trainer reads them; `loss` of the model and one batch, if it is not the model's."""

    model: Callable[[], nn.Module]
    rows: Sequence[Row]
    collator: Callable[..., Any] = PaddingCollator(TOKENIZER)
    trainer: type[RecurrentTrainer] = RecurrentTrainer
    options: dict[str, Any] | None = None
    arguments: dict[str, Any] | None = None
    loss: Loss = lambda model, batch: model(**batch).loss
    within: float = 1e-8


def texts(label: Callable[[random.Random, int], Any], name: str = "labels", **more: Callable[..., Any]) -> list[Row]:
    """Rows of one to nine tokens; `label` and `more` are given a source of numbers and how many tokens there are."""
    source = random.Random(7)
    rows = []
    for _ in range(ROWS):
        length = source.randint(1, 9)
        row = {"input_ids": [source.randrange(2, len(TOKENIZER)) for _ in range(length)], name: label(source, length)}
        rows.append(row | {key: value(source, length) for key, value in more.items()})
    return rows


def a_class(source: random.Random, length: int) -> int:
    """One of three, and none of some."""
    return source.choice([0, 1, 2, -100])


def a_tag_each(source: random.Random, length: int) -> list[int]:
    return [source.choice([0, 0, 1, -100]) for _ in range(length - 1)] + [0]


def tags(source: random.Random, length: int) -> list[int]:
    """Draw tags that a scheme allows."""
    return [source.choice([0, 1]) for _ in range(length)]


def pairs(label: Callable[[random.Random], float]) -> list[Row]:
    source = random.Random(3)

    def text() -> list[int]:
        return [source.randrange(2, len(TOKENIZER)) for _ in range(source.randint(1, 7))]

    return [{"input_ids": text(), "input_ids_b": text(), "labels": label(source)} for _ in range(ROWS)]


PLAIN = pairs(lambda source: 1)


def images() -> list[Row]:
    generator = torch.Generator().manual_seed(0)

    def image() -> torch.Tensor:
        return torch.rand(1, 8, 8, generator=generator, dtype=torch.float64)

    return [{"pixel_values": image(), "pixel_values_b": image(), "labels": index % 2} for index in range(ROWS)]


def image_batch(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    batch = {name: torch.stack([row[name] for row in rows]) for name in ("pixel_values", "pixel_values_b")}
    return {**batch, "labels": torch.tensor([row["labels"] for row in rows])}


def siamese(**values: Any) -> SiameseModel:
    return SiameseModel(SiameseConfig(encoder=BiLstmConfig(**SIZES), **values))


def conv_siamese() -> SiameseModel:
    sizes = {"hidden_sizes": [4], "kernel_sizes": [3], "pool_sizes": [2], "output_size": 6}
    return SiameseModel(SiameseConfig(encoder=ConvEncoderConfig(image_size=8, **sizes)))


def of_embeddings(name: str, **values: Any) -> Case:
    """A siamese network with one of the losses of `LOSSES`, called once over the whole batch."""
    objective = SimilarityObjective([name], values.pop("options", {}))
    model = values.pop("model", siamese)
    rows = values.pop("rows", None) or pairs(lambda source: source.randrange(2))
    if objective.in_batch:
        # An even number: a pair alone, without a negative, would be left out.
        rows = [row | {"labels": 1} for row in [*rows, pairs(lambda source: 1)[3]]]

    def loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        outputs = model(**{name: value for name, value in batch.items() if name != "labels"})
        return objective(outputs.embeddings, outputs.embeddings_b, batch["labels"], outputs.logits)

    options = {"loss": objective, "groups": list(range(len(rows))) if objective.in_batch else None}
    return Case(model, rows, values.pop("collator", PairCollator(TOKENIZER)), SiameseTrainer, options, loss=loss)


def triplets(similarity: str) -> Case:
    """Anchor, positive and negative; the loss is max(0, s(anchor, negative) - s(anchor, positive) + margin)."""
    rows = [row | {"input_ids_c": other["input_ids_b"]} for row, other in zip(PLAIN, reversed(PLAIN), strict=True)]

    def loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        vectors = []
        for suffix in ("", "_b", "_c"):
            given = {name: batch[name + suffix] for name in ("input_ids", "attention_mask")}
            vectors.append(model.encoder(**given).pooler_output)
        if similarity == "cosine":
            near, far = (functional.cosine_similarity(vectors[0], other) for other in vectors[1:])
        else:
            near, far = (-(vectors[0] - other).norm(dim=1) for other in vectors[1:])
        return (far - near + 0.7).clamp(min=0).mean()

    objective = SimilarityObjective(["triplet"], {"triplet": {"margin": 0.7, "distance": similarity}})
    return Case(siamese, rows, PairCollator(TOKENIZER), SiameseTrainer, {"loss": objective}, loss=loss)


def teacher(source: random.Random, length: int) -> list[float]:
    return [source.gauss(0, 2) for _ in range(3)]


def teacher_of_tokens(source: random.Random, length: int) -> list[float]:
    """Draw the logits of a teacher that says nothing of the second token."""
    return [float("nan") if index // 3 == 1 else source.gauss(0, 2) for index in range(3 * length)]


def distilled(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Hinton's loss at the temperature 2, weighed 0.7, and the labels; of texts, or of tokens without a CRF."""
    said = batch["teacher_logits"].double().view(-1, 3)
    logits = model(**{name: batch[name] for name in ("input_ids", "attention_mask")}).logits.view(-1, 3)
    taught = ~said.isnan().any(1)
    of_labels = functional.cross_entropy(logits, batch["labels"].view(-1))
    targets, found = (logs[taught].div(2).log_softmax(-1) for logs in (said, logits))
    of_teacher = 4 * (targets.exp() * (targets - found)).sum() / taught.sum()
    return 0.3 * of_labels + 0.7 * of_teacher


def distilled_crf(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The same with the marginals of the CRF in place of the logits."""
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    outputs, real = model(**given), batch["attention_mask"].bool()
    said = batch["teacher_logits"].double()
    taught = real & ~said.isnan().any(2)
    found = model.head.log_probabilities(outputs.emissions, real)[taught].div(2).log_softmax(-1)
    targets = said[taught].div(2).log_softmax(-1)
    return 0.3 * outputs.loss + 0.7 * 4 * (targets.exp() * (targets - found)).sum() / taught.sum()


def taught_pairs() -> list[Row]:
    """Draw pairs of which some have no label, and of others the teacher says nothing."""
    source = random.Random(5)
    said = [[source.gauss(0, 2), source.gauss(0, 2)] if index % 4 else [float("nan")] * 2 for index in range(ROWS)]
    labels = [-100.0 if index % 3 == 1 else float(source.randrange(2)) for index in range(ROWS)]
    return [
        row | {"labels": label, "teacher_logits": logits}
        for row, label, logits in zip(PLAIN, labels, said, strict=True)
    ]


def distilled_pairs(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy and squared error of the cosine, of the labels and, weighed 0.7, of what the teacher says."""
    labels, said = batch["labels"].double(), batch["teacher_logits"].double()
    outputs = model(**{name: value for name, value in batch.items() if name not in ("labels", "teacher_logits")})
    cosine = functional.cosine_similarity(outputs.embeddings, outputs.embeddings_b)
    known, taught = labels >= 0, ~said.isnan().any(1)
    of_labels = functional.cross_entropy(outputs.logits[known], labels[known].long())
    of_labels = of_labels + 0.5 * (cosine[known] - labels[known]).square().mean()
    targets, found = (logs[taught].div(2).log_softmax(-1) for logs in (said, outputs.logits))
    of_teacher = 4 * (targets.exp() * (targets - found)).sum() / taught.sum()
    alike = said[taught].softmax(1)[:, 1]
    of_teacher = of_teacher + 0.5 * (cosine[taught] - alike).square().mean()
    return 0.3 * of_labels + 0.7 * of_teacher


DISTILLATION = {"distillation_weight": 0.7, "distillation_temperature": 2.0}
MULTI = {"problem_type": "multi_label_classification", "num_labels": 3}
BINARY = {"problem_type": "single_label_classification", "num_labels": 2}


def several(source: random.Random, length: int) -> list[float]:
    return [float(source.randrange(2)) for _ in range(3)]


def number(source: random.Random, length: int) -> float:
    return source.gauss(0, 1)


def own_tokens(row: Row) -> Row:
    return {"input_ids": row["input_ids"], "labels": row["input_ids"]}


LANGUAGE = [own_tokens(row) for row in texts(a_class) if len(row["input_ids"]) > 1] + [
    {"input_ids": [2, 3, 4, 5, 6, 7], "labels": [2, 3, 4, 5, 6, 7]}
] * 3

CASES = {
    "classes": Case(lambda: BiLstmForSequenceClassification(BiLstmConfig(num_labels=3, **SIZES)), texts(a_class)),
    "several labels": Case(lambda: LstmForSequenceClassification(LstmConfig(**MULTI, **SIZES)), texts(several)),
    "regression": Case(
        lambda: DanForSequenceClassification(
            DanConfig(problem_type="regression", num_labels=1, vocab_size=len(TOKENIZER), embedding_size=5)
        ),
        texts(number),
    ),
    "label smoothing": Case(
        lambda: BiLstmForSequenceClassification(BiLstmConfig(num_labels=3, **SIZES)),
        texts(a_class),
        arguments={"label_smoothing_factor": 0.1},
        loss=lambda model, batch: smoothed(model, batch),
    ),
    "tags": Case(lambda: ElmanForTokenClassification(ElmanConfig(**NAMES, **SIZES)), texts(a_tag_each), TOKENS),
    "tags with a CRF": Case(
        lambda: BiLstmForTokenClassification(BiLstmConfig(crf=True, label_scheme="BIO", **NAMES, **SIZES)),
        texts(tags),
        TOKENS,
    ),
    "language model": Case(
        lambda: GruForCausalLM(GruConfig(activation_penalty=2.0, temporal_activation_penalty=1.0, **SIZES)),
        LANGUAGE,
        TOKENS,
    ),
    "distillation of texts": Case(
        lambda: BiLstmForSequenceClassification(BiLstmConfig(num_labels=3, **SIZES)),
        texts(a_class, teacher_logits=teacher),
        trainer=DistillationTrainer,
        options=DISTILLATION,
        loss=distilled,
    ),
    "distillation of tags": Case(
        lambda: BiLstmForTokenClassification(BiLstmConfig(**NAMES, **SIZES)),
        texts(a_tag_each, teacher_logits=teacher_of_tokens),
        TaggedDistillationCollator(TOKENIZER, label_padding=-100),
        DistillationTrainer,
        DISTILLATION,
        loss=distilled,
    ),
    "distillation of tags with a CRF": Case(
        lambda: BiLstmForTokenClassification(BiLstmConfig(crf=True, **NAMES, **SIZES)),
        texts(tags, teacher_logits=teacher_of_tokens),
        TaggedDistillationCollator(TOKENIZER, label_padding=-100),
        DistillationTrainer,
        DISTILLATION,
        loss=distilled_crf,
    ),
    "distillation of pairs": Case(
        lambda: SiameseForPairClassification(SiameseConfig(encoder=BiLstmConfig(**SIZES), **BINARY)),
        taught_pairs(),
        PairCollator(TOKENIZER),
        PairDistillationTrainer,
        {
            "loss": SimilarityObjective(["classification", "cosine_mse"], {"cosine_mse": {"weight": 0.5}}),
            **DISTILLATION,
        },
        loss=distilled_pairs,
    ),
    "contrastive": of_embeddings("contrastive"),
    "cosine_mse": of_embeddings("cosine_mse", rows=pairs(random.Random.random)),
    "malstm": of_embeddings("malstm", model=lambda: siamese(similarity="manhattan")),
    "classification of pairs": of_embeddings(
        "classification",
        model=lambda: SiameseForPairClassification(SiameseConfig(encoder=BiLstmConfig(**SIZES), **BINARY)),
    ),
    "regression of pairs": of_embeddings(
        "regression",
        model=lambda: SiameseForPairClassification(
            SiameseConfig(encoder=BiLstmConfig(**SIZES), num_labels=1, problem_type="regression")
        ),
        rows=pairs(random.Random.random),
    ),
    "triplets": triplets("cosine"),
    "triplets by Euclid": triplets("euclidean"),
    "images": of_embeddings("contrastive", model=conv_siamese, rows=images(), collator=image_batch),
    "BERT, classes": Case(lambda: BertForSequenceClassification(BertConfig(num_labels=3, **BERT)), texts(a_class)),
    "BERT, several labels": Case(lambda: BertForSequenceClassification(BertConfig(**MULTI, **BERT)), texts(several)),
    "BERT, tags": Case(lambda: BertForTokenClassification(BertConfig(**NAMES, **BERT)), texts(a_tag_each), TOKENS),
    "BERT, pairs": of_embeddings(
        "contrastive", model=lambda: SiameseModel(SiameseConfig(encoder=BertConfig(**BERT), pooling="mean"))
    ),
    # transformers computes the loss in float32.
    "Llama": Case(
        lambda: LlamaForCausalLM(
            LlamaConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, **STOCK)
        ),
        LANGUAGE,
        TOKENS,
        within=1e-6,
    ),
}

# What depends on which rows are in one micro-batch, and why; the document of several processes says the same.
EXCEPTED = {
    "batch normalisation": Case(
        lambda: BiLstmForSequenceClassification(
            BiLstmConfig(num_labels=3, classifier_hidden_sizes=[4], classifier_norm="batch", **SIZES)
        ),
        texts(lambda source, length: source.randrange(3)),
    ),
    "sampled softmax": Case(lambda: GruForCausalLM(GruConfig(sampled_softmax=4, **SIZES)), LANGUAGE, TOKENS),
    **{
        name: of_embeddings(name)
        for name in (
            "cosent",
            "multiple_negatives",
            "hard_negative_batch",
            "batch_hard_triplet",
            "batch_semi_hard_triplet",
        )
    },
}


def smoothed(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    logits = model(**{name: batch[name] for name in ("input_ids", "attention_mask")}).logits
    return functional.cross_entropy(logits, batch["labels"], label_smoothing=0.1)
