"""The language of a corpus, found by the words that hold its sentences together.

Function words are some third of any running text, short questions and tweets included, and some hundred texts have so
many of them that a list of the most frequent ones decides. A library that knows a hundred languages (py3langid is of
4.6 MB) is for single texts, and for other languages than these.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence


__all__ = ["LANGUAGES", "find_language"]


# Language (ISO 639-1) → its most frequent function words, lower-cased and without accents.
_WORDS = {
    "en": "the of and to a in is it that was for on with as are this be at have not you by from or but what how who "
    "which they his she he there can will would my your do does did when where why i we me so if about has had "
    "an",
    "pt": "de a o que e do da em um para com nao uma os no se na por mais as dos como mas ao ele das seu sua ou "
    "quando muito nos ja eu tambem so pelo pela ate isso ela entre depois sem mesmo aos foi sao esta voce ser "
    "ter tem meu",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como mas o pero sus le ha me si sin "
    "sobre este ya entre cuando todo esta ser son dos tambien fue habia era muy hasta desde mi porque donde yo",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec la ou "
    "son je vous nous mais cette ses elle on comme tout leur aux fait sa ces meme deux quand tres etait y mon",
    "de": "der die und in den von zu das mit sich des auf fur ist im dem nicht ein eine als auch es an werden aus er "
    "hat dass sie nach wird bei einer um am sind noch wie einem uber einen so zum war haben nur oder aber vor "
    "ich wir",
    "it": "di e il la che in a per un del non una sono con si da le dei come piu anche al i o lo ha nel della gli "
    "alla ma se mi questo era ci quando tutto essere cosi molto cosa io suo sua tra ho perche delle dal nella "
    "fu lei",
    "nl": "de van het een en in is dat op te zijn met voor die niet aan er om ook als maar bij of uit nog door over "
    "ze zich hij naar heeft dan was wordt wij deze worden dit meer ik had kan geen tot wel je mijn we hebben "
    "haar",
}
LANGUAGES = tuple(_WORDS)
_SETS = {language: frozenset(words.split()) for language, words in _WORDS.items()}

# Texts that are looked at, evenly over the corpus, and characters of each; of fewer texts, more of each.
SAMPLE, CHARACTERS = 500, 500
# Below so many function words, so many different ones, or so small a share of all words, nothing is said: the letter y
# of formulas is no Spanish.
LEAST_WORDS, LEAST_DIFFERENT, LEAST_SHARE = 5, 3, 0.12
# The language has so many times the function words of any other, those that both have left out.
LEAST_RATIO = 2.0

_WORD = re.compile(r"[^\W\d_]+")
# What stands in a text of any language.
_NOISE = re.compile(r"https?\S*|www\.\S+|[@#]\w+|<[^<>]*>")


def find_language(texts: Sequence[str]) -> str | None:
    """Find the language of a corpus, by up to 500 of its texts and 250,000 characters.

    Capitals and accents play no part, nor do addresses, names of users, hashtags and tags of HTML.

    Args:
        texts: At least a few short ones; a single word has no language.

    Returns:
        One of [`LANGUAGES`], as ISO 639-1 writes it; None for another language, a mixture, and too few words.

    Example:
        >>> find_language(["Where is the station?", "O how I want to be there!"])
        'en'
        >>> find_language(["Onde fica a estação?", "Eu queria muito estar com você."])
        'pt'
        >>> find_language(["12345", "ok"]) is None
        True
    """
    step = max(1, -(-len(texts) // SAMPLE))
    looked_at = texts[::step]
    characters = SAMPLE * CHARACTERS // max(1, len(looked_at))
    counts = Counter(word for text in looked_at for word in _words(text[:characters]))
    total = counts.total()
    found = {language: sum(counts[word] for word in words) for language, words in _SETS.items()}
    best = max(found, key=found.__getitem__)
    different = sum(counts[word] > 0 for word in _SETS[best])
    if found[best] < max(LEAST_WORDS, LEAST_SHARE * total) or different < LEAST_DIFFERENT:
        return None
    others = [language for language in LANGUAGES if language != best]
    return best if all(_is_clear(counts, best, other) for other in others) else None


def _is_clear(counts: Counter[str], best: str, other: str) -> bool:
    """Tell whether the words that only `best` has are many times those that only `other` has."""
    own, others = (
        sum(counts[word] for word in words) for words in (_SETS[best] - _SETS[other], _SETS[other] - _SETS[best])
    )
    return own >= LEAST_RATIO * others


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", _NOISE.sub(" ", text).lower())
    return _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))
