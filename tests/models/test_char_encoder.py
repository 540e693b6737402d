"""The spelling of words: against torch's own convolution and LSTM, value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from hf_rnn.models.char_encoder import CHAR_ENCODERS, PADDING_BYTE
from hf_rnn.models.configuration_rnn import BiLstmConfig
from hf_rnn.models.word_embeddings import pack_bytes
from tests.models.common import assert_close


FEATURES, UNITS = 5, 4
# Of repeated bytes (several places of a filter are equally large), of one byte, and longer than any padding.
SPELT = [b"word", b"aaaaaa", b"x", "São".encode(), bytes(range(256)) + b"x" * 44, b"\x00\x00", b"word"]


def build(kind: str) -> nn.Module:
    torch.manual_seed(0)
    config = BiLstmConfig(word_vocab_size=2, char_encoder=kind, char_embedding_size=FEATURES, char_hidden_size=UNITS)
    encoder = CHAR_ENCODERS[kind](config).double()
    for parameter in encoder.parameters():
        parameter.data.normal_()
    return encoder


def spell(words: list[bytes]) -> tuple[torch.Tensor, torch.Tensor]:
    return pack_bytes(words), torch.tensor([len(word) for word in words])


def gradients(encoder: nn.Module, features: torch.Tensor) -> list[torch.Tensor]:
    """Differentiate a weighted sum of the features, each with a weight of its own, by every parameter."""
    weights = torch.randn(features.shape, dtype=features.dtype, generator=torch.Generator().manual_seed(1))
    return list(torch.autograd.grad((features * weights).sum(), list(encoder.parameters())))


def convolve_one(encoder: nn.Module, word: bytes) -> torch.Tensor:
    """torch's convolution over one word between two symbols of padding, and the maximum over its places."""
    symbols = torch.tensor([PADDING_BYTE, *(word or [PADDING_BYTE]), PADDING_BYTE])
    # Not `encoder.embeddings(...)`: the padding has a vector that is trained.
    embedded = functional.embedding(symbols, encoder.embeddings.weight)
    return encoder.convolution(embedded.T.unsqueeze(0)).amax(2)[0]


def read_one(encoder: nn.Module, word: bytes) -> torch.Tensor:
    """The final states of torch's own LSTM, packed; zeros for a word without a byte, which packing does not take."""
    if not word:
        return torch.zeros(2 * UNITS, dtype=torch.float64)
    module = nn.LSTM(FEATURES, UNITS, batch_first=True, bidirectional=True).double()
    embedded = encoder.embeddings(torch.tensor([list(word)]))
    packed = pack_padded_sequence(embedded, torch.tensor([len(word)]), batch_first=True)
    own = dict(encoder.layer.cell.named_parameters())
    _, (final, _) = torch.func.functional_call(module, own, (packed,))
    return final[:, 0].flatten()


ALONE = {"cnn": convolve_one, "lstm": read_one}


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
def test_equals_torch_word_by_word(kind):
    encoder, words = build(kind), [*SPELT, b""]
    assert max(map(len, words)) == 300
    actual = encoder(*spell(words))
    wanted = torch.stack([ALONE[kind](encoder, word) for word in words])
    assert actual.shape == (len(words), encoder_size(kind))
    assert_close(actual, wanted)
    for (name, _), own, reference in zip(
        encoder.named_parameters(), gradients(encoder, actual), gradients(encoder, wanted), strict=True
    ):
        assert_close(own, reference, name)
        assert own.any()


def encoder_size(kind: str) -> int:
    return {"cnn": UNITS, "lstm": 2 * UNITS}[kind]


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
def test_gradcheck(kind):
    encoder = build(kind)
    characters, lengths = spell([b"abc", b"b", b"", b"cab"])

    def by_parameters(*parameters: torch.Tensor) -> torch.Tensor:
        named = dict(zip(dict(encoder.named_parameters()), parameters, strict=True))
        return torch.func.functional_call(encoder, named, (characters, lengths))

    # Of the embeddings only the rows of some bytes matter: a numerical gradient of all of them would take long.
    fixed = dict(encoder.named_parameters())
    rows = fixed["embeddings.weight"][97:100].detach().requires_grad_()
    rest = [parameter for name, parameter in fixed.items() if name != "embeddings.weight"]

    def by_rows(rows: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        table = fixed["embeddings.weight"].detach()
        return by_parameters(torch.cat([table[:97], rows, table[100:]]), *rest)

    assert next(iter(fixed)) == "embeddings.weight"
    assert torch.autograd.gradcheck(by_rows, (rows, *rest))


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
def test_wider_padding_changes_nothing(kind):
    encoder = build(kind)
    characters, lengths = spell([b"one", b"", b"three"])
    wider = functional.pad(characters, (0, 9), value=PADDING_BYTE)
    assert_close(encoder(wider, lengths), encoder(characters, lengths))


@pytest.mark.parametrize("kind", CHAR_ENCODERS)
def test_no_word_at_all(kind):
    encoder = build(kind)
    characters, lengths = torch.zeros(0, 1, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    assert encoder(characters, lengths).shape == (0, encoder_size(kind))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", CHAR_ENCODERS)
def test_half_precision(kind, dtype):
    encoder, (characters, lengths) = build(kind), spell(SPELT)
    wanted = encoder(characters, lengths)
    actual = encoder.to(dtype)(characters, lengths)
    assert actual.dtype == dtype
    assert (actual.double() - wanted).abs().max() < 0.05 * wanted.abs().max()
