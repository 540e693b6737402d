"""Makes of a checkpoint a folder that runs without torch: its graphs, its tokenizer, settings and runtime."""

from __future__ import annotations

import copy
import json
import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ..bundles import PREFIX, checkpoint_folder
from ..extras import require_extra
from ..models import modeling_rnn, modeling_seq2seq
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForSequenceClassification, RecurrentForTokenClassification
from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from ..models.modeling_siamese import SiameseForPairClassification, SiameseModel
from ..progress import without_weight_bars
from ..runs.foreign import is_json_with, refuse_foreign_files
from ..version import __version__


__all__ = ["REPORT_FILE", "export_onnx", "load_exportable"]


REPORT_FILE = "export.json"
HEADS = (
    RecurrentForSequenceClassification,
    RecurrentForTokenClassification,
    RecurrentForCausalLM,
    RecurrentForSeq2SeqLM,
    SiameseModel,
    SiameseForPairClassification,
)
# Those that ONNX Runtime has kernels of 8 bits for. Its convolution of signed weights has none, nor has the GRU; that
# of an encoder-decoder's decoder is written as matrix products.
INT8_OPERATORS = ["MatMul", "Gather", "LSTM"]
# Errors of a recurrent layer grow in the inner products by which two texts are aligned: ROC-AUC fell by 0.02 with its
# weights in 8 bits, and by nothing without.
INT8_OPERATORS_OF_PAIRS = ["MatMul", "Gather"]
# A smaller matrix, such as one from a few figures to the logits, stays as exact as it is: 8 bits would save 3 KB.
LEAST_NUMBERS = 1024


def export_onnx(
    model: PreTrainedModel | str | os.PathLike[str],
    output_folder: str | os.PathLike[str],
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    opset: int = 18,
    int8: bool = False,
) -> Path:
    """Write a model as an ONNX graph, with all that `hf_rnn.export.runtime` needs beside it to answer as its pipeline.

    The graph is held equal to the model on random batches first (`parity.check_parity`); nothing is written of one
    that differs. `graph_models.build_graph` says what goes in and comes out. The folder then has `model.onnx`, of an
    encoder-decoder `encoder.onnx` and `decoder.onnx` (`graph_sequences`); `tokenizer.json`, `runtime.json`, the three
    files of the runtime, and `export.json`: how large the difference was, and the sizes.

    Args:
        model: A checkpoint's folder, `bundled:NAME`, or a model: a recurrent classifier of sequences or of tokens, a
            recurrent language model or encoder-decoder, a siamese network over a recurrent encoder, or a classifier of
            pairs over one. It is not changed. Of the folder of a `SiameseForPairClassification` it is the classifier
            where that reads the two texts together, else the siamese network in it; whoever wants the other one loads
            it by its class.
        output_folder: Made if it is not there; files of these names are replaced.
        tokenizer: By default the one in the folder that the model is, or was loaded from.
        opset: Version of the operators of ONNX.
        int8: Whether to write `model_int8.onnx`, too, or one beside each graph of an encoder-decoder: weights of
            matrix products, LSTMs and tables of vectors in 8 bits where a matrix has 1,024 numbers or more, but no
            LSTM of a model that reads pairs together; activations quantized as they come
            (`onnxruntime.quantization.quantize_dynamic`).

    Returns:
        `output_folder`.

    Raises:
        MissingExtraError: if onnx or onnxruntime is not installed.
        ValueError: for a folder that is no checkpoint, a model that no graph is written for, an `opset` out of range,
            no tokenizer, or one that is not fast, or an encoder-decoder that writes by options which the runtime does
            not follow.
        ForeignFileError: `output_folder` holds files that an export would write over, and no export wrote them.
        ParityError: if the graph does not compute what the model does.
    """
    require_extra("export", "ONNX export")
    import onnxruntime

    from .graph_models import build_graphs
    from .parity import TOLERANCE, check_parity
    from .runtime_settings import runtime_settings

    loaded: Any = model if isinstance(model, PreTrainedModel) else load_exportable(model)
    if isinstance(loaded, RecurrentForTokenClassification) and loaded.head.of_steps is not None:
        raise ValueError(
            f"`model` is a {type(loaded).__name__} with `problem_type`={loaded.config.problem_type!r}; of token "
            "classifiers it must be one of one tag a token, which is what the runtime answers."
        )
    tokenizer = _tokenizer(loaded, tokenizer)
    _refuse_foreign(Path(output_folder))
    exported = copy.deepcopy(loaded).to("cpu", torch.float32).eval()
    settings = runtime_settings(exported, tokenizer)
    graphs = build_graphs(exported, opset)
    providers = ["CPUExecutionProvider"]
    sessions = [
        onnxruntime.InferenceSession(graph.SerializeToString(), providers=providers) for graph in graphs.values()
    ]
    parity = check_parity(exported, *sessions)
    report: dict[str, Any] = {
        "model_class": type(exported).__name__,
        "opset": opset,
        "parity": {
            "tolerance": TOLERANCE,
            "largest_difference": parity.largest_difference,
            "shapes": [list(shape) for shape in parity.shapes],
        },
        "versions": {"hf_rnn": __version__, "onnxruntime": onnxruntime.__version__},
    }
    together = isinstance(exported, SiameseForPairClassification) and exported.together is not None
    operators = INT8_OPERATORS_OF_PAIRS if together else INT8_OPERATORS
    return _write(Path(output_folder), graphs, tokenizer, settings, report, operators if int8 else None)


