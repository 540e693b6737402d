"""Train a word-level, byte-pair or character tokenizer that ``AutoTokenizer`` loads anywhere.

The result is a plain ``PreTrainedTokenizerFast`` around a ``tokenizers.Tokenizer``: everything it does (Unicode
normalisation, HTML stripping, lower-casing, splitting) is written into ``tokenizer.json``, so it needs none of our
code to load, and a pipeline given raw text treats it exactly as the training run did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Literal, get_args

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .tweets import TWEET_PATTERN, tweet_normalizer


__all__ = [
    "EOS_TOKEN",
    "PAD_TOKEN",
    "UNK_TOKEN",
    "TokenizerKind",
    "UnicodeNormalization",
    "fill_vocabulary",
    "token_coverage",
    "train_tokenizer",
]

TokenizerKind = Literal["word", "bpe", "character", "whitespace", "tweet"]
UnicodeNormalization = Literal["NFC", "NFD", "NFKC", "NFKD"]

PAD_TOKEN = "[PAD]"
UNK_TOKEN = "[UNK]"
# The token of a language model for the end of a document or, where text is cut at white space, of a line.
EOS_TOKEN = "[EOS]"
SPECIAL_TOKENS = [PAD_TOKEN, UNK_TOKEN]  # their order gives the ids: padding 0, unknown 1
BYTE_ALPHABET_SIZE = 256
BATCH_SIZE = 1000

# A word keeps its inner apostrophes (don't, rock'n'roll); anything else that is not white space stands alone.
WORD_PATTERN = r"\w+(?:['’]\w+)*|[^\w\s]"
# Where a token of a text that is written begins with a space: not before a mark that closes what stands before it.
WORD_SPACE_PATTERN = r"^(?![.,;:!?…%)\]}])"
OPENED_PATTERN = r"(?<=[(\[{]) "
# `.` does not match a line feed.
CHARACTER_PATTERN = r"[\s\S]"
# A comment holds no other that opens, so that none is searched beyond the next: else `<!--` again and again takes the
# square of the length. Attributes must have a value: "if a <b and c> d" is prose, not a tag.
COMMENT_PATTERN = r"<!--(?>(?:[^<-]|<(?!!--)|-(?!->))*)-->"
TAG_PATTERN = r"""</?[a-zA-Z][\w-]*(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*\s*/?>"""
HTML_PATTERN = rf"{COMMENT_PATTERN}|{TAG_PATTERN}"

_NORMALIZERS: dict[str, Callable[[], normalizers.Normalizer]] = {
    "NFC": normalizers.NFC,
    "NFD": normalizers.NFD,
    "NFKC": normalizers.NFKC,
    "NFKD": normalizers.NFKD,
}
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def train_tokenizer(
    texts: Iterable[str],
    *,
    kind: TokenizerKind = "word",
    vocab_size: int = 20_000,
    min_frequency: int | None = None,
    lowercase: bool = True,
    unicode_normalization: UnicodeNormalization | None = "NFC",
    strip_html: bool = False,
    truncation_side: Literal["right", "left"] = "right",
    model_max_length: int | None = None,
    end_of_text: bool = False,
    show_progress: bool = True,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer on `texts`.

    ``[PAD]`` has id 0 and ``[UNK]`` id 1; batches are padded on the right; the model inputs are ``input_ids`` and
    ``attention_mask``. Text that happens to contain the characters ``[PAD]`` is tokenized like any other text
    (``split_special_tokens=True``): for ``"whitespace"`` that is as the token ``[PAD]``.

    Args:
        texts: The corpus, read once; any iterable of strings.
        kind: ``"word"``: words with their inner apostrophes, every other visible character a token of its own; words
            outside the vocabulary become ``[UNK]``. ``"bpe"``: byte-level byte-pair encoding (Sennrich et al. 2016;
            bytes as in Radford et al. 2019), which knows every string. ``"character"``: one token for each Unicode
            character, white space included. ``"whitespace"``: what stands between white space, for text that is tokens
            already; the end of a line is the token ``[EOS]``, where `end_of_text` has one. ``"tweet"``: words as
            NLTK's TweetTokenizer finds them, which keeps handles, hashtags, URLs, emoticons and emoji whole, with runs
            of a character cut to three (``waaaaay`` is ``waaay``) and HTML entities replaced.
            Decoding gives back the normalised text for ``"bpe"``, and for ``"character"`` where all are known. Words
            that are decoded have a space between them; with `end_of_text` one before the first as well, so that they
            can follow a prompt, and none before a full stop or a comma.
        vocab_size: The most entries the vocabulary may have, special tokens included. It is smaller when the corpus
            has fewer. ``"bpe"`` needs at least 258: 256 bytes and the two special tokens.
        min_frequency: The fewest occurrences that give a word, a byte pair or a character an entry.
            Default: 2 for ``"word"``, ``"tweet"`` and ``"bpe"``, 1 for ``"character"`` and ``"whitespace"``.
        lowercase: Lower-case the text.
        unicode_normalization: Unicode normalisation form; None leaves the text as it is.
        strip_html: Replace tags such as ``<br />`` and comments by a space, inside the tokenizer itself.
        truncation_side: The side that ``truncation=True`` cuts off.
        model_max_length: The length that ``truncation=True`` cuts to; None for no limit.
        end_of_text: Add an ``eos_token``, ``[EOS]`` with id 2, which language models predict at the end of a document.
        show_progress: Show a progress bar while training.

    Raises:
        TypeError: `texts` is a string, or an item of it is not one.
        ValueError: an argument is out of range, the corpus is empty, or nothing in it is frequent enough.
    """
    if min_frequency is None:
        min_frequency = 1 if kind in ("character", "whitespace") else 2
    _check_arguments(texts, kind, vocab_size, min_frequency, unicode_normalization, truncation_side, model_max_length)
    tokenizer = _untrained(kind)
    tokenizer.normalizer = normalizer_of(unicode_normalization, strip_html, lowercase)
    if kind == "tweet":
        tokenizer.normalizer = tweet_normalizer(tokenizer.normalizer)
    special = [*SPECIAL_TOKENS, EOS_TOKEN] if end_of_text else SPECIAL_TOKENS
    tokenizer = _trained(tokenizer, texts, kind, _trainer(kind, vocab_size, min_frequency, special, show_progress))
    if end_of_text and kind in ("word", "whitespace", "tweet"):
        tokenizer.decoder = _writing_decoder(kind)
    limits = {} if model_max_length is None else {"model_max_length": model_max_length}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        unk_token=UNK_TOKEN,
        eos_token=EOS_TOKEN if end_of_text else None,
        padding_side="right",
        truncation_side=truncation_side,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
        **limits,
    )


