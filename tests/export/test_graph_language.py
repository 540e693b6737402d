"""Graphs of language models: scores and state, as the models have them."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from hf_rnn.export.graph_models import build_graph
from hf_rnn.export.parity import ParityError, check_parity
from tests.models.common import ONE_WAY, build_language_model


def moderate(variant: str, **options: object) -> torch.nn.Module:
    """Make a model with weights so small that rounding does not grow from step to step."""
    model = build_language_model(variant, **options).float()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter /= 3 if parameter.dim() > 1 else 1
    return model


def session_of(model: torch.nn.Module) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(build_graph(model).SerializeToString())


@pytest.mark.parametrize("options", [{}, {"tie_word_embeddings": True}, {"one_hot_input": True}], ids=str)
@pytest.mark.parametrize("variant", ONE_WAY)
def test_scores_and_states_are_those_of_the_model(variant: str, options: dict[str, object]) -> None:
    model = moderate(variant, hidden_sizes=[4, 3], **options)
    parity = check_parity(model, session_of(model))
    assert parity.largest_difference <= 1e-5
    assert max(time for _, time in parity.shapes) == 200


def test_names_and_shapes() -> None:
    session = session_of(moderate("lstm", hidden_sizes=[4, 3]))
    shapes = {value.name: value.shape for value in session.get_inputs()}
    assert shapes == {
        "input_ids": ["batch", "time"],
        "attention_mask": ["batch", "time"],
        "past.0.h": ["batch", 4],
        "past.0.c": ["batch", 4],
        "past.1.h": ["batch", 3],
        "past.1.c": ["batch", 3],
    }
    outputs = [value.name for value in session.get_outputs()]
    assert outputs == ["logits", "present.0.h", "present.0.c", "present.1.h", "present.1.c"]


@pytest.mark.parametrize("part", ["weight_hh_l0", "bias_ih_l0"])
def test_a_graph_of_other_weights_is_found(part: str) -> None:
    model = moderate("gru")
    session = session_of(model)
    with torch.no_grad():
        getattr(model.model.layers[0].cell, part).flatten()[0] += 1e-2
    with pytest.raises(ParityError, match="differs from the model by"):
        check_parity(model, session)


def test_a_state_that_is_lost_is_found() -> None:
    """The state is held equal, too, where the scores are right."""
    model = moderate("gru")
    session = session_of(model)

    class Lost:
        get_inputs, get_outputs = session.get_inputs, session.get_outputs

        def run(self, names: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
            logits, state = session.run(names, given)
            return [logits, np.zeros_like(state)]

    with pytest.raises(ParityError, match="differs from the model by"):
        check_parity(model, Lost())
