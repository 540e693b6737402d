"""A folder as it will be on a Hub, made of a training run or a bundled checkpoint, and checked before it goes there.

What `save_pretrained` writes today (configuration with every Auto class, the code of the models it needs), with the
weights as they were measured, byte for byte.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from huggingface_hub import ModelCard
from safetensors import SafetensorError, safe_open

from ..bundles import PREFIX, checkpoint_folder
from ..extras import require_extra
from ..models.paths import recurrent_path
from ..runs.folder import RESULTS_FILE
from ..runs.kinds import KINDS, Kind
from ..runs.publishable import MODEL_FILES, README_FILE, REPORT_FILES, TOKENIZER_FILES, WEIGHT_FILES, copy_files
from ..runs.results import ResultsError, read_results
from .answers import answers, clean_answers, first_difference, quiet
from .bundling import auto_model_of
from .model_card import METRICS, is_of_steps


__all__ = ["ResultsError", "StagedModel", "StagingError", "find_run", "stage"]


ONNX_FOLDER = "onnx"
# The line of a snippet that a repository does not need, with what it says of another distribution.
IMPORT = re.compile(r"^import hf_rnn\b.*\n", re.MULTILINE)
ONNX_FILES = ("*.onnx", "*.json", "*.py", "*.md")
PICKLED_WEIGHTS = "pytorch_model*.bin"
CONFIG_FILES = ("config.json", "tokenizer_config.json", "preprocessor_config.json")


class StagingError(ValueError):
    """A folder that cannot be published as it is; the message says why and what to do."""


@dataclass(frozen=True)
class StagedModel:
    """A folder that is ready for a Hub.

    Attributes:
        folder: Holds every file as it will be in the repository, and no other.
        results: What was measured.
        auto_classes: Those that load it, that of its own head last.
        checks: What was found to hold, a sentence each.
    """

    folder: Path
    results: dict[str, Any]
    auto_classes: tuple[str, ...]
    checks: tuple[str, ...]

    def files(self) -> dict[str, int]:
        """Path in the repository → bytes, sorted."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in sorted(found)}


def find_run(name: str | Path) -> Path:
    """The folder of a finished run, or of the bundled checkpoint that `bundled:NAME` names.

    Raises:
        StagingError: it is not the folder of a finished run.
        ValueError: there is no such bundled checkpoint, or it is not installed.
    """
    folder = Path(checkpoint_folder(name, "run_folder"))
    if not folder.is_dir():
        raise StagingError(
            f"`run_folder` is {str(name)!r}, which is no folder; it must be the `output_dir` of a training script, or "
            f"{PREFIX}NAME."
        )
    missing = [file for file in ("config.json", RESULTS_FILE, README_FILE) if not (folder / file).is_file()]
    if missing:
        raise StagingError(
            f"`run_folder`={str(name)!r} lacks {', '.join(missing)}: it is not the folder of a run that has ended. "
            "A training script writes them at its end: start it again with the same flags, and it goes on."
        )
    return folder


def stage(run_folder: str | Path, target: str | Path, *, repo_id: str) -> StagedModel:
    """Make of a run the folder that its repository will be, and check that it answers as the run does.

    Args:
        run_folder: As for [`find_run`].
        target: A folder, empty or not there yet.
        repo_id: Where the card's snippet finds the model.

    Raises:
        StagingError: the run cannot be published as it is.
        ResultsError: `results.json` does not follow the schema.
        FileExistsError: `target` holds files.
        MissingExtraError: the run has an ONNX graph, and the extra `export` is not installed.
    """
    source, target = find_run(run_folder), Path(target)
    if (source / ONNX_FOLDER).is_dir():
        require_extra("export", f"Checking the graph in {source / ONNX_FOLDER}")
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise FileExistsError(f"`target`={str(target)!r} holds files; it must be empty.")
    results = read_results(source / RESULTS_FILE)
    _check_trained(source, results)
    card = _read_card(source / README_FILE, results)
    _check_weights(source)
    _check_model_type(source, results)
    head = auto_model_of(results)
    _save_model(source, target, head)
    for patterns in (WEIGHT_FILES, TOKENIZER_FILES, REPORT_FILES):
        copy_files(source, target, patterns)
    (target / README_FILE).write_text(_addressed(card, results["name"], repo_id), encoding="utf-8")
    if (source / ONNX_FOLDER).is_dir():
        _check_graph(source)
        copy_files(source / ONNX_FOLDER, target / ONNX_FOLDER, ONNX_FILES)
    _check_code(target)
    others = [name for name in _auto_map(target) if name not in ("AutoConfig", head)]
    auto_classes = (*others, head)
    pipeline = None if is_of_steps(results) else _pipeline_of(target, KINDS[results["task"]])
    _check_answers(source, target, auto_classes, pipeline, results)
    code = "the code of the folder" if _auto_map(target) else "transformers' own code"
    readers = [*(["AutoTokenizer"] if KINDS[results["task"]].of_text else []), *(["pipeline"] if pipeline else [])]
    checks = (
        f"{RESULTS_FILE} follows its schema, and every figure of the card is in it",
        "the weights are safetensors, and are all that the model needs",
        f"a process without hf_rnn and without a network loads it with {code}: "
        + ", ".join(("AutoConfig", *auto_classes, *readers)),
        "there it answers as the original does, to 1e-6",
    )
    return StagedModel(target, results, auto_classes, checks)