def _trained(tokenizer: Tokenizer, texts: Iterable[str], kind: str, trainer: Any) -> Tokenizer:
    """`tokenizer` with a vocabulary, and, where text is cut at white space, with ends of lines if it has the token."""
    length = len(texts) if isinstance(texts, Sized) else None
    tokenizer.train_from_iterator(checked_batches(texts), trainer=trainer, length=length)
    special = [token.content for token in trainer.special_tokens]
    if tokenizer.get_vocab_size() <= len(special):
        raise ValueError(
            f"No {kind} in `texts` occurs `min_frequency`={trainer.min_frequency} times: the vocabulary would be "
            "empty. Give more text or a lower `min_frequency`."
        )
    if kind == "whitespace":
        tokenizer = _renumbered(tokenizer, special)
        if EOS_TOKEN in special:
            # It is set after training: the token would count as a word, and decide which others are frequent enough.
            line_end = normalizers.Replace("\n", f" {EOS_TOKEN} ")
            tokenizer.normalizer = normalizers.Sequence([tokenizer.normalizer, line_end])
    return tokenizer


def fill_vocabulary(tokenizer: PreTrainedTokenizerFast, words: Iterable[str], vocab_size: int) -> int:
    """Give further words an entry, up to a size: those of pretrained vectors, which texts to come may have.

    Args:
        tokenizer: A word-level one of [`train_tokenizer`], which is changed; the ids it has stay.
        words: The most useful first. Those that it would never make of a text, such as "New York" or, where it ignores
            case, "Lisbon", are passed over.
        vocab_size: The most entries, special tokens included.

    Returns:
        How many words were added.

    Raises:
        ValueError: the tokenizer is not of words.
    """
    backend = tokenizer.backend_tokenizer
    of_words = isinstance(backend.model, models.WordLevel) and len(backend.pre_tokenizer.pre_tokenize_str("ab")) == 1
    if not of_words:
        raise ValueError("`tokenizer` must be of words; it is of characters or byte pairs.")
    vocabulary = backend.get_vocab()
    before = len(vocabulary)
    for word in words:
        if len(vocabulary) >= vocab_size:
            break
        made = [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(word))]
        if made == [word]:
            vocabulary.setdefault(word, len(vocabulary))
    backend.model = models.WordLevel(vocabulary, unk_token=UNK_TOKEN)
    return len(vocabulary) - before


