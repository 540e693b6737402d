"""Words rebuilt from pieces: their keys, lower case, capitals and vectors, however the words are cut."""

from __future__ import annotations

import random
import string

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import AutoModel

from hf_rnn.models.char_encoder import PADDING_BYTE
from hf_rnn.models.word_embeddings import WordEmbeddings, casing, lower_case, pack_bytes, word_keys
from tests.models.common import assert_close, configure


# The Latin-1 letters and signs from À to ÿ: beside the letters these hold × ÷ and ß ÿ, which have no other case here.
LATIN = [chr(code) for code in range(0xC0, 0x100)]
UPPER = set(string.ascii_uppercase) | {character for character in LATIN if character.lower() != character}
LOWER = {character.lower() for character in UPPER}
CHARACTERS = [chr(code) for code in range(128)] + LATIN + list("ŁšΩж中😀“€")
KNOWN = ["The", "the", "apple", "São", "são", "é", "x", "NEW-YORK", "new-york", "under lower"]


def random_words(count: int, seed: int = 0) -> list[str]:
    chosen = random.Random(seed)
    return ["".join(chosen.choices(CHARACTERS, k=chosen.randint(0, 9))) for _ in range(count)]


def spell(words: list[str], encoding: str = "utf-8") -> tuple[torch.Tensor, torch.Tensor]:
    spelt = [word.encode(encoding) for word in words]
    return pack_bytes(spelt), torch.tensor([len(word) for word in spelt])


def key_by_hand(word: bytes) -> int:
    """The polynomial of the docstring in whole numbers of any size, as a signed number of 64 bits."""
    value = sum((byte + 1) * 0x9E3779B97F4A7C15**place for place, byte in enumerate(word, start=1)) % 2**64
    return value - 2**64 if value >= 2**63 else value


def test_keys_equal_the_polynomial():
    words = [word.encode() for word in random_words(200)] + [bytes(range(256))]
    assert word_keys(pack_bytes(words)).tolist() == [key_by_hand(word) for word in words]


def test_keys_do_not_depend_on_the_padding():
    characters, _ = spell(random_words(50))
    wider = functional.pad(characters, (0, 13), value=PADDING_BYTE)
    assert torch.equal(word_keys(wider), word_keys(characters))
    for row in characters:
        alone = row[row != PADDING_BYTE].unsqueeze(0)
        assert word_keys(alone) == word_keys(row.unsqueeze(0))


def test_keys_tell_words_apart():
    words = {word.encode() for word in random_words(30_000)}
    words |= {b"\x00" * length for length in range(20)} | {b"a" + b"\x00" * length for length in range(20)}
    words |= {bytes([first, second]) for first in range(256) for second in range(256)}
    assert len(word_keys(pack_bytes(sorted(words))).unique()) == len(words)
    # Nor has any of them one of the keys that stand in the table before words are given.
    assert word_keys(pack_bytes(sorted(words - {b""}))).abs().min() > 1_000_000


def test_lower_case_equals_that_of_python():
    words = random_words(2000) + LATIN + list(string.ascii_letters) + ["", "ÀÞ×÷ßÿZz"]
    # What Python lowers beyond ASCII and Latin-1 is left as it stands.
    wanted = ["".join(c if ord(c) > 0xFF else c.lower() for c in word) for word in words]
    characters, lengths = spell(words)
    for row, length, word in zip(lower_case(characters).tolist(), lengths.tolist(), wanted, strict=True):
        assert bytes(row[:length]).decode() == word
        assert set(row[length:]) <= {PADDING_BYTE}


def casing_by_hand(word: str) -> list[bool]:
    others = set(map(chr, range(128))) - set(string.ascii_letters + string.digits)
    return [
        word[:1] in UPPER,
        any(character in UPPER for character in word[1:]),
        any(character in LOWER for character in word),
        any(character in string.digits for character in word),
        word != "" and all(character in string.digits for character in word),
        any(character in others for character in word),
    ]


def test_casing_equals_python():
    words = (
        random_words(3000) + CHARACTERS + ["", "1996", "Ébène", "éA", "1A", "ÀÀ", "McDonald", "U.S.", "ß", "ÿ", "×"]
    )
    found = casing(*spell(words))
    assert found.dtype == torch.bool and found.any(0).all() and not found.all(0).any()
    for word, features in zip(words, found.tolist(), strict=True):
        assert features == casing_by_hand(word), repr(word)


