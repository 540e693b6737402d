"""How near written texts are to those that were wanted: BLEU, chrF, ROUGE, exact matches, errors in characters.

BLEU and chrF are those of sacrebleu (Post 2018, https://aclanthology.org/W18-6319). ROUGE is computed by Google's
`rouge-score`, which by itself knows no letters but a to z; here words are made of the letters and digits of any
alphabet. Texts in plain English have the same figures either way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..extras import require_extra


__all__ = ["METRIC_SETS", "sequence_metrics", "signatures"]


# What is measured for what kind of task: the first chooses.
METRIC_SETS = {
    "translation": ("bleu", "chrf"),
    "summarization": ("rouge2", "rouge1", "rougeL"),
    "exact": ("exact_match", "character_error_rate"),
}


def sequence_metrics(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    lowercase: bool = False,
    names: Sequence[str] | None = None,
) -> dict[str, float]:
    """Measure written texts, each beside the one that was wanted.

    Args:
        hypotheses: What was written.
        references: What was wanted, as many.
        lowercase: Whether case is ignored, in all figures; ROUGE always ignores it.
        names: Which figures are wanted; None: all.

    Returns:
        `bleu` and `chrf` from 0 to 100; `rouge1`, `rouge2` and `rougeL` (F-measures, without stemming), `exact_match`
        (white space around the texts apart) and `character_error_rate` (edits by the characters that were wanted,
        which may exceed 1) as shares.

    Raises:
        MissingExtraError: sacrebleu, rouge-score or rapidfuzz is not installed, and a figure that needs it is wanted.
        ValueError: there are not as many of both, or none.

    Example:
        >>> sequence_metrics(["2021-05-03"], ["2021-05-04"], names=["exact_match", "character_error_rate"])
        {'exact_match': 0.0, 'character_error_rate': 0.1}
    """
    if len(hypotheses) != len(references) or not references:
        raise ValueError(
            f"`hypotheses` are {len(hypotheses)} and `references` {len(references)}; there must be one of each, and "
            "at least one."
        )
    computed: dict[str, float] = {}
    wanted = set(names or [name for each in METRIC_SETS.values() for name in each])
    if lowercase:
        hypotheses, references = ([text.lower() for text in texts] for texts in (hypotheses, references))
    if wanted & {"bleu", "chrf"}:
        computed |= _sacrebleu(hypotheses, references)
    if wanted & {"rouge1", "rouge2", "rougeL"}:
        computed |= _rouge(hypotheses, references)
    pairs = [(one.strip(), other.strip()) for one, other in zip(hypotheses, references, strict=True)]
    computed["exact_match"] = sum(one == other for one, other in pairs) / len(pairs)
    if "character_error_rate" in wanted:
        require_extra("train", "The character error rate", "rapidfuzz")
        from rapidfuzz.distance import Levenshtein

        edits = sum(Levenshtein.distance(one, other) for one, other in pairs)
        computed["character_error_rate"] = edits / max(1, sum(len(other) for _, other in pairs))
    return {name: value for name, value in computed.items() if name in wanted}


def signatures(lowercase: bool = False) -> dict[str, str]:
    """What sacrebleu says of how BLEU and chrF were computed, for the record.

    Args:
        lowercase: Whether the texts were lower-cased before.

    Returns:
        `bleu` and `chrf` → the signature.

    Raises:
        MissingExtraError: sacrebleu is not installed.

    Example:
        >>> signatures()["bleu"].split("|")[0]
        'nrefs:1'
    """
    require_extra("train", "BLEU", "sacrebleu")
    found = {}
    for name, metric in _metrics().items():
        metric.corpus_score(["a"], [["a"]])
        found[name] = f"{metric.get_signature()}" + ("|lower-cased before" if lowercase else "")
    return found


def _metrics() -> dict[str, Any]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return {"bleu": BLEU(), "chrf": CHRF()}


def _sacrebleu(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    require_extra("train", "BLEU", "sacrebleu")
    return {
        name: float(metric.corpus_score(list(hypotheses), [list(references)]).score)
        for name, metric in _metrics().items()
    }


class _Words:
    """Cuts a text into the words that ROUGE counts, as `rouge-score` asks for them."""

    def tokenize(self, text: str) -> list[str]:
        """The runs of letters and digits, in lower case."""
        return re.findall(r"[^\W_]+", text.lower())


def _rouge(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    require_extra("train", "ROUGE", "rouge-score")
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_Words())
    scored = [scorer.score(other, one) for one, other in zip(hypotheses, references, strict=True)]
    return {name: sum(each[name].fmeasure for each in scored) / len(scored) for name in scored[0]}
