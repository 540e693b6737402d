"""A siamese network of pictures in folders: trained for seconds, and asked from Python and from the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from hf_rnn import OneShotVerifier, SiameseModel
from hf_rnn.cli import identify
from hf_rnn.cli.train_line import TrainLine
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.metrics.few_shot import n_way_k_shot
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.tasks.one_shot.task import OneShotArguments, run_one_shot
from hf_rnn.training.arguments import RecurrentTrainingArguments


SMALL = {"image_size": 12, "hidden_sizes": [8], "kernel_sizes": [3], "pool_sizes": [2], "output_size": 8}


def draw(folder: Path, classes: int, each: int, colour: bool = False) -> Path:
    """Bars of as many angles as there are classes, each drawn a little differently, of sizes that differ too."""
    generator = np.random.default_rng(0)
    for one in range(classes):
        (folder / f"bar{one}").mkdir(parents=True)
        for other in range(each):
            size = int(generator.integers(14, 22))
            rows, columns = np.mgrid[:size, :size] - size / 2 + generator.uniform(-1, 1, (2, 1, 1))
            angle = np.pi * one / classes
            ink = np.abs(rows * np.cos(angle) + columns * np.sin(angle)) < 1.6
            shades = np.where(ink, 30, 250).astype(np.uint8)
            pixels = np.dstack([shades, shades, np.full_like(shades, 250)]) if colour else shades
            Image.fromarray(pixels).save(folder / f"bar{one}" / f"{other}.png")
    return folder


def run(output: Path, folder: Path, one_shot: dict[str, Any] | None = None, **training: Any) -> dict[str, Any]:
    values = {"pairs_per_letter": 6, "config_overrides": json.dumps(SMALL), **(one_shot or {})}
    options = {"num_train_epochs": 2, "per_device_train_batch_size": 8, "learning_rate": 0.01, "seed": 1, **training}
    return run_one_shot(
        OneShotArguments(image_folder=str(folder), **values),
        ReportArguments(),
        RecurrentTrainingArguments(
            output_dir=str(output), do_train=True, do_eval=True, use_cpu=True, disable_tqdm=True, **options
        ),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("pictures")
    draw(folder / "train", 9, 6)
    draw(folder / "validation", 6, 4)
    draw(folder / "test", 5, 3)
    output = tmp_path_factory.mktemp("runs") / "bars"
    return output, folder, run(output, folder, do_predict=True)


def test_the_run_has_its_figures_and_its_processor(trained: tuple[Path, Path, dict[str, Any]]) -> None:
    output, folder, results = trained
    assert results["dataset"]["splits"] == {"train": 54, "validation": 24, "test": 15}
    assert "train: 9 classes" in results["dataset"]["notes"]
    # Five classes of three pictures: no 20-way figure, none of five shots.
    assert "accuracy_5_way_1_shot" in results["metrics"]["test"]
    assert not any("20_way" in name or "5_shot" in name for name in results["metrics"]["test"])
    model, processor = SiameseModel.from_pretrained(output), AutoImageProcessor.from_pretrained(output)
    assert processor.num_channels == model.config.encoder.num_channels == 1
    # Computed anew from the files.
    pictures = {
        path.name: torch.cat([processor(Image.open(file))["pixel_values"] for file in sorted(path.glob("*.png"))])
        for path in sorted((folder / "test").iterdir())
    }
    again = n_way_k_shot(model.encode, pictures, 5, 1, similarity=model.config.similarity)
    assert results["metrics"]["test"]["accuracy_5_way_1_shot"] == pytest.approx(again.accuracy)
    train = torch.cat([processor.pixels(Image.open(file)) for file in sorted((folder / "train").rglob("*.png"))])
    assert processor.image_mean[0] == pytest.approx(float(train.mean()), abs=1e-5)


def test_drawings_on_plain_paper_are_trimmed_where_it_is_wished_and_it_is_advised_where_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    generator = np.random.default_rng(0)
    for one, shape in enumerate([(3, 9), (9, 3), (8, 8), (6, 9), (9, 6)]):
        folder = tmp_path / "drawings" / ("train" if one < 3 else "validation") / str(one)
        folder.mkdir(parents=True)
        for other in range(4):
            picture = np.full((40, 40), 255, dtype=np.uint8)
            top, left = generator.integers(4, 27, 2)
            picture[top : top + shape[0], left : left + shape[1]] = 0
            Image.fromarray(picture).save(folder / f"{other}.png")
    run(tmp_path / "trimmed", tmp_path / "drawings", {"trim": True}, num_train_epochs=1)
    assert "--trim true" not in caplog.text
    processor = AutoImageProcessor.from_pretrained(tmp_path / "trimmed")
    # What was trained on was trimmed, too: the mean is that of trimmed pictures.
    files = sorted((tmp_path / "drawings" / "train").rglob("*.png"))
    mean = torch.cat([processor.pixels(Image.open(file)) for file in files]).mean()
    assert processor.trim and processor.image_mean[0] == pytest.approx(float(mean), abs=1e-5)
    run(tmp_path / "whole", tmp_path / "drawings", num_train_epochs=1)
    assert "`--trim true` cuts them out" in caplog.text
    assert not AutoImageProcessor.from_pretrained(tmp_path / "whole").trim


def test_pictures_to_their_edges_are_not_advised_to_be_trimmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path / "run", draw(tmp_path / "bars", 5, 3), num_train_epochs=1)
    assert "--trim true" not in caplog.text


def known(folder: Path, tmp_path: Path) -> Path:
    examples = tmp_path / "known"
    examples.mkdir()
    for one in range(4):
        (examples / f"b{one}.png").write_bytes((folder / "test" / f"bar{one}" / "0.png").read_bytes())
    (examples / "b4").mkdir()
    (examples / "b4" / "first.png").write_bytes((folder / "test" / "bar4" / "0.png").read_bytes())
    return examples


def test_the_command_line_says_what_python_does(
    trained: tuple[Path, Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    output, folder, _ = trained
    examples = known(folder, tmp_path)
    asked = [str(folder / "test" / f"bar{one}" / "1.png") for one in range(5)]
    verifier = OneShotVerifier.from_model(
        SiameseModel.from_pretrained(output), AutoImageProcessor.from_pretrained(output)
    )
    for one in range(5):
        verifier.enrol(f"b{one}", folder / "test" / f"bar{one}" / "0.png")
    identify.main([str(output), *asked, "--examples", str(examples)])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    for row, path in zip(rows, asked, strict=True):
        expected = verifier.identify(path)
        assert row["file"] == path and row["identity"] == ("" if expected is None else expected[0])
        if expected is not None:
            assert float(row["similarity"]) == pytest.approx(expected[1], abs=1e-5)
    identify.main([str(output), asked[0], asked[3], "--examples", str(examples), "--verify", "b0"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    for row, path in zip(rows, (asked[0], asked[3]), strict=True):
        assert row["is"] == ("yes" if verifier.verify("b0", Image.open(path)) else "no")
    with pytest.raises(ValueError, match="`--verify`='nobody' must be one of those in `--examples`: b0, b1"):
        identify.main([str(output), asked[0], "--examples", str(examples), "--verify", "nobody"])
    with pytest.raises(FileNotFoundError, match="'gone.png' does not exist"):
        identify.main([str(output), asked[0], "gone.png", "--examples", str(examples)])
    assert capsys.readouterr().out == ""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="`--examples`=.* has no picture"):
        identify.main([str(output), asked[0], "--examples", str(tmp_path / "empty")])


def test_the_card_shows_how_pictures_are_asked(
    trained: tuple[Path, Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, folder, results = trained
    (tmp_path / "card").mkdir()
    write_model_card(tmp_path / "card", results, license="mit", language="zxx", repo_id=str(output))
    text = (tmp_path / "card" / "README.md").read_text(encoding="utf-8")
    assert "glyph" not in text and f"hf-rnn identify {output} new.png --examples known" in text
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("known").mkdir()
    for name in ("known/first.png", "new.png"):
        Path(name).write_bytes((folder / "test" / "bar1" / "0.png").read_bytes())
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert names["verifier"].identify("new.png")[0] == "first"


def test_classes_are_held_out_and_colour_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = draw(tmp_path / "bars", 8, 3, colour=True)
    options = {"hold_out_percentage": 25, "turned_classes": True, "affine": 0.5}
    results = run(tmp_path / "run", folder, options, num_train_epochs=1, per_device_train_batch_size=100)
    # 6 classes, turned by four angles, of 6 pairs each.
    assert results["training"]["steps"] == 6 and "A batch has 24 pairs, one of each class" in caplog.text
    assert results["dataset"]["splits"] == {"train": 18, "validation": 6}
    assert "2 of 8 classes are held out" in caplog.text and "read in colour" in caplog.text
    assert "accuracy_2_way_1_shot" in results["metrics"]["validation"]
    assert SiameseModel.from_pretrained(tmp_path / "run").config.encoder.num_channels == 3
    assert AutoImageProcessor.from_pretrained(tmp_path / "run").num_channels == 3


def test_the_line_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "train").mkdir()
    line = TrainLine.of(["one-shot", str(tmp_path), "--seed", "3"])
    assert line.words == ["--image_folder", str(tmp_path), "--seed", "3"] and line.defaults["do_predict"]
    with pytest.raises(ValueError, match="`DATA`='b' is one name too many after a folder of pictures"):
        TrainLine.of(["one-shot", str(tmp_path), "b"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"affine": 0.5}, "`affine`=0.5 is for pictures: give `image_folder`"),
        ({"turned_classes": True}, "`turned_classes`=True is for pictures"),
        ({"affine": -1.0, "image_folder": "a"}, "`affine`=-1.0 must be a finite number of at least 0"),
        ({"train_letters": 3, "image_folder": "a"}, "`train_letters`=3 is for glyphs"),
        ({"hold_out_percentage": 100.0}, "`hold_out_percentage`=100.0 must lie between 0 and 100"),
    ],
)
def test_arguments_that_do_not_fit_together(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OneShotArguments(**values)


def test_a_test_split_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`do_predict` needs pictures to test on"):
        run(tmp_path / "run", draw(tmp_path / "bars", 5, 2), do_predict=True)
