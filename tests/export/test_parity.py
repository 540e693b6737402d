"""The check that holds a graph equal to its model."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
import torch

from hf_rnn.export.graph_models import build_graph
from hf_rnn.export.parity import ParityError, check_parity
from tests.models.common import build, build_tagger


def session_of(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph.SerializeToString())


def test_what_is_compared() -> None:
    model = build("bilstm").float()
    parity = check_parity(model, session_of(build_graph(model)))
    assert parity.largest_difference <= 1e-5
    assert {time for _, time in parity.shapes} == {1, 2, 7, 31, 200, 900}
    assert len({batch for batch, _ in parity.shapes}) > 3


@pytest.mark.parametrize("make", [build, build_tagger])
def test_a_weight_that_changed_is_found(make) -> None:
    model = make("bilstm").float()
    session = session_of(build_graph(model))
    with torch.no_grad():
        next(cell for cell in model.model.layers).cell.weight_hh_l0_reverse[0, 0] += 1e-2
    with pytest.raises(ParityError, match="differs from the model by .* on a batch of shape"):
        check_parity(model, session)


def test_nan_is_a_difference() -> None:
    model = build("lstm").float()
    broken = build("lstm").float()
    with torch.no_grad():
        broken.classifier.output.bias[0] = torch.nan
    with pytest.raises(ParityError, match="by nan"):
        check_parity(model, session_of(build_graph(broken)))


def test_where_the_model_overflows_there_is_nothing_to_compare() -> None:
    model = build("elman-relu").float()
    with torch.no_grad():
        model.model.layers[0].cell.weight_hh_l0.fill_(9)
    assert check_parity(model, session_of(build_graph(model))).largest_difference <= 1e-5


@pytest.mark.parametrize(("name", "axis"), [("input_ids", 0), ("input_ids", 1), ("logits", 0)])
def test_an_axis_that_is_fixed_is_found(name: str, axis: int) -> None:
    model = build("lstm").float()
    graph = build_graph(model)
    values = {value.name: value for value in [*graph.graph.input, *graph.graph.output]}
    values[name].type.tensor_type.shape.dim[axis].dim_value = 4
    with pytest.raises(ParityError, match=f"{name} has shape .* must be dynamic"):
        check_parity(model, session_of(graph))
