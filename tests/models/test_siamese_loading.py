"""Folders of siamese networks: the right classes inside, with the package and without it, and never a bare encoder."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

import hf_rnn
from hf_rnn import BiLstmModel, ConvEncoderConfig, ConvEncoderModel, GruModel, SiameseConfig, SiameseModel
from hf_rnn.data.tokenizers.pair_template import with_pair_template
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, encoder_config, tokenizer_of_words
from tests.models.stranger import ask_a_stranger


INNER = {"bilstm": "BiLstmModel", "gru": "GruModel", "dan": "DanModel", "bert": "BertModel"}
HEADS = {"SiameseModel": AutoModel, "SiameseForPairClassification": AutoModelForSequenceClassification}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("model_type", ENCODERS)
def test_round_trip(model_type, head, tmp_path):
    model = build_siamese(HEADS[head], model_type, projection_size=3, similarity="euclidean", threshold=-1.5).double()
    model.save_pretrained(tmp_path)
    loaded = HEADS[head].from_pretrained(tmp_path)
    assert type(loaded) is getattr(hf_rnn, head) and type(loaded.base_model.encoder).__name__ == INNER[model_type]
    assert loaded.dtype == loaded.base_model.encoder.dtype == torch.float64 and not loaded.training
    assert (loaded.config.similarity, loaded.config.threshold) == ("euclidean", -1.5)
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_each_loads_from_the_other(tmp_path):
    model = build_siamese(AutoModelForSequenceClassification, "bilstm", projection_size=3)
    model.save_pretrained(tmp_path / "head")
    siamese, report = SiameseModel.from_pretrained(tmp_path / "head", output_loading_info=True)
    # What is left of the folder is the classifier, which is no news; nothing is missing.
    assert not any(report.values())
    assert type(AutoModel.from_pretrained(tmp_path / "head")) is SiameseModel
    siamese.save_pretrained(tmp_path / "siamese")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "siamese")
    for found in (siamese, again.model):
        for name, value in found.state_dict().items():
            assert torch.equal(value, model.model.state_dict()[name]), name


@pytest.mark.parametrize("model_type", ENCODERS)
def test_the_encoder_alone_is_taken_out_explicitly(model_type, tmp_path):
    model = build_siamese(AutoModel, model_type)
    model.save_pretrained(tmp_path / "siamese")
    assert type(AutoModel.from_pretrained(tmp_path / "siamese")) is SiameseModel
    SiameseModel.from_pretrained(tmp_path / "siamese").encoder.save_pretrained(tmp_path / "encoder")
    encoder = AutoModel.from_pretrained(tmp_path / "encoder")
    assert type(encoder) is type(model.encoder)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, model.encoder.state_dict()[name]), name


def test_the_tokenizer_is_the_one_in_the_folder(tmp_path):
    model, tokenizer = build_siamese(AutoModel, "bilstm"), tokenizer_of_words()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert torch.allclose(loaded.encode(TEXTS), model.encode(TEXTS, tokenizer), atol=1e-6)


@pytest.mark.parametrize("auto_class", HEADS.values(), ids=HEADS)
def test_the_tokenizer_is_looked_for_where_the_model_was(auto_class, tmp_path, monkeypatch):
    build_siamese(auto_class, "dan").save_pretrained(tmp_path / "deep" / "er")
    tokenizer_of_words().save_pretrained(tmp_path / "deep" / "er")
    place = {"subfolder": "er", "revision": "abc", "token": "secret"}
    loaded = auto_class.from_pretrained(tmp_path / "deep", **place).base_model
    asked = []
    from_pretrained = AutoTokenizer.from_pretrained
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *a, **k: asked.append(k) or from_pretrained(*a, **k))
    assert loaded.encode(TEXTS).shape == (len(TEXTS), loaded.config.output_size)
    assert asked == [place]
    again, report = auto_class.from_pretrained(tmp_path / "deep" / "er", output_loading_info=True)
    assert again.base_model.place == {} and not report["missing_keys"]


@pytest.mark.parametrize("encoder_class", [BiLstmModel, GruModel, ConvEncoderModel])
def test_a_siamese_folder_is_not_that_of_its_encoder(encoder_class, tmp_path):
    # transformers finds the encoder's configuration in that of the network, and none of its weights.
    encoder = ConvEncoderConfig() if encoder_class is ConvEncoderModel else encoder_config("bilstm")
    SiameseModel(SiameseConfig(encoder=encoder)).save_pretrained(tmp_path)
    expected = r"has a model of type 'siamese'; .*its encoder is `SiameseModel.from_pretrained\('.*'\).encoder`"
    for refusing in (encoder_class, encoder_class.config_class):
        with pytest.raises(ValueError, match=expected):
            refusing.from_pretrained(tmp_path)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_a_bare_encoder_is_not_a_siamese_network(model_type, tmp_path):
    AutoModel.from_config(encoder_config(model_type)).save_pretrained(tmp_path)
    expected = rf"has a model of type '{model_type}'; .*`SiameseModel.from_encoder\(AutoModel.from_pretrained\('"
    with pytest.raises(ValueError, match=expected):
        SiameseModel.from_pretrained(tmp_path)


def test_another_family_is_refused(tmp_path):
    AutoModel.from_config(encoder_config("gru")).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"of type 'gru'; .* 'bilstm': load it with `AutoModel.from_pretrained\('"):
        BiLstmModel.from_pretrained(tmp_path)


# Asks each folder, and a copy that it saves itself.
STRANGER = """
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline


def ask(folder):
    model = AutoModel.from_pretrained(folder, trust_remote_code=True)
    classify = pipeline("text-classification", model=folder, trust_remote_code=True)
    return AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True), {
        "classes": [type(model).__name__, type(model.encoder).__name__, type(model).__module__.split(".")[0]],
        "vectors": model.encode(given["texts"]).tolist(),
        "answers": classify(given["pairs"]),
    }


for folder in given["folders"]:
    model, first = ask(folder)
    again = folder + "-again"
    model.save_pretrained(again)
    AutoTokenizer.from_pretrained(folder).save_pretrained(again)
    found[folder] = [first, ask(again)[1]]
"""


def test_a_folder_runs_where_the_package_is_absent(tmp_path):
    tokenizer, models = with_pair_template(tokenizer_of_words()), {}
    for model_type in ENCODERS:
        folder = tmp_path / model_type
        models[folder] = build_siamese(AutoModelForSequenceClassification, model_type, projection_size=3)
        models[folder].save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        auto_map = json.loads((folder / "config.json").read_text())["auto_map"]
        assert auto_map == {"AutoConfig": "configuration_siamese.SiameseConfig", **SiameseConfig.head_classes()}
    pairs = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, OTHERS, strict=True)]
    found = ask_a_stranger(STRANGER, tmp_path / "elsewhere", folders=list(models), texts=TEXTS, pairs=pairs)
    for folder, model in models.items():
        vectors = model.model.encode(TEXTS, AutoTokenizer.from_pretrained(folder))
        batch = tokenizer(TEXTS, OTHERS, padding=True, return_tensors="pt")
        scores = model(**batch).logits.softmax(1).max(1).values.tolist()
        for answer in found[str(folder)]:
            assert answer["classes"] == ["SiameseModel", INNER[folder.name], "transformers_modules"]
            assert torch.allclose(torch.tensor(answer["vectors"]), vectors, atol=1e-5)
            assert [row["score"] for row in answer["answers"]] == pytest.approx(scores, abs=1e-5)
