"""What each kind of model answers to many inputs: a mapping of names and values for each, as files hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from transformers import Pipeline

from ..models.configuration_rnn import RecurrentConfig
from ..models.label_threshold import label_threshold
from .inputs import Kind
from .language import continuations, text_losses
from .pipelines import SIMILARITY, WRITING, label_names
from .prediction import predict_texts
from .steps import predict_steps, said_of_steps, steps_of
from .tagging import tag_sentences, words_of


__all__ = ["PAIR_LABELS", "Answer", "AnswerOptions", "Answerer", "kinds_of", "make_answerer", "scale_of"]


Answer = dict[str, Any]
# The labels of a classifier of pairs that tells those that are alike from others.
PAIR_LABELS = ("different", "alike")
# Figures after the point: more than the width of a batch leaves unchanged.
DIGITS = 6
# The most tokens of a continuation, where nothing else is said.
CONTINUED = 50
# Similarity → where its values lie.
SCALES = {
    "cosine": "from -1 to 1",
    "dot": "any number",
    "euclidean": "from below up to 0",
    "manhattan": "from 0 to 1",
}


@dataclass(frozen=True)
class AnswerOptions:
    """Attributes:
    top_k: How many labels are named, the likeliest first; None: the model's choice alone.
    probabilities: Whether the probability of each class is given.
    generate: Whether a language model continues a text, and does not measure it.
    max_new_tokens: The most tokens of a continuation or a target; None: 50, or as the model says of targets.
    num_beams: The beams by which a target is written; None: as the model says.
    """

    top_k: int | None = None
    probabilities: bool = False
    generate: bool = False
    max_new_tokens: int | None = None
    num_beams: int | None = None


class Answerer(Protocol):
    """What one kind of model answers."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names in an answer, in their order."""

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """An answer to each input."""


class Classifier:
    """The label of a text or of a pair with its probability; several labels, each
    whose probability is at least the configuration's `label_threshold`; or the number of a regression."""

    def __init__(self, pipeline: Pipeline, options: AnswerOptions) -> None:
        config: Any = pipeline.model.config
        self.pipeline, self.options = pipeline, options
        self.names = label_names(config)
        self.problem = config.problem_type
        self.threshold = label_threshold(config)
        top_k = options.top_k
        if top_k is not None and not 1 <= top_k <= len(self.names):
            raise ValueError(f"`top_k`={top_k} must be from 1 to {len(self.names)}, the number of the model's labels.")
        if self.problem == "regression":
            if top_k is not None or options.probabilities:
                given = "probabilities" if top_k is None else "top_k"
                raise ValueError(f"`{given}` was given, and the model is a regression: it has numbers, and no labels.")
            fields = ["score"] if len(self.names) == 1 else [f"score_{name}" for name in self.names]
        elif top_k is not None:
            fields = [f"{field}_{rank}" for rank in range(1, top_k + 1) for field in ("label", "score")]
        else:
            fields = ["labels"] if self._several else ["label", "score"]
        if options.probabilities:
            fields += [f"probability_{name}" for name in self.names]
        self.fields = tuple(fields)

    @property
    def _several(self) -> bool:
        return self.problem == "multi_label_classification"

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        found = predict_texts(self.pipeline, inputs, batch_size, progress=False, top_k=None)
        return [self._answer({row["label"]: row["score"] for row in rows}) for rows in found]

    def _answer(self, scores: Mapping[str, float]) -> Answer:
        # The likeliest label comes first.
        rounded = {name: round(score, DIGITS) for name, score in scores.items()}
        if self.problem == "regression":
            values: list[Any] = [rounded[name] for name in self.names]
        elif self.options.top_k is not None:
            values = [value for pair in list(rounded.items())[: self.options.top_k] for value in pair]
        elif self._several:
            values = [[name for name in self.names if scores[name] >= self.threshold]]
        else:
            values = list(next(iter(rounded.items())))
        if self.options.probabilities:
            values += [rounded[name] for name in self.names]
        return dict(zip(self.fields, values, strict=True))


