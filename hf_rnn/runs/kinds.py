"""THE table of tasks: what every room has to know of each, as plain data.

A row says what needs no code. The code of a task is in its folder `hf_rnn/tasks/<folder>/`, which
`hf_rnn.tasks.registry` finds by the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


__all__ = ["INPUTS", "KINDS", "Kind", "auto_class_of", "find_kind", "known_names"]


INPUTS = ("text", "tokens", "pair", "images", "prompt", "source", "series")
_DROPOUT = {"low": 0.0, "high": 0.5}
_CLASSIFIER_DROPOUT = {"low": 0.0, "high": 0.6}
_POOLING = {"choices": ["mean", "max", "mean_max"]}


@dataclass(frozen=True)
class Kind:
    """What is known of a task.

    Attributes:
        name: The task in results.json and on the command line: the pipeline's name wherever the task has a pipeline.
        folder: The folder in `hf_rnn/tasks/` that holds its code.
        aliases: Other names that are understood, such as that of its script.
        title: The name in a card, such as "Text classification".
        inputs: What its models are asked: one of `INPUTS`.
        heads: The ending of a class's name → the Auto class that loads it. The first is that of a usual model.
        variable: What a model is called in the snippet of its card.
        example: The input of that snippet, as the pipeline takes it.
        intended, unintended: What its models are for and not for, as the rest of a sentence.
        figures: The columns of its tables of results (heading, split, metric). Rows are ordered by the first.
        selects: The kind of the data → the metric that chooses a checkpoint.
        search_space: What a search may choose by default, beside what fits every task; None: it is not searched.
        pipeline: The pipeline of transformers that answers; None: that of `name`.
        pipeline_options: What makes the pipeline answer the same twice.
        own_pipeline: Whether the pipeline is ours: transformers has it where hf_rnn is imported, or where a model's
            folder carries its code, which those of transformers' own models do not.
        unit: What its data are counted in.
        bundled: Whether a checkpoint of it may be bundled with the package.
        script: What people run it with from a checkout.

    Raises:
        ValueError: the row lacks something; the message names the field.
    """

    name: str
    folder: str
    title: str
    inputs: str
    heads: Mapping[str, str]
    variable: str
    example: Any
    intended: str
    unintended: str
    figures: tuple[tuple[str, str, str], ...]
    selects: Mapping[str, str]
    search_space: Mapping[str, Mapping[str, Any]] | None
    aliases: tuple[str, ...] = ()
    pipeline: str | None = None
    pipeline_options: Mapping[str, Any] = field(default_factory=dict)
    own_pipeline: bool = False
    unit: str = "rows"
    bundled: bool = True
    script: str | None = None

    def __post_init__(self) -> None:
        optional = ("aliases", "pipeline", "pipeline_options", "own_pipeline", "search_space", "bundled", "script")
        for name in (each.name for each in fields(self) if each.name not in optional):
            if not getattr(self, name):
                raise ValueError(f"`{name}` of the task {self.name!r} is empty; a row of `KINDS` must say it.")
        if self.inputs not in INPUTS:
            raise ValueError(f"`inputs`={self.inputs!r} of the task {self.name!r} must be one of {', '.join(INPUTS)}.")

    @property
    def of_text(self) -> bool:
        """Whether its models read text, and so a pipeline answers for them."""
        return self.inputs not in ("images", "series")

    @property
    def pipeline_name(self) -> str:
        """The pipeline's name; of images and series that which the Hub files the model under."""
        return self.pipeline or self.name

    @property
    def auto_class(self) -> str:
        """The Auto class that loads a usual model of it."""
        return next(iter(self.heads.values()))

    def auto_class_of(self, class_name: str) -> str:
        """The Auto class that loads a model of the class `class_name`; by default that of a usual model."""
        return next((auto for end, auto in self.heads.items() if class_name.endswith(end)), self.auto_class)


