"""Writing an ONNX graph node by node.

By hand, because the LSTM, GRU and RNN operators of ONNX take the length of each sequence: padded batches are exact in
both directions, in one operator a layer. Tracing the models gives graphs that run as fast, but fix the number of texts
and whether there was padding, and does not get past what the steps of a model of words depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper


__all__ = ["OPSETS", "Graph", "float_", "int_", "ints", "weight"]


# Those whose operators have the arguments that are written here, and that the oldest ONNX Runtime of setup.cfg runs.
OPSETS = range(18, 24)


class Graph:
    """A graph that grows by a node a call: `graph.MatMul(x, w)` adds a MatMul and gives the name of its output.

    Inputs of a node are names of earlier outputs, or numpy arrays, which become constants; None leaves one out.
    Keyword arguments are the node's attributes, but `outputs`, how many outputs it has: from 2 on a tuple comes back.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[tuple[Any, ...], onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.count = 0

    def __getattr__(self, op_type: str) -> Callable[..., Any]:
        if not op_type[:1].isupper():
            raise AttributeError(f"`Graph` has no attribute {op_type!r}, and operators begin with a capital.")

        def add(*inputs: str | np.ndarray | None, outputs: int = 1, **attributes: Any) -> Any:
            self.count += 1
            names = [f"{op_type}_{self.count}" + f"_{index}" * (outputs > 1) for index in range(outputs)]
            given = ["" if value is None else self._name(value) for value in inputs]
            self.nodes.append(helper.make_node(op_type, given, names, name=f"{op_type}_{self.count}", **attributes))
            return names[0] if outputs == 1 else tuple(names)

        return add

    def _name(self, value: str | np.ndarray) -> str:
        if isinstance(value, str):
            return value
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return self.constants[key].name

    def input(self, name: str, axes: Sequence[str | int], element: str = "INT64") -> str:
        """An input; `element` is "FLOAT" or "INT64", named axes are dynamic."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.DataType.Value(element), list(axes)))
        return name

    def output(self, value: str, name: str, element: str, axes: Sequence[str | int]) -> None:
        """`value` comes out as `name`; `element` is "FLOAT" or "INT64", named axes are dynamic."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        element_type = TensorProto.DataType.Value(element)
        self.outputs.append(helper.make_tensor_value_info(name, element_type, list(axes)))

    def model(self, opset: int) -> onnx.ModelProto:
        """The finished graph, checked, as a model of `opset`."""
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 2)]
        graph = helper.make_graph(
            self.nodes, "hf_rnn", self.inputs, self.outputs, initializer=list(self.constants.values())
        )
        model = helper.make_model(
            graph, opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports), producer_name="hf_rnn"
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def weight(tensor: torch.Tensor | None) -> np.ndarray:
    """A parameter or buffer as a constant; floating point as float32."""
    if tensor is None:
        raise ValueError("`tensor` is None; the module has no such weight.")
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def ints(*values: int) -> np.ndarray:
    """(values), int64: shapes, axes, positions."""
    return np.array(values, dtype=np.int64)


def int_(value: int) -> np.ndarray:
    """A single int64, of no dimension."""
    return np.array(value, dtype=np.int64)


def float_(value: float) -> np.ndarray:
    """A single float32, of no dimension."""
    return np.array(value, dtype=np.float32)
