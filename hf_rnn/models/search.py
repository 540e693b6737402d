"""Exact search over vectors: the most alike of a corpus for each query, a block of similarities at a time."""

from __future__ import annotations

import torch
from transformers.utils import logging

from .similarity import SIMILARITIES, matrix


__all__ = ["semantic_search"]


@torch.no_grad()
def semantic_search(
    queries: torch.Tensor,
    corpus: torch.Tensor,
    top_k: int = 10,
    similarity: str = "cosine",
    block_size: int = 4096,
    progress: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The `top_k` vectors of a corpus that are most alike to each query: those of a full sort, without its memory.

    Args:
        queries: (queries, features), floating point.
        corpus: (vectors, features), of the same type and on the same device.
        top_k: How many are found for each query; at most, those that there are.
        similarity: One of `similarity.SIMILARITIES`.
        block_size: Queries, and vectors of the corpus, that are compared at once: no more than its square of
            similarities are in memory.
        progress: Whether a bar is shown, on standard error.

    Returns:
        Their similarities and their positions in `corpus`, each (queries, `top_k`), the most alike first; of equal
        similarities the smaller position. Equal vectors in different blocks may differ in the last bit of theirs.

    Raises:
        ValueError: for vectors of other shapes, of different types or not finite, or an argument out of its range.

    Example:
        >>> corpus = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
        >>> scores, positions = semantic_search(torch.tensor([[0.0, 1.0]]), corpus, top_k=2)
        >>> positions.tolist()
        [[2, 1]]
    """
    _check(queries, corpus, similarity, top_k=top_k, block_size=block_size)
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    with logging.tqdm(total=len(queries), desc="Searching", unit="query", disable=not progress) as bar:
        for some in queries.split(block_size) if len(queries) else ():
            scores = queries.new_empty(len(some), 0)
            positions = torch.empty(len(some), 0, dtype=torch.long, device=queries.device)
            for start in range(0, len(corpus), block_size):
                block, at = _best(matrix(some, corpus[start : start + block_size], similarity), top_k)
                # The earlier finds stand first, and the sort is stable: of equals it keeps the smaller position.
                scores, order = torch.cat([scores, block], 1).sort(dim=1, descending=True, stable=True)
                positions = torch.cat([positions, at + start], 1).gather(1, order)
                scores, positions = scores[:, :top_k], positions[:, :top_k]
            found.append((scores, positions))
            bar.update(len(some))
    if not found:
        width = min(top_k, len(corpus))
        return queries.new_empty(0, width), torch.empty(0, width, dtype=torch.long, device=queries.device)
    return torch.cat([scores for scores, _ in found]), torch.cat([positions for _, positions in found])


def _best(scores: torch.Tensor, top_k: int) -> tuple[torch.Tensor, torch.Tensor]:
    # The largest of each row and their columns, of equals the first. `topk` is far quicker than a sort, but takes any
    # of equals: a row is sorted where it left out one that equals the last it took.
    top_k = min(top_k, scores.shape[1])
    values, columns = scores.topk(top_k, dim=1)
    last = values[:, -1:]
    unsure = (scores == last).sum(1) > (values == last).sum(1)
    columns[unsure] = scores[unsure].sort(dim=1, descending=True, stable=True).indices[:, :top_k]
    columns = columns.sort(dim=1).values
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, order)


def _check(queries: torch.Tensor, corpus: torch.Tensor, similarity: str, **sizes: int) -> None:
    for name, vectors in (("queries", queries), ("corpus", corpus)):
        if not isinstance(vectors, torch.Tensor) or not vectors.is_floating_point() or vectors.dim() != 2:
            shown = f"{vectors.dtype} {tuple(vectors.shape)}" if isinstance(vectors, torch.Tensor) else type(vectors)
            raise ValueError(f"`{name}` is {shown}; it must be a floating-point tensor (number, features).")
        if not bool(vectors.isfinite().all()):
            raise ValueError(f"`{name}` holds NaN or infinity; vectors must be finite.")
    for what in ("dtype", "device"):
        if getattr(queries, what) != getattr(corpus, what):
            raise ValueError(
                f"`corpus` has the {what} {getattr(corpus, what)}; it must have that of `queries`, "
                f"{getattr(queries, what)}."
            )
    if queries.shape[1] != corpus.shape[1]:
        raise ValueError(
            f"`corpus` has {corpus.shape[1]} features; it must have those of `queries`, {queries.shape[1]}."
        )
    if similarity not in SIMILARITIES:
        raise ValueError(f"`similarity` is {similarity!r}; it must be one of {', '.join(map(repr, SIMILARITIES))}.")
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"`{name}`={size!r} must be an integer of at least 1.")
