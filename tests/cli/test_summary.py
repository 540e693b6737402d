"""`hf-rnn summary`: the layers of a saved model of each kind, as `hf_rnn.summary` lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

import hf_rnn
from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    GruConfig,
    LstmConfig,
    LstmForCausalLM,
    SiameseConfig,
    SiameseModel,
)
from hf_rnn.bundles import list_bundled
from hf_rnn.cli.summary import main
from tests.models.test_series import build as build_series


def models() -> dict[str, hf_rnn.RecurrentPreTrainedModel]:
    small = {"vocab_size": 20, "embedding_size": 4, "hidden_size": 3}
    return {
        "classifier": BiLstmForSequenceClassification(BiLstmConfig(**small)),
        "language model": LstmForCausalLM(LstmConfig(**small)),
        "series": build_series(),
        "siamese": SiameseModel(SiameseConfig(encoder=GruConfig(**small))),
    }


@pytest.mark.parametrize("kind", models())
def test_a_saved_model_is_listed(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = models()[kind]
    model.save_pretrained(tmp_path)
    main([str(tmp_path)])
    assert capsys.readouterr().out == f"{hf_rnn.summary(model)}\n"


@pytest.mark.parametrize("name", list_bundled())
def test_a_bundled_model_is_listed(name: str, capsys: pytest.CaptureFixture) -> None:
    main([f"bundled:{name}"])
    assert "Parameters: " in capsys.readouterr().out


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`checkpoint`=.* is no folder|neither the folder"):
        main([str(tmp_path / "nothing")])
