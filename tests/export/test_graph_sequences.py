"""The two graphs of an encoder-decoder: all that they give, as the models have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from hf_rnn.export.graph_models import build_graph, build_graphs, graph_names
from hf_rnn.export.parity import ParityError, check_parity
from tests.models.seq2seq import JOINTS, WAYS, build_seq2seq


def moderate(family: str = "lstm", joint: str = "general-None", **options: Any) -> torch.nn.Module:
    """Make a model with weights so small that rounding does not grow from step to step."""
    model = build_seq2seq(family, joint, **options).float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter /= 4 if parameter.dim() > 1 else 1
    return model


def sessions_of(model: torch.nn.Module, opset: int = 18) -> list[onnxruntime.InferenceSession]:
    return [onnxruntime.InferenceSession(graph.SerializeToString()) for graph in build_graphs(model, opset).values()]


def assert_equal(model: torch.nn.Module, opset: int = 18) -> None:
    parity = check_parity(model, *sessions_of(model, opset))
    assert 0 < parity.largest_difference <= 1e-5
    assert max(time for _, time in parity.shapes) == 200


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_every_way_to_join_them(family: str, joint: str) -> None:
    assert_equal(moderate(family, joint))


@pytest.mark.parametrize("joint", WAYS)
@pytest.mark.parametrize(
    "options",
    [
        {"bridge": "copy"},
        {"bridge": "none"},
        {"encoder": {"bidirectional": False, "hidden_size": 6, "num_hidden_layers": 1}},
        {"encoder": {"bidirectional": True, "merge": "sum", "hidden_size": 6}},
        {"decoder": {"num_hidden_layers": 3}},
        {"encoder": {"num_hidden_layers": 3}, "decoder": {"num_hidden_layers": 1}},
        {"tie_word_embeddings": True},
        {"share_embeddings": True, "encoder": {"vocab_size": 13, "embedding_size": 4}},
        {"readout_size": 7},
        {"encoder": {"one_hot_input": True}, "decoder": {"one_hot_input": True}},
        {"encoder": {"model_type": "dan", "bidirectional": False, "embedding_size": 6, "hidden_sizes": [7]}},
    ],
    ids=str,
)
def test_every_shape(joint: str, options: dict[str, Any]) -> None:
    assert_equal(moderate("gru", joint, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"decoder": {"model_type": "gru"}},
        {"encoder": {"model_type": "gru"}},
        {"encoder": {"model_type": "elman"}, "decoder": {"model_type": "elman"}},
        {"decoder": {"model_type": "elman", "recurrence": "output_to_hidden"}},
        {"decoder": {"model_type": "gru", "reset_after": False}},
    ],
    ids=str,
)
def test_families_may_differ(options: dict[str, Any]) -> None:
    for joint in WAYS:
        assert_equal(moderate("lstm", joint, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"attention_size": 5, "input_feeding": "attended"},
        {"attention_size": 5},
        {"attention_size": 5, "input_feeding": "context"},
    ],
    ids=str,
)
def test_the_additive_comparison_has_a_size_of_its_own(options: dict[str, Any]) -> None:
    assert_equal(moderate("gru", "additive-None", **options))


def test_a_pooled_state_of_another_kind() -> None:
    assert_equal(moderate("gru", "vector-each-step", encoder={"pooling": "mean_max"}))


def test_operators_of_other_versions() -> None:
    for opset in (19, 23):
        assert_equal(moderate("lstm", "additive-attended"), opset)


def test_names_and_shapes() -> None:
    model = moderate("lstm", "additive-attended", decoder={"hidden_sizes": [6, 5]})
    assert graph_names(model) == ("encoder", "decoder")
    encoder, decoder = sessions_of(model)
    state = {"past.0.h": 6, "past.0.c": 6, "past.1.h": 5, "past.1.c": 5, "past.attended": 5}
    states = {name: ["batch", size] for name, size in state.items()}
    assert {value.name: value.shape for value in encoder.get_inputs()} == {
        "input_ids": ["batch", "time"],
        "attention_mask": ["batch", "time"],
    }
    assert {value.name: value.shape for value in encoder.get_outputs()} == {
        "memory": ["batch", "time", 6],
        "source_keys": ["batch", "time", 5],
        **states,
    }
    assert {value.name: value.shape for value in decoder.get_inputs()} == {
        "input_ids": ["batch", 1],
        "attention_mask": ["batch", "source"],
        "memory": ["batch", "source", 6],
        "source_keys": ["batch", "source", 5],
        **states,
    }
    assert {value.name: value.shape for value in decoder.get_outputs()} == {
        "logits": ["batch", 1, 13],
        "weights": ["batch", 1, "source"],
        **{name.replace("past", "present"): shape for name, shape in states.items()},
    }


@pytest.mark.parametrize(("joint", "names"), [("vector", set()), ("vector-each-step", {"context"})])
def test_without_attention_no_steps_of_the_source_are_kept(joint: str, names: set[str]) -> None:
    encoder, decoder = sessions_of(moderate("gru", joint))
    state = {"past.0.h", "past.1.h"}
    assert {value.name for value in encoder.get_outputs()} == names | state
    assert {value.name for value in decoder.get_inputs()} == {"input_ids"} | names | state


def test_what_a_source_is_batched_with_changes_nothing() -> None:
    """Padding on the left, on the right and in between, with anything standing there."""
    encoder, decoder = sessions_of(moderate("gru", "general-None"))
    alone = encoder.run(None, {"input_ids": np.array([[4, 2, 9]]), "attention_mask": np.ones((1, 3), dtype=np.int64)})
    ids = np.array([[4, 2, 9, 7, 7], [5, 5, 4, 2, 9], [4, 8, 2, 8, 9]])
    mask = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1]])
    batch = encoder.run(None, {"input_ids": ids, "attention_mask": mask})
    names = [output.name for output in encoder.get_outputs()]
    for name, one, several in zip(names, alone, batch, strict=True):
        found = [row[real == 1] for row, real in zip(several, mask, strict=True)] if one.ndim == 3 else several
        for row in found:
            assert np.abs(row - one[0]).max() < 1e-6, name
    logits = []
    for given, real in ((alone, np.ones((1, 3), dtype=np.int64)), (batch, mask)):
        source = dict(zip(names, given, strict=True)) | {"attention_mask": real}
        source["input_ids"] = np.full((len(real), 1), 3)
        logits.append(decoder.run(["logits"], source)[0])
    assert np.abs(logits[1] - logits[0]).max() < 1e-6


PARTS = ("encoder.key_layer", "encoder.bridge.layers.0.0", "decoder.readout", "decoder.layers.1.cell", "lm_head")


@pytest.mark.parametrize("part", PARTS)
def test_a_weight_that_changed_is_found(part: str) -> None:
    model = moderate("gru", "general-attended")
    sessions = sessions_of(model)
    with torch.no_grad():
        module = model.lm_head if part == "lm_head" else model.model.get_submodule(part)
        next(module.parameters()).flatten()[0] += 3e-2
    with pytest.raises(ParityError, match="differs from the model by .* on a batch of shape"):
        check_parity(model, *sessions)


@pytest.mark.parametrize("lost", ["weights", "present.1.h", "present.attended"])
def test_an_output_that_is_lost_is_found(lost: str) -> None:
    """Each output is held equal, too, where the scores are right."""
    model = moderate("gru", "general-attended")
    encoder, decoder = sessions_of(model)

    class Lost:
        get_inputs, get_outputs = decoder.get_inputs, decoder.get_outputs

        def run(self, names: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
            found = dict(zip(names, decoder.run(names, given), strict=True))
            found[lost] = np.zeros_like(found[lost])
            return list(found.values())

    with pytest.raises(ParityError, match="differs from the model by"):
        check_parity(model, encoder, Lost())


def test_an_axis_that_is_fixed_is_found() -> None:
    model = moderate("gru", "general-attended")
    graphs = build_graphs(model)
    values = {value.name: value for value in graphs["decoder"].graph.input}
    values["attention_mask"].type.tensor_type.shape.dim[1].dim_value = 4
    encoder, decoder = (onnxruntime.InferenceSession(graph.SerializeToString()) for graph in graphs.values())
    with pytest.raises(ParityError, match="attention_mask has shape .* must be dynamic"):
        check_parity(model, encoder, decoder)


def test_what_has_no_graph_is_refused() -> None:
    model = moderate("gru")
    with pytest.raises(ValueError, match="`opset`=7 must be a whole number from 18"):
        build_graphs(model, 7)
    with pytest.raises(ValueError, match="is a GruForSeq2SeqLM; .* `build_graphs` writes the two"):
        build_graph(model)
