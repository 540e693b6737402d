"""Which columns of a table are the sources and the targets of a sequence-to-sequence model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..cells import as_number, is_empty
from ..column_names import is_index_name, name_key, name_words
from ..columns import described_columns, sample_columns
from ..sources import require_column


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["find_sequence_columns", "is_language"]

logger = logging.getLogger(__name__)

# Pairs of names: what is read, what is written. Pairs that come first are taken before others.
USUAL_NAMES = (
    *(("source", "target"), ("src", "tgt"), ("src", "trg"), ("origem", "destino"), ("fonte", "alvo")),
    *(("input", "output"), ("inputs", "outputs"), ("input", "target"), ("inputs", "targets"), ("entrada", "saida")),
    *(("article", "highlights"), ("article", "abstract"), ("article", "summary"), ("document", "summary")),
    *(
        ("dialogue", "summary"),
        ("text", "summary"),
        ("artigo", "resumo"),
        ("documento", "resumo"),
        ("texto", "resumo"),
    ),
    *(("text", "headline"), ("text", "title"), ("texto", "titulo"), ("question", "answer"), ("pergunta", "resposta")),
    *(("prompt", "completion"), ("prompt", "response"), ("instruction", "output"), ("instruction", "response")),
    *(("instrucao", "saida"), ("original", "simplified"), ("original", "simplificado"), ("wrong", "right")),
    *(("incorrect", "correct"), ("errado", "certo"), ("noisy", "clean"), ("x", "y"), ("text", "target")),
    *(("texto", "alvo"), ("sentence", "translation"), ("frase", "traducao"), ("text", "translation")),
    *(("texto", "traducao"), ("word", "pronunciation"), ("grapheme", "phoneme"), ("palavra", "pronuncia")),
)
# ISO 639-1 codes and names of languages, in English and Portuguese, that columns of translations are called by.
LANGUAGES = frozenset(
    "af am ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km "
    "kn ko ky la lb lo lt lv mg mi mk ml mn mr ms mt my ne nl no pa pl ps pt ro ru si sk sl so sq sr sv sw ta te th "
    "tl tr uk ur uz vi xh yi zh zu eng deu ger fra fre spa por ita nld rus jpn zho ptbr enus engb english german "
    "french spanish portuguese italian dutch russian japanese chinese ingles alemao frances espanhol portugues "
    "italiano".split()
)


def find_sequence_columns(source: str | None, target: str | None, rows: Dataset, split: str) -> tuple[str, str]:
    """The columns of what is read and of what is written; where they are found, one line says which they are.

    They are found by two usual names that go together, as the only two columns that are called by languages, or as
    the only two columns of texts, in their order.

    Args:
        source, target: What `source_column` and `target_column` name; None: it is found.
        rows: Those of the split that decides.
        split: What it is called.

    Raises:
        ValueError: there is no column of a given name, both are one, or none is certain; the message lists the
            columns.
    """
    for argument, column in (("source_column", source), ("target_column", target)):
        if column is not None:
            require_column(column, argument, split, rows)
    if source is not None and source == target:
        raise ValueError(f"`source_column` and `target_column` are both {source!r}; they must be two columns.")
    if source is not None and target is not None:
        return source, target
    found = _found(sample_columns(rows), source, target)
    if found is None:
        given = {"`source_column`": source, "`target_column`": target}
        missing = " and ".join(name for name, column in given.items() if column is None)
        raise ValueError(
            f"Give {missing}: the {split} split has no two columns with usual names of sources and targets, none of "
            f"two languages, nor two of texts alone; its columns are {described_columns(rows)}."
        )
    logger.warning(
        "Texts of %r are read, those of %r are to be written (--source_column and --target_column name others).",
        *found,
    )
    return found


def _found(columns: Mapping[str, Sequence[Any]], source: str | None, target: str | None) -> tuple[str, str] | None:
    texts = [name for name, values in columns.items() if _may_be_text(name, values)]
    for pair in (*_usual(columns), *_languages(texts)):
        if source in (None, pair[0]) and target in (None, pair[1]):
            return pair
    others = [name for name in texts if name not in (source, target)]
    if source is None and target is None:
        return (others[0], others[1]) if len(others) == 2 else None
    if len(others) != 1:
        return None
    return (source, others[0]) if source is not None else (others[0], str(target))


def _may_be_text(name: str, values: Sequence[Any]) -> bool:
    filled = [value for value in values if not is_empty(value)]
    strings = [value for value in filled if isinstance(value, str)]
    numbers = all(as_number(value) is not None for value in filled)
    return bool(strings) and len(strings) == len(filled) and not numbers and not is_index_name(name)


def _usual(columns: Mapping[str, Sequence[Any]]) -> list[tuple[str, str]]:
    """The pairs of columns with usual names; of nested ones the last part of the name counts as well."""
    keys: dict[str, str] = {}
    for name in columns:
        keys.setdefault(name_key(name), name)
        keys.setdefault(name_key(name.rpartition(".")[2]), name)
    return [(keys[one], keys[other]) for one, other in USUAL_NAMES if one in keys and other in keys]


def _languages(texts: Sequence[str]) -> list[tuple[str, str]]:
    """The pair of the only two columns that are called by languages."""
    named = [name for name in texts if is_language(name)]
    return [(named[0], named[1])] if len(named) == 2 else []


def is_language(name: str) -> bool:
    last = name.rpartition(".")[2]
    return name_key(last) in LANGUAGES or name_words(last)[-1] in LANGUAGES
