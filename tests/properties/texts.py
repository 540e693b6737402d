"""Strategies for texts: any character that Unicode has, and what is known to go wrong."""

from __future__ import annotations

from hypothesis import strategies as st


FRAGMENTS = [
    "\0", "\r\n", "\u2028", "\x1b[31m", "\x7f", "\x85",  # NUL, ends of lines, control characters
    "שלום", "مرحبا بالعالم", "\u202eabc\u202c", "\u2067ab\u2069",  # from right to left, by script and by override
    "👩‍👩‍👧‍👦", "🇧🇷", "👍🏽", "❤️", "\u200d", "\ufe0f",  # emoji of several characters, and their joiners alone
    "e\u0301", "\u0301", "Z͑ͫ̓ͪ̂ͫ", "ﬁ", "İ", "ß", "ẞ", "ﷺ", "각", "\u1100\u1161\u11a8",  # what normalising and case change
    "中文字符", "日本語テキスト", "ไทย", "\U00010348", "\U0010ffff", "\ufffe", "\ufeff", "\ue000",
    "[PAD]", "[UNK]", "[EOS]", "<br />", "<!-- x", "<a href='", "&amp;", "Ġ", "##a", "�",
    "don't", "U.S.", "1,000.50", "a" * 300, " " * 50, "\t", "\u3000", "\u00a0", "....", "O'Brien-Smith", "%s{}\\",
]  # fmt: skip
_SURROGATES = st.characters(categories=["Cs"])


def texts(max_size: int = 40) -> st.SearchStrategy[str]:
    """Valid Unicode: any characters, and fragments that are known to go wrong, in any order."""
    pieces = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=6), max_size=max_size // 4).map("".join)
    return st.text(max_size=max_size) | pieces


@st.composite
def broken_texts(draw: st.DrawFn) -> str:
    """What Python holds and no encoding of Unicode can: a text with half a surrogate pair."""
    return draw(texts(12)) + draw(_SURROGATES) + draw(texts(12))


def megabytes() -> dict[str, str]:
    """Texts of about 1 MB in UTF-8, named: sentences, one word, one character after another, and all the fragments."""
    units = {
        "sentences": "Mr. O'Brien went to New York, didn't he? ",
        "one word": "a",
        "emoji": "👩‍👩‍👧‍👦",
        "NUL": "\0",
        "spaces": " ",
        "from right to left": "مرحبا بالعالم",
        "combining marks": "\u0301",
        "tags": "<b a='",
        "everything": " ".join(FRAGMENTS),
    }
    return {name: unit * (1_000_000 // len(unit.encode()) + 1) for name, unit in units.items()}
