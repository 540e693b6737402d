"""The conditional random field against every sequence of labels, for any labels, rules, scores and lengths."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from hypothesis import strategies as st

from hf_rnn.models.crf import ConditionalRandomField, allowed_transitions
from tests.properties.generating import generated


SCORES = st.floats(-30, 30, allow_subnormal=False)


@dataclass
class Drawn:
    """A CRF, emissions (batch, time, labels), lengths (batch), and the labels that each step may have, as booleans."""

    crf: ConditionalRandomField
    emissions: torch.Tensor
    lengths: list[int]
    possible: torch.Tensor

    @property
    def mask(self) -> torch.Tensor:
        return torch.arange(self.emissions.shape[1]) < torch.tensor(self.lengths).unsqueeze(1)


@st.composite
def rules(draw: st.DrawFn) -> tuple[int, tuple[torch.Tensor, ...] | None]:
    """How many labels, and which may follow which; by a scheme always with O, so that every sentence has a path."""
    scheme = draw(st.sampled_from([None, "BIO", "BIOES"]))
    if scheme is None:
        return draw(st.integers(1, 4)), None
    labels = ["O", *draw(st.lists(st.sampled_from("BIES" if scheme == "BIOES" else "BI"), unique=True, max_size=3))]
    typed = ["O", *(f"{prefix}-X" for prefix in labels[1:])]
    if {"I-X", "E-X"} & set(typed) and "B-X" not in typed:
        typed.append("B-X")
    typed = draw(st.permutations(typed))
    return len(typed), allowed_transitions(typed, scheme)


def tensor(draw: st.DrawFn, *shape: int) -> torch.Tensor:
    size = torch.Size(shape).numel()
    values = draw(st.lists(SCORES, min_size=size, max_size=size))
    return torch.tensor(values, dtype=torch.float64).view(shape)


@st.composite
def fields(draw: st.DrawFn) -> Drawn:
    num_labels, allowed = draw(rules())
    crf = ConditionalRandomField(num_labels, allowed).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(tensor(draw, *parameter.shape))
    time = draw(st.integers(1, 5))
    lengths = draw(st.lists(st.integers(0, time), min_size=1, max_size=3))
    flags = st.lists(st.booleans(), min_size=num_labels, max_size=num_labels)
    possible = torch.tensor([[draw(flags) for _ in range(time)] for _ in lengths])
    return Drawn(crf, tensor(draw, len(lengths), time, num_labels), lengths, possible)


def every_path(drawn: Drawn, row: int) -> tuple[list[tuple[int, ...]], torch.Tensor]:
    """The allowed sequences of labels of the sentence `row`, and their scores by the equation."""
    crf, emissions = drawn.crf, drawn.emissions[row, : drawn.lengths[row]]
    found, scores = [], []
    for path in itertools.product(range(emissions.shape[1]), repeat=len(emissions)):
        moves = list(itertools.pairwise(path))
        score = sum((emissions[t, label] for t, label in enumerate(path)), torch.zeros((), dtype=torch.float64))
        if path:
            if not (crf.start_allowed[path[0]] and crf.end_allowed[path[-1]]):
                continue
            if not all(crf.transition_allowed[move] for move in moves):
                continue
            score = score + crf.start[path[0]] + crf.end[path[-1]] + sum(crf.transition[move] for move in moves)
        found.append(path)
        scores.append(score)
    return found, torch.stack(scores)


@pytest.mark.reliability(
    section="Properties",
    fault="A CRF's partition function, marginals and k best sequences against all sequences of labels, written out",
    mutation="a maximum in place of the log-sum-exp of the forward recursion",
)
@generated(40, 1000, drawn=fields(), k=st.integers(1, 6))
@torch.no_grad()
def test_equals_all_sequences_written_out(drawn: Drawn, k: int) -> None:
    crf, emissions, mask = drawn.crf, drawn.emissions, drawn.mask
    partition, marginals = crf.log_partition(emissions, mask), crf.marginals(emissions, mask)
    max_marginals, (best, scores) = crf.max_marginals(emissions, mask), crf.best_paths(emissions, mask, k)
    for row, length in enumerate(drawn.lengths):
        found, wanted = every_path(drawn, row)
        torch.testing.assert_close(partition[row], wanted.logsumexp(0))
        ordered = wanted.sort(descending=True).values[:k]
        torch.testing.assert_close(scores[row, : len(ordered)], ordered)
        assert scores[row, len(ordered) :].eq(-torch.inf).all() and best[row, len(ordered) :].eq(-100).all()
        given = [tuple(path[:length].tolist()) for path in best[row, : len(ordered)]]
        assert len(set(given)) == len(given)
        # Of equal scores any sequence may come first.
        torch.testing.assert_close(torch.stack([wanted[found.index(path)] for path in given]), ordered)
        for t, label in itertools.product(range(length), range(emissions.shape[2])):
            through = torch.tensor([path[t] == label for path in found])
            torch.testing.assert_close(marginals[row, t, label], wanted.softmax(0)[through].sum(), atol=1e-9, rtol=0)
            if through.any():
                torch.testing.assert_close(
                    max_marginals[row, t, label], wanted[through].max() - wanted.max(), atol=1e-9, rtol=1e-9
                )


@pytest.mark.reliability(
    section="Properties",
    fault="A CRF's likelihood of labels that are known in part, against all sequences that agree with them",
    mutation="a maximum in place of the log-sum-exp of the forward recursion",
)
@generated(30, 600, drawn=fields())
@torch.no_grad()
def test_the_likelihood_is_that_of_all_that_agree(drawn: Drawn) -> None:
    agreeing = []
    for row in range(len(drawn.lengths)):
        found, wanted = every_path(drawn, row)
        agree = [all(drawn.possible[row, t, label] for t, label in enumerate(path)) for path in found]
        agreeing.append(wanted[torch.tensor(agree)].logsumexp(0) - wanted.logsumexp(0) if any(agree) else None)
    # What no sequence agrees with is refused where two neighbours tell; else its likelihood is next to nothing.
    try:
        likelihood = drawn.crf(drawn.emissions, drawn.possible, drawn.mask)
    except ValueError:
        assert None in agreeing
        return
    for row, wanted in enumerate(agreeing):
        if wanted is None:
            assert likelihood[row] < -1000
        else:
            torch.testing.assert_close(likelihood[row], wanted, atol=1e-9, rtol=1e-9)
