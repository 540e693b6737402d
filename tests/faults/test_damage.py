"""Files that are cut short, altered or missing are refused by their names."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_rnn import BiLstmForSequenceClassification, ConvEncoderConfig, ConvEncoderModel, SiameseConfig, SiameseModel
from hf_rnn import bundles as bundled_module
from hf_rnn.bundles import bundled
from hf_rnn.checksums import DamagedFileError
from hf_rnn.runs.checkpoints import last_whole_checkpoint
from hf_rnn.runs.folder import checkpoint_to_resume
from hf_rnn.tasks.arguments import ModelArguments, TokenizerArguments
from hf_rnn.tasks.building import build_tokenizer, checkpoint_config
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer
from tests.faults import small
from tests.faults.conftest import Whole


FILES = ("model.safetensors", "tokenizer.json", "config.json")


def trainer(folder: Path, output: Path) -> RecurrentTrainer:
    """Make a trainer of the model in `folder`, which trains into `output`."""
    arguments = RecurrentTrainingArguments(
        output_dir=str(output), eval_strategy="no", save_strategy="no", load_best_model_at_end=False, use_cpu=True
    )
    return RecurrentTrainer(BiLstmForSequenceClassification.from_pretrained(folder), arguments)


def damaged(path: Path) -> str:
    """What an error must say of it."""
    return f"{str(path)!r} is "


@pytest.mark.reliability(
    section="Faults",
    fault="A file of a bundled checkpoint is cut short, has one bit flipped, or is gone",
    mutation="`bundled` does not check the checksums",
)
@pytest.mark.parametrize("damage", small.DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_bundled_checkpoint_is_refused(
    name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Callable[[str], None]
) -> None:
    folder = tmp_path / "bilstm-imdb"
    shutil.copytree(bundled("bilstm-imdb"), folder)
    monkeypatch.setattr(bundled_module, "PRETRAINED", tmp_path)
    assert bundled("bilstm-imdb") == str(folder)
    small.DAMAGES[damage](folder / name)
    if name == "config.json" and damage == "removed":
        # By this file it is known to be there.
        with pytest.raises(ValueError, match="must be a bundled checkpoint"):
            bundled("bilstm-imdb")
    else:
        with pytest.raises(DamagedFileError) as raised:
            bundled("bilstm-imdb")
        assert str(raised.value).startswith(damaged(folder / name))
    outcome("refused, with the name of the file")


@pytest.mark.reliability(
    section="Faults",
    fault="A file of the newest checkpoint of a run (weights, tokenizer, configuration, optimizer, random state) is "
    "cut short, has one bit flipped, or is gone",
    mutation="`check_checkpoint` does not check the checksums",
)
@pytest.mark.parametrize("damage", small.DAMAGES)
@pytest.mark.parametrize("name", [*FILES, "optimizer.pt", "rng_state.pth", "trainer_state.json"])
def test_a_checkpoint_is_left_out_and_refused(
    name: str,
    damage: str,
    whole: Whole,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    outcome: Callable[[str], None],
) -> None:
    output = tmp_path / "run"
    older, newer = sorted(whole.folder.glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))
    for checkpoint in (older, newer):
        shutil.copytree(checkpoint, output / checkpoint.name)
    assert last_whole_checkpoint(output) == str(output / newer.name)
    path = output / newer.name / name
    small.DAMAGES[damage](path)
    with caplog.at_level(logging.WARNING):
        arguments = RecurrentTrainingArguments(output_dir=str(output), do_train=True, use_cpu=True)
        assert checkpoint_to_resume(arguments) == str(output / older.name)
    assert f"{output / newer.name} is not whole and is left out. {damaged(path)}" in caplog.text
    arguments.resume_from_checkpoint = str(output / newer.name)
    with pytest.raises(DamagedFileError) as raised:
        checkpoint_to_resume(arguments)
    assert str(raised.value).startswith(damaged(path))
    # Nothing is lost by looking.
    assert (output / newer.name).is_dir()
    outcome("refused when it is named, with the name of the file; else the one before is taken, and a warning says so")


@pytest.mark.reliability(
    section="Faults",
    fault="A trainer is told to go on from, or ends with, a checkpoint of which one bit is flipped",
    mutation="`check_checkpoint` left out of `train`; `check_files` left out of `_load_best_model`",
)
@pytest.mark.parametrize("told", ["to go on", "the best"])
def test_the_trainer_refuses_a_damaged_checkpoint(told: str, whole: Whole, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "checkpoint-15"
    shutil.copytree(next(whole.folder.glob("checkpoint-*")), checkpoint)
    made = trainer(checkpoint, tmp_path / "run")
    small.flip_bit(checkpoint / "model.safetensors")
    made.state.best_model_checkpoint = str(checkpoint)
    with pytest.raises(DamagedFileError, match="model.safetensors' is damaged"):
        made.train(str(checkpoint)) if told == "to go on" else made._load_best_model()


def test_without_a_whole_checkpoint_the_trainer_does_not_go_on(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(next(whole.folder.glob("checkpoint-*")), tmp_path / "checkpoint-15")
    made = trainer(tmp_path / "checkpoint-15", tmp_path)
    small.cut_short(tmp_path / "checkpoint-15" / "optimizer.pt")
    with pytest.raises(ValueError, match="`resume_from_checkpoint` is True; .* has no whole checkpoint"):
        made.train(True)


@pytest.mark.parametrize("part", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "model.safetensors"])
def test_a_checkpoint_without_checksums_has_all_its_parts(part: str, whole: Whole, tmp_path: Path) -> None:
    """Those that the stock Trainer writes, or that a run had no time to write checksums for."""
    shutil.copytree(next(whole.folder.glob("checkpoint-*")), tmp_path / "checkpoint-15")
    (tmp_path / "checkpoint-15" / "checksums.json").unlink()
    assert last_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-15")
    (tmp_path / "checkpoint-15" / part).unlink()
    assert last_whole_checkpoint(tmp_path) is None


@pytest.mark.reliability(
    section="Faults",
    fault="A file of a folder without checksums is cut short; a bit of its JSON or of the weights' header is flipped",
    mutation="`check_source` does nothing",
)
@pytest.mark.parametrize("name", FILES)
def test_a_folder_without_checksums(name: str, whole: Whole, tmp_path: Path, outcome: Callable[[str], None]) -> None:
    folder = tmp_path / "model"
    shutil.copytree(whole.folder, folder)
    small.cut_short(folder / name)
    arguments = ModelArguments(model_name_or_path=str(folder))
    for build in (
        lambda: build_tokenizer(TokenizerArguments(), arguments, []),
        lambda: checkpoint_config(arguments),
    ):
        with pytest.raises(DamagedFileError) as raised:
            build()
        assert str(raised.value).startswith(damaged(folder / name))
    outcome("refused by the scripts, with the name of the file; what only turns one weight into another is not found")


@pytest.mark.reliability(
    section="Faults",
    fault="`from_pretrained` of weights that are cut short",
    mutation="the error of safetensors passed on as it is",
)
def test_weights_that_are_cut_short_are_named_by_from_pretrained(
    whole: Whole, tmp_path: Path, outcome: Callable[[str], None]
) -> None:
    shutil.copytree(whole.folder, tmp_path / "text")
    image = ConvEncoderConfig(image_size=16, hidden_sizes=[4], kernel_sizes=[3], pool_sizes=[2])
    ConvEncoderModel(image).save_pretrained(tmp_path / "image")
    SiameseModel(SiameseConfig(encoder=image)).save_pretrained(tmp_path / "pair")
    for name, auto_class in {
        "text": AutoModelForSequenceClassification,
        "image": ConvEncoderModel,
        "pair": SiameseModel,
    }.items():
        path = tmp_path / name / "model.safetensors"
        small.cut_short(path)
        with pytest.raises(ValueError) as raised:
            auto_class.from_pretrained(tmp_path / name)
        assert str(raised.value).startswith(f"{str(path)!r} is damaged or cut short: ")
    assert len(AutoTokenizer.from_pretrained(tmp_path / "text")) > 2
    outcome("refused, with the name of the file")
