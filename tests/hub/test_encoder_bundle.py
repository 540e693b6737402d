"""Bundles of encoders: rounded weights that load without code, and a card of what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, AutoTokenizer

from hf_rnn.checksums import DamagedFileError, check_files
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces
from hf_rnn.hub import encoder_bundle as module
from hf_rnn.hub.encoder_bundle import make_encoder_bundle
from hf_rnn.models.configuration_rnn import BiLstmConfig
from hf_rnn.models.modeling_rnn import BiLstmModel


MADE = {
    "teacher": "someone/teacher",
    "arguments": {"word_vectors": "glove-6b-50d"},
    "sentences": {"train": 1234, "held_out": 56},
    "parameters": 789,
    "held_out": {"cosine_with_teacher": 0.4321},
}


@pytest.fixture
def distilled(tmp_path: Path) -> Path:
    folder = tmp_path / "distilled"
    tokenizer = train_word_pieces([["A", "quiet", "film"]], vocab_size=270, min_frequency=1, show_progress=False)
    config = BiLstmConfig(vocab_size=len(tokenizer), word_vocab_size=4, embedding_size=64, hidden_size=64)
    torch.manual_seed(0)
    BiLstmModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "distillation.json").write_text(json.dumps(MADE))
    return folder


def test_the_bundle_answers_as_the_encoder_does_and_carries_no_code(distilled: Path, tmp_path: Path) -> None:
    bundle = make_encoder_bundle(distilled, tmp_path / "base", license="mit", language="en")
    assert not list(bundle.glob("*.py"))
    encoder, original = (AutoModel.from_pretrained(path).eval() for path in (bundle, distilled))
    assert encoder.dtype == torch.float32
    inputs = AutoTokenizer.from_pretrained(bundle)("A quiet film", return_tensors="pt")
    with torch.no_grad():
        found, expected = (model(**inputs).pooler_output for model in (encoder, original))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)
    assert (bundle / "model.safetensors").stat().st_size < 0.7 * (distilled / "model.safetensors").stat().st_size
    check_files(bundle)
    (bundle / "config.json").write_text("{}")
    with pytest.raises(DamagedFileError, match=r"config\.json"):
        check_files(bundle)


def test_its_card_says_what_was_recorded(distilled: Path, tmp_path: Path) -> None:
    note = "Terms of a test."
    bundle = make_encoder_bundle(distilled, tmp_path / "base", license="mit", language="en", dataset_license_note=note)
    card = ModelCard.load(bundle / "README.md")
    assert (card.data.base_model, card.data.license, card.data.language) == ("someone/teacher", "mit", "en")
    for said in (
        "1,234 sentences",
        "on 56 held-out sentences",
        "is 0.432",
        "789 parameters",
        "beside glove-6b-50d",
        note,
    ):
        assert said in card.content


def test_one_that_is_too_large_changes_nothing(
    distilled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="makes a bundle of .* MB; it may have 0 MB"):
        make_encoder_bundle(distilled, tmp_path / "base", license="mit", language="en")
    assert not (tmp_path / "base").exists()


def test_the_card_of_another_language_names_it_and_how_its_teacher_was_asked(distilled: Path, tmp_path: Path) -> None:
    given = {**MADE, "arguments": {"teacher_prefix": "query: ", "centre_vectors": True}}
    (distilled / "distillation.json").write_text(json.dumps(given))
    bundle = make_encoder_bundle(distilled, tmp_path / "base", license="mit", language="pt")
    content = ModelCard.load(bundle / "README.md").content
    for said in ("# Portuguese texts start from it", "read `query: ` before every text", "was subtracted from each"):
        assert said in content
    assert "beside" not in content
