"""A whole comparison, from arguments to the files it writes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ...extras import require_extra
from ...runs.describe import non_default_arguments
from ...runs.foreign import is_json_with, refuse_foreign_files
from ..document import describe_origin, other_load_cores
from .arguments import CompareArguments
from .checkpoints import build_random, check, fit_to_test, resolve
from .measuring import FULL, QUICK, measure
from .report import build_comparison, write_comparison
from .tables import comparison_markdown
from .test_set import read_test_set


__all__ = ["run_comparison"]


def run_comparison(arguments: CompareArguments, data: Any) -> dict[str, Any]:
    """Check all models, measure them side by side, and write `arguments.output`, and a table and a plot beside it.

    Args:
        data: The test set; of the class that `DATA_ARGUMENTS` has for the task.

    Returns:
        The document in the JSON file.

    Raises:
        ValueError: before anything is measured: a model cannot be loaded, does another task, or has other labels than
            another model or the data; or a model of another library has no answer to such data.
        WorkerError: a model failed; the message names it.
        ForeignFileError: `arguments.output`, or the table or plot beside it, is a file that no comparison wrote.
        MissingExtraError: the extra `train` is not installed.
        MissingLibraryError: the library of a model is not installed.
    """
    require_extra("train", "A comparison")
    from .plot import draw_comparison

    effort = QUICK if arguments.quick else FULL
    output = Path(arguments.output)
    is_ours = output.is_file() and is_json_with(output, "schema_version", "models", "effort")
    written = [output, output.with_suffix(".md"), output.with_suffix(".png")]
    refuse_foreign_files(written, "output", lambda _: is_ours)
    candidates = resolve(arguments.models, arguments.baseline)
    labels = check(candidates, arguments.task)
    print(f"Reading the test set for {', '.join(candidate.name for candidate in candidates)}", flush=True)
    test = read_test_set(arguments.task, data, labels).first(effort.quality_texts)
    candidates = fit_to_test(candidates, test)
    origin, load_before = describe_origin(), other_load_cores()
    with tempfile.TemporaryDirectory(prefix="hf_rnn_comparison_") as name:
        folder = Path(name)
        trained = [candidate for candidate in candidates if not candidate.random and candidate.library is None]
        # The baseline lends its tokenizer before the others do.
        lenders = sorted(trained, key=lambda candidate: candidate.name != arguments.baseline)
        candidates = [
            build_random(candidate, lenders, arguments.task, test.label_names or ["score"], folder)
            if candidate.random
            else candidate
            for candidate in candidates
        ]
        records = measure(candidates, test, folder, arguments.threads, effort)
        recorded = non_default_arguments(arguments, data)
        # No figure depends on what came from the training rows, or on where the document went.
        recorded = {flag: value for flag, value in recorded.items() if flag not in ("output", "train_file")}
        document = build_comparison(
            name=output.stem,
            test=test,
            source=recorded.get("test_file") or recorded["dataset_name"],
            candidates=candidates,
            records=records,
            baseline=arguments.baseline,
            cited=arguments.citations(),
            effort=effort,
            threads=arguments.threads,
            quick=arguments.quick,
            arguments=recorded,
            origin=origin,
            other_load={"before": load_before, "after": other_load_cores()},
        )
    write_comparison(document, output)
    output.with_suffix(".md").write_text(comparison_markdown(document), encoding="utf-8")
    draw_comparison(document, output.with_suffix(".png"))
    return document