# A vocabulary of every byte, with and without the mark of a word's start, a few longer pieces of both kinds, and the
# padding. Bytes do not make characters.
LONGER = [b"Th", b"The", b"he", b"ap", b"pple", b"S\xc3", b"\xa3o", b"new-y", b"NEW", b"york"]
PIECES = [bytes([byte]) for byte in range(256)] + LONGER
SPELT = [b"", *PIECES, *PIECES]
STARTS = [False, *[True] * len(PIECES), *[False] * len(PIECES)]
TEXTS = [["The", "apple", "São"], [], ["APPLE", "new-york", "NEW-YORK", "New-York", "zzz"], ["x" * 300]]


def make_config(**options):
    words = {"vocab_size": len(SPELT), "word_vocab_size": len(KNOWN) + 1, "char_embedding_size": 3}
    return configure("bilstm", **{**words, "char_hidden_size": 3, "casing_features": True, **options})


def build(seed: int = 0, tables: bool = True, **options) -> WordEmbeddings:
    torch.manual_seed(seed)
    embeddings = AutoModel.from_config(make_config(**options)).double().eval().embeddings
    if tables:
        embeddings.set_tokens(SPELT, STARTS)
        embeddings.set_words(KNOWN)
    return embeddings


def cut(word: str, chosen: random.Random) -> list[int]:
    """The ids of random pieces that spell `word`."""
    rest, ids, first = word.encode(), [], True
    while rest:
        piece = chosen.choice([piece for piece in PIECES if rest.startswith(piece)])
        ids.append(1 + PIECES.index(piece) + (0 if first else len(PIECES)))
        rest, first = rest[len(piece) :], False
    return ids


def cut_batch(texts: list[list[str]], seed: int, side: str = "right") -> tuple[torch.Tensor, torch.Tensor]:
    chosen = random.Random(seed)
    rows = [[piece for word in text for piece in cut(word, chosen)] for text in texts]
    width = max(map(len, rows))
    ids, mask = torch.randint(0, len(SPELT), (len(rows), width)), torch.zeros(len(rows), width, dtype=torch.bool)
    for row, pieces in enumerate(rows):
        place = slice(0, len(pieces)) if side == "right" else slice(width - len(pieces), width)
        ids[row, place], mask[row, place] = torch.tensor(pieces, dtype=torch.long), True
    return ids, mask


def embed(embeddings: WordEmbeddings, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    words = embeddings.find_words(ids, mask)
    return embeddings(ids, None, torch.float64, words)


def row_by_hand(embeddings: WordEmbeddings, word: str, rows: dict[str, int]) -> torch.Tensor:
    table = embeddings.word_embeddings.weight
    characters, lengths = spell([word])
    parts = [table[rows.get(word, rows.get(word.lower(), 0))]]
    if embeddings.char_encoder is not None:
        parts.append(embeddings.char_encoder(characters, lengths)[0])
    return torch.cat([*parts, torch.tensor(casing_by_hand(word)).double()])


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("char_encoder", [None, "cnn", "lstm"])
def test_features_are_those_of_the_words_however_they_are_cut(char_encoder, side):
    embeddings = build(char_encoder=char_encoder)
    rows = embeddings.set_words(KNOWN)
    assert sorted(rows.values()) == list(range(1, len(KNOWN) + 1))
    wanted = torch.zeros(len(TEXTS), max(map(len, TEXTS)), embeddings.input_size, dtype=torch.float64)
    for row, text in enumerate(TEXTS):
        for place, word in enumerate(text):
            wanted[row, place] = row_by_hand(embeddings, word, rows)
    cuts = []
    for seed in range(5):
        ids, mask = cut_batch(TEXTS, seed, side)
        cuts.append(ids[mask].tolist())
        torch.testing.assert_close(embed(embeddings, ids, mask), wanted, atol=1e-12, rtol=0)
    assert len(set(map(tuple, cuts))) == 5


def test_a_word_has_the_row_of_its_spelling_else_of_its_lower_case_else_of_the_unknown():
    embeddings = build()
    rows = embeddings.set_words(KNOWN)
    wanted = {word: rows[word] for word in KNOWN}
    wanted |= {"THE": rows["the"], "APPLE": rows["apple"], "SÃO": rows["são"], "É": rows["é"]}
    wanted |= {"New-York": rows["new-york"], "Under Lower": rows["under lower"]}
    wanted |= dict.fromkeys(["Thé", "y", "", "The\x00", "under"], 0)
    assert embeddings.rows(spell(list(wanted))[0]).tolist() == list(wanted.values())


ALIASES = {"pear": "apple", "Pear": "São", "chá": "é", "a": "x"}


def test_a_further_word_has_the_row_of_the_word_that_it_is_given():
    embeddings = build(tables=False, word_aliases=len(ALIASES))
    rows = embeddings.set_words(KNOWN, ALIASES)
    wanted = {word: rows[word] for word in KNOWN} | {word: rows[of] for word, of in ALIASES.items()}
    wanted |= {"PEAR": rows["apple"], "CHÁ": rows["é"], "A": rows["x"], "APPLE": rows["apple"], "peach": 0, "": 0}
    assert embeddings.rows(spell(list(wanted))[0]).tolist() == list(wanted.values())
    # Without them the table of words is the same.
    assert build().set_words(KNOWN) == rows


def test_further_words_survive_a_file_and_half_precision(tmp_path):
    model = AutoModel.from_config(make_config(word_aliases=len(ALIASES)))
    fresh = {name: getattr(model.embeddings, name).clone() for name in ("alias_keys", "alias_rows")}
    assert fresh["alias_keys"].tolist() == list(range(len(KNOWN) + 1, len(KNOWN) + 1 + len(ALIASES)))
    assert fresh["alias_rows"].eq(0).all(), "until words are given, all are unknown"
    model.embeddings.set_words(KNOWN, ALIASES)
    tables = {name: getattr(model.embeddings, name).clone() for name in fresh}
    assert not any(torch.equal(tables[name], fresh[name]) for name in fresh)
    model.save_pretrained(tmp_path)
    for other in (AutoModel.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path, dtype=torch.bfloat16)):
        for name, table in tables.items():
            loaded = getattr(other.embeddings, name)
            assert loaded.dtype == table.dtype and torch.equal(loaded, table), name


