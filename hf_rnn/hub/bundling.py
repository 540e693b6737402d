"""Bundled checkpoints: making one from a run.

A bundle is a checkpoint like any other, small enough to live in the package: weights in half precision that load as
float32, no code (the package is the code), the tokenizer, its card, the results and options it was written from, and
the checksums of all but the card.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..checksums import write_checksums
from ..progress import without_weight_bars
from ..runs.curves import CURVES_FILE
from ..runs.describe import checkpoint_size, describe_model
from ..runs.folder import RESULTS_FILE
from ..runs.kinds import KINDS, find_kind
from ..runs.results import read_results, write_results
from .model_card import write_model_card


MAX_BYTES = 6_000_000
DTYPES = ("float16", "float32")
PAIR_CLASSIFIER = "SiameseForPairClassification"


def auto_model_of(results: Mapping[str, Any]) -> str:
    """The Auto class of the model that `results` measured."""
    return find_kind(results["task"]).auto_class_of(results["model"]["class"])


def make_bundle(
    run_folder: str | Path,
    output_folder: str | Path,
    *,
    dtype: str = "float16",
    change: Callable[[Any, Any], object] | None = None,
    measure: Callable[[Path], Mapping[str, Mapping[str, float]]] | None = None,
    **card_options: Any,
) -> Path:
    """Make a bundle of a finished run: complete at `output_folder`, or an error and nothing changed.

    Args:
        run_folder: holds the checkpoint, its tokenizer and its `results.json`.
        output_folder: written anew; its name becomes the checkpoint's.
        dtype: of the weights on disk, `"float16"` or `"float32"`; either loads as float32.
        change: given model and tokenizer before they are written, makes the model smaller in place.
        measure: given the folder of the finished checkpoint, returns split -> metric -> figure. These take the place
            of the run's own figures, which were measured before rounding. Without it the card has the run's figures,
            and says so.
        card_options: `license`, `language` and others, for `model_card`.

    Raises:
        ValueError: unknown `dtype`, a weight too large for it, a task that is not bundled, or more than 6 MB.
        FileExistsError: `output_folder` is there and is not a checkpoint, so it is not overwritten.
        ResultsError, FileNotFoundError: `results.json` is wrong or missing.
    """
    if dtype not in DTYPES:
        raise ValueError(f"`dtype` must be one of {', '.join(DTYPES)}; it is {dtype!r}")
    run_folder, output_folder = Path(run_folder), Path(output_folder)
    results = read_results(run_folder / RESULTS_FILE)
    bundled = [kind.name for kind in KINDS.values() if kind.bundled]
    if results["task"] not in bundled:
        raise ValueError(f"`task` of the run must be one of {', '.join(bundled)}; it is {results['task']!r}")
    if output_folder.exists() and not (output_folder / "config.json").is_file():
        raise FileExistsError(f"`output_folder`={str(output_folder)!r} exists and is not a checkpoint")
    output_folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output_folder.parent) as temporary:
        staged = Path(temporary) / output_folder.name
        model = save_checkpoint(run_folder, staged, auto_model_of(results), dtype, change)
        size = checkpoint_size(staged)
        if size > MAX_BYTES:
            raise ValueError(
                f"`run_folder`={str(run_folder)!r} makes a bundle of {size / 1e6:.2f} MB; "
                f"it may have {MAX_BYTES / 1e6:.0f} MB: keep fewer words (--most_words), or train narrower layers"
            )
        if (run_folder / CURVES_FILE).is_file():
            shutil.copyfile(run_folder / CURVES_FILE, staged / CURVES_FILE)
        results["name"] = output_folder.name
        if change is not None:
            results["model"] |= describe_model(model, staged, base_model=results["model"]["base_model"])
        results["model"] |= {"size_bytes": size, "dtype": dtype}
        if measure is not None:
            results["metrics"] = measure(staged)
            results["baselines"] = _of_splits(results.get("baselines"), results["metrics"])
        elif dtype != "float32":
            note = f"The figures were measured before the weights were rounded to {dtype}."
            results["dataset"]["notes"] = " ".join(filter(None, (results["dataset"]["notes"], note)))
        write_results(results, staged / RESULTS_FILE)
        write_model_card(staged, results, bundled=True, **card_options)
        write_checksums(staged)
        if output_folder.exists():
            shutil.rmtree(output_folder)
        staged.rename(output_folder)
    return output_folder


def _of_splits(baselines: list[dict[str, Any]] | None, metrics: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The baselines of a run with their figures on the splits of `metrics` alone; None where none is left."""
    found = [
        baseline | {"metrics": {split: figures for split, figures in baseline["metrics"].items() if split in metrics}}
        for baseline in baselines or []
    ]
    return [baseline for baseline in found if baseline["metrics"]] or None


@without_weight_bars()
def save_checkpoint(
    run_folder: Path,
    staged: Path,
    auto_model: str,
    dtype: str,
    change: Callable[[Any, Any], object] | None = None,
) -> Any:
    """Write model and tokenizer of a run, rounded to `dtype`, without the code that a Hub repository carries; give the
    model that was written.
    """
    import torch
    import transformers

    model = getattr(transformers, auto_model).from_pretrained(run_folder, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(run_folder)
    if change is not None:
        change(model, tokenizer)
    target = getattr(torch, dtype)
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and weight.isfinite().all() and not weight.to(target).isfinite().all():
            raise ValueError(f"`dtype`={dtype!r} cannot hold `{name}`, which reaches {weight.abs().max():.3g}")
    model.to(target).save_pretrained(staged)
    tokenizer.save_pretrained(staged)
    for code in staged.glob("*.py"):
        code.unlink()
    path = staged / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for name in ("auto_map", "custom_pipelines"):
        config.pop(name, None)
    # transformers loads in the dtype that the config names, whatever the weights are stored in.
    config["dtype"] = "float32"
    path.write_text(json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    modules = staged / "modules.json"
    if modules.is_file():
        # It names, for sentence-transformers, the module that lies in the package, not in the folder.
        text = modules.read_text(encoding="utf-8")
        modules.write_text(text.replace('"sentence_encoder.', '"hf_rnn.models.sentence_encoder.'), encoding="utf-8")
    return model