def _check_trained(source: Path, results: dict[str, Any]) -> None:
    """Somebody trained the model: the run did, or it measured a checkpoint that was there."""
    arguments = results["training"]["arguments"]
    # A language model that a classifier starts from has no weights for its head.
    base = None if "init_from_lm" in arguments else results["model"]["base_model"]
    if results["training"]["steps"] == 0 and "model_name_or_path" not in arguments and base is None:
        raise StagingError(
            f"{source / RESULTS_FILE} tells of 0 training steps from random weights (`training.steps`, and no "
            "`model_name_or_path` in `training.arguments`): the model has learnt nothing. Train it, by `do_train` "
            "of its training script; or measure a model that was trained before, with its `model_name_or_path`."
        )


def _read_card(path: Path, results: dict[str, Any]) -> str:
    """The text of a card whose figures are all in `results`."""
    again = f"write it again with `hf_rnn.hub.model_card.write_model_card({str(path.parent)!r}, results, …)`"
    try:
        card = ModelCard.load(path)
    except (yaml.YAMLError, ValueError) as error:
        raise StagingError(f"The front matter of {path} is not that of a model card; {again}. {error}") from error
    measured = {
        (split, METRICS[name][1], value)
        for split, figures in results["metrics"].items()
        for name, value in figures.items()
        if name in METRICS
    }
    if not measured:
        raise StagingError(
            f"`metrics` in {path.parent / RESULTS_FILE} has no figure that a card shows: measure the model first, "
            "with `do_predict` or `do_eval` of its training script."
        )
    for shown in card.data.eval_results or []:
        if (shown.dataset_split, shown.metric_name, shown.metric_value) not in measured:
            raise StagingError(
                f"{path} shows {shown.metric_name} {shown.metric_value} on the {shown.dataset_split} split, which is "
                f"not in {RESULTS_FILE}; {again}."
            )
    return str(card.content)


def _addressed(card: str, name: str, repo_id: str) -> str:
    """A card whose snippet finds the model in its repository, instead of by the run's name or in the package."""
    found = f'hf_rnn.bundled("{name}")'
    if found in card:
        card = IMPORT.sub("", card, count=1).replace(found, f'"{repo_id}", trust_remote_code=True')
    for call in ("model=", "from_pretrained("):
        card = card.replace(f'{call}"{name}"', f'{call}"{repo_id}"')
    return card


def _check_weights(source: Path) -> None:
    weights = [path for pattern in WEIGHT_FILES for path in source.glob(pattern) if path.suffix == ".safetensors"]
    if not weights:
        pickles = sorted(path.name for path in source.glob(PICKLED_WEIGHTS))
        held = f"; it has {', '.join(pickles)}, and a pickle may run code when it is loaded" if pickles else ""
        raise StagingError(
            f"{source} has no model.safetensors{held}. Load the model where you trust it: `save_pretrained` writes "
            "one."
        )
    for path in weights:
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError as error:
            raise StagingError(
                f"{path} is not a safetensors file ({error}), whatever its name says. Load the model where you trust "
                "it: `save_pretrained` writes one."
            ) from error


