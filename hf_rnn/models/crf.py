"""A linear-chain conditional random field (Lafferty et al. 2001; as a network's last layer: Collobert et al. 2011,
Lample et al. 2016), exact and batched, and which label may follow which.

The score of a path y of labels over a sentence of T steps with emissions e_t is

    s(y) = start[y_1] + Σ_t e_t[y_t] + Σ_{t>1} transition[y_{t-1}, y_t] + end[y_T]

and its probability exp(s(y)) / Z, with Z = Σ_y exp(s(y)) over every path. An empty sentence has one path, of score 0.
Where only some steps are labelled, the probability is that of all the paths that agree with them (Tsuboi et al. 2008,
https://aclanthology.org/C08-1113).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from transformers import initialization as init

from .crf_forward import forward_scores
from .looks import may_look, require
from .tracing import Tensors, over_time, recorded


__all__ = ["FORBIDDEN", "SCHEMES", "ConditionalRandomField", "allowed_transitions"]


SCHEMES = ("BIO", "BIOES")
# The score of what is forbidden: its exponential is 0 in float32 and float64, and sums of it stay finite, so that no
# gradient becomes NaN as it does with -inf.
FORBIDDEN = -1e4
# Reduces (…, labels) over the given dimension: a sum over paths, or the best of them.
Reduction = Callable[[torch.Tensor, int], torch.Tensor]


def allowed_transitions(labels: Sequence[str], scheme: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tell which label may start a sentence, follow another, and end one.

    Args:
        labels: Names such as "O", "B-PER", "I-PER" (for BIOES also "E-PER" and "S-PER").
        scheme: "BIO" (IOB2: an entity begins with B) or "BIOES".

    Returns:
        Booleans `start` (labels), `transition` (labels before, labels after) and `end` (labels).

    Raises:
        ValueError: for another scheme, a label that does not belong to it, or an I- or E- without its B-.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"`scheme`={scheme!r} must be one of {', '.join(SCHEMES)}.")
    parts = [_split(label, scheme) for label in labels]
    for prefix, entity in parts:
        if prefix in ("I", "E") and ("B", entity) not in parts:
            raise ValueError(f"`labels` holds {prefix}-{entity}, which nothing leads to without B-{entity}: add that.")
    outside = ("O", "")
    start = [_may_follow(outside, part, scheme) for part in parts]
    transition = [[_may_follow(before, after, scheme) for after in parts] for before in parts]
    end = [_may_follow(part, outside, scheme) for part in parts]
    # On the CPU even while a model is built on no device at all, as `from_pretrained` does.
    return tuple(torch.tensor(rule, device="cpu") for rule in (start, transition, end))  # type: ignore[return-value]


def _split(label: str, scheme: str) -> tuple[str, str]:
    prefix, _, entity = label.partition("-")
    if prefix not in set(scheme) or (prefix == "O") != (entity == ""):
        raise ValueError(
            f"`labels` holds {label!r}, which is no label of {scheme}: these are O, and one of "
            f"{', '.join(scheme.replace('O', ''))} followed by - and the type of the entity, such as B-PER."
        )
    return prefix, entity


def _may_follow(before: tuple[str, str], after: tuple[str, str], scheme: str) -> bool:
    (prefix, entity), (next_prefix, next_entity) = before, after
    goes_on = next_prefix in ("I", "E")
    is_open = prefix in ("B", "I")
    if goes_on:
        return is_open and entity == next_entity
    # In BIOES an entity is closed by its E; in BIO by whatever does not go on with it.
    return scheme == "BIO" or not is_open


def _cleared(emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    # What stands at the padding may be anything, NaN too.
    return emissions.masked_fill(~mask.unsqueeze(2), 0)


class ConditionalRandomField(nn.Module):
    """Args:
        num_labels: Number of labels.
        allowed: Which label may start, follow and end, as `allowed_transitions` gives them; None: every one.

    Its methods take `emissions` (batch, time, labels) and `mask` (batch, time), true at the steps of a sentence, which
    come first in its row. What stands at the others is not read.
    """

    start: nn.Parameter
    transition: nn.Parameter
    end: nn.Parameter
    start_allowed: torch.Tensor
    transition_allowed: torch.Tensor
    end_allowed: torch.Tensor

    def __init__(self, num_labels: int, allowed: Sequence[torch.Tensor] | None = None) -> None:
        super().__init__()
        self._allowed: dict[str, torch.Tensor] = {}
        shapes = {"start": (num_labels,), "transition": (num_labels, num_labels), "end": (num_labels,)}
        for index, (name, shape) in enumerate(shapes.items()):
            rule = torch.ones(shape, dtype=torch.bool, device="cpu") if allowed is None else allowed[index]
            if tuple(rule.shape) != shape:
                raise ValueError(
                    f"`allowed` holds {tuple(rule.shape)} for {name}; with `num_labels`={num_labels} it must be "
                    f"{shape}."
                )
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
            # What the labels say, never what a checkpoint of other labels says.
            self.register_buffer(f"{name}_allowed", rule.clone(), persistent=False)
            self._allowed[name] = rule

    def extra_repr(self) -> str:
        return f"num_labels={len(self.start)}"

    def initialize(self) -> None:
        """Small uniform scores, by which at first every path is about as likely as its emissions say; the rules."""
        for name, rule in self._allowed.items():
            init.uniform_(getattr(self, name), -0.1, 0.1)
            init.copy_(getattr(self, f"{name}_allowed"), rule)

    def forward(self, emissions: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The log-likelihood of `labels` for each sentence, (batch): at most 0.

        Args:
            emissions: (batch, time, labels).
            labels: (batch, time), -100 where the label is not known; or (batch, time, labels), True at each label that
                a step may have.
            mask: (batch, time), True at the real steps, which come first in their row; so for every method here.

        Raises:
            ValueError: if the labels of a sentence take a transition that is forbidden.
        """
        possible = labels if labels.dim() == 3 else self._possible(labels)
        if not recorded():
            self._refuse_forbidden(possible, mask.bool())
        agreeing = emissions.masked_fill(~possible, FORBIDDEN)
        # In one batch: the loop over the steps costs the same for twice the sentences.
        agree, every = self.log_partition(torch.cat([agreeing, emissions]), torch.cat([mask, mask])).chunk(2)
        return agree - every

    def _possible(self, labels: torch.Tensor) -> torch.Tensor:
        each = torch.arange(len(self.start), device=labels.device)
        return (labels.unsqueeze(2) == each) | (labels == -100).unsqueeze(2)

    def log_partition(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """log Z for each sentence, (batch)."""
        start, transition, end = self.rules()
        mask = mask.bool()
        one = (start.unsqueeze(0), transition.unsqueeze(0), _cleared(emissions, mask).unsqueeze(0))
        reached = self._reach(*one, torch.logsumexp, mask).squeeze(0)
        at_end = reached[torch.arange(mask.shape[0], device=mask.device), (mask.sum(1) - 1).clamp(min=0)]
        return torch.where(mask[:, 0], torch.logsumexp(at_end + end, dim=1), 0)

    def marginals(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """p(y_t = label) (batch, time, labels), by forward-backward; zero at the padding."""
        return self.log_marginals(emissions, mask).exp().masked_fill(~mask.bool().unsqueeze(2), 0)

    def log_marginals(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """log p(y_t = label) (batch, time, labels); zero at the padding. Finite, and so is its gradient, where p is
        zero in floating point; below `FORBIDDEN / 2` where the rules leave no path through the label.
        """
        scores = self._scores_through(emissions, mask, torch.logsumexp)
        return torch.log_softmax(scores, dim=2).masked_fill(~mask.bool().unsqueeze(2), 0)

    def max_marginals(self, emissions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The score of the best path through each label at each step, less that of the best path of all (batch, time,
        labels): 0 on the Viterbi path, negative elsewhere; zero at the padding. Their argmax at each step is the
        Viterbi path; that of the marginals need not be.
        """
        scores = self._scores_through(emissions, mask, torch.amax)
        return (scores - scores.amax(2, keepdim=True)).masked_fill(~mask.bool().unsqueeze(2), 0)

    def viterbi(self, emissions: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The best path (batch, time), -100 at the padding, and its score (batch)."""
        paths, scores = self.best_paths(emissions, mask, 1)
        return paths[:, 0], scores[:, 0]

    @torch.no_grad()
    def best_paths(self, emissions: torch.Tensor, mask: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The k best paths (batch, k, time), best first, -100 at the padding, and their scores (batch, k). Where a
        sentence has fewer allowed paths the rest are -100 throughout, with a score of -inf.

        Raises:
            ValueError: for a `k` below 1.
        """
        if k < 1:
            raise ValueError(f"`k`={k} must be at least 1.")
        mask = mask.bool()
        start, transition, end = self.rules()
        batch, time, num_labels = emissions.shape
        # (batch, label, rank): the k best ways to reach each label.
        best = emissions.new_full((batch, num_labels, k), -torch.inf)
        best[:, :, 0] = start + emissions[:, 0]
        stay = torch.arange(num_labels * k, device=emissions.device).view(num_labels, k)
        pointers = []
        for t in range(1, time):
            candidates = (best.unsqueeze(3) + transition.unsqueeze(1)).flatten(1, 2)  # (batch, label * rank, label)
            scores, came_from = (found.transpose(1, 2) for found in candidates.topk(k, dim=1))
            going = mask[:, t].view(-1, 1, 1)
            best = torch.where(going, scores + emissions[:, t].unsqueeze(2), best)
            pointers.append(torch.where(going, came_from, stay))
        scores, place = (best + end.unsqueeze(1)).flatten(1).topk(k, dim=1)
        path = [place // k]
        for came_from in reversed(pointers):
            place = came_from.flatten(1).gather(1, place)
            path.append(place // k)
        paths = torch.stack(path[::-1], dim=2)
        return self._only_real(paths, scores, mask)

    def _only_real(
        self, paths: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        # An empty sentence has one path; a path that does what is forbidden is none.
        empty = ~mask[:, :1]
        first = torch.arange(scores.shape[1], device=scores.device) == 0
        scores = torch.where(empty, torch.where(first, 0.0, -torch.inf), scores)
        scores = scores.masked_fill(scores < FORBIDDEN / 2, -torch.inf)
        real = mask.unsqueeze(1) & scores.isfinite().unsqueeze(2)
        return paths.masked_fill(~real, -100), scores

    def rules(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The scores `start` (labels), `transition` (before, after), `end` (labels), the forbidden at `FORBIDDEN`."""
        for hook in self._forward_pre_hooks.values():
            # They make a weight of others before the module is called; what asks for the scores is no call.
            if isinstance(hook, BasePruningMethod | WeightNorm | SpectralNorm):
                hook(self, ())
        return (
            self.start.masked_fill(~self.start_allowed, FORBIDDEN),
            self.transition.masked_fill(~self.transition_allowed, FORBIDDEN),
            self.end.masked_fill(~self.end_allowed, FORBIDDEN),
        )

    def _reach(
        self,
        first: torch.Tensor,
        transition: torch.Tensor,
        emissions: torch.Tensor,
        reduce: Reduction,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        # All paths up to and with each label at each step, reduced (groups, batch, time, labels), for `first` (groups,
        # labels) and `transition` (groups, labels, labels). Padding follows a sentence, so what comes out there has no
        # part in what comes out before, and is not to be read.
        if recorded():
            return self._reach_recorded(first.unsqueeze(1), transition.unsqueeze(1), emissions, reduce)
        if reduce is torch.logsumexp and may_look(emissions):
            return forward_scores(first, transition, emissions, FORBIDDEN, mask)
        steps = emissions.unbind(2)
        scores = [first.unsqueeze(1) + steps[0]]
        for step in steps[1:]:
            scores.append(reduce(scores[-1].unsqueeze(3) + transition.unsqueeze(1), 2) + step)
        return torch.stack(scores, dim=2)

    def _reach_recorded(
        self, first: torch.Tensor, transition: torch.Tensor, emissions: torch.Tensor, reduce: Reduction
    ) -> torch.Tensor:
        # The state is what `_reach` keeps, and, of the next step, that without its own emissions: so that the first
        # step is one like the others, and a sentence may have no other.
        def step(state: Tensors, values: Tensors, constants: Tensors) -> tuple[torch.Tensor, ...]:
            scores = state[1] + values[0]
            return scores, reduce(scores.unsqueeze(-1) + constants[0], -2)

        start = first.expand_as(emissions.select(-2, 0))
        return over_time(step, (start, start), [emissions], [transition], dim=-2)[0]

    def _scores_through(self, emissions: torch.Tensor, mask: torch.Tensor, reduce: Reduction) -> torch.Tensor:
        # (batch, time, labels): all paths through each label at each step, reduced.
        start, transition, end = self.rules()
        emissions = _cleared(emissions, mask.bool())
        last = mask.sum(1, keepdim=True) - 1
        positions = torch.arange(mask.shape[1], device=mask.device)
        rows = torch.arange(mask.shape[0], device=mask.device).unsqueeze(1)
        reverse = torch.where(positions <= last, last - positions, positions)
        # The paths from each label on are those up to it in the sentence read backwards: both in one loop.
        up_to, onward = self._reach(
            torch.stack([start, end]),
            torch.stack([transition, transition.T]),
            torch.stack([emissions, emissions[rows, reverse]]),
            reduce,
            mask.bool(),
        ).unbind()
        return up_to + onward[rows, reverse] - emissions

    def _refuse_forbidden(self, possible: torch.Tensor, mask: torch.Tensor) -> None:
        # Does any pair of possible labels fit together, at the start, from step to step, and at the end?
        first, after = possible[:, 0], possible[:, 1:].float()
        reachable = possible[:, :-1].float() @ self.transition_allowed.float() * after
        ends = mask & ~nn.functional.pad(mask[:, 1:], (0, 1))
        for name, fits, real in (
            ("start with", (first & self.start_allowed).any(1, keepdim=True), mask[:, :1]),
            ("go through", reachable.any(2), mask[:, 1:]),
            ("end with", (possible & self.end_allowed).any(2), ends),
        ):
            wrong = (real & ~fits).any(1)
            forbids = (
                f"{name} what the scheme of the labels forbids (`allowed_transitions`), such as an I- without its B-."
            )
            require(~wrong, f"`labels` of a sentence {forbids}", partial(_of_first, wrong, forbids))


def _of_first(wrong: torch.Tensor, forbids: str) -> str:
    return f"`labels` of sentence {int(wrong.nonzero()[0])} of the batch {forbids}"
