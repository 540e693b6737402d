"""Models of 8 bits are written and read back as they are, by transformers' own ways."""

from __future__ import annotations

import copy
import json
import logging

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)
from transformers.utils import logging as hf_logging

from hf_rnn import HfRnnInt8Config, SiameseConfig, SiameseModel, quantize
from hf_rnn.models import paths
from hf_rnn.quantization.modules import Int8Cell, Int8Embedding
from hf_rnn.quantization.replacing import int8_modules
from tests.models.common import build_tagger, configure
from tests.models.seq2seq import build_seq2seq
from tests.models.stranger import ask_a_stranger


SIZES = {"embedding_size": 12, "hidden_size": 8}
IDS = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 10, 0, 0]])


def make(auto: type, variant: str = "bilstm", **options) -> PreTrainedModel:
    torch.manual_seed(1)
    return auto.from_config(configure(variant, **{**SIZES, **options})).eval()


def make_siamese() -> PreTrainedModel:
    torch.manual_seed(1)
    return SiameseModel(SiameseConfig(encoder=configure("bilstm", **SIZES).to_dict())).eval()


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS, attention_mask=(IDS != 0).long())[0]


@pytest.mark.parametrize("variant", ["bilstm", "lstm", "gru", "elman-tanh", "elman-relu"])
def test_what_is_saved_is_read_back_identically(variant, tmp_path):
    model = quantize(make(AutoModelForSequenceClassification, variant))
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(logits(loaded), logits(model))
    assert loaded.is_quantized
    assert not loaded.training
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["quantization_config"] == {"embeddings": True, "quant_method": "hf_rnn_int8"}


def test_the_file_has_whole_numbers_with_scales(tmp_path):
    quantize(make(AutoModelForSequenceClassification)).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    names = {name for name, tensor in weights.items() if tensor.dtype == torch.int8}
    matrices = ["weight_ih_l0", "weight_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse"]
    assert names == {"model.embeddings.word_embeddings.weight", *(f"model.layers.0.cell.{one}" for one in matrices)}
    assert all(weights[f"{name}_scale"].dtype == torch.float32 for name in names)
    assert all(int(weights[name].abs().max()) <= 127 for name in names)


def test_float_weights_are_rounded_as_they_are_loaded(tmp_path):
    model = make(AutoModelForSequenceClassification)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, quantization_config=HfRnnInt8Config())
    assert torch.equal(logits(loaded), logits(quantize(copy.deepcopy(model))))
    assert torch.allclose(logits(loaded), logits(model), atol=0.02)
    assert not torch.equal(logits(loaded), logits(model))
    tables = AutoModelForSequenceClassification.from_pretrained(
        tmp_path, quantization_config=HfRnnInt8Config(embeddings=False)
    )
    assert isinstance(tables.get_input_embeddings(), torch.nn.Embedding)


def test_the_backbone_of_a_saved_head_is_loaded(tmp_path):
    model = quantize(make(AutoModelForSequenceClassification))
    model.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(logits(loaded), logits(model.model))
    assert loaded.dtype == torch.float32


def test_a_siamese_network_and_a_tagger_of_words(tmp_path):
    siamese = quantize(make_siamese())
    siamese.save_pretrained(tmp_path / "siamese")
    ids = {"input_ids": IDS, "attention_mask": (IDS != 0).long()}
    loaded = SiameseModel.from_pretrained(tmp_path / "siamese")
    with torch.no_grad():
        assert torch.equal(loaded.encoder(**ids)[0], siamese.encoder(**ids)[0])
    tagger = quantize(build_tagger("bilstm").float())
    assert isinstance(tagger.get_input_embeddings(), Int8Embedding)
    tagger.save_pretrained(tmp_path / "tagger")
    same = AutoModelForTokenClassification.from_pretrained(tmp_path / "tagger")
    assert torch.equal(logits(same), logits(tagger))


@pytest.mark.parametrize("tied", [True, False])
def test_a_language_model_writes_the_same_and_a_shared_table_stays(tied, tmp_path):
    model = quantize(make(AutoModelForCausalLM, "lstm", tie_word_embeddings=tied, pad_token_id=0))
    assert isinstance(model.get_input_embeddings(), Int8Embedding) is not tied
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(logits(loaded), logits(model))
    # Of the backbone alone no layer shares the table, but its file has it as it was saved.
    assert torch.equal(logits(AutoModel.from_pretrained(tmp_path)), logits(model.model))
    written = [one.generate(IDS[:1], max_new_tokens=6, do_sample=False) for one in (model, loaded)]
    assert torch.equal(*written)
    # A token at a time from the state is the whole text at once.
    with torch.no_grad():
        whole = model(input_ids=IDS[:1]).logits
        first = model(input_ids=IDS[:1, :3], use_cache=True)
        rest = model(input_ids=IDS[:1, 3:], past_key_values=first.past_key_values)
    assert torch.equal(torch.cat([first.logits, rest.logits], dim=1), whole)


@pytest.mark.parametrize("joint", ["general-None", "dot-attended"])
def test_an_encoder_decoder(joint, tmp_path):
    model = quantize(build_seq2seq("gru", joint).float())
    assert sum(isinstance(one, Int8Cell) for one in int8_modules(model)) == 4
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert torch.equal(loaded.generate(IDS[:1], max_new_tokens=5), model.generate(IDS[:1], max_new_tokens=5))
    with torch.no_grad():
        answers = [one(input_ids=IDS, decoder_input_ids=IDS[:, :3]).logits for one in (model, loaded)]
    assert torch.equal(*answers)


def test_without_the_kernels_the_numbers_are_the_same_and_it_is_said_once(caplog, monkeypatch):
    model = quantize(make(AutoModelForSequenceClassification, "gru"))
    with_kernels = logits(model)
    monkeypatch.setattr(paths, "_compiled", None)
    hf_logging.warning_once.cache_clear()
    with caplog.at_level(logging.WARNING, "hf_rnn"):
        assert torch.allclose(logits(model), with_kernels, rtol=0, atol=1e-6)
        logits(model)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "computed in plain PyTorch, the same numbers far more slowly" in said[0]


def test_a_pass_and_a_copy_of_the_model_keep_what_it_answers():
    model = quantize(make(AutoModelForSequenceClassification))
    assert torch.equal(logits(copy.deepcopy(model)), logits(model))
    with torch.inference_mode():
        assert torch.equal(model(input_ids=IDS).logits, logits(model))
    assert len(int8_modules(model)) == 2
    assert "lstm, input_size=12, hidden_size=8, num_directions=2" in str(
        next(one for one in model.modules() if isinstance(one, Int8Cell))
    )


STRANGER = """
from transformers import AutoModelForSequenceClassification
try:
    AutoModelForSequenceClassification.from_pretrained(given["folder"], trust_remote_code=True)
except ImportError as error:
    found = str(error)
"""


def test_without_the_package_the_folder_is_refused_by_name(tmp_path):
    quantize(make(AutoModelForSequenceClassification)).save_pretrained(tmp_path / "int8")
    said = ask_a_stranger(STRANGER, tmp_path / "stranger", folder=tmp_path / "int8")
    assert "`quantization_config` of the checkpoint says that its weights are of 8 bits" in said
    assert "pip install hf_rnn" in said