@without_weight_bars()
def load_exportable(checkpoint: str | os.PathLike[str]) -> PreTrainedModel:
    """What a graph is written for of a checkpoint (a folder or `bundled:NAME`), on the CPU, in float32 and in
    evaluation mode.

    Raises:
        ValueError: for a folder that is no checkpoint, a bundled one that is not installed, or a model that no graph
            is written for.
    """
    folder = Path(checkpoint_folder(checkpoint, "model"))
    config = folder / "config.json"
    if not config.is_file():
        raise ValueError(
            f"`model`={str(folder)!r} is no checkpoint: it has no config.json. It must be the folder of one, or "
            f"{PREFIX}NAME."
        )
    settings = json.loads(config.read_text(encoding="utf-8"))
    (architecture, *_) = settings.get("architectures") or [None]
    files = (modeling_rnn, modeling_seq2seq)
    found: Any = next((getattr(file, architecture) for file in files if hasattr(file, str(architecture))), None)
    if architecture in ("SiameseModel", "SiameseForPairClassification"):
        together = architecture != "SiameseModel" and settings.get("composition") is not None
        found = SiameseForPairClassification if together else SiameseModel
    if found is None or not issubclass(found, HEADS):
        raise ValueError(
            f"`model`={str(folder)!r} is a {architecture}; it must be a recurrent model for classification of "
            "sequences or tokens, such as BiLstmForSequenceClassification, a language model, an encoder-decoder such "
            "as GruForSeq2SeqLM, a SiameseModel or a SiameseForPairClassification."
        )
    model: PreTrainedModel = found.from_pretrained(folder, dtype=torch.float32)
    return model


def _tokenizer(model: PreTrainedModel, given: PreTrainedTokenizerBase | None) -> PreTrainedTokenizerBase:
    if given is None:
        if not model.name_or_path:
            raise ValueError("`tokenizer` is None, and the model was not loaded from a folder that could hold one.")
        given = AutoTokenizer.from_pretrained(model.name_or_path)
    if not given.is_fast:
        raise ValueError(f"`tokenizer` is a {type(given).__name__}; it must be a fast one, with a tokenizer.json.")
    return given


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder with files that an export writes and none has written, such as the tokenizer of a checkpoint."""
    from . import runtime, runtime_scores, runtime_search

    graphs = {name for task in runtime.TASKS.values() for name in task.graphs}
    names = [runtime.graph_file(name, bits) for name in sorted(graphs) for bits in (False, True)]
    names += ["tokenizer.json", runtime.SETTINGS_FILE, REPORT_FILE]
    names += [Path(str(module.__file__)).name for module in (runtime, runtime_scores, runtime_search)]
    report = folder / REPORT_FILE
    is_ours = report.is_file() and is_json_with(report, "opset", "parity")
    refuse_foreign_files([folder / name for name in names], "output", lambda _: is_ours)


def _write(
    folder: Path,
    graphs: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    settings: dict[str, Any],
    report: dict[str, Any],
    int8: list[str] | None,
) -> Path:
    # First elsewhere: a folder is never left with half of an export. `int8` are the operators that have 8 bits.
    import onnx

    from . import runtime, runtime_scores, runtime_search

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        staged = Path(temporary)
        for name, graph in graphs.items():
            onnx.save(graph, staged / runtime.graph_file(name))
            if int8:
                _quantize(graph, staged / runtime.graph_file(name, int8=True), int8)
        report["size_bytes"] = {path.name: path.stat().st_size for path in sorted(staged.glob("*.onnx"))}
        backend: Any = tokenizer
        (staged / "tokenizer.json").write_text(backend.backend_tokenizer.to_str(), encoding="utf-8")
        _write_json(staged / runtime.SETTINGS_FILE, settings)
        _write_json(staged / REPORT_FILE, report)
        for module in (runtime, runtime_scores, runtime_search):
            shutil.copyfile(str(module.__file__), staged / Path(str(module.__file__)).name)
        # The graphs that an earlier export has left would be those of another model.
        for name in {name for task in runtime.TASKS.values() for name in task.graphs}:
            for bits in (False, True):
                (folder / runtime.graph_file(name, bits)).unlink(missing_ok=True)
        for path in staged.iterdir():
            path.replace(folder / path.name)
    return folder


def _quantize(graph: Any, path: Path, operators: list[str]) -> None:
    from onnx import TensorProto
    from onnx.shape_inference import infer_shapes
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    # These two calls do what onnxruntime's own preparation would do for this graph; without the mark it warns.
    graph = infer_shapes(graph)
    add_pre_process_metadata(graph)
    large = {
        constant.name
        for constant in graph.graph.initializer
        if constant.data_type == TensorProto.FLOAT and math.prod(constant.dims) >= LEAST_NUMBERS
    }
    kept = [node.name for node in graph.graph.node if large.isdisjoint(node.input)]
    quantize_dynamic(graph, path, weight_type=QuantType.QInt8, op_types_to_quantize=operators, nodes_to_exclude=kept)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
