"""Metrics of classification and regression, as `evaluate.Metric`s that need no network.

`evaluate.load("accuracy")` downloads a script; these are classes, used as they are:

    >>> ClassificationMetric().compute(predictions=[1, 0, 1], references=[1, 0, 0], num_labels=2)["recall"]
    1.0

scikit-learn (Pedregosa et al. 2011) computes them. A figure is always a finite number: where a metric is undefined,
the class says what it is instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import datasets
import numpy as np
from transformers import EvalPrediction

from ..models.label_threshold import DEFAULT_LABEL_THRESHOLD
from .base import InMemoryMetric
from .label_threshold import best_label_threshold, probabilities_of


# problem_type of a config -> the metric that chooses a checkpoint.
DEFAULT_METRICS = {
    "single_label_classification": "accuracy",
    "multi_label_classification": "f1_micro",
    "regression": "pearson",
}


class ClassificationMetric(InMemoryMetric):
    """Accuracy, and precision, recall and F1 for one label out of several.

    `compute(predictions, references, num_labels)` takes label ids `(batch,)` and returns `accuracy` and the means over
    all `num_labels` classes: `precision_macro`, `recall_macro`, `f1_macro`. With two classes also those of class 1:
    `precision`, `recall`, `f1`. Precision without a prediction of the class, recall without an example of it, and the
    F1 of either, are 0.

    Example:
        >>> ClassificationMetric().compute(predictions=[1, 0, 1], references=[1, 0, 0], num_labels=2)["precision"]
        0.5
    """

    input_type = datasets.Value("int64")

    def _compute(self, predictions: Sequence[int], references: Sequence[int], num_labels: int) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, precision_recall_fscore_support

        for name, ids in (("predictions", predictions), ("references", references)):
            wrong = [label for label in ids if not 0 <= label < num_labels]
            if wrong:
                raise ValueError(f"`{name}` must be label ids from 0 to {num_labels - 1}; they hold {wrong[0]}")
        precision, recall, f1, _ = precision_recall_fscore_support(
            references, predictions, labels=range(num_labels), zero_division=0.0
        )
        by_class = {"precision": precision, "recall": recall, "f1": f1}
        figures = {"accuracy": float(accuracy_score(references, predictions))}
        figures |= {f"{name}_macro": float(values.mean()) for name, values in by_class.items()}
        if num_labels == 2:
            figures |= {name: float(values[1]) for name, values in by_class.items()}
        return figures


class MultiLabelMetric(InMemoryMetric):
    """F1 and subset accuracy for any number of labels a text.

    `compute(predictions, references, threshold=0.5)` takes probabilities or 0 and 1, `(batch, labels)`, and 0 or 1,
    `(batch, labels)`, of two labels or more; a text has the labels whose probability is at least the threshold. With
    `threshold=None` it takes the best one of these very texts ([`best_label_threshold`]), which is of use on
    validation data only. It returns `f1_micro` (over all decisions), `f1_macro` (mean over labels)
    and `subset_accuracy` (texts with every label right). A label that is neither predicted nor present has F1 0.

    Example:
        >>> MultiLabelMetric().compute(predictions=[[0.9, 0.2], [0.6, 0.7]], references=[[1, 0], [0, 1]])["f1_micro"]
        0.8
    """

    input_type = datasets.Sequence(datasets.Value("float64"))

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        threshold: float | None = DEFAULT_LABEL_THRESHOLD,
    ) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, f1_score

        scores, truth = np.asarray(predictions), np.asarray(references)
        if scores.shape[1] < 2:
            # scikit-learn takes one column for binary labels and would count the absence of the label as a class.
            raise ValueError(f"`predictions` must be of two labels or more; they are of {scores.shape[1]}")
        # Written so that NaN is refused as well.
        if not np.all((scores >= 0) & (scores <= 1)):
            raise ValueError("`predictions` must be probabilities from 0 to 1, not logits")
        if not np.all((truth == 0) | (truth == 1)):
            raise ValueError("`references` must be 0 or 1 for every label")
        if threshold is None:
            threshold = best_label_threshold(scores, truth)
        chosen, truth = (scores >= threshold).astype(int), truth.astype(int)
        return {
            "f1_micro": float(f1_score(truth, chosen, average="micro", zero_division=0.0)),
            "f1_macro": float(f1_score(truth, chosen, average="macro", zero_division=0.0)),
            "subset_accuracy": float(accuracy_score(truth, chosen)),
        }


class RegressionMetric(InMemoryMetric):
    """Errors and correlations of one predicted number.

    `compute(predictions, references)` takes numbers `(batch,)`; returns `mse`, `mae`, `pearson`, `spearman` and `r2`.
    A constant column is correlated with nothing: `pearson` and `spearman` are 0. With constant references `r2` is 1 if
    every prediction is exact, else 0; of a single example it is 0.

    Example:
        >>> figures = RegressionMetric().compute(predictions=[1.0, 2.0, 4.0], references=[1.0, 3.0, 5.0])
        >>> round(figures["mse"], 4), round(figures["spearman"], 4)
        (0.6667, 1.0)
    """

    input_type = datasets.Value("float64")

    def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        from scipy.stats import pearsonr, spearmanr
        from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

        varied = np.ptp(predictions) > 0 and np.ptp(references) > 0
        return {
            "mse": float(mean_squared_error(references, predictions)),
            "mae": float(mean_absolute_error(references, predictions)),
            "pearson": float(pearsonr(predictions, references).statistic) if varied else 0.0,
            "spearman": float(spearmanr(predictions, references).statistic) if varied else 0.0,
            "r2": float(r2_score(references, predictions)) if len(references) > 1 else 0.0,
        }


class MultiOutputMetric(InMemoryMetric):
    """Errors and correlations of several predicted numbers a row: those of [`RegressionMetric`] for each, and their
    means.

    `compute(predictions, references, names=None)` takes numbers `(batch, outputs)`; NaN in the references is a target
    that is not known, which the figures of its output leave out. It returns `mse`, `mae`, `pearson`, `spearman` and
    `r2`, the means over the outputs (scikit-learn's `multioutput="uniform_average"`), and, of more than one, each with
    the output's name behind it, such as `mse_height`; without `names` its number from 0. An output without any known
    target has no figures.

    Example:
        >>> figures = MultiOutputMetric().compute(predictions=[[1.0, 0.0], [2.0, 0.0]], references=[[1, 2], [2, 0]])
        >>> figures["mse"], figures["mse_0"], figures["mse_1"]
        (1.0, 0.0, 2.0)
    """

    input_type = datasets.Sequence(datasets.Value("float64"))

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        names: Sequence[str] | None = None,
    ) -> dict[str, float]:
        numbers, truth = np.asarray(predictions, dtype=np.float64), np.asarray(references, dtype=np.float64)
        names = list(map(str, range(truth.shape[1]))) if names is None else list(names)
        if numbers.shape != truth.shape or len(names) != truth.shape[1]:
            raise ValueError(
                f"`predictions`, `references` and `names` must be of as many outputs; they are {numbers.shape}, "
                f"{truth.shape} and {len(names)}"
            )
        found = {}
        for name, said, wanted in zip(names, numbers.T, truth.T, strict=True):
            known = ~np.isnan(wanted)
            if known.any():
                found[name] = RegressionMetric().compute(predictions=said[known], references=wanted[known])
        if not found:
            raise ValueError("`references` must hold a number; all of them are NaN")
        figures = {
            name: float(np.mean([each[name] for each in found.values()])) for name in next(iter(found.values()))
        }
        if len(names) > 1:
            figures |= {f"{name}_{output}": value for output, each in found.items() for name, value in each.items()}
        return figures


def default_metric(problem_type: str) -> str:
    """Name the metric that chooses a checkpoint (higher is better for each of them).

    Args:
        problem_type: One of transformers' three.

    Example:
        >>> default_metric("multi_label_classification")
        'f1_micro'

    Raises:
        ValueError: `problem_type` is none of transformers' three.
    """
    if problem_type not in DEFAULT_METRICS:
        raise ValueError(f"`problem_type` must be one of {', '.join(DEFAULT_METRICS)}; it is {problem_type!r}")
    return DEFAULT_METRICS[problem_type]


def metrics_for(
    problem_type: str,
    num_labels: int,
    *,
    threshold: float | None = DEFAULT_LABEL_THRESHOLD,
    label_names: Sequence[str] | None = None,
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make what `Trainer(compute_metrics=...)` takes, for a model's logits `(batch, num_labels)`.

    A model that returns more than logits is measured on the first of its outputs.

    Args:
        problem_type: One of transformers' three.
        num_labels: That of the model's configuration.
        threshold: The probability from which on a text has a label, where it may have several; None: the best one of
            the texts that are measured, see [`MultiLabelMetric`].
        label_names: What several numbers are called, see [`MultiOutputMetric`]; None: they are counted from 0.

    Example:
        >>> metrics = metrics_for("single_label_classification", num_labels=2)
        >>> logits = np.array([[0.0, 1.0], [2.0, 0.0]])
        >>> metrics(EvalPrediction(predictions=logits, label_ids=np.array([1, 1])))["accuracy"]
        0.5

    Raises:
        ValueError: `problem_type` is unknown.
        MissingExtraError: scikit-learn is not installed.
    """
    InMemoryMetric.require_libraries()
    default_metric(problem_type)

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        outputs, labels = evaluated.predictions, np.asarray(evaluated.label_ids)
        logits = np.asarray(outputs[0] if isinstance(outputs, tuple) else outputs, dtype=np.float64)
        if problem_type == "single_label_classification":
            return ClassificationMetric().compute(
                predictions=logits.argmax(axis=-1), references=labels, num_labels=num_labels
            )
        if problem_type == "multi_label_classification":
            return MultiLabelMetric().compute(
                predictions=probabilities_of(logits), references=labels, threshold=threshold
            )
        if num_labels > 1:
            return MultiOutputMetric().compute(predictions=logits, references=labels, names=label_names)
        return RegressionMetric().compute(predictions=logits.reshape(-1), references=labels.reshape(-1))

    return compute_metrics
