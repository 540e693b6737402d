"""spaCy's entity recogniser, trained from a blank pipeline (Honnibal et al., https://spacy.io)."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from ....metrics.tagging import entity_spans
from .base import Answered, Problem


__all__ = ["doc_of", "fit", "tag", "tags_of"]


# Training ends after so many passes over the sentences, or after so many seconds.
EPOCHS, MOST_SECONDS = 30, 120.0
BATCH, DROPOUT, SEED = 16, 0.2, 0


def tag(problem: Problem) -> Answered:
    """Train on sentences whose words are given, and tag others; nothing is held out to choose the best state by."""
    nlp, updates = fit(problem.language, problem.inputs, problem.labels, MOST_SECONDS)
    found = nlp.pipe([doc_of(nlp, words) for words in problem.asked])
    return Answered(
        [tags_of(doc) for doc in found], len(nlp.to_bytes()), {"updates": updates, "batch": BATCH, "dropout": DROPOUT}
    )


def fit(
    language: str, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], most_seconds: float
) -> tuple[Any, int]:
    """Train an entity recogniser in a blank pipeline, for `EPOCHS` passes or until the time is over.

    Args:
        language: ISO 639-1 code of the pipeline.
        sentences: The words of each sentence.
        tags: The IOB2 tag of each word.
        most_seconds: The time after which no update begins.

    Returns:
        The pipeline, and the number of its updates.
    """
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed, minibatch

    fix_random_seed(SEED)
    nlp = spacy.blank(language)
    nlp.add_pipe("ner")
    examples = [
        Example(doc_of(nlp, words), doc_of(nlp, words, given)) for words, given in zip(sentences, tags, strict=True)
    ]
    optimizer = nlp.initialize(lambda: examples)
    order, draw = list(examples), random.Random(SEED)
    started, updates = time.perf_counter(), 0
    for _ in range(EPOCHS):
        draw.shuffle(order)
        for batch in minibatch(order, size=BATCH):
            # Looked at before each update, so that a large corpus, too, ends in time.
            if time.perf_counter() - started < most_seconds:
                nlp.update(batch, sgd=optimizer, drop=DROPOUT)
                updates += 1
    return nlp, updates


def doc_of(nlp: Any, words: Sequence[str], tags: Sequence[str] | None = None) -> Any:
    """A document of these words, with the entities of their tags."""
    from spacy.tokens import Doc, Span

    doc = Doc(nlp.vocab, words=list(words))
    if tags is not None:
        doc.ents = [Span(doc, start, end, label=kind) for kind, start, end in sorted(entity_spans(tags))]
    return doc


def tags_of(doc: Any) -> list[str]:
    """The IOB2 tag of each word of a document."""
    return ["O" if token.ent_iob_ in ("O", "") else f"{token.ent_iob_}-{token.ent_type_}" for token in doc]
