"""The linear model that the wide part of a classifier starts as: NB-SVM (Wang & Manning 2012,
https://aclanthology.org/P12-2018), fitted on the training texts before the network is trained.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import datasets
import torch
from torch.nn import functional

from ...models.losses import classification_loss
from ...models.wide import WidePart


__all__ = ["Bags", "bags_of", "fit_wide_part", "log_count_ratios"]


logger = logging.getLogger(__name__)

STRENGTHS = (0.1, 1.0, 10.0)
ITERATIONS = 60
# Added to each count.
SMOOTHING = 1.0
TEXTS_AT_ONCE = 128


@dataclass(frozen=True)
class Bags:
    matrix: torch.Tensor
    transposed: torch.Tensor
    columns: torch.Tensor


def bags_of(wide: WidePart, texts: Sequence[Sequence[int]], columns=None) -> Bags:
    rows, cols, values = [], [], []
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), TEXTS_AT_ONCE):
        chosen = order[start : start + TEXTS_AT_ONCE]
        longest = max(1, max(len(texts[i]) for i in chosen))
        ids = torch.zeros(len(chosen), longest, dtype=torch.long)
        mask = torch.zeros_like(ids, dtype=torch.bool)
        for r, i in enumerate(chosen):
            ids[r, : len(texts[i])] = torch.as_tensor(texts[i])
            mask[r, : len(texts[i])] = True
        found, shares = wide.bag(ids, mask)
        r, p = shares.nonzero(as_tuple=True)
        key = torch.as_tensor(chosen)[r] * wide.buckets + found[r, p]
        key, inverse = key.unique(return_inverse=True)
        values.append(torch.zeros(len(key)).index_add_(0, inverse, shares[r, p].float()))
        rows.append(key // wide.buckets)
        cols.append(key % wide.buckets)
    rows, cols, values = torch.cat(rows), torch.cat(cols), torch.cat(values)
    if columns is None:
        columns = cols.unique()
    place = torch.searchsorted(columns, cols).clamp(max=len(columns) - 1)
    known = columns[place] == cols
    rows, place, values = rows[known], place[known], values[known]
    size = (len(texts), len(columns))
    matrix = torch.sparse_coo_tensor(torch.stack([rows, place]), values, size).coalesce()
    return Bags(matrix.to_sparse_csr(), matrix.t().coalesce().to_sparse_csr(), columns)


def log_count_ratios(bags: Bags, labels: torch.Tensor, outputs: int, smoothing=SMOOTHING) -> torch.Tensor:
    present = torch.sparse_csr_tensor(bags.transposed.crow_indices(), bags.transposed.col_indices(), torch.ones_like(bags.transposed.values()), bags.transposed.shape)
    one_hot = labels if labels.dim() == 2 else functional.one_hot(labels, outputs).float()
    p = smoothing + present @ one_hot
    q = smoothing + present @ (1 - one_hot)
    return (p / p.sum(0)).log() - (q / q.sum(0)).log()


def idf(bags):
    df = bags.transposed.crow_indices().diff()
    return (((1 + bags.matrix.shape[0]) / (1 + df)).log() + 1).unsqueeze(1)


def fit(bags, labels, scale, strength, outputs, start=0.0, problem_type="single_label_classification", iterations=ITERATIONS):
    v = torch.full((len(bags.columns), outputs), start)
    bias = torch.zeros(outputs)
    opt = torch.optim.LBFGS([v, bias], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-4)
    count = len(labels)

    def closure():
        logits = (bags.matrix @ (v * scale) + bias).requires_grad_(True)
        with torch.enable_grad():
            loss = classification_loss(logits, labels, problem_type, 1)
            (g,) = torch.autograd.grad(loss, logits)
        v.grad = (bags.transposed @ g) * scale / count + v / (strength * count)
        bias.grad = g.sum(0) / count
        return loss.detach() / count + v.square().sum() / (2 * strength * count)

    opt.step(closure)
    return v * scale, bias
