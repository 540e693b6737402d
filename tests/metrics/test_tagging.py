"""The metrics of tagging against figures worked out by hand and against an independent count of entities."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
import pytest
import torch
from transformers import EvalPrediction, Trainer, TrainingArguments

from hf_rnn.metrics.tagging import (
    SEQEVAL_CITATION,
    TaggingMetric,
    TokenAccuracyMetric,
    best_labels,
    decode_tags,
    entity_spans,
    span_f1,
    tagging_metrics_for,
)


LABEL_NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def strict_entities(sentences: list[list[str]]) -> set[tuple[int, str, int, int]]:
    """Sentence, type, start and end of every entity: a B- and all the I- of its type that follow at once."""
    found = set()
    for number, tags in enumerate(sentences):
        for start, tag in enumerate(tags):
            if tag.startswith("B-"):
                end = start + 1
                while end < len(tags) and tags[end] == "I-" + tag[2:]:
                    end += 1
                found.add((number, tag[2:], start, end))
    return found


def counted(predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
    """The figures of `TaggingMetric` as ratios of counts."""
    predicted, gold = strict_entities(predictions), strict_entities(references)
    pairs = [pair for rows in zip(predictions, references, strict=True) for pair in zip(*rows, strict=True)]
    figures = {"accuracy": sum(guess == truth for guess, truth in pairs) / len(pairs)}
    for kind in [None, *{entity[1] for entity in predicted | gold}]:
        these, those = ({e for e in entities if kind in (None, e[1])} for entities in (predicted, gold))
        right = len(these & those)
        suffix = f"_{kind}" if kind else ""
        figures[f"precision{suffix}"] = right / len(these) if these else 0.0
        figures[f"recall{suffix}"] = right / len(those) if those else 0.0
        figures[f"f1{suffix}"] = 2 * right / (len(these) + len(those))
        if kind:
            figures[f"support{suffix}"] = float(len(those))
    return figures


def random_tags(generator: random.Random, length: int) -> list[str]:
    return generator.choices(LABEL_NAMES, k=length)


def random_valid_tags(generator: random.Random, length: int) -> list[str]:
    tags: list[str] = []
    for _ in range(length):
        inside = [f"I-{tags[-1][2:]}"] * 3 if tags and tags[-1] != "O" else []
        tags.append(generator.choice(["O", "B-PER", "B-LOC", "B-ORG", *inside]))
    return tags


def test_they_are_evaluate_metrics_with_their_own_citations() -> None:
    for metric, word in ((TaggingMetric(), "seqeval"), (TokenAccuracyMetric(), "scikit-learn")):
        assert isinstance(metric, evaluate.Metric)
        assert metric.description and word in metric.citation and metric.info.citation == metric.citation
    assert TaggingMetric().citation == SEQEVAL_CITATION


@pytest.mark.filterwarnings("error")
def test_entities_by_hand() -> None:
    # The person is found, one of the two places is taken for something else, and ORG is missed.
    references = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"], ["B-ORG"]]
    predictions = [["B-PER", "I-PER", "O", "B-MISC"], ["B-LOC", "O"], ["O"]]
    expected = {"precision": 2 / 3, "recall": 2 / 4, "f1": 4 / 7, "accuracy": 5 / 7}
    by_type = {"PER": (1, 1, 1, 1), "LOC": (1, 1 / 2, 2 / 3, 2), "ORG": (0, 0, 0, 1), "MISC": (0, 0, 0, 0)}
    for kind, row in by_type.items():
        names = (f"{name}_{kind}" for name in ("precision", "recall", "f1", "support"))
        expected |= dict(zip(names, row, strict=True))
    figures = TaggingMetric().compute(predictions=predictions, references=references)
    assert figures == pytest.approx(expected)
    assert all(type(value) is float for value in figures.values())


@pytest.mark.parametrize(
    ("predicted", "gold"),
    [
        # Nothing before it; another type before it; one token too few, one too many; a second B- splits an entity.
        (["I-PER", "I-PER", "O"], ["B-PER", "I-PER", "O"]),
        (["B-LOC", "I-PER", "O"], ["B-PER", "I-PER", "O"]),
        (["B-PER", "O", "O"], ["B-PER", "I-PER", "O"]),
        (["B-PER", "I-PER", "I-PER"], ["B-PER", "I-PER", "O"]),
        (["B-PER", "B-PER", "O"], ["B-PER", "I-PER", "O"]),
    ],
)
def test_only_exact_entities_are_found(predicted: list[str], gold: list[str]) -> None:
    assert TaggingMetric().compute(predictions=[predicted], references=[gold])["f1"] == 0.0


def test_an_inside_without_a_beginning_is_no_entity_but_does_not_spoil_the_one_before() -> None:
    assert entity_spans(["I-PER", "O", "B-LOC", "I-PER", "I-LOC"]) == {("LOC", 2, 3)}
    figures = TaggingMetric().compute(predictions=[["B-LOC", "I-PER", "I-PER"]], references=[["B-LOC", "O", "O"]])
    assert (figures["f1"], figures["accuracy"]) == (1.0, 1 / 3)
    assert "f1_PER" not in figures


@pytest.mark.parametrize("tags", [random_tags, random_valid_tags])
def test_entities_agree_with_an_independent_count(tags: Any) -> None:
    generator = random.Random(7)
    lengths = [generator.randrange(12) for _ in range(300)]
    references, predictions = ([tags(generator, length) for length in lengths] for _ in range(2))
    # Half of the sentences right, so that no figure is near 0.
    predictions[::2] = references[::2]
    figures = TaggingMetric().compute(predictions=predictions, references=references)
    assert figures == pytest.approx(counted(predictions, references))
    assert 0.3 < figures["f1"] < 0.9


@pytest.mark.parametrize("metric", [TaggingMetric(), TokenAccuracyMetric()])
@pytest.mark.parametrize("sentences", [[], [[]], [["O", "O"], ["O"]]])
@pytest.mark.filterwarnings("error")
def test_without_entities_there_is_an_answer(metric: evaluate.Metric, sentences: list[list[str]]) -> None:
    figures = metric.compute(predictions=sentences, references=sentences)
    right = float(sentences not in ([], [[]]))
    if isinstance(metric, TaggingMetric):
        assert figures == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": right}
    else:
        assert figures == {"accuracy": right, "f1_macro": right}


@pytest.mark.parametrize("metric", [TaggingMetric(), TokenAccuracyMetric()])
def test_sentences_of_unequal_lengths_are_named(metric: evaluate.Metric) -> None:
    with pytest.raises(ValueError, match=r"`predictions`.*sentence 1 \(counting from 0\) has 2 and 3"):
        metric.compute(predictions=[["O"], ["O", "O"]], references=[["O"], ["O", "O", "O"]])


@pytest.mark.parametrize("tag", ["PER", "E-PER", "OUT", "B", "I-", "B-PER-", "b-PER", ""])
def test_tags_of_another_scheme_are_named(tag: str) -> None:
    for name, other in (("predictions", "references"), ("references", "predictions")):
        with pytest.raises(ValueError, match=f"`{name}` must be IOB2 tags.*they hold '{tag}'"):
            TaggingMetric().compute(**{name: [["O", tag]], other: [["O", "B-PER"]]})
    with pytest.raises(ValueError, match="`tags` must be IOB2"):
        entity_spans([tag])
    with pytest.raises(ValueError, match="`label_names` must be IOB2"):
        tagging_metrics_for(["O", tag], is_entities=True)


def test_token_accuracy_by_hand() -> None:
    # NOUN: 1 of 2 predictions right, 1 of 1 found; VERB: 1 of 1, 1 of 2; ADJ is only predicted, ADV only true.
    figures = TokenAccuracyMetric().compute(
        predictions=[["NOUN", "VERB"], ["NOUN", "ADJ"]], references=[["NOUN", "VERB"], ["VERB", "ADV"]]
    )
    assert figures == pytest.approx({"accuracy": 2 / 4, "f1_macro": (2 / 3 + 2 / 3 + 0 + 0) / 4})


def test_spans_agree_with_the_metric() -> None:
    generator = random.Random(3)
    lengths = [generator.randrange(10) for _ in range(200)]
    references, predictions = ([random_valid_tags(generator, length) for length in lengths] for _ in range(2))
    predictions[::2] = references[::2]
    figures = TaggingMetric().compute(predictions=predictions, references=references)
    spans = span_f1([entity_spans(tags) for tags in references], [entity_spans(tags) for tags in predictions])
    assert spans == pytest.approx({name: figures[name] for name in ("precision", "recall", "f1")})
    assert 0 < spans["precision"] < 1


def test_spans_by_hand() -> None:
    references = [{("PER", 0, 9), ("LOC", 13, 18)}, {("ORG", 0, 4)}]
    # A wrong type, a wrong end, and the second text's span in the first text: none of them counts.
    predictions = [{("PER", 0, 9), ("ORG", 13, 18), ("LOC", 13, 17), ("ORG", 0, 4)}, set()]
    assert span_f1(references, predictions) == pytest.approx({"precision": 1 / 4, "recall": 1 / 3, "f1": 2 / 7})
    assert span_f1([set()], [set()]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert span_f1([set()], [{("PER", 0, 1)}]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    with pytest.raises(ValueError, match="`predictions` must be of as many texts.*1 and 2"):
        span_f1([set(), set()], [set()])


def test_what_has_no_label_is_left_out() -> None:
    # Special tokens at both ends and a further piece in the middle, where the prediction is wrong on purpose.
    labels = np.array([[-100, 1, -100, 2, -100], [-100, 0, 3, -100, -100], [-100] * 5])
    ids = np.array([[6, 1, 5, 2, 6], [6, 0, 4, -100, -100], [-100] * 5])
    logits = np.where(ids[..., None] == np.arange(len(LABEL_NAMES)), 2.0, -1.0).astype(np.float32)
    references = [["B-PER", "I-PER"], ["O", "B-LOC"], []]
    for predictions in (ids, logits, (logits, np.zeros((3, 4))), (ids, np.zeros((3, 4)))):
        evaluated = EvalPrediction(predictions, labels)
        assert decode_tags(evaluated, LABEL_NAMES) == ([["B-PER", "I-PER"], ["O", "I-LOC"], []], references)
        figures = tagging_metrics_for(LABEL_NAMES, is_entities=True)(evaluated)
        assert (figures["accuracy"], figures["precision"], figures["recall"]) == (3 / 4, 1.0, 1 / 2)
        figures = tagging_metrics_for(LABEL_NAMES, is_entities=False)(evaluated)
        assert figures == {"accuracy": 3 / 4, "f1_macro": pytest.approx(3 / 5)}


@pytest.mark.parametrize(
    ("predictions", "labels", "message"),
    [
        ([[0, 7]], [[0, 0]], "`predictions` must be label ids from 0 to 6; they hold 7"),
        ([[0, -1]], [[0, 0]], "`predictions` must be label ids from 0 to 6; they hold -1"),
        ([[0, 0]], [[0, -1]], "`label_ids` must be label ids from 0 to 6; they hold -1"),
        ([[0, 0, 0]], [[0, 0]], r"they are \(1, 3\) and \(1, 2\)"),
        ([0, 0], [0, 0], r"they are \(2,\) and \(2,\)"),
        ([[[0.5, 0.1]]], [[0]], "`label_names` must be 2 tags, one for each logit; they are 7"),
    ],
)
def test_arrays_that_do_not_agree_are_named(predictions: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_tags(EvalPrediction(np.array(predictions), np.array(labels)), LABEL_NAMES)


class Echo(torch.nn.Module):
    """Predicts the label that is the token's id, and has a second output, as models with hidden states do."""

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = torch.nn.functional.one_hot(input_ids, len(LABEL_NAMES)).float()
        return {"loss": logits.sum() * 0, "logits": logits, "hidden_states": logits.sum(-1)}


