"""The card of a model of images, which no pipeline reads: its snippet runs, and it does not speak of text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard

from hf_rnn.cli.train import train_and_report
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.models.configuration_conv import ConvEncoderConfig
from hf_rnn.models.configuration_siamese import SiameseConfig
from hf_rnn.models.modeling_siamese import SiameseModel
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.results_document import results_document


def image_results(**changes: Any) -> dict[str, Any]:
    few_shot = {"accuracy_5_way_1_shot": 0.9712, "margin_5_way_1_shot": 0.0034, "pixels_5_way_1_shot": 0.5432}
    return results_document(
        task="image-feature-extraction",
        name="siamese-glyphs",
        model__model_type="siamese",
        dataset__name="glyphs",
        dataset__hub_id=None,
        dataset__source=None,
        metrics={"test": {**few_shot, "pair_accuracy": 0.9625, "pair_roc_auc": 0.9911}},
        **changes,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    encoder = ConvEncoderConfig(image_size=12, hidden_sizes=[4], kernel_sizes=[3], pool_sizes=[2], output_size=8)
    SiameseModel(SiameseConfig(encoder=encoder)).save_pretrained(tmp_path)
    write_model_card(tmp_path, image_results(), license="mit", language="zxx", repo_id=str(tmp_path))
    return tmp_path


def test_the_snippet_runs(folder: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)
    assert f'AutoModel.from_pretrained("{folder}", trust_remote_code=True)' in snippet
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert names["verifier"].identities == ["א", "ב", "ג"]
    letter, similarity = names["verifier"].identify(names["distorted"])
    assert letter in names["verifier"].identities and -1 <= similarity <= 1
    assert names["model"].encode(names["distorted"].unsqueeze(0)).shape == (1, 8)


def test_the_card_is_of_images(folder: Path) -> None:
    card = ModelCard.load(folder / "README.md")
    assert card.data.pipeline_tag == "image-feature-extraction"
    assert card.data.tags == ["siamese", "hf_rnn"]
    figures = {figure.metric_name: figure.metric_value for figure in card.data.eval_results}
    # Not the pixels' figure: it is not the model's.
    assert figures == {"5-way 1-shot accuracy": 0.9712, "Accuracy on pairs": 0.9625, "ROC-AUC on pairs": 0.9911}
    for row in ("5-way 1-shot accuracy | 0.9712", "Margin 5 way 1 shot | 0.0034", "Pixels 5 way 1 shot | 0.5432"):
        assert f"| {row} |" in card.text
    assert "MB on disk (weights in float32)" in card.text
    assert "measure the model on your own images" in card.text
    assert "pipeline(" not in card.text and "tokenizer" not in card.text and "text" not in card.text


def test_the_command_line_names_no_pipeline(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.argv", ["script.py", "--output_dir", str(folder), "--use_cpu"])
    train_and_report((ReportArguments, RecurrentTrainingArguments), lambda *groups, recipe: image_results())
    last = capsys.readouterr().out.splitlines()[-1]
    used = f'OneShotVerifier.from_model(AutoModel.from_pretrained("{folder}", trust_remote_code=True))'
    assert last == f"Use it: {used}"
