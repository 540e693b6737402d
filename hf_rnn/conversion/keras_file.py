"""Reads what Keras 3 saved: a chain of layers with their settings and weights, without TensorFlow.

A `.keras` file is a zip archive of `config.json` and `model.weights.h5`; `save_weights` writes the latter alone.
Nothing in them is run: layers of unknown classes, `Lambda` among them, are refused by the caller.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..extras import require_extra
from .keras_layer import KerasLayer


__all__ = ["read_layers"]


_DESCRIPTION, _WEIGHTS = "config.json", "model.weights.h5"
_TYPES = ("float32", "float64")


def read_layers(source: Any, architecture: Any = None) -> list[KerasLayer]:
    """The layers of a model in the order in which they are computed; without those that only stand for the input.

    Args:
        source: A Keras model, a `.keras` file, or a `.weights.h5` file.
        architecture: For the last of these, what `model.to_json()` says: the text, its file, or the dictionary.

    Raises:
        MissingExtraError: h5py is not installed.
        FileNotFoundError: there is no such file.
        ValueError: it is no such file, or the model is no chain of layers.
    """
    require_extra("keras", "Reading a model of Keras")
    if hasattr(source, "get_config") and hasattr(source, "save"):
        _refuse_architecture(architecture, "a Keras model")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            source.save(path)
            return read_layers(path)
    if not isinstance(source, str | os.PathLike):
        raise ValueError(f"`source` is a {type(source).__name__}; it must be a Keras model or the path of a file.")
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"`source`={str(path)!r} is no file.")
    if path.suffix == ".keras":
        _refuse_architecture(architecture, "a .keras file")
        return _of_archive(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(
            f"`source`={str(path)!r} must be a .keras or a .weights.h5 file of Keras 3; what older versions wrote, "
            "Keras reads and saves again: keras.models.load_model(file).save('model.keras')."
        )
    description = _description(architecture)
    with path.open("rb") as file:
        return _layers(description, file, str(path))


def _refuse_architecture(architecture: Any, source: str) -> None:
    if architecture is not None:
        raise ValueError(f"`architecture` is given with {source}, which has its own; it must be None.")


def _of_archive(path: Path) -> list[KerasLayer]:
    try:
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read(_DESCRIPTION))
            weights = io.BytesIO(archive.read(_WEIGHTS))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(
            f"`source`={str(path)!r} must be a zip archive of `{_DESCRIPTION}` and `{_WEIGHTS}`, as `model.save` "
            f"writes it: {error}"
        ) from error
    return _layers(description, weights, str(path))


def _description(architecture: Any) -> Mapping[str, Any]:
    if isinstance(architecture, Mapping):
        return architecture
    if architecture is None:
        raise ValueError(
            "`architecture` is None; a .weights.h5 file has weights and no layers, so it must be what "
            "`model.to_json()` says: the text, or its file."
        )
    text = str(architecture)
    if not text.lstrip().startswith("{"):
        text = Path(text).read_text(encoding="utf-8")
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError as error:
        raise ValueError(f"`architecture` must be JSON, as `model.to_json()` writes it: {error}") from error
    return found


def _layers(description: Mapping[str, Any], weights: BinaryIO, where: str) -> list[KerasLayer]:
    kind = description.get("class_name")
    if kind not in ("Sequential", "Functional"):
        raise ValueError(
            f"The model in {where!r} is a {kind}; it must be a Sequential, or a Functional chain of layers."
        )
    described = description["config"]["layers"]
    arrays = _arrays(weights, where)
    layers, numbers = {}, Counter[str]()
    for each in described:
        # Keras names the places of weights by class, with numbers where one is there twice.
        group = _snake_case(each["class_name"])
        place = f"{group}_{numbers[group]}" if numbers[group] else group
        numbers[group] += 1
        name = each["config"]["name"]
        layers[name] = KerasLayer(name, each["class_name"], each["config"], arrays.get(place, {}))
    order = list(layers) if kind == "Sequential" else _chain(described, where)
    return [layers[name] for name in order if layers[name].kind != "InputLayer"]


def _snake_case(name: str) -> str:
    # As keras.src.utils.naming has it.
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _arrays(file: BinaryIO, where: str) -> dict[str, dict[str, list[np.ndarray]]]:
    """Group of a layer → part of the layer → its weights. Links out of the file are not followed."""
    import h5py

    found: dict[str, dict[str, dict[int, np.ndarray]]] = {}

    def visit(name: str, node: Any) -> None:
        parts = name.split("/")
        weight = isinstance(node, h5py.Dataset) and parts[0] == "layers" and parts[-2] == "vars"
        if not weight or "seed_generator" in parts:
            return
        if node.external or node.is_virtual:
            raise ValueError(f"{where!r}: `{name}` is kept in another file; it must be in this one.")
        if str(node.dtype) not in _TYPES:
            raise ValueError(f"{where!r}: `{name}` is of type {node.dtype}; it must be one of {', '.join(_TYPES)}.")
        found.setdefault(parts[1], {}).setdefault("/".join(parts[2:-2]), {})[int(parts[-1])] = node[()]

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(visit)
    except OSError as error:
        raise ValueError(f"{where!r} has no weights that can be read: {error}") from error
    return {
        layer: {part: [arrays[number] for number in sorted(arrays)] for part, arrays in parts.items()}
        for layer, parts in found.items()
    }


def _chain(described: Sequence[Mapping[str, Any]], where: str) -> list[str]:
    """The names of the layers of a Functional model from its input on, where each reads the one before."""
    before = {each["name"]: list(_sources(each["inbound_nodes"])) for each in described}
    after: dict[str, list[str]] = {}
    for name, sources in before.items():
        inputs = "one input" if not sources else "the output of one layer"
        if len(sources) > 1 or (not sources and after.get("")):
            raise ValueError(f"The model in {where!r} is no chain: `{name}` must have {inputs}, read once.")
        after.setdefault(sources[0] if sources else "", []).append(name)
    order, name = [], ""
    while name in after:
        if len(after[name]) > 1:
            raise ValueError(
                f"The model in {where!r} is no chain: `{name}` is read by `{'` and `'.join(after[name])}`; it must be "
                "read by one layer."
            )
        name = after[name][0]
        order.append(name)
    return order


def _sources(node: Any) -> Iterator[str]:
    """The names of the layers whose outputs a layer reads, wherever they stand in what it is called with."""
    if isinstance(node, Mapping):
        if node.get("class_name") == "__keras_tensor__":
            yield node["config"]["keras_history"][0]
        else:
            yield from _sources(list(node.values()))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for each in node:
            yield from _sources(each)
