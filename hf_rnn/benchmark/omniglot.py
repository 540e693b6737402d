"""The one-shot task of Omniglot: 20 runs, in each of which 20 drawings are told by one drawing of each of 20 letters.

Lake, Salakhutdinov & Tenenbaum 2015, https://doi.org/10.1126/science.aab3050. The 20 letters of a run are of one
alphabet, none of which is in the background sets, and the drawings to tell are another person's.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..baselines.pixels import ink_points, modified_hausdorff, pixel_cosine
from ..checksums import file_checksum
from ..extras import require_extra
from ..models.similarity import matrix
from ..runs.provenance import describe_machine, library_versions


__all__ = ["OmniglotArguments", "OmniglotRun", "measure_omniglot", "omniglot_table", "read_runs"]


LABELS = "class_labels.txt"
# Height and width of the drawings, in pixels.
SIDE = 105
# What others report for these very runs; none of it is measured here.
PUBLISHED = (
    ("people", 0.955, "Lake et al. 2015"),
    ("Bayesian program learning, 30 alphabets", 0.967, "Lake et al. 2015"),
    ("siamese network, 30 alphabets", 0.920, "Koch et al. 2015"),
)


@dataclass
class OmniglotArguments:
    """The runs, the models that are asked, and the file of the figures."""

    runs: str = field(metadata={"help": "File all_runs.zip of Omniglot."})
    models: list[str] = field(
        default_factory=list, metadata={"help": "Folders of models that `hf-rnn train one-shot FOLDER` has trained."}
    )
    output: str = field(default="omniglot.json", metadata={"help": "JSON file to write."})


@dataclass(frozen=True)
class OmniglotRun:
    """One of the runs.

    Attributes:
        name: Such as `run01`.
        known: The pictures that the letters are known by, of Pillow.
        asked: The pictures to tell.
        answers: For each of `asked`, the place of its letter in `known`.
    """

    name: str
    known: list[Any]
    asked: list[Any]
    answers: list[int]


def read_runs(path: Path) -> list[OmniglotRun]:
    """The runs in a file as all_runs.zip, in the order of their names.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no zip file with `class_labels.txt` in folders; the message names it.
        MissingExtraError: Pillow is not installed.
    """
    require_extra("train", "Measuring the runs of Omniglot", "pillow", "scikit-learn")
    if not path.is_file():
        raise FileNotFoundError(f"`runs`={str(path)!r} does not exist.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"`runs`={str(path)!r} is no zip file.")
    with zipfile.ZipFile(path) as archive:
        tables = sorted(name for name in archive.namelist() if Path(name).name == LABELS)
        if not tables:
            raise ValueError(f"`runs`={str(path)!r} has no {LABELS} in it.")
        return [_run_of(archive, name) for name in tables]


def measure_omniglot(arguments: OmniglotArguments) -> dict[str, Any]:
    """Measure the models on all runs, beside two measures of drawings as they are and trimmed, the modified Hausdorff
    distance of their ink and the cosine of their pixels, and write a JSON document of it.

    Raises:
        FileNotFoundError, ValueError: as [`read_runs`]; or a model is none of pictures.
    """
    runs = read_runs(Path(arguments.runs))
    rows = [
        _measured(f"{name}{', trimmed' if trimmed else ''}", runs, _by_ink(compared, trimmed))
        for name, compared in (
            ("modified Hausdorff distance of the ink", _hausdorff),
            ("cosine of the pixels", _cosine),
        )
        for trimmed in (False, True)
    ]
    for model in arguments.models:
        rows.append(_measured(Path(model).resolve().name, runs, _by_model(model)) | _training_of(Path(model)))
    document = {
        "runs": {"file": Path(arguments.runs).name, "sha256": file_checksum(Path(arguments.runs)), "count": len(runs)},
        "measured": rows,
        "published": [{"name": name, "accuracy": value, "source": source} for name, value, source in PUBLISHED],
        "machine": describe_machine(),
        "versions": library_versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    Path(arguments.output).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return document


def omniglot_table(document: dict[str, Any]) -> str:
    """The figures as a table of Markdown; what is published by others says so."""
    lines = ["| | Accuracy | Lowest and highest of the runs | Training, minutes | |", "|---|---|---|---|---|"]
    for row in document["measured"]:
        by_run = row["accuracy_by_run"]
        minutes = f"{row['minutes']:.1f}" if row.get("minutes") is not None else "-"
        spread = f"{min(by_run):.2f} to {max(by_run):.2f}"
        trained = f"trained on {row['dataset']}: {row['parameters']:,} parameters" if "dataset" in row else row["name"]
        lines.append(f"| {trained} | {row['accuracy']:.3f} | {spread} | {minutes} | measured |")
    for row in document["published"]:
        lines.append(f"| {row['name']} | {row['accuracy']:.3f} | - | - | {row['source']}; not measured here |")
    return "\n".join(lines)


# Given a run, how similar each of the asked is to each of the known, (asked, known).
Similarities = Callable[[OmniglotRun], np.ndarray]


def _measured(name: str, runs: Sequence[OmniglotRun], similarities: Similarities) -> dict[str, Any]:
    started = time.perf_counter()
    by_run = [float((similarities(run).argmax(1) == np.array(run.answers)).mean()) for run in runs]
    return {
        "name": name,
        "accuracy": float(np.mean(by_run)),
        "accuracy_by_run": by_run,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _by_ink(compared: Callable[[list[np.ndarray], list[np.ndarray]], np.ndarray], trimmed: bool) -> Similarities:
    """Compare the ink of drawings, as they are or cut out of their paper; (height, width), true at ink."""
    from ..models.image_processing_conv import ConvImageProcessor

    processor = ConvImageProcessor({"height": SIDE, "width": SIDE}, trim=trimmed)

    def similarities(run: OmniglotRun) -> np.ndarray:
        known, asked = ([processor.pixels(one)[0].numpy() < 0.5 for one in each] for each in (run.known, run.asked))
        return compared(asked, known)

    return similarities


def _hausdorff(asked: list[np.ndarray], known: list[np.ndarray]) -> np.ndarray:
    points = [ink_points(ink) for ink in known]
    return np.array([[-modified_hausdorff(ink_points(one), other) for other in points] for one in asked])


def _cosine(asked: list[np.ndarray], known: list[np.ndarray]) -> np.ndarray:
    return np.array([[pixel_cosine(one, other) for other in known] for one in asked])


def _by_model(folder: str) -> Similarities:
    from transformers import AutoImageProcessor

    from ..models.modeling_siamese import SiameseModel

    model: Any = SiameseModel.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder)

    def similarities(run: OmniglotRun) -> np.ndarray:
        known, asked = (model.encode(processor(pictures)["pixel_values"]) for pictures in (run.known, run.asked))
        return matrix(asked, known, model.config.similarity).numpy()

    return similarities


def _training_of(folder: Path) -> dict[str, Any]:
    """What `results.json` says of the training of a model."""
    path = folder / "results.json"
    if not path.is_file():
        return {}
    results = json.loads(path.read_text(encoding="utf-8"))
    return {
        "minutes": results["training"]["minutes"],
        "dataset": results["dataset"]["name"],
        "validation": results["metrics"].get("validation"),
        "parameters": results["model"]["parameters"],
        "recipe": results["recipe"],
        "commit": results["commit"],
    }


def _run_of(archive: zipfile.ZipFile, table: str) -> OmniglotRun:
    folder = Path(table).parent.parent
    rows = [line.split() for line in archive.read(table).decode("utf-8").splitlines() if line.strip()]
    if not rows or any(len(row) != 2 for row in rows):
        raise ValueError(f"`runs`: {table!r} must have two files a line, the picture to tell and that of its letter.")
    known = sorted({known for _, known in rows})
    pictures = dict(_pictures(archive, folder, [*known, *(asked for asked, _ in rows)]))
    return OmniglotRun(
        Path(table).parent.name,
        [pictures[name] for name in known],
        [pictures[asked] for asked, _ in rows],
        [known.index(name) for _, name in rows],
    )


def _pictures(archive: zipfile.ZipFile, folder: Path, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    from PIL import Image

    for name in names:
        try:
            picture = Image.open(io.BytesIO(archive.read((folder / name).as_posix())))
            picture.load()
        except (KeyError, OSError, SyntaxError) as error:
            raise ValueError(f"`runs` has no picture {name!r} that can be read: {error}") from error
        yield name, picture