@pytest.mark.parametrize("words", [1, 3])
def test_a_table_of_few_words(words):
    embeddings = build(tables=False, word_vocab_size=words)
    rows = embeddings.set_words(KNOWN[: words - 1])
    assert embeddings.rows(spell(["The", "zzz"])[0]).tolist() == [rows.get("The", 0), 0]


def test_word_dropout_gives_the_unknown_row_and_keeps_the_spelling():
    embeddings = build(word_dropout=0.4, char_encoder="cnn")
    ids, mask = cut_batch([["The"] * 1000], 0)
    unchanged = embed(embeddings, ids, mask)[0]
    torch.manual_seed(0)
    dropped = embed(embeddings.train(), ids, mask)[0]
    size = embeddings.embedding_size
    assert torch.equal(dropped[:, size:], unchanged[:, size:])
    unknown = (dropped[:, :size] == embeddings.word_embeddings.weight[0]).all(1)
    assert unknown.double().mean().item() == pytest.approx(0.4, abs=0.05)
    assert torch.equal(dropped[~unknown], unchanged[~unknown])
    assert not (unchanged[:, :size] == embeddings.word_embeddings.weight[0]).all(1).any()


def test_before_tokens_and_words_are_given():
    embeddings = build(tables=False, vocab_size=700, char_encoder="cnn")
    ids = torch.tensor([[1, 2, 699]])
    words = embeddings.find_words(ids, torch.ones_like(ids).bool())
    assert words.begins.all()
    unknown = embeddings.word_embeddings.weight[0].expand(3, -1)
    characters = torch.tensor([[1, 0], [2, 0], [699 % 256, 699 // 256]])
    lengths = torch.tensor([2, 2, 2])
    parts = [unknown, embeddings.char_encoder(characters, lengths), casing(characters, lengths).double()]
    assert_close(embed(embeddings, ids, torch.ones_like(ids).bool())[0], torch.cat(parts, dim=1))


TABLES = ["token_bytes", "token_lengths", "token_starts", "keys"]


def test_tables_survive_a_file_and_half_precision(tmp_path):
    torch.manual_seed(0)
    model = AutoModel.from_config(make_config()).eval()
    model.embeddings.set_tokens(SPELT, STARTS)
    model.embeddings.set_words(KNOWN)
    tables = {name: getattr(model.embeddings, name).clone() for name in TABLES}
    model.save_pretrained(tmp_path)
    for other in (
        AutoModel.from_pretrained(tmp_path),
        AutoModel.from_pretrained(tmp_path, dtype=torch.bfloat16),
        model.half(),
    ):
        for name, table in tables.items():
            loaded = getattr(other.embeddings, name)
            assert loaded.dtype == table.dtype and torch.equal(loaded, table), name


def test_a_checkpoint_without_tables_has_those_of_a_new_model(tmp_path):
    model = AutoModel.from_config(make_config(vocab_size=700))
    fresh = {name: getattr(model.embeddings, name).clone() for name in TABLES}
    assert fresh["token_lengths"].eq(2).all() and fresh["token_starts"].all()
    assert fresh["token_bytes"][699].tolist() == [699 % 256, 699 // 256] + [0] * 14
    assert fresh["keys"].tolist() == list(range(1, len(KNOWN) + 1))
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if name.split(".")[-1] not in TABLES}
    assert len(kept) == len(weights) - len(TABLES)
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    loaded = AutoModel.from_pretrained(tmp_path)
    for name, table in fresh.items():
        assert torch.equal(getattr(loaded.embeddings, name), table), name
    assert torch.equal(loaded.get_input_embeddings().weight, model.get_input_embeddings().weight)


def test_a_token_that_spells_nothing():
    # At the beginning of a text it is a word without a byte; later, part of the word before.
    embeddings = build(char_encoder="cnn")
    the = [1 + PIECES.index(piece) for piece in (b"The", b"x")]
    ids = torch.tensor([[0, *the], [the[0], 0, the[1]]])
    features = embed(embeddings, ids, torch.ones_like(ids).bool())
    rows = embeddings.set_words(KNOWN)
    wanted = {word: row_by_hand(embeddings, word, rows) for word in ("", "The", "x")}
    assert_close(features[0], torch.stack([wanted[""], wanted["The"], wanted["x"]]))
    assert_close(features[1, :2], torch.stack([wanted["The"], wanted["x"]]))
    assert not features[1, 2].any()


@pytest.mark.parametrize("bad", [-1, -len(SPELT), len(SPELT)])
def test_ids_out_of_the_vocabulary_are_named(bad):
    embeddings = build()
    ids = torch.tensor([[1, bad, 2]])
    with pytest.raises(IndexError, match=rf"`input_ids` holds ids from .* vocabulary is \[0, {len(SPELT)}\)"):
        embeddings.find_words(ids, torch.ones_like(ids).bool())


def test_bad_tokens_are_refused():
    embeddings = build()
    size = len(SPELT)
    with pytest.raises(ValueError, match=f"of {size - 1} and {size} tokens; `vocab_size` of the config is {size}"):
        embeddings.set_tokens(SPELT[:-1], STARTS)
    with pytest.raises(ValueError, match=f"of {size} and {size - 1} tokens"):
        embeddings.set_tokens(SPELT, STARTS[:-1])
    with pytest.raises(ValueError, match="a token of 17 bytes; `max_token_bytes` of the config is 16"):
        embeddings.set_tokens([b"x" * 17, *SPELT[1:]], STARTS)


def test_bad_words_are_refused():
    embeddings = build()
    with pytest.raises(ValueError, match="`words` holds 9; `word_vocab_size` of the config is 11"):
        embeddings.set_words(KNOWN[:-1])
    with pytest.raises(ValueError, match="`words` holds 'x' and 'x', which have the same key"):
        embeddings.set_words(["x", *KNOWN[:-1]])
    with pytest.raises(ValueError, match="`aliases` holds 1; `word_aliases` of the config is 0"):
        embeddings.set_words(KNOWN, {"pear": "apple"})
    embeddings = build(tables=False, word_aliases=1)
    with pytest.raises(ValueError, match="`aliases` names 'plum', which is none of `words`"):
        embeddings.set_words(KNOWN, {"pear": "plum"})
    with pytest.raises(ValueError, match="'apple' and 'apple', which have the same key"):
        embeddings.set_words(KNOWN, {"apple": "x"})
    for options, message in (
        ({"word_aliases": -1}, "`word_aliases` is -1; it must be at least 0"),
        ({"word_aliases": 1, "word_vocab_size": 1}, "`word_aliases` is 1; it must be at least 0"),
        ({"word_aliases": 2, "word_vocab_size": None, "casing_features": False}, "which needs a `word_vocab_size`"),
    ):
        with pytest.raises(StrictDataclassClassValidationError, match=message):
            make_config(**options)


def test_a_table_of_another_number_of_words_is_refused():
    model = AutoModel.from_config(make_config())
    with pytest.raises(ValueError, match=f"`value` has 40 rows; .* `word_vocab_size`, {len(KNOWN) + 1}"):
        model.resize_token_embeddings(40)
    model.set_input_embeddings(torch.nn.Embedding(len(KNOWN) + 1, 5))
    assert model.embeddings.vocab_size == len(SPELT)


def test_features_instead_of_ids():
    model = AutoModel.from_config(make_config(char_encoder="cnn")).eval()
    size = model.config.input_size
    assert model(inputs_embeds=torch.randn(2, 3, size)).last_hidden_state.shape == (2, 3, 8)
    with pytest.raises(ValueError, match=f"`inputs_embeds` has 5 features; the model reads {size}"):
        model(inputs_embeds=torch.randn(2, 3, 5))
