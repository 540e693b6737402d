"""spaCy's entity recogniser, trained from a blank pipeline (Honnibal et al., https://spacy.io)."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from ....metrics.tagging import entity_spans
from .base import Answered, Problem


__all__ = ["tag"]


# Training ends after so many passes over the sentences, or after so many seconds.
EPOCHS, MOST_SECONDS = 30, 120.0
BATCH, DROPOUT, SEED = 16, 0.2, 0


def tag(problem: Problem) -> Answered:
    """Train on sentences whose words are given, and tag others; nothing is held out to choose the best state by."""
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed, minibatch

    fix_random_seed(SEED)
    nlp = spacy.blank(problem.language)
    nlp.add_pipe("ner")
    examples = [
        Example(_doc(nlp, words), _doc(nlp, words, tags))
        for words, tags in zip(problem.inputs, problem.labels, strict=True)
    ]
    optimizer = nlp.initialize(lambda: examples)
    order, draw = list(examples), random.Random(SEED)
    started, updates = time.perf_counter(), 0
    for _ in range(EPOCHS):
        draw.shuffle(order)
        for batch in minibatch(order, size=BATCH):
            # Looked at before each update, so that a large corpus, too, ends in time.
            if time.perf_counter() - started < MOST_SECONDS:
                nlp.update(batch, sgd=optimizer, drop=DROPOUT)
                updates += 1
    found = nlp.pipe([_doc(nlp, words) for words in problem.asked])
    return Answered(
        [_tags(doc) for doc in found], len(nlp.to_bytes()), {"updates": updates, "batch": BATCH, "dropout": DROPOUT}
    )


def _doc(nlp: Any, words: Sequence[str], tags: Sequence[str] | None = None) -> Any:
    from spacy.tokens import Doc, Span

    doc = Doc(nlp.vocab, words=list(words))
    if tags is not None:
        doc.ents = [Span(doc, start, end, label=kind) for kind, start, end in sorted(entity_spans(tags))]
    return doc


def _tags(doc: Any) -> list[str]:
    return ["O" if token.ent_iob_ in ("O", "") else f"{token.ent_iob_}-{token.ent_type_}" for token in doc]