_ROWS = (
    Kind(
        name="text-classification",
        folder="text_classification",
        title="Text classification",
        inputs="text",
        heads={"ForSequenceClassification": "AutoModelForSequenceClassification"},
        variable="classifier",
        example="A film that takes its time and earns every minute of it.",
        intended="telling which of its classes a text belongs to, in text of the kind it was trained on; and as the "
        "start of training with labels of your own.",
        unintended="text that may belong to none of its classes, since it always names one of them; and decisions "
        "about people.",
        figures=(
            ("Test accuracy", "test", "accuracy"),
            ("Validation accuracy", "validation", "accuracy"),
        ),
        selects={
            "single_label_classification": "accuracy",
            "multi_label_classification": "f1_micro",
            "regression": "pearson",
        },
        search_space={
            "embedding_dropout": _DROPOUT,
            "classifier_dropout": _CLASSIFIER_DROPOUT,
            "pooling": _POOLING,
        },
        script="scripts/run_text_classification.py",
    ),
    Kind(
        name="token-classification",
        folder="token_classification",
        title="Token classification",
        inputs="tokens",
        heads={"ForTokenClassification": "AutoModelForTokenClassification"},
        variable="tagger",
        example="Maria Silva moved from Lisbon to the UN.",
        intended="marking words and names with the labels it was trained on, in text of the kind it was trained on, "
        "for search, indexing and statistics; and as the start of training with labels of your own.",
        unintended="removing personal data from documents, since what it overlooks stays in them; spans that lie "
        "within each other; telling which person or place a name means; and decisions about people.",
        figures=(
            ("Test F1", "test", "f1"),
            ("Test F1, natural text", "test", "f1_detokenized"),
            ("Validation F1", "validation", "f1"),
            ("Test MSE", "test", "mse"),
            ("Test MAE", "test", "mae"),
        ),
        selects={
            "tagging": "f1",
            "tags": "accuracy",
            # At every token, in place of one tag.
            "regression": "mse",
            "multi_label_classification": "f1",
        },
        search_space={"embedding_dropout": _DROPOUT, "classifier_dropout": _CLASSIFIER_DROPOUT},
        script="scripts/run_token_classification.py",
    ),
    Kind(
        name="sentence-similarity",
        folder="similarity",
        aliases=("similarity",),
        title="Sentence similarity",
        inputs="pair",
        # A classifier of pairs has all that the similarity needs, too.
        heads={"SiameseModel": "AutoModel", "ForPairClassification": "AutoModelForSequenceClassification"},
        variable="similarity",
        example={"text": "How do I learn to swim?", "text_pair": "What is the best way to learn swimming?"},
        intended="ordering pairs of texts by how near their meanings are: duplicates, search, clusters; and as the "
        "start of training with pairs of your own.",
        unintended="telling whether a text is true, or answers a question; texts much longer than those it was "
        "trained on; and decisions about people. A similarity means something beside another one of the same model, "
        "not by itself.",
        figures=(
            ("Test ROC-AUC", "test", "roc_auc"),
            ("Test accuracy", "test", "accuracy"),
            ("Test ROC-AUC, classifier", "test", "classifier_roc_auc"),
            ("Test accuracy, classifier", "test", "classifier_accuracy"),
            ("Test recall@1", "test", "recall_at_1"),
            ("Validation ROC-AUC", "validation", "roc_auc"),
            ("Test Spearman", "test", "spearman"),
            ("Test Pearson", "test", "pearson"),
            ("Validation Spearman", "validation", "spearman"),
            ("Test triplet accuracy", "test", "triplet_accuracy"),
        ),
        # No metric that chooses depends on a threshold.
        selects={
            "labels": "roc_auc",
            "scores": "spearman",
            "classifier": "classifier_roc_auc",
            "classes": "accuracy",
            "positives": "mrr",
            "triplets": "triplet_accuracy",
        },
        search_space={"embedding_dropout": _DROPOUT, "pooling": _POOLING},
        own_pipeline=True,
        script="scripts/run_similarity.py",
    ),
    Kind(
        name="text-generation",
        folder="language_modeling",
        aliases=("language-modeling",),
        title="Text generation",
        inputs="prompt",
        heads={"ForCausalLM": "AutoModelForCausalLM", "LMHeadModel": "AutoModelForCausalLM"},
        variable="generator",
        example="Once upon a time",
        intended="generating text of the kind it was trained on, telling how likely a text is, and as the start of "
        "training for other tasks, such as classification; learning how recurrent language models work.",
        unintended="questions and instructions, since it only goes on with a text; facts, since it makes them up; and "
        "decisions about people.",
        figures=(
            ("Test perplexity", "test", "perplexity"),
            ("Test loss", "test", "loss"),
            ("Test bits per character", "test", "bits_per_character"),
            ("Validation perplexity", "validation", "perplexity"),
            ("Validation loss", "validation", "loss"),
        ),
        selects={"text": "loss"},
        search_space={"dropout": _DROPOUT, "weight_dropout": _DROPOUT},
        # The likeliest text is the same each time; a drawn one is not.
        pipeline_options={"do_sample": False, "max_new_tokens": 40},
        unit="tokens",
        script="scripts/run_language_modeling.py",
    ),
    Kind(
        name="sequence-to-sequence",
        folder="sequence_to_sequence",
        aliases=("seq2seq", "translation", "summarization", "text2text-generation"),
        pipeline="text2text-generation",
        title="Sequence to sequence",
        inputs="source",
        heads={
            "ForSeq2SeqLM": "AutoModelForSeq2SeqLM",
            "MTModel": "AutoModelForSeq2SeqLM",
            "ForConditionalGeneration": "AutoModelForSeq2SeqLM",
        },
        variable="writer",
        example="A man rides a bicycle.",
        intended="writing the targets it was trained on (translations, summaries, normal forms) for sources of the "
        "same kind; learning how encoders, decoders and attention work; and as the start of training with rows of "
        "your own.",
        unintended="sources unlike those it was trained on, for which it writes something all the same; facts, since "
        "it makes up what it has not read; and decisions about people.",
        figures=(
            ("Test BLEU", "test", "bleu"),
            ("Test chrF", "test", "chrf"),
            ("Test ROUGE-2", "test", "rouge2"),
            ("Test exact match", "test", "exact_match"),
            ("Test character error rate", "test", "character_error_rate"),
            ("Test loss", "test", "loss"),
            ("Validation BLEU", "validation", "bleu"),
            ("Validation exact match", "validation", "exact_match"),
        ),
        selects={"text": "loss"},
        search_space={
            "decoder.hidden_size": {"low": 64, "high": 512, "log": True},
            "encoder.embedding_dropout": {"low": 0.0, "high": 0.5},
            "decoder.dropout": {"low": 0.0, "high": 0.6},
            "label_smoothing_factor": {"low": 0.0, "high": 0.2},
        },
        pipeline_options={"do_sample": False, "max_new_tokens": 40},
        own_pipeline=True,
        script="scripts/run_sequence_to_sequence.py",
    ),
    Kind(
        name="image-feature-extraction",
        folder="one_shot",
        aliases=("one-shot",),
        title="Image similarity",
        inputs="images",
        heads={"SiameseModel": "AutoModel"},
        variable="verifier",
        example="אבג",
        intended="telling images of the kind it was trained on apart by one example of each, and learning how siamese "
        "networks do so.",
        unintended="images of another kind, unless it is measured there; telling people apart by faces or signatures.",
        figures=(
            ("Test 5-way 1-shot", "test", "accuracy_5_way_1_shot"),
            ("By pixels", "test", "pixels_5_way_1_shot"),
            ("Test 20-way 1-shot", "test", "accuracy_20_way_1_shot"),
            ("By pixels", "test", "pixels_20_way_1_shot"),
            ("Test ROC-AUC on pairs", "test", "pair_roc_auc"),
            ("Validation 5-way 1-shot", "validation", "accuracy_5_way_1_shot"),
        ),
        selects={"labels": "roc_auc"},
        # Its network is made of its own arguments, not of `ModelArguments`, which a search varies.
        search_space=None,
        bundled=False,
        script="scripts/run_one_shot.py",
    ),
    Kind(
        name="time-series-forecasting",
        folder="time_series",
        aliases=("time-series",),
        title="Time series forecasting",
        inputs="series",
        heads={"ForTimeSeriesPrediction": "AutoModelForTimeSeriesPrediction"},
        variable="forecaster",
        example=[0.0, 1.0, 0.0, -1.0],
        intended="forecasting series of the kind it was trained on, at the same distance of the steps; learning how "
        "recurrent networks do so.",
        unintended="series of another kind or with other steps; events that the past does not announce; and decisions "
        "about money or people without a look at how far its forecasts were off.",
        figures=(
            ("Test MSE", "test", "mse"),
            ("Test MAE", "test", "mae"),
            ("Validation MSE", "validation", "mse"),
            ("Validation MAE", "validation", "mae"),
        ),
        selects={"series": "loss"},
        # Its network is made of its own arguments, not of `ModelArguments`, which a search varies.
        search_space=None,
        unit="windows",
        bundled=False,
        script="scripts/run_time_series.py",
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ROWS}


def find_kind(name: str) -> Kind:
    """The row of a task.

    Args:
        name: Its name or one of its aliases.

    Raises:
        ValueError: there is no such task; the message lists the names.
    """
    for kind in KINDS.values():
        if name in (kind.name, *kind.aliases):
            return kind
    raise ValueError(f"`task`={name!r} must be one of {', '.join(known_names())}.")


def known_names() -> list[str]:
    """The names of all tasks, each with its aliases behind it."""
    return [name for kind in KINDS.values() for name in (kind.name, *kind.aliases)]


def auto_class_of(class_name: str) -> str | None:
    """The Auto class that loads a model of the class `class_name` with its head; None: no task has such a head."""
    for kind in KINDS.values():
        for ending, auto_class in kind.heads.items():
            if class_name.endswith(ending):
                return auto_class
    return None
