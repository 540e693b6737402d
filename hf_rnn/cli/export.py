"""Export a checkpoint to ONNX: the graph, in float32 and with weights of 8 bits, its tokenizer, and a runtime that
needs neither torch nor transformers. The graph is compared with the model before anything is written.

    hf-rnn export runs/imdb_bilstm --output runs/imdb_bilstm/onnx --int8 --eval_file imdb/test.parquet
    python runs/imdb_bilstm/onnx/runtime.py runs/imdb_bilstm/onnx "A great film."

`--eval_file` measures the loss of quality from 8 bits: export.json, beside the graphs, gets the figures of both.
Models that write cannot be measured in this way. Their graph reads one or many steps and gives its state, for a loop
such as that of runtime.py.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from ..benchmark.comparison.arguments import DATA_ARGUMENTS
from ..benchmark.comparison.test_set import TestSet, read_test_set
from ..bundles import checkpoint_folder
from ..data.batches.tags import token_predictions, tokenize_tagged
from ..export import export_onnx
from ..export.onnx_export import REPORT_FILE, load_exportable
from ..export.runtime import SETTINGS_FILE, PairClassifier, SentenceEncoder, Tagger, load
from ..extras import require_extra
from ..metrics.pairs import pair_figures
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from ..models.modeling_siamese import SiamesePreTrainedModel
from ..tasks.similarity.building import LABEL_NAMES
from ..tasks.similarity.comparing import PairTestArguments, read_all_pairs
from .flags import FlagsFormatter


__all__ = ["SUMMARY", "main"]


SUMMARY = "export a checkpoint to ONNX, with a runtime that needs no torch"


def measure(checkpoint: str, model: Any, test: TestSet) -> dict[str, float]:
    """The figures of an exported model on a test set."""
    if isinstance(model, SentenceEncoder):
        scores = [answer["score"] for answer in model(test.inputs)]
        return test.metrics(scores, threshold=model.settings["threshold"])
    if isinstance(model, PairClassifier):
        return pair_metrics(test, model.logits(test.inputs))
    if isinstance(model, Tagger):
        return test.metrics(tags(checkpoint, model, test))
    # A folder of an earlier version has none.
    return test.metrics(model.logits(test.inputs), threshold=model.settings.get("threshold"))


def pair_metrics(test: TestSet, logits: Any) -> dict[str, float]:
    """The figures of logits (pairs, labels), or of one score for each pair."""
    if test.problem_type == "classes":
        return test.metrics(logits.tolist())
    if logits.shape[1] == 1:
        return test.metrics(logits[:, 0].tolist())
    return pair_figures("labels", logits[:, 1] - logits[:, 0], None, test.references, threshold=0.0)


def read_rows(settings: dict[str, Any], columns: dict[str, Any]) -> TestSet:
    """The labelled rows that a model with these settings is measured on.

    Raises:
        ValueError: the labels of pairs are not of the kind that the model answers with.
    """
    task, names = settings["task"], settings.get("labels")
    if task != "pair-classification":
        return read_test_set(task, DATA_ARGUMENTS[task](**columns), names)
    kind = "scores" if settings["function"] == "none" else "labels" if names == list(LABEL_NAMES) else "classes"
    test = read_all_pairs(PairTestArguments(**columns), names if kind == "classes" else None)
    if test.problem_type != kind:
        raise ValueError(
            f"`--eval_file`={columns['test_file']!r} has pairs with {test.problem_type}, and the model answers with "
            f"{kind}; --label_column_name names another column."
        )
    return test


def tags(checkpoint: str, model: Tagger, test: TestSet) -> list[list[str]]:
    """A tag for each token of each sentence."""
    from datasets import Dataset, Features, List, Value

    names = model.settings["labels"]
    # `tokenize_tagged` wants tags of the tokens; any will do.
    dataset = Dataset.from_dict(
        {"tokens": test.inputs, "tags": [[0] * len(tokens) for tokens in test.inputs]},
        features=Features({"tokens": List(Value("string")), "tags": List(Value("int64"))}),
    )
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenized = tokenize_tagged(dataset, tokenizer, max_length=model.settings["max_length"], label_names=names)
    predicted = [scores.argmax(axis=1).tolist() for scores in model.scores(list(tokenized["input_ids"]))]
    rows = token_predictions(predicted, tokenized, dataset, label_names=names)
    return [[names[tag] for tag in row] for row in rows]


def evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of each graph in `arguments.output` on the rows of `arguments.eval_file`."""
    settings = json.loads((arguments.output / SETTINGS_FILE).read_text(encoding="utf-8"))
    columns = "text_column_name" if settings["task"] == "token-classification" else "text_column_names"
    named = {columns: arguments.text_column_names, "label_column_name": arguments.label_column_name}
    given = {"test_file": arguments.eval_file} | {name: value for name, value in named.items() if value is not None}
    test = read_rows(settings, given)
    graphs = {"float32": False} | ({"int8": True} if arguments.int8 else {})
    figures = {name: measure(arguments.model, load(arguments.output, int8), test) for name, int8 in graphs.items()}
    return {"file": Path(arguments.eval_file).name, "rows": len(test.inputs), "metric": test.metric, **figures}


def main(arguments: list[str]) -> None:
    """`hf-rnn export`, and `scripts/export_onnx.py`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("model", help="Checkpoint to export: a folder, or bundled:NAME.")
    parser.add_argument("--output", type=Path, required=True, help="Folder to write.")
    parser.add_argument("--opset", type=int, default=18, help="Version of ONNX's operators.")
    parser.add_argument("--int8", action="store_true", help="Write a second graph with weights of 8 bits.")
    parser.add_argument("--eval_file", help="File of labelled rows to measure the graphs on. Default: none.")
    parser.add_argument("--text_column_names", help="Text columns of --eval_file. Default: those with usual names.")
    parser.add_argument("--label_column_name", help="Label column of --eval_file. Default: one with a usual name.")
    given = parser.parse_args(arguments)
    require_extra("export", "ONNX export")
    if given.eval_file is not None:
        require_extra("train", "Measuring the graphs, by `--eval_file`,")
    given.model = checkpoint_folder(given.model, "model")
    model = load_exportable(given.model)
    if given.eval_file is not None and isinstance(model, RecurrentForCausalLM | RecurrentForSeq2SeqLM):
        kind = "a language model" if isinstance(model, RecurrentForCausalLM) else "an encoder-decoder"
        raise ValueError(f"`--eval_file` is {given.eval_file!r}; {kind} is exported without it.")
    export_onnx(model, given.output, opset=given.opset, int8=given.int8)
    path = given.output / REPORT_FILE
    report = json.loads(path.read_text(encoding="utf-8"))
    print(f"Largest difference from the model: {report['parity']['largest_difference']:.1e}")
    for name, size in report["size_bytes"].items():
        print(f"{name}: {size / 1e6:.2f} MB")
    if given.eval_file is not None:
        report["evaluation"] = evaluate(given)
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        metric = report["evaluation"]["metric"]
        for name in ("float32", "int8")[: 1 + given.int8]:
            print(f"{name}: {metric} {report['evaluation'][name][metric]:.4f}")
    texts = '"a text" "another"' if isinstance(model, SiamesePreTrainedModel) else '"a text"'
    print(f"Run it: python {given.output}/runtime.py {given.output} {texts}")
