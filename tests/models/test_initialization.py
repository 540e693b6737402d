"""Fresh weights, and weights that a checkpoint lacks: both are what the docstrings say, for every cell."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from hf_rnn.models.cell import Cell
from hf_rnn.models.cells import LstmCell, MinGruCell, MinLstmCell
from hf_rnn.models.crf import ConditionalRandomField
from tests.models.common import VARIANTS, build, build_tagger, configure


# A module of each kind; wide enough for statistics.
WIDE = {
    "embedding_size": 40,
    "hidden_sizes": [48, 32],
    "pooling": "attention",
    "classifier_hidden_sizes": [24],
    "classifier_norm": "batch",
}
RELU = [
    pytest.param("elman-relu", {"initializer": "he"}, id="he"),
    pytest.param("elman-relu", {"initializer": "identity"}, id="identity"),
    pytest.param("elman-relu", {"initializer": "he", "recurrence": "output_to_hidden"}, id="he-jordan"),
    pytest.param("elman-relu", {"initializer": "identity", "recurrence": "output_to_output"}, id="identity-output"),
]
INITIALIZED = [pytest.param(variant, {}, id=variant) for variant in VARIANTS] + RELU


# What keeps the state has a bias of 1; what replaces it one of -1, where it is a gate of its own.
FIRST_BIASES = {LstmCell: [0, 1, 0, 0], MinGruCell: [-1, 0], MinLstmCell: [-1, 1, 0]}


def fresh(variant: str, **options):
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(configure(variant, **{**WIDE, **options}))


def assert_uniform_xavier(weight: torch.Tensor) -> None:
    bound = math.sqrt(6 / sum(weight.shape))
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)


def assert_orthogonal(weight: torch.Tensor) -> None:
    assert torch.allclose(weight @ weight.T, torch.eye(len(weight)), atol=1e-5)


def assert_he(weight: torch.Tensor) -> None:
    deviation = math.sqrt(2 / weight.shape[1])
    assert weight.std().item() == pytest.approx(deviation, rel=0.15)
    # Normal, not uniform: some lie beyond two standard deviations.
    assert weight.abs().max() > 2 * deviation


def assert_initialized(cell: Cell, name: str, weight: torch.Tensor) -> None:
    initializer = getattr(cell, "initializer", "xavier")
    if name.startswith("bias"):
        of_gates = FIRST_BIASES.get(type(cell), [0] * cell.num_gates) if name.startswith("bias_ih") else [0]
        for gate, wanted in zip(weight.chunk(len(of_gates)), of_gates, strict=True):
            assert torch.equal(gate, torch.full_like(gate, wanted))
        return
    for gate in weight.chunk(cell.num_gates):
        if name.startswith("weight_hh"):
            if initializer == "identity":
                assert torch.equal(gate, torch.eye(cell.hidden_size))
            else:
                assert_orthogonal(gate)
        elif initializer == "he":
            assert_he(gate)
        else:
            assert_uniform_xavier(gate)


def assert_module_initialized(module: nn.Module, name: str, weight: torch.Tensor) -> None:
    if isinstance(module, Cell):
        assert_initialized(module, name, weight)
    elif isinstance(module, nn.Embedding):
        assert not weight[module.padding_idx].any()
        rest = torch.cat([weight[: module.padding_idx], weight[module.padding_idx + 1 :]])
        assert rest.std().item() == pytest.approx(module.embedding_dim**-0.5, rel=0.1)
    elif isinstance(module, nn.BatchNorm1d):
        wanted = {"weight": 1, "running_var": 1, "bias": 0, "running_mean": 0, "num_batches_tracked": 0}[name]
        assert torch.equal(weight, torch.full_like(weight, wanted))
    elif name == "bias":
        assert not weight.any()
    else:
        assert isinstance(module, nn.Linear)
        assert_uniform_xavier(weight)


@pytest.mark.parametrize(("variant", "options"), INITIALIZED)
def test_fresh_weights(variant, options):
    model = fresh(variant, **options)
    for path, weight in model.state_dict().items():
        module, _, name = path.rpartition(".")
        assert_module_initialized(model.get_submodule(module), name, weight)


@pytest.mark.parametrize("variant", ["lstm", "gru"])
def test_gates_are_drawn_apart(variant):
    cell = fresh(variant).model.layers[0].cell
    for weight in (cell.weight_ih_l0, cell.weight_hh_l0):
        gates = weight.chunk(cell.num_gates)
        assert all(not torch.allclose(one, other) for i, one in enumerate(gates) for other in gates[:i])


def test_directions_and_layers_are_drawn_apart():
    model = fresh("bilstm", hidden_sizes=[8, 8, 8])
    weights = [weight for layer in model.model.layers[1:] for weight in layer.cell.parameters() if weight.dim() == 2]
    assert len(weights) == 8
    pairs = [(a, b) for i, a in enumerate(weights) for b in weights[:i] if a.shape == b.shape]
    assert pairs and not any(torch.allclose(a, b) for a, b in pairs)


def test_the_padding_row_stays_zero_in_training():
    model = fresh("lstm", pad_token_id=2).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    before = model.get_input_embeddings().weight.clone()
    model(torch.tensor([[1, 2, 3], [2, 2, 4]]), labels=torch.tensor([0, 1])).loss.backward()
    optimizer.step()
    after = model.get_input_embeddings().weight
    assert not after[2].any() and not torch.equal(after[1], before[1])


def without(folder: Path, key: str) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights[key]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(("variant", "options"), INITIALIZED)
def test_a_missing_key_comes_back_initialized(variant, options, tmp_path):
    saved = build(variant, **{**WIDE, **options}).float()
    for path, weight in saved.state_dict().items():
        saved.save_pretrained(tmp_path)
        without(tmp_path, path)
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
        for other, value in loaded.state_dict().items():
            if other != path:
                assert torch.equal(value, saved.state_dict()[other]), f"{other} changed as {path} is missing"
        module, _, name = path.rpartition(".")
        restored = loaded.state_dict()[path]
        assert restored.shape == weight.shape
        assert_module_initialized(loaded.get_submodule(module), name, restored)


TAGGER = {"char_embedding_size": 30, "char_hidden_size": 40, "word_vocab_size": 60, "embedding_size": 40}


def assert_tagger_initialized(model: nn.Module, path: str) -> None:
    """Hold the start to the docstrings: small scores in the CRF, no bias, Xavier, embeddings of unit length."""
    module_path, _, name = path.rpartition(".")
    module, weight = model.get_submodule(module_path), model.get_parameter(path)
    if isinstance(module, ConditionalRandomField):
        assert 0 < weight.abs().max() <= 0.1 and weight.unique().numel() == weight.numel()
    elif isinstance(module, nn.Conv1d) and name == "weight":
        bound = math.sqrt(6 / (weight.shape[2] * sum(weight.shape[:2])))
        assert weight.abs().max() <= bound and weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15)
    elif isinstance(module, nn.Embedding) and module.padding_idx is None:
        # No row of a table of words is padding: the first is that of unknown words.
        assert weight[0].any() and weight.std().item() == pytest.approx(module.embedding_dim**-0.5, rel=0.1)
    else:
        assert_module_initialized(module, name, weight)


@pytest.mark.parametrize("char_encoder", ["cnn", "lstm"])
def test_missing_keys_of_a_tagger_come_back_initialized(char_encoder, tmp_path):
    saved = build_tagger("gru", **{**TAGGER, "char_encoder": char_encoder}).float()
    fresh = type(saved)(saved.config)
    saved.save_pretrained(tmp_path / "whole")
    for path, _ in saved.named_parameters():
        assert_tagger_initialized(fresh, path)
        shutil.copytree(tmp_path / "whole", tmp_path / path)
        without(tmp_path / path, path)
        loaded = AutoModelForTokenClassification.from_pretrained(tmp_path / path)
        assert_tagger_initialized(loaded, path)
        for other, value in loaded.state_dict().items():
            assert other == path or torch.equal(value, saved.state_dict()[other]), f"{other}, as {path} is missing"
        for name, buffer in loaded.named_buffers():
            assert torch.equal(buffer, saved.get_buffer(name)), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_missing_key_of_a_half_precision_model(dtype, tmp_path):
    build("lstm", **WIDE).to(dtype).save_pretrained(tmp_path)
    without(tmp_path, "model.layers.0.cell.weight_hh_l0")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype=dtype)
    weight = loaded.model.layers[0].cell.weight_hh_l0
    assert weight.dtype == dtype
    for gate in weight.float().chunk(4):
        assert torch.allclose(gate @ gate.T, torch.eye(48), atol=0.02)
