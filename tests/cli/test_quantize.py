"""`hf-rnn quantize`: a folder of 8 bits that answers as `hf_rnn.quantize` makes it, and the sizes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

import hf_rnn
from hf_rnn.cli.quantize import main
from tests.models.test_series import build as build_series


def test_a_bundled_checkpoint_answers_from_its_folder_of_8_bits(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    main(["bundled:bilstm-imdb", str(tmp_path / "int8")])
    said = capsys.readouterr().out
    before, after = map(float, re.findall(r"([\d.]+) MB", said))
    assert before == pytest.approx(10.14, abs=0.01)
    assert after < before / 3
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "int8")
    assert (tmp_path / "int8" / "model.safetensors").stat().st_size / 1e6 == pytest.approx(after, abs=0.02)
    original = hf_rnn.bundled("bilstm-imdb")
    ids = AutoTokenizer.from_pretrained(original)(["A great film.", "Dull."], padding=True, return_tensors="pt")
    expected = hf_rnn.quantize(AutoModelForSequenceClassification.from_pretrained(original))
    with torch.no_grad():
        assert torch.equal(loaded(**ids).logits, expected(**ids).logits)
    assert pipeline("text-classification", model=str(tmp_path / "int8"))("A great film.")[0]["label"] == "positive"


def test_a_model_without_a_tokenizer_and_its_table_left_as_it_is(tmp_path: Path) -> None:
    build_series().float().save_pretrained(tmp_path / "series")
    main([str(tmp_path / "series"), str(tmp_path / "int8"), "--float_embeddings"])
    assert not (tmp_path / "int8" / "tokenizer.json").exists()
    assert '"embeddings": false' in (tmp_path / "int8" / "config.json").read_text()


def test_a_folder_with_files_and_a_model_without_such_layers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="`output`=.*has files already"):
        main(["bundled:bilstm-imdb", str(tmp_path / "full")])
    config = hf_rnn.DanConfig(vocab_size=9, embedding_size=4, hidden_sizes=[3])
    hf_rnn.DanForSequenceClassification(config).save_pretrained(tmp_path / "dan")
    with pytest.raises(ValueError, match="without a recurrent layer that has a kernel of 8 bits"):
        main([str(tmp_path / "dan"), str(tmp_path / "int8")])