def token_coverage(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> float:
    """The share of the tokens of `texts`, between 0 and 1, that are not the unknown token; 1 where there are none.

    Raises:
        TypeError, ValueError: for `texts`, as `train_tokenizer`.
    """
    total = unknown = 0
    for batch in checked_batches(texts):
        for ids in tokenizer(batch, add_special_tokens=False, verbose=False)["input_ids"]:
            total += len(ids)
            unknown += ids.count(tokenizer.unk_token_id)
    return 1 - unknown / total if total else 1.0


def _check_arguments(
    texts: Iterable[str],
    kind: str,
    vocab_size: int,
    min_frequency: int,
    unicode_normalization: str | None,
    truncation_side: str,
    model_max_length: int | None,
) -> None:
    if isinstance(texts, str):
        raise TypeError("`texts` is a single string; it must be an iterable of strings, one for each text.")
    if kind not in get_args(TokenizerKind):
        raise ValueError(f"`kind`={kind!r} must be one of {', '.join(map(repr, get_args(TokenizerKind)))}.")
    if unicode_normalization is not None and unicode_normalization not in _NORMALIZERS:
        choices = ", ".join(map(repr, _NORMALIZERS))
        raise ValueError(f"`unicode_normalization`={unicode_normalization!r} must be None or one of {choices}.")
    if truncation_side not in ("right", "left"):
        raise ValueError(f"`truncation_side`={truncation_side!r} must be 'right' or 'left'.")
    smallest = len(SPECIAL_TOKENS) + (BYTE_ALPHABET_SIZE if kind == "bpe" else 1)
    check_integer("vocab_size", vocab_size, smallest, f" for `kind`={kind!r}")
    check_integer("min_frequency", min_frequency, 1)
    if model_max_length is not None:
        check_integer("model_max_length", model_max_length, 1, ", or None for no limit")


def check_integer(name: str, value: int, smallest: int, reason: str = "") -> None:
    """Raise a ValueError that names the argument `name` unless `value` is an integer of at least `smallest`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise ValueError(f"`{name}`={value!r} must be an integer of at least {smallest}{reason}.")


def _untrained(kind: str) -> Tokenizer:
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token=UNK_TOKEN))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNK_TOKEN))
    if kind == "whitespace":
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    elif kind in ("word", "tweet"):
        # Inverted and removed: what the pattern does not match (white space) is dropped, each match is a token.
        pattern = Regex(WORD_PATTERN if kind == "word" else TWEET_PATTERN)
        tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="removed", invert=True)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(CHARACTER_PATTERN), behavior="isolated")
        tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _writing_decoder(kind: str) -> decoders.Decoder:
    """Decodes words so that they go on with a text: a pipeline decodes the new tokens alone and puts them after the
    prompt as they are.
    """
    if kind == "whitespace":
        return decoders.Sequence([decoders.Replace(Regex("^"), " "), decoders.Fuse()])
    return decoders.Sequence(
        [
            decoders.Replace(Regex(WORD_SPACE_PATTERN), " "),
            decoders.Fuse(),
            decoders.Replace(Regex(OPENED_PATTERN), ""),
        ]
    )


def _renumbered(trained: Tokenizer, special_tokens: list[str]) -> Tokenizer:
    """The same words after the special tokens: the trainer gives one that is spelled like these a second id."""
    vocabulary = trained.get_vocab(with_added_tokens=False)
    words = sorted(vocabulary.keys() - set(special_tokens), key=vocabulary.__getitem__)
    # Another tokenizer: the trained one remembers that second id as the special token's.
    tokenizer = _untrained("whitespace")
    tokenizer.normalizer = trained.normalizer
    numbered = {token: index for index, token in enumerate([*special_tokens, *words])}
    tokenizer.model = models.WordLevel(numbered, unk_token=UNK_TOKEN)
    tokenizer.add_special_tokens(special_tokens)
    return tokenizer


def normalizer_of(unicode_normalization: str | None, strip_html: bool, lowercase: bool) -> normalizers.Normalizer:
    """What is done to a text before it is split, as `train_tokenizer` describes these arguments."""
    steps: list[normalizers.Normalizer] = []
    if unicode_normalization is not None:
        steps.append(_NORMALIZERS[unicode_normalization]())
    if strip_html:
        steps.append(normalizers.Replace(Regex(HTML_PATTERN), " "))
    if lowercase:
        steps.append(normalizers.Lowercase())
    return normalizers.Sequence(steps)


def _trainer(
    kind: str, vocab_size: int, min_frequency: int, special_tokens: list[str], show_progress: bool
) -> trainers.Trainer:
    if kind == "bpe":
        return byte_pair_trainer(vocab_size, min_frequency, show_progress, special_tokens)
    return trainers.WordLevelTrainer(
        vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=special_tokens, show_progress=show_progress
    )


def byte_pair_trainer(
    vocab_size: int,
    min_frequency: int,
    show_progress: bool,
    special_tokens: list[str] = SPECIAL_TOKENS,
    max_token_length: int | None = None,
) -> trainers.BpeTrainer:
    """The trainer of a byte-level vocabulary: the special tokens, all 256 bytes, then merges of at most so many."""
    return trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=show_progress,
        max_token_length=max_token_length,
    )


def checked_batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Checked texts in lists of `BATCH_SIZE`; raises at the end when none of them held a visible character."""
    batch: list[str] = []
    found_text = False
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"`texts` must hold strings only; item {index} is {text!r} ({type(text).__name__}).")
        if LONE_SURROGATE.search(text):
            raise ValueError(f"`texts` must hold valid Unicode; item {index} has a lone surrogate: {text[:50]!r}.")
        found_text = found_text or bool(text.strip())
        batch.append(text)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch
    if not found_text:
        raise ValueError("`texts` is empty: a tokenizer needs at least one text with a visible character.")