class PairClassifier:
    """How probable it is to a `SiameseForPairClassification` of two labels that two texts are alike, and whether it
    says so.
    """

    fields = ("score", "alike")

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.alike = PAIR_LABELS[1]

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        found = predict_texts(self.pipeline, inputs, batch_size, progress=False, top_k=None)
        answers = []
        for rows in found:
            score = next(row["score"] for row in rows if row["label"] == self.alike)
            answers.append({"score": round(score, DIGITS), "alike": rows[0]["label"] == self.alike})
        return answers


class Comparer:
    """The similarity of two texts and, if the network has a threshold, whether they are alike."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        has_threshold = cast(Any, pipeline.model.config).threshold is not None
        self.fields: tuple[str, ...] = ("score", "alike") if has_threshold else ("score",)

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        found = predict_texts(self.pipeline, inputs, batch_size, progress=False)
        return [{**answer, "score": round(answer["score"], DIGITS)} for answer in found]


class SpanTagger:
    """The spans of a text that a tagger finds: their label, the characters from `start` to `end` (exclusive), their
    text, and the model's probability of the label.
    """

    fields = ("spans",)

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        # Ours gives every piece the tag of its word; a BERT is trained on first pieces alone, so theirs count.
        self.strategy = "simple" if isinstance(pipeline.model.config, RecurrentConfig) else "first"

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        found = predict_texts(self.pipeline, inputs, batch_size, progress=False, aggregation_strategy=self.strategy)
        return [{"spans": [_span(text, one) for one in spans]} for text, spans in zip(inputs, found, strict=True)]


def _span(text: str, found: Mapping[str, Any]) -> Answer:
    start, end = int(found["start"]), int(found["end"])
    return {
        "label": found["entity_group"],
        "start": start,
        "end": end,
        "text": text[start:end],
        "score": round(float(found["score"]), DIGITS),
    }


class TokenTagger:
    """The tag of each token; a text that is not cut into tokens is cut where the tokenizer does."""

    fields = ("tokens", "tags")

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        tokenizer: Any = self.pipeline.tokenizer
        sentences = [words_of(tokenizer, each) if isinstance(each, str) else each for each in inputs]
        tags = tag_sentences(self.pipeline.model, tokenizer, sentences, batch_size)
        return [{"tokens": one, "tags": other} for one, other in zip(sentences, tags, strict=True)]


class StepTeller:
    """The `scores` of each token; or its `labels`, whose probability is at least the configuration's
    `label_threshold`, with their `probabilities`. A text that is not cut into tokens is cut where the tokenizer does.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        of_numbers = steps_of(pipeline.model) == "regression"
        self.fields = ("tokens", "scores") if of_numbers else ("tokens", "labels", "probabilities")

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        model, tokenizer = cast(Any, self.pipeline.model), self.pipeline.tokenizer
        sentences = [words_of(tokenizer, each) if isinstance(each, str) else each for each in inputs]
        found = predict_steps(model, tokenizer, sentences, batch_size)
        names, threshold = label_names(model.config), label_threshold(model.config)
        kind = str(model.config.problem_type)
        return [
            {"tokens": tokens, **said_of_steps(said, kind, names, threshold)}
            for tokens, said in zip(sentences, found, strict=True)
        ]


class TextMeter:
    """What a text costs a language model: the `nats` of all tokens that are predicted, their number, and the `loss`,
    the nats of one.
    """

    fields = ("loss", "nats", "tokens")

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        found = text_losses(self.pipeline.model, self.pipeline.tokenizer, inputs, batch_size)
        return [
            {"loss": round(nats / tokens, DIGITS), "nats": round(nats, DIGITS), "tokens": tokens}
            for nats, tokens in found
        ]


class Writer:
    """How a language model goes on with a text: the likeliest token each time."""

    fields = ("continuation",)

    def __init__(self, pipeline: Pipeline, options: AnswerOptions) -> None:
        self.pipeline = pipeline
        self.most = options.max_new_tokens or CONTINUED

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        found = continuations(self.pipeline, inputs, batch_size, self.most)
        return [{"continuation": text} for text in found]


