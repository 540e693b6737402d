"""What a tokenizer of tweets does to a text, by the conventions of NLTK's TweetTokenizer (Bird et al. 2009; after
C. Potts's tokenizer of 2011): https://www.nltk.org/api/nltk.tokenize.casual.html. It is made of parts of `tokenizers`
alone, so that all of it is in `tokenizer.json`. Unlike there, a text that is lower-cased is so with its emoticons and
URLs, and numbers stay whole: 8:30, 1,000.50 and 1000000.
"""

from __future__ import annotations

from tokenizers import Regex, normalizers


__all__ = ["TWEET_PATTERN", "tweet_normalizer"]


URL = r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\"'.,;:!?)\]}…]"
# RFC 5321 gives the part before the @ so many characters at most. Without a bound, a long text that has none would be
# read to its end from each of its characters.
MOST_BEFORE_AT = 64
EMAIL = rf"(?>[\w.+-]{{1,{MOST_BEFORE_AT}}})@(?>[\w-]+)(?:\.[\w-]+)+"
# Eyes, perhaps a nose, and a mouth; the same from right to left; hearts. An 8 is no eye in 8:30.
EYES, NOSE = r"(?:[:;=]|(?<!\w)8(?!.?\d))", r"[-o*'’]"
EMOTICON = rf"[<>]?{EYES}{NOSE}?[)\](\[dDpP/}}{{@|\\](?!\w)|(?<!\w)[)\](\[dDpP/}}{{|\\]{NOSE}?[:;=](?![\w/])[<>]?|</?3"
# A run of hyphens or of # is looked at from its first one only.
ARROW = r"(?<!-)-+>|<-+"
HANDLE = r"(?<![\w@])@\w+"
HASHTAG = r"(?<!#)#+\w+(?:['’_-]+\w+)*"
# Inner apostrophes and hyphens belong to a word (don't, well-known), marks within figures to a number (1,000.50).
WORD = r"[^\W\d_]+(?:['’_-]+[^\W\d_]+)+"
NUMBER = r"[+-]?\d+(?:[,/.:-]\d+)+"
ELLIPSIS = r"\.(?:\s*\.)+"
# What a reader takes for one character, such as an emoji of several code points. A flag is two letters of its own, and
# they are paired here: at each letter of a row of flags, `\X` counts them from the first one on.
FLAG = r"[\x{1F1E6}-\x{1F1FF}]{2}[\p{M}\x{200D}\x{1F3FB}-\x{1F3FF}]*"
OTHER = r"(?!\s)\X"

# The first that fits counts.
TWEET_PATTERN = "|".join((URL, EMAIL, EMOTICON, ARROW, HANDLE, HASHTAG, WORD, NUMBER, r"\w+", ELLIPSIS, FLAG, OTHER))

ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&nbsp;": " ", "&amp;": "&"}
# A character before three that are the same. Digits stay: 1000000 is a number.
REPEATED_PATTERN = r"([^\d\s])(?=\1\1\1)"


def tweet_normalizer(before: normalizers.Normalizer) -> normalizers.Normalizer:
    """`before`, then the characters of the commonest HTML entities in their place, as tweets in files have them, and
    runs of one character cut to three: "waaaaay!!!!!" and "waaaay!!!!" are both "waaay!!!".
    """
    entities = [normalizers.Replace(entity, character) for entity, character in ENTITIES.items()]
    return normalizers.Sequence([before, *entities, normalizers.Replace(Regex(REPEATED_PATTERN), "")])
