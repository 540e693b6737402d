"""A test class of transformers' mixins for tokenizers for every kind that `train_tokenizer` makes.

    python -m unittest tests.upstream.tokenizer_cases.WordTokenizerTest.test_padding_to_multiple_of

looks into a single test. The mixins load a tokenizer from a folder, as users do.
"""

from __future__ import annotations

import shutil
import tempfile
import unittest
from unittest import mock

from transformers import PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.training import TokenizerKind, train_tokenizer
from tests.upstream import suite
from tests.upstream.skips import TOKENIZERS_SWITCHED_OFF


TokenizerTesterMixin = suite.load("test_tokenization_common").TokenizerTesterMixin
TokenizersBackendTesterMixin = suite.load("test_tokenizers_backend_mixin").TokenizersBackendTesterMixin

TEXTS = [
    "This is a test, the first sentence: wonderful inspiration, an example with a subtoken in it.",
    "no amazing example is full of inspiration along with an awesome pair",
    "Hello, how are you? This is the second one, with numbers 12 3 and symbols #.",
]


class TokenizerTestCase(TokenizerTesterMixin, TokenizersBackendTesterMixin):
    """What the test classes have in common."""

    tokenizer_class = rust_tokenizer_class = PreTrainedTokenizerFast
    kind: TokenizerKind

    @classmethod
    def setUpClass(cls) -> None:
        cls.trained = tempfile.mkdtemp()
        options = {"min_frequency": 1, "show_progress": False, "vocab_size": 400}
        train_tokenizer(TEXTS, kind=cls.kind, end_of_text=True, **options).save_pretrained(cls.trained)
        cls.from_pretrained_id = [cls.trained]
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        shutil.rmtree(cls.trained)

    def setUp(self) -> None:
        reason = self.switched_off().get(self._testMethodName)
        if reason is not None:
            self.skipTest(reason)

    def test_tokenize_special_tokens(self) -> None:
        """It assumes that a special token is known in a text. Ours are not, unless that is asked for, as here."""
        plain = self.get_tokenizer
        self.assertTrue(plain().split_special_tokens)
        with mock.patch.object(type(self), "get_tokenizer", lambda _, **options: plain(split_special_tokens=False)):
            super().test_tokenize_special_tokens()

    @classmethod
    def switched_off(cls) -> dict[str, str]:
        """Test → why it is not run for this kind."""
        return {name: why for (kinds, name), why in TOKENIZERS_SWITCHED_OFF.items() if cls.kind in kinds}


class WordTokenizerTest(TokenizerTestCase, unittest.TestCase):
    kind = "word"


class BytePairTokenizerTest(TokenizerTestCase, unittest.TestCase):
    kind = "bpe"


class CharacterTokenizerTest(TokenizerTestCase, unittest.TestCase):
    kind = "character"


class WhitespaceTokenizerTest(TokenizerTestCase, unittest.TestCase):
    kind = "whitespace"


class TweetTokenizerTest(TokenizerTestCase, unittest.TestCase):
    kind = "tweet"


CASES = {
    case.__name__: case
    for case in (
        WordTokenizerTest,
        BytePairTokenizerTest,
        CharacterTokenizerTest,
        WhitespaceTokenizerTest,
        TweetTokenizerTest,
    )
}

__all__ = ["CASES", *CASES]
