"""The one-shot runs of Omniglot, on runs of the same form that are drawn here."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hf_rnn.baselines.pixels import ink_points, modified_hausdorff, pixel_cosine
from hf_rnn.benchmark.omniglot import OmniglotArguments, measure_omniglot, omniglot_table, read_runs


def test_the_modified_hausdorff_distance_by_hand() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(7, 2)), generator.normal(size=(5, 2))
    distances = np.linalg.norm(first[:, None] - second[None], axis=2)
    expected = max(distances.min(1).mean(), distances.min(0).mean())
    assert modified_hausdorff(first, second) == pytest.approx(expected, abs=1e-12)
    assert modified_hausdorff(second, first) == pytest.approx(expected, abs=1e-12)


def test_points_and_cosines() -> None:
    ink = np.array([[1, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=bool)
    np.testing.assert_allclose(ink_points(ink), [[-1, 0], [1, 0]])
    assert pixel_cosine(ink, ink) == pytest.approx(1)
    assert pixel_cosine(ink, np.ones((3, 3), dtype=bool)) == pytest.approx(2 / np.sqrt(2 * 9))
    with pytest.raises(ValueError, match="`ink` is blank"):
        ink_points(np.zeros((3, 3), dtype=bool))


def png(place: int, shift: int) -> bytes:
    pixels = np.full((12, 12), 255, dtype=np.uint8)
    pixels[2 * place : 2 * place + 2, shift : shift + 3] = 0
    pixels[11, 0] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).convert("1").save(file, "PNG")
    return file.getvalue()


def runs(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for run in ("run01", "run02"):
            lines = []
            for item, letter in enumerate((3, 1, 2), start=1):
                asked, known = f"{run}/test/item{item}.png", f"{run}/training/class{letter}.png"
                archive.writestr(asked, png(letter, 2))
                archive.writestr(known, png(letter, 1))
                lines.append(f"{asked} {known}")
            archive.writestr(f"{run}/class_labels.txt", "\n".join(lines) + "\n")
    return path


def test_runs_are_read_and_measured(tmp_path: Path) -> None:
    path = runs(tmp_path / "all_runs.zip")
    first, second = read_runs(path)
    assert (first.name, second.name) == ("run01", "run02")
    assert first.answers == [2, 0, 1] and len(first.known) == 3
    document = measure_omniglot(OmniglotArguments(str(path), [], str(tmp_path / "omniglot.json")))
    assert json.loads((tmp_path / "omniglot.json").read_text()) == document
    assert [row["accuracy_by_run"] for row in document["measured"]] == [[1.0, 1.0]] * 4
    table = omniglot_table(document)
    assert "| people | 0.955 | - | - | Lake et al. 2015; not measured here |" in table
    assert table.count("| measured |") == 4


def test_trimmed_ink_is_told_wherever_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "runs.zip", "w") as archive:
        lines = []
        for letter, shape in enumerate([(12, 3), (3, 12)]):
            # What is asked is where the other letter is known: by their pixels both are wrong. The points of the ink
            # are taken from their own middle, trimmed or not.
            for kind, corner in (("test", 20 + 60 * letter), ("training", 80 - 60 * letter)):
                pixels = np.full((105, 105), 255, dtype=np.uint8)
                pixels[corner : corner + shape[0], corner : corner + shape[1]] = 0
                file = io.BytesIO()
                Image.fromarray(pixels).save(file, "PNG")
                archive.writestr(f"run01/{kind}/{letter}.png", file.getvalue())
            lines.append(f"run01/test/{letter}.png run01/training/{letter}.png")
        archive.writestr("run01/class_labels.txt", "\n".join(lines))
    arguments = OmniglotArguments(str(tmp_path / "runs.zip"), [], str(tmp_path / "omniglot.json"))
    measured = {row["name"]: row["accuracy"] for row in measure_omniglot(arguments)["measured"]}
    assert measured == {
        "modified Hausdorff distance of the ink": 1.0,
        "modified Hausdorff distance of the ink, trimmed": 1.0,
        "cosine of the pixels": 0.0,
        "cosine of the pixels, trimmed": 1.0,
    }


def test_a_network_is_named_by_what_it_was_trained_on(tmp_path: Path) -> None:
    row = {"name": "run", "accuracy": 0.5, "accuracy_by_run": [0.4, 0.6], "minutes": 2.04, "dataset": "drawings"}
    table = omniglot_table({"measured": [row | {"parameters": 1234}], "published": []})
    assert table.endswith("| trained on drawings: 1,234 parameters | 0.500 | 0.40 to 0.60 | 2.0 | measured |")


def test_what_are_no_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="`runs`=.* does not exist"):
        read_runs(tmp_path / "absent.zip")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ValueError, match="`runs`=.* is no zip file"):
        read_runs(tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("run01/class_labels.txt", "run01/test/a.png run01/training/b.png\n")
    with pytest.raises(ValueError, match="has no picture 'run01/training/b.png'"):
        read_runs(tmp_path / "other.zip")
