"""fastText: a bag of words and pairs of words with learned vectors (Joulin et al. 2017,
https://aclanthology.org/E17-2068), by the settings of its own tutorial.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from .base import Answered, Problem


__all__ = ["OPTIONS", "classify", "line_of", "train"]


# The settings that the tutorial ends with (https://fasttext.cc/docs/en/supervised-tutorial.html), with the usual loss:
# its last step, hierarchical softmax, is for hundreds of labels. A smaller table of pairs keeps the file in bounds.
OPTIONS: dict[str, Any] = {"lr": 1.0, "epoch": 25, "wordNgrams": 2, "bucket": 200_000, "dim": 50}
# The tutorial sets these apart and drops capitals.
PUNCTUATION = re.compile(r"([.!?,'/()])")


def classify(problem: Problem) -> Answered:
    """Train on one thread, and name the likeliest class of each text."""
    names = sorted(set(problem.labels))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        lines = (
            f"__label__{names.index(label)} {line_of(text)}\n"
            for text, label in zip(problem.inputs, problem.labels, strict=True)
        )
        (path / "train.txt").write_text("".join(lines), encoding="utf-8")
        model = train(path / "train.txt", **OPTIONS)
        model.save_model(str(path / "model.bin"))
        size = (path / "model.bin").stat().st_size
    found = [model.predict(line_of(text))[0] for text in problem.asked]
    # Of a text without a known word fastText says nothing; the most frequent class is the best guess.
    usual = max(names, key=list(problem.labels).count)
    return Answered(
        [names[int(said[0].removeprefix("__label__"))] if said else usual for said in found], size, dict(OPTIONS)
    )


def train(path: Path, **options: Any) -> Any:
    """The model of a file of lines, each a label and a text; on one thread, so that it comes out the same again."""
    import fasttext

    return fasttext.train_supervised(str(path), thread=1, seed=0, verbose=0, **options)


def line_of(text: str) -> str:
    """A text on one line, in lower case, with punctuation set apart."""
    return " ".join(PUNCTUATION.sub(r" \1 ", text.lower()).split())
