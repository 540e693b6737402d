"""Train a tokenizer on the texts of a dataset and save it where ``AutoTokenizer`` finds it.

    hf-rnn tokenizer --train_file reviews.csv --output_dir my_tokenizer

Rows that are held out (``--validation_split_percentage`` and similar flags) are not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..data.readers.texts import DataArguments, load_texts
from ..data.tokenizers.training import token_coverage, train_tokenizer
from ..tasks.recipes import parse_arguments
from .errors import errors_in_one_line
from .flags import CommandParser


__all__ = ["SUMMARY", "TokenizerArguments", "main"]


SUMMARY = "train a tokenizer on the texts of a dataset"
SAMPLE_TOKENS = 20


@dataclass
class TokenizerArguments:
    """The tokenizer to train. `hf_rnn.data.tokenizers.training.train_tokenizer` describes its options."""

    output_dir: str = field(metadata={"help": "Folder to save the tokenizer in."})
    kind: Literal["word", "bpe", "character", "tweet"] = field(
        default="word",
        metadata={
            "help": "Kind of token: a word, a piece of a word (bpe), a character, or a word of tweets (tweet), "
            "which keeps handles, hashtags, URLs, emoticons and emoji whole."
        },
    )
    vocab_size: int = field(default=20_000, metadata={"help": "Largest number of entries of the vocabulary."})
    min_frequency: int | None = field(
        default=None,
        metadata={"help": "Number of times that an entry must occur. Default: 2, for characters 1."},
    )
    lowercase: bool = field(default=True, metadata={"help": "Lower-case the texts."})
    unicode_normalization: Literal["NFC", "NFD", "NFKC", "NFKD", "none"] = field(
        default="NFC", metadata={"help": "Unicode normalisation form of the texts; none leaves them as they are."}
    )
    strip_html: bool = field(default=False, metadata={"help": "Replace tags such as <br /> by a space."})
    truncation_side: Literal["right", "left"] = field(
        default="right", metadata={"help": "Side that truncation cuts off."}
    )
    model_max_length: int | None = field(
        default=None, metadata={"help": "Number of tokens that truncation cuts to. Default: no limit."}
    )


def main(arguments: list[str]) -> None:
    """`hf-rnn tokenizer`, and `scripts/train_tokenizer.py`."""
    parser = CommandParser(
        (TokenizerArguments, DataArguments),
        usage="--train_file FILE --output_dir FOLDER [--flag value ...]",
        description=__doc__,
    )
    with errors_in_one_line(ValueError, FileNotFoundError):
        (given, data), _ = parse_arguments(parser, arguments)
    texts = load_texts(data)
    normalization = None if given.unicode_normalization == "none" else given.unicode_normalization
    tokenizer = train_tokenizer(
        texts,
        kind=given.kind,
        vocab_size=given.vocab_size,
        min_frequency=given.min_frequency,
        lowercase=given.lowercase,
        unicode_normalization=normalization,
        strip_html=given.strip_html,
        truncation_side=given.truncation_side,
        model_max_length=given.model_max_length,
    )
    tokenizer.save_pretrained(given.output_dir)

    sample = next(text for text in texts if text.strip())
    ids = tokenizer(sample, verbose=False)["input_ids"][:SAMPLE_TOKENS]
    print(f"Texts:           {len(texts):,}")
    print(f"Vocabulary size: {len(tokenizer):,}")
    print(f"Known tokens:    {token_coverage(tokenizer, texts):.2%} of the tokens of these texts")
    print(f"Sample text:     {sample[:100]!r}")
    print(f"Its tokens:      {tokenizer.convert_ids_to_tokens(ids)}")
    print(f"Their ids:       {ids}")
    print(f"Saved to {given.output_dir}. What to do next:")
    print(f'  AutoTokenizer.from_pretrained("{given.output_dir}")')
    print(f"  hf-rnn train text-classification reviews.csv --tokenizer_name_or_path {given.output_dir}")