def collate(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    padding = {"input_ids": 0, "labels": -100}
    return {
        name: torch.nn.utils.rnn.pad_sequence([torch.tensor(row[name]) for row in rows], True, value)
        for name, value in padding.items()
    }


def test_trainer_takes_them(tmp_path: Path) -> None:
    generator = random.Random(5)
    lengths = [generator.randrange(1, 9) for _ in range(10)]
    references, predictions = ([random_tags(generator, length) for length in lengths] for _ in range(2))
    predictions[::2] = references[::2]
    rows = [
        {name: [LABEL_NAMES.index(tag) for tag in tags] for name, tags in (("input_ids", guess), ("labels", gold))}
        for guess, gold in zip(predictions, references, strict=True)
    ]
    arguments = TrainingArguments(
        output_dir=str(tmp_path), per_device_eval_batch_size=3, use_cpu=True, report_to="none", disable_tqdm=True
    )
    for preprocess in (best_labels, None):
        trainer = Trainer(
            model=Echo(),
            args=arguments,
            eval_dataset=rows,
            data_collator=collate,
            compute_metrics=tagging_metrics_for(LABEL_NAMES, is_entities=True),
            preprocess_logits_for_metrics=preprocess,
        )
        figures = trainer.evaluate()
        expected = {f"eval_{name}": value for name, value in counted(predictions, references).items()}
        assert {name: figures[name] for name in expected} == pytest.approx(expected)


def test_best_labels_takes_a_tensor_or_the_first_of_a_tuple() -> None:
    logits = torch.tensor([[[0.0, 1.0], [3.0, 2.0]]])
    for outputs in (logits, (logits, torch.zeros(1, 5, 9))):
        assert best_labels(outputs, torch.zeros(1, 2)).tolist() == [[1, 0]]


@pytest.mark.corpus
def test_a_validation_split_takes_seconds_at_most(corpora: Path) -> None:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(corpora / "conll2003" / "validation.parquet")
    references = table.column("ner_tags").to_pylist()
    generator = random.Random(0)
    predictions = [[tag if generator.random() < 0.95 else "B-LOC" for tag in tags] for tags in references]
    start = time.process_time()
    figures = TaggingMetric().compute(predictions=predictions, references=references)
    # CPU time, with room for a machine several times slower.
    assert time.process_time() - start < 5
    assert figures == pytest.approx(counted(predictions, references))
    assert sum(value for name, value in figures.items() if name.startswith("support_")) == 5942