class TargetWriter:
    """The text that an encoder-decoder writes for each source."""

    fields = ("target",)

    def __init__(self, pipeline: Pipeline, options: AnswerOptions) -> None:
        given = {"max_new_tokens": options.max_new_tokens, "num_beams": options.num_beams}
        self.pipeline = pipeline
        self.options = {name: value for name, value in given.items() if value is not None}

    def answer(self, inputs: Sequence[Any], batch_size: int) -> list[Answer]:
        """Fields as in `fields`."""
        found = predict_texts(self.pipeline, inputs, batch_size, progress=False, do_sample=False, **self.options)
        return [{"target": answers[0]["generated_text"]} for answers in found]


def make_answerer(pipeline: Pipeline, options: AnswerOptions, kind: Kind, conll: bool) -> Answerer:
    """What asks the model of `pipeline`.

    Args:
        kind: What the file has, as far as it matters: `"tokens"` for sentences that are cut into tokens.
        conll: Whether tags of tokens are wanted, also for texts that are not cut.

    Raises:
        ValueError: options that the model does not have.
    """
    task = pipeline.task
    of_pairs = pipeline.model.config.model_type == "siamese"
    # A classifier of other labels than these two answers as one of texts does.
    siamese = of_pairs and (task != "text-classification" or label_names(pipeline.model.config) == list(PAIR_LABELS))
    given = {
        "top_k": options.top_k is not None,
        "probabilities": options.probabilities,
        "generate": options.generate,
        "max_new_tokens": options.max_new_tokens is not None,
        "num_beams": options.num_beams is not None,
    }
    allowed = {
        "text-generation": {"generate", "max_new_tokens"},
        WRITING: {"max_new_tokens", "num_beams"},
        "text-classification": set() if siamese else {"top_k", "probabilities"},
    }
    for name, is_given in given.items():
        if is_given and name not in allowed.get(task, set()):
            raise ValueError(f"`{name}` was given, and a model for {'pairs' if siamese else task} does not have it.")
    if task == "text-classification":
        return PairClassifier(pipeline) if siamese else Classifier(pipeline, options)
    if task == SIMILARITY:
        return Comparer(pipeline)
    for name in ("max_new_tokens", "num_beams"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"`{name}`={value} must be at least 1.")
    if task == "text-generation":
        if options.max_new_tokens is not None and not options.generate:
            raise ValueError(
                f"`max_new_tokens`={options.max_new_tokens} was given, and nothing is written: a language model "
                "measures texts, unless `generate` has it continue them."
            )
        return Writer(pipeline, options) if options.generate else TextMeter(pipeline)
    if task == WRITING:
        return TargetWriter(pipeline, options)
    if steps_of(pipeline.model) is not None:
        return StepTeller(pipeline)
    return TokenTagger(pipeline) if conll or kind == "tokens" else SpanTagger(pipeline)


def _is_of_pairs(answerer: Any) -> bool:
    return bool(answerer.pipeline.model.config.model_type == "siamese")


def scale_of(answerer: Answerer) -> str | None:
    """Say what the `score` of a pair means; None where the answers are no such scores."""
    of_numbers = isinstance(answerer, Classifier) and answerer.problem == "regression"
    if isinstance(answerer, PairClassifier) or (of_numbers and _is_of_pairs(answerer)):
        scale = "on a scale from 0 (different) to 1 (alike)"
    elif isinstance(answerer, Comparer):
        measure = cast(Any, answerer.pipeline.model.config).similarity
        scale = f"the {measure} similarity ({SCALES[measure]}), higher for texts that are more alike"
    else:
        return None
    return f"The score of a pair is {scale}, whatever the range of the scores that were learnt."


def kinds_of(pipeline: Pipeline) -> tuple[Kind, ...]:
    """What the model of `pipeline` may be asked, the likeliest first."""
    if pipeline.task == "token-classification":
        return ("tokens", "text")
    if pipeline.task in ("text-generation", WRITING):
        return ("text",)
    return ("pair",) if pipeline.model.config.model_type == "siamese" else ("text", "pair")