def _check_graph(source: Path) -> None:
    """The ONNX graph is one of these weights, not of an earlier training."""
    import onnxruntime

    from ..export.graph_models import graph_names
    from ..export.onnx_export import load_exportable
    from ..export.parity import ParityError, check_parity
    from ..export.runtime import graph_file

    again = f"Write it anew with scripts/export_onnx.py, or remove {source / ONNX_FOLDER}."
    model = load_exportable(source).eval()
    graphs = [source / ONNX_FOLDER / graph_file(name) for name in graph_names(model)]
    for graph in graphs:
        if not graph.is_file():
            raise StagingError(f"{graph.parent} has no {graph.name}. {again}")
    sessions = [onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"]) for graph in graphs]
    try:
        check_parity(model, *sessions)
    except ParityError as error:
        held = f"What {source / ONNX_FOLDER} holds"
        raise StagingError(f"{held} is not the graph of the weights in {source}. {error} {again}") from error


def _check_model_type(source: Path, results: dict[str, Any]) -> None:
    """The model is one of ours or of transformers', and the one that was measured."""
    from transformers import CONFIG_MAPPING

    config = _read_json(source / "config.json")
    if config.get("model_type") not in CONFIG_MAPPING:
        raise StagingError(
            f"`model_type` in {source / 'config.json'} is {config.get('model_type')!r}, which neither hf_rnn nor "
            "transformers has: its code would have to be published with it by whoever wrote it."
        )
    if config.get("architectures") != [results["model"]["class"]]:
        raise StagingError(
            f"{source / RESULTS_FILE} measured a {results['model']['class']}; `architectures` in config.json is "
            f"{config.get('architectures')!r}: measure this model."
        )
    if results["task"] not in KINDS:
        raise StagingError(f"`task` in {source / RESULTS_FILE} must be one of {', '.join(KINDS)}.")


def _save_model(source: Path, target: Path, head: str) -> None:
    """Write what `save_pretrained` writes, but for the weights: they would not be those that were measured."""
    import transformers

    with quiet():
        model, report = getattr(transformers, head).from_pretrained(
            source, output_loading_info=True, trust_remote_code=False, use_safetensors=True
        )
        lacking = sorted(report["missing_keys"])
        if lacking:
            raise StagingError(f"The weights in {source} lack {', '.join(lacking)}: they are not those of {head}.")
        saved = target / "saved"
        model.save_pretrained(saved)
    copy_files(saved, target, MODEL_FILES)
    shutil.rmtree(saved)


def _auto_map(folder: Path) -> dict[str, str]:
    return dict(_read_json(folder / "config.json").get("auto_map") or {})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise StagingError(f"{path} is not a JSON object: {error}") from error


def _check_code(target: Path) -> None:
    """Whatever code a configuration asks for is in the folder."""
    for name in CONFIG_FILES:
        path = target / name
        config = _read_json(path) if path.is_file() else {}
        for reference in _code_references(config):
            module = reference.rpartition(".")[0]
            if "--" in reference or not (target / f"{module}.py").is_file():
                raise StagingError(
                    f"{name} asks for the code {reference!r}, which neither hf_rnn nor transformers has: remove it "
                    "from the file, or publish the model with whoever wrote that code."
                )


def _code_references(config: dict[str, Any]) -> Iterator[str]:
    """Every `file.Class` in the `auto_map` and `custom_pipelines` of a configuration."""
    for value in (config.get("auto_map") or {}).values():
        # A tokenizer has a list of two, of which one may be null.
        yield from filter(None, value if isinstance(value, list) else [value])
    for pipeline in (config.get("custom_pipelines") or {}).values():
        yield pipeline["impl"]


def _pipeline_of(target: Path, kind: Kind) -> str | None:
    """The pipeline that those who have no hf_rnn can ask; one of ours goes with the code of a model of ours."""
    reads = kind.of_text and (not kind.own_pipeline or _auto_map(target))
    return kind.pipeline_name if reads else None


def _check_answers(
    source: Path, target: Path, auto_classes: tuple[str, ...], pipeline: str | None, results: dict[str, Any]
) -> None:
    kind = KINDS[results["task"]]
    asked = (auto_classes, pipeline, kind.example, kind.pipeline_options)
    # The compiled path has other last digits, and those who have no hf_rnn do not have it.
    with recurrent_path("fused"):
        expected = answers(str(source), *asked)
    try:
        found = clean_answers(target, *asked)
    except RuntimeError as error:
        raise StagingError(f"A process without hf_rnn cannot use the staged copy of {source}:\n{error}") from error
    difference = first_difference(expected, found)
    if difference:
        raise StagingError(
            f"The staged copy of {source}, asked without hf_rnn, answers otherwise than the original: {difference}."
        )
