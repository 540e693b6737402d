"""Metrics of tagging: entities by seqeval, tags that mark no entities by scikit-learn, spans in characters.

    >>> figures = TaggingMetric().compute(predictions=[["B-PER", "O"]], references=[["B-PER", "I-PER"]])
    >>> figures["f1"], figures["accuracy"]
    (0.0, 0.5)

An entity counts as found if its type, its first and its last token are all right. Entities are read strictly as IOB2
(Tjong Kim Sang & Veenstra 1999, https://aclanthology.org/E99-1023): one begins with its B-, and an I- that continues
no entity of its type is none. That is stricter than CoNLL-2003's conlleval, which lets an I- begin an entity.
A figure is always a finite number: precision without a prediction, recall without an entity, the F1 of either, and
the accuracy of no tokens are 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain

import datasets
import numpy as np
import torch
from transformers import EvalPrediction
from transformers.trainer_utils import PredictionOutput

from ..extras import require_extra
from .base import InMemoryMetric


SEQEVAL_CITATION = """\
@misc{seqeval,
  title={{seqeval}: A Python framework for sequence labeling evaluation},
  url={https://github.com/chakki-works/seqeval},
  note={Software available from https://github.com/chakki-works/seqeval},
  author={Hiroki Nakayama},
  year={2018},
}"""

# The label of what is not measured: padding, special tokens, further pieces of a word.
IGNORED = -100

# The type neither begins nor ends with a hyphen: seqeval strips them, which would make one type of two.
_IOB2_TAG = re.compile(r"O|[BI]-[^-](.*[^-])?")

Tags = Sequence[str]
# Type, start, end: the end is the position after the last.
Span = tuple[str, int, int]


class TaggingMetric(InMemoryMetric):
    """Precision, recall and F1 over entities, and the accuracy over tokens.

    `compute(predictions, references)` takes IOB2 tags, one list a sentence, and returns `precision`, `recall` and `f1`
    over all entities (micro), `precision_PER`, `recall_PER`, `f1_PER` and `support_PER` (the entities in the
    references) for each type that has an entity in either, and `accuracy`: the share of tokens with the right tag.

    Example:
        >>> figures = TaggingMetric().compute(predictions=[["B-PER", "O"]], references=[["B-PER", "I-PER"]])
        >>> figures["f1"], figures["accuracy"]
        (0.0, 0.5)
    """

    input_type = datasets.Sequence(datasets.Value("string"))
    libraries = ("seqeval",)
    citation = SEQEVAL_CITATION

    def _compute(self, predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
        from seqeval.metrics import accuracy_score, classification_report
        from seqeval.scheme import IOB2

        check_same_lengths(predictions, references)
        check_iob2("predictions", predictions)
        check_iob2("references", references)
        figures = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": 0.0}
        if any(references):
            figures["accuracy"] = float(accuracy_score(references, predictions))
        # Where there is no entity, of which a B- is the sign, seqeval takes means over no types and warns.
        if not any(tag.startswith("B-") for tag in chain(*references, *predictions)):
            return figures
        report = classification_report(
            references, predictions, output_dict=True, mode="strict", scheme=IOB2, zero_division=0
        )
        overall = report.pop("micro avg")
        del report["macro avg"], report["weighted avg"]
        figures |= {"precision": float(overall["precision"]), "recall": float(overall["recall"])}
        figures["f1"] = float(overall["f1-score"])
        for entity_type, of_type in report.items():
            figures |= {f"{name.removesuffix('-score')}_{entity_type}": float(of_type[name]) for name in of_type}
        return figures


class TokenAccuracyMetric(InMemoryMetric):
    """Accuracy over tokens, for tags that mark no entities, such as parts of speech.

    `compute(predictions, references)` takes tags, one list a sentence, and returns `accuracy`, the share of tokens
    with the right tag, and `f1_macro`, the mean F1 of the tags that occur in either.

    Example:
        >>> TokenAccuracyMetric().compute(predictions=[["NOUN", "VERB"]], references=[["NOUN", "NOUN"]])["accuracy"]
        0.5
    """

    input_type = datasets.Sequence(datasets.Value("string"))

    def _compute(self, predictions: Sequence[Tags], references: Sequence[Tags]) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, f1_score

        check_same_lengths(predictions, references)
        truth, guesses = list(chain(*references)), list(chain(*predictions))
        if not truth:
            return {"accuracy": 0.0, "f1_macro": 0.0}
        return {
            "accuracy": float(accuracy_score(truth, guesses)),
            "f1_macro": float(f1_score(truth, guesses, average="macro", zero_division=0.0)),
        }


def check_same_lengths(predictions: Sequence[Tags], references: Sequence[Tags]) -> None:
    """Raises a ValueError that names the first sentence (counting from 0) with unequal numbers of tags."""
    if len(predictions) != len(references):
        raise ValueError(
            f"`predictions` must be of as many sentences as `references`; they are of {len(predictions)} "
            f"and {len(references)}"
        )
    for number, (predicted, gold) in enumerate(zip(predictions, references, strict=True)):
        if len(predicted) != len(gold):
            raise ValueError(
                f"`predictions` must have a tag for each of `references`; sentence {number} (counting from 0) has "
                f"{len(predicted)} and {len(gold)}"
            )


def check_iob2(name: str, sentences: Sequence[Tags]) -> None:
    """Raises a ValueError if the tags of `sentences`, the argument called `name`, are not all O, B- or I-."""
    # Each tag once, and in the order of the text, so that the error names the first.
    for tag in dict.fromkeys(chain.from_iterable(sentences)):
        if not _IOB2_TAG.fullmatch(str(tag)):
            raise ValueError(
                f"`{name}` must be IOB2 tags: O, or B- or I- and a type that neither begins nor ends with a hyphen, "
                f"such as B-PER; they hold {tag!r}"
            )


def entity_spans(tags: Tags) -> set[Span]:
    """Find the entities of one sentence's IOB2 tags, read as strictly as `TaggingMetric` does.

    Args:
        tags: IOB2 tags, one for each token.

    Example:
        >>> sorted(entity_spans(["B-PER", "I-PER", "O", "I-LOC"]))
        [('PER', 0, 2)]

    Returns:
        `(type, start, end)` in tokens: the entity is `tags[start:end]`.

    Raises:
        ValueError: `tags` are not all IOB2.
        MissingExtraError: seqeval is not installed.
    """
    require_extra("train", "Finding entities", "seqeval")
    from seqeval.scheme import IOB2, Entities

    check_iob2("tags", [tags])
    (entities,) = Entities([tags], scheme=IOB2).entities
    return {(entity.tag, entity.start, entity.end) for entity in entities}


def span_f1(references: Sequence[set[Span]], predictions: Sequence[set[Span]]) -> dict[str, float]:
    """Compute `precision`, `recall` and `f1` over all spans, in tokens or in the characters that a pipeline returns.

    Args:
        references: The spans `(type, start, end)` of each text. One is found only by its exact equal.
        predictions: The same texts, in the same order.

    Example:
        >>> span_f1([{("PER", 0, 2)}], [{("PER", 0, 2), ("LOC", 3, 4)}])["precision"]
        0.5

    Raises:
        ValueError: the two are not of as many texts.
    """
    if len(predictions) != len(references):
        raise ValueError(
            f"`predictions` must be of as many texts as `references`; they are of {len(predictions)} "
            f"and {len(references)}"
        )
    found = sum(len(gold & predicted) for gold, predicted in zip(references, predictions, strict=True))
    num_predicted, num_gold = sum(map(len, predictions)), sum(map(len, references))
    return {
        "precision": found / num_predicted if num_predicted else 0.0,
        "recall": found / num_gold if num_gold else 0.0,
        "f1": 2 * found / (num_predicted + num_gold) if num_predicted + num_gold else 0.0,
    }


def best_labels(logits: torch.Tensor | tuple[torch.Tensor, ...], labels: torch.Tensor) -> torch.Tensor:
    """Choose the best labels, for `Trainer(preprocess_logits_for_metrics=...)`, so that it keeps ids and not logits of
    a whole split.

    Args:
        logits: `(batch, time, labels)`; of a model that returns more, the first of its outputs.
        labels: Not used; Trainer passes them.

    Returns:
        The ids of the best labels, `(batch, time)`.

    Example:
        >>> best_labels(torch.tensor([[[0.0, 2.0], [1.0, 0.0]]]), torch.tensor([[1, 0]]))
        tensor([[1, 0]])
    """
    return (logits[0] if isinstance(logits, tuple) else logits).argmax(dim=-1)


def decode_tags(
    evaluated: EvalPrediction | PredictionOutput, label_names: Sequence[str]
) -> tuple[list[list[str]], list[list[str]]]:
    """Read predicted and true tags, one list a row, of the positions whose label is not -100.

    Args:
        evaluated: Its `predictions` are logits `(rows, time, labels)` or ids `(rows, time)`, or a tuple that begins
            with either; its `label_ids` are `(rows, time)`. Each row is a sentence, or a window of one.
        label_names: The tags in the order of their ids.

    Example:
        >>> evaluated = EvalPrediction(predictions=np.array([[1, 0, 0]]), label_ids=np.array([[1, 1, -100]]))
        >>> decode_tags(evaluated, ["O", "B-PER"])
        ([['B-PER', 'O']], [['B-PER', 'B-PER']])

    Raises:
        ValueError: the shapes do not agree, or an id has no name.
    """
    outputs, labels = evaluated.predictions, np.asarray(evaluated.label_ids)
    ids = np.asarray(outputs[0] if isinstance(outputs, tuple) else outputs)
    if ids.ndim == 3:
        if ids.shape[-1] != len(label_names):
            raise ValueError(
                f"`label_names` must be {ids.shape[-1]} tags, one for each logit; they are {len(label_names)}"
            )
        ids = ids.argmax(axis=-1)
    if labels.ndim != 2 or ids.shape != labels.shape:
        raise ValueError(
            f"`predictions` must be (rows, time, labels) or (rows, time), and `label_ids` (rows, time); they are "
            f"{ids.shape} and {labels.shape}"
        )
    measured = labels != IGNORED
    for name, values in (("predictions", ids), ("label_ids", labels)):
        wrong = values[measured & ((values < 0) | (values >= len(label_names)))]
        if wrong.size:
            raise ValueError(f"`{name}` must be label ids from 0 to {len(label_names) - 1}; they hold {wrong[0]}")
    predictions, references = (
        [[label_names[index] for index in row[kept]] for row, kept in zip(values, measured, strict=True)]
        for values in (ids, labels)
    )
    return predictions, references


def tagging_metrics_for(label_names: Sequence[str], is_entities: bool) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make what `Trainer(compute_metrics=...)` takes, for a tagger's logits or, with `best_labels`, its label ids.

    Args:
        label_names: The tags in the order of their ids.
        is_entities: Whether the tags are IOB2 and `TaggingMetric` measures them, or else `TokenAccuracyMetric`.

    Example:
        >>> metrics = tagging_metrics_for(["O", "B-PER"], is_entities=True)
        >>> metrics(EvalPrediction(predictions=np.array([[1, 0]]), label_ids=np.array([[1, 0]])))["f1"]
        1.0

    Raises:
        ValueError: `is_entities`, and the `label_names` are not all IOB2.
        MissingExtraError: the library of the metric is not installed.
    """
    metric_class = TaggingMetric if is_entities else TokenAccuracyMetric
    metric_class.require_libraries()
    if is_entities:
        check_iob2("label_names", [label_names])

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        predictions, references = decode_tags(evaluated, label_names)
        return metric_class().compute(predictions=predictions, references=references)

    return compute_metrics
