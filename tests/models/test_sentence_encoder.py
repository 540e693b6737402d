"""Folders of siamese networks in sentence-transformers: the same vectors, saved and loaded again."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from hf_rnn import ConvEncoderConfig, SiameseConfig, SiameseModel
from hf_rnn.models.encoding import NO_LIMIT
from hf_rnn.models.sentence_encoder import SiameseSentenceEncoder
from hf_rnn.models.similarity import SIMILARITIES, matrix
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, tokenizer_of_words
from tests.models.stranger import ask_a_stranger


FILES = ("modules.json", "config_sentence_transformers.json")
ALL = [*TEXTS, *OTHERS, "", " ".join(TEXTS * 50)]


def save(folder, model_type="bilstm", **options):
    model, tokenizer = build_siamese(AutoModel, model_type, **options), tokenizer_of_words()
    if model_type == "bert":
        tokenizer.model_max_length = 20
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


def load(folder, **options):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    return sentence_transformers.SentenceTransformer(
        str(folder), trust_remote_code=True, local_files_only=True, **options
    )


@pytest.mark.parametrize("model_type", ENCODERS)
def test_same_vectors_and_again_when_saved(model_type, tmp_path):
    model, tokenizer = save(tmp_path / "ours", model_type, projection_size=3, similarity="euclidean")
    expected = model.encode(ALL, tokenizer)
    theirs = load(tmp_path / "ours")
    theirs.save(str(tmp_path / "theirs"))
    for loaded in (theirs, load(tmp_path / "theirs")):
        assert loaded.similarity_fn_name == "euclidean" and loaded.get_embedding_dimension() == 3
        found = loaded.encode(ALL, batch_size=4, convert_to_tensor=True)
        assert torch.allclose(found, expected, atol=1e-6)
    # What they saved is a folder of ours, too.
    assert torch.allclose(SiameseModel.from_pretrained(tmp_path / "theirs").encode(ALL), expected, atol=1e-6)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_similarity_has_the_name_and_the_order(similarity, tmp_path):
    model, tokenizer = save(tmp_path, similarity=similarity)
    loaded = load(tmp_path)
    assert loaded.similarity_fn_name == similarity
    a, b = model.encode(TEXTS, tokenizer), model.encode(OTHERS, tokenizer)
    found = loaded.similarity(a, b)
    if similarity == "manhattan":
        found = found.exp()
    assert torch.allclose(found, matrix(a, b, similarity), atol=1e-5)


def test_prompts_lengths_and_gradients(tmp_path):
    model, tokenizer = save(tmp_path)
    loaded = load(tmp_path, prompts={"not": "not "})
    found = loaded.encode(["fine"], prompt_name="not", convert_to_tensor=True)
    assert torch.allclose(found, model.encode(["not fine"], tokenizer), atol=1e-6)
    assert loaded.max_seq_length is None
    loaded.max_seq_length = 2
    assert loaded.max_seq_length == 2
    found = loaded.encode(["fine film bad"], convert_to_tensor=True)
    assert torch.allclose(found, model.encode(["fine film"], tokenizer), atol=1e-6)
    loaded.max_seq_length = None
    assert loaded.max_seq_length is None and loaded.tokenizer.model_max_length == NO_LIMIT
    loaded(loaded.preprocess(TEXTS))["sentence_embedding"].sum().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())


def test_only_siamese_networks_of_texts_write_the_files(tmp_path):
    save(tmp_path / "texts")
    SiameseModel(SiameseConfig(encoder=ConvEncoderConfig())).save_pretrained(tmp_path / "images")
    build_siamese(AutoModel, "dan").save_pretrained(tmp_path / "worker", is_main_process=False)
    for name in FILES:
        assert (tmp_path / "texts" / name).is_file()
        for other in ("images", "worker"):
            assert not (tmp_path / other / name).exists()
    (module,) = json.loads((tmp_path / "texts" / "modules.json").read_text())
    assert module["type"] == "sentence_encoder.SiameseSentenceEncoder"


def test_the_folder_of_a_classifier_is_that_of_its_siamese_network(tmp_path):
    model, tokenizer = save(tmp_path / "texts")
    classifier = AutoModelForSequenceClassification.from_pretrained(tmp_path / "texts")
    classifier.save_pretrained(tmp_path / "classifier")
    tokenizer.save_pretrained(tmp_path / "classifier")
    loaded = load(tmp_path / "classifier")
    assert torch.allclose(loaded.encode(TEXTS, convert_to_tensor=True), model.encode(TEXTS, tokenizer), atol=1e-6)


def test_bad_input_is_named(tmp_path):
    model, tokenizer = save(tmp_path)
    with pytest.raises(ValueError, match="`inputs` has a tuple at 1"):
        SiameseSentenceEncoder(model, tokenizer).preprocess(["fine", ("a", "b")])
    with pytest.raises(ValueError, match="`backend` is 'onnx'"):
        SiameseSentenceEncoder.load(str(tmp_path), backend="onnx")


STRANGER = """
from sentence_transformers import SentenceTransformer

folder = given["folder"]
for again in (folder, folder + "-again"):
    model = SentenceTransformer(again, trust_remote_code=True, local_files_only=True)
    found[again] = [type(model[0].model).__module__.split(".")[0], model.encode(given["texts"]).tolist()]
    if again == folder:
        model.save(folder + "-again")
"""


def test_a_folder_runs_where_the_package_is_absent(tmp_path):
    pytest.importorskip("sentence_transformers")
    model, tokenizer = save(tmp_path / "folder")
    found = ask_a_stranger(STRANGER, tmp_path / "elsewhere", folder=tmp_path / "folder", texts=ALL)
    assert len(found) == 2
    for module, vectors in found.values():
        assert module == "transformers_modules"
        assert torch.allclose(torch.tensor(vectors), model.encode(ALL, tokenizer), atol=1e-6)
