"""A linear model over the n-grams of a classifier's wide part, fitted by L-BFGS.

What weighs an n-gram is either the log-count ratio of naive Bayes, as in NB-SVM (Wang & Manning 2012,
https://aclanthology.org/P12-2018), or its inverse document frequency: the weights that are fitted, on which the
penalty lies, are multiplied by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from ...models.losses import classification_loss
from ...models.wide import WidePart


__all__ = ["Bags", "LinearModel", "bags_of", "fit", "inverse_frequencies", "log_count_ratios"]


ITERATIONS = 60
TOKENS_AT_ONCE = 8192
# Added to each count of the ratios.
SMOOTHING = 1.0


@dataclass(frozen=True)
class Bags:
    """The n-grams of texts.

    Attributes:
        matrix: (texts, columns), sparse: what each n-gram counts in each text, see `WidePart.bag`.
        transposed: (columns, texts), the same.
        columns: The rows of the wide part's weights that the columns are, in rising order.
    """

    matrix: torch.Tensor
    transposed: torch.Tensor
    columns: torch.Tensor


@dataclass(frozen=True)
class LinearModel:
    """Attributes:
    weight: (columns, outputs).
    bias: (outputs).
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def logits(self, bags: Bags) -> torch.Tensor:
        """(texts, outputs), of bags with the columns that the model was fitted on."""
        return bags.matrix @ self.weight + self.bias


@torch.no_grad()
def bags_of(wide: WidePart, texts: Sequence[Sequence[int]], columns: torch.Tensor | None = None) -> Bags:
    """The bags of `texts`, each the ids of its tokens; what is in none of the `columns` that are given is left out."""
    entries = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
    for chosen in _batches(texts):
        keys, counts = _entries(wide, [texts[index] for index in chosen])
        entries[0].append(np.stack([np.asarray(chosen)[keys // wide.buckets], keys % wide.buckets], axis=1))
        entries[1].append(counts)
    places, values = torch.from_numpy(np.concatenate(entries[0])), torch.from_numpy(np.concatenate(entries[1]))
    columns = places[:, 1].unique() if columns is None else columns.contiguous()
    column = torch.searchsorted(columns, places[:, 1].contiguous()).clamp(max=max(0, len(columns) - 1))
    known = columns[column] == places[:, 1] if len(columns) else torch.zeros(len(places), dtype=torch.bool)
    indices = torch.stack([places[:, 0][known], column[known]])
    with _sparse():
        matrix = torch.sparse_coo_tensor(indices, values[known], (len(texts), len(columns))).coalesce()
        return Bags(matrix.to_sparse_csr(), matrix.t().coalesce().to_sparse_csr(), columns)


@contextmanager
def _sparse() -> Iterator[None]:
    # torch says of all that is sparse that it is in beta, and not checked.
    with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants(False):
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        yield


def _batches(texts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    # Numbers of texts of similar length, as many as have so many tokens together.
    chosen: list[int] = []
    for index in sorted(range(len(texts)), key=lambda number: len(texts[number])):
        if chosen and (len(chosen) + 1) * len(texts[index]) > TOKENS_AT_ONCE:
            yield chosen
            chosen = []
        chosen.append(index)
    if chosen:
        yield chosen


def _entries(wide: WidePart, texts: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    # What is in the bags of a few texts: text * buckets + row, rising, and what that counts.
    lengths = torch.tensor([len(text) for text in texts])
    mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
    ids = torch.zeros(mask.shape, dtype=torch.long)
    ids[mask] = torch.tensor([token for text in texts for token in text])
    rows, shares = wide.bag(ids.to(wide.weight.device), mask.to(wide.weight.device))
    text, place = shares.nonzero(as_tuple=True)
    keys, inverse = (text * wide.buckets + rows[text, place]).unique(return_inverse=True)
    values = torch.zeros(len(keys), dtype=shares.dtype, device=keys.device).index_add_(0, inverse, shares[text, place])
    return keys.cpu().numpy(), values.float().cpu().numpy()


def inverse_frequencies(bags: Bags) -> torch.Tensor:
    """(columns, 1): ln((1 + texts) / (1 + texts with the n-gram)) + 1."""
    texts_with = bags.transposed.crow_indices().diff()
    return (((1 + bags.matrix.shape[0]) / (1 + texts_with)).log() + 1).unsqueeze(1)


def log_count_ratios(bags: Bags, targets: torch.Tensor, smoothing: float = SMOOTHING) -> torch.Tensor:
    """(columns, outputs): r = ln((p / ‖p‖₁) / (q / ‖q‖₁)) of each label, with p the smoothing and the number of texts
    of the label that have the n-gram, and q the same of the other texts (Wang & Manning 2012, eq. 2).

    Args:
        targets: (texts, outputs), 1 where a text has the label and 0 where it has not.
    """
    transposed = bags.transposed
    with _sparse():
        present = torch.sparse_csr_tensor(
            transposed.crow_indices(),
            transposed.col_indices(),
            torch.ones_like(transposed.values()),
            transposed.shape,
        )
    having, others = smoothing + present @ targets, smoothing + present @ (1 - targets)
    return (having / having.sum(0)).log() - (others / others.sum(0)).log()


def fit(
    bags: Bags,
    labels: torch.Tensor,
    problem_type: str,
    scale: torch.Tensor,
    strength: float,
    outputs: int,
    iterations: int = ITERATIONS,
) -> LinearModel:
    """The weights w = `scale` · v with the least sum of losses + ‖v‖² / (2 · `strength`).

    Args:
        labels: As `classification_loss` takes them, whose loss it is; a `single_logit` has 0 or 1 for each text and
            the problem type "multi_label_classification".
        scale: (columns, outputs) or (columns, 1).
        strength: The larger, the less the weights are held back; C of scikit-learn's logistic regression.
        outputs: How many logits there are.
    """
    loose, bias = torch.zeros(len(bags.columns), outputs), torch.zeros(outputs)
    optimizer = torch.optim.LBFGS(
        [loose, bias], max_iter=iterations, history_size=10, tolerance_grad=1e-5, line_search_fn="strong_wolfe"
    )
    count = max(1, len(labels))

    def closure() -> float:
        logits = (bags.matrix @ (scale * loose) + bias).requires_grad_()
        with torch.enable_grad():
            loss = classification_loss(logits, labels, problem_type, count)
            (slope,) = torch.autograd.grad(loss, logits)
        loose.grad = scale * (bags.transposed @ slope) + loose / (strength * count)
        bias.grad = slope.sum(0)
        return float(loss.detach() + loose.square().sum() / (2 * strength * count))

    with torch.no_grad():
        optimizer.step(closure)
    return LinearModel(scale * loose, bias)
