"""Folders of siamese networks: the right classes inside, with the package and without it, and never a bare encoder."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

import hf_rnn
from hf_rnn import ConvEncoderConfig, SiameseConfig, SiameseModel
from hf_rnn.data.pair_tokenizer import with_pair_template
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, tokenizer_of_words


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
    siamese = AutoModel.from_pretrained(tmp_path / "head")
    assert type(siamese) is SiameseModel
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


# Runs where hf_rnn cannot be imported: asks each folder and a copy that it saves itself, answers in a JSON file.
STRANGER = """
import json, sys
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline

sys.modules["hf_rnn"] = None  # an import of it fails, also where it is installed
try:
    import hf_rnn
except ImportError:
    pass
else:
    raise SystemExit("hf_rnn can be imported: this test would prove nothing")

folders, images, texts, pairs, answer = *map(json.loads, sys.argv[1:5]), sys.argv[5]


def ask(folder):
    model = AutoModel.from_pretrained(folder, trust_remote_code=True)
    found = {"classes": [type(model).__name__, type(model.encoder).__name__, type(model).__module__.split(".")[0]]}
    if folder.startswith(images):
        found["vectors"] = model.encode(torch.ones(2, 1, 8, 8)).tolist()
        return model, found
    found["vectors"] = model.encode(texts).tolist()
    classify = pipeline("text-classification", model=folder, trust_remote_code=True)
    return AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True), {
        **found, "answers": classify(pairs)
    }


found = {}
for folder in folders:
    model, first = ask(folder)
    again = folder + "-again"
    model.save_pretrained(again)
    if not folder.startswith(images):
        AutoTokenizer.from_pretrained(folder).save_pretrained(again)
    found[folder] = [first, ask(again)[1]]
with open(answer, "w") as file:
    json.dump(found, file)
"""


def ask_a_stranger(folders, images, pairs, cwd):
    cwd.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    values = [json.dumps(value) for value in ([str(folder) for folder in folders], str(images), TEXTS, pairs)]
    # -P: the current folder is not on the path.
    command = [sys.executable, "-P", "-c", STRANGER, *values, "answer.json"]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((cwd / "answer.json").read_text())


def test_a_folder_runs_where_the_package_is_absent(tmp_path):
    tokenizer, models = with_pair_template(tokenizer_of_words()), {}
    for model_type in ENCODERS:
        folder = tmp_path / model_type
        models[folder] = build_siamese(AutoModelForSequenceClassification, model_type, projection_size=3)
        models[folder].save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        auto_map = json.loads((folder / "config.json").read_text())["auto_map"]
        assert auto_map == {"AutoConfig": "configuration_siamese.SiameseConfig", **SiameseConfig.head_classes()}
    images = tmp_path / "images"
    encoder = ConvEncoderConfig(image_size=8, hidden_sizes=[3], kernel_sizes=[3], pool_sizes=[2], output_size=4)
    of_images = SiameseModel(SiameseConfig(encoder=encoder)).eval()
    of_images.save_pretrained(images)

    pairs = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, OTHERS, strict=True)]
    found = ask_a_stranger([*models, images], images, pairs, tmp_path / "elsewhere")
    for answer in found[str(images)]:
        assert answer["classes"] == ["SiameseModel", "ConvEncoderModel", "transformers_modules"]
        assert torch.allclose(torch.tensor(answer["vectors"]), of_images.encode(torch.ones(2, 1, 8, 8)), atol=1e-6)
    for folder, model in models.items():
        vectors = model.model.encode(TEXTS, AutoTokenizer.from_pretrained(folder))
        batch = tokenizer(TEXTS, OTHERS, padding=True, return_tensors="pt")
        scores = model(**batch).logits.softmax(1).max(1).values.tolist()
        for answer in found[str(folder)]:
            assert answer["classes"] == ["SiameseModel", INNER[folder.name], "transformers_modules"]
            assert torch.allclose(torch.tensor(answer["vectors"]), vectors, atol=1e-5)
            assert [row["score"] for row in answer["answers"]] == pytest.approx(scores, abs=1e-5)
