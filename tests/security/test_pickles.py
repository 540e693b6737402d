"""A malicious pickle wherever a checkpoint, a run, vectors or data could have one: no public path runs it."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    pipeline,
)

from hf_rnn import bundled
from hf_rnn.benchmark.comparison.checkpoints import check, resolve
from hf_rnn.benchmark.comparison.worker import MeasuredModel
from hf_rnn.benchmark.speed.texts import IDS_FILE, Sample
from hf_rnn.checksums import write_checksums
from hf_rnn.data.readers.conll import read_conll
from hf_rnn.data.readers.files import read_rows
from hf_rnn.data.vectors import hub_vectors, read_vectors
from hf_rnn.export.onnx_export import load_exportable
from hf_rnn.export.runtime import load
from hf_rnn.hub.bundling import make_bundle
from hf_rnn.hub.staging import StagingError, stage
from hf_rnn.models.sentence_encoder import SiameseSentenceEncoder
from hf_rnn.tasks.language_model_init import load_language_model
from hf_rnn.tasks.text_classification.distilling import TextTeacher
from tests.security.payload import EAR, FORMATS, PICKLED_FILES, Payload, write_payload
from tests.tasks import small_runs


SAFE = "model.safetensors"
# What refuses a file that is not what its name says.
REFUSALS = (OSError, ValueError, pickle.UnpicklingError, SafetensorError, StagingError)
# It is the weights that are refused, nothing before them.
MESSAGES = r"(?i)weights[_ ]only|safetensors|header|deserializing|invalid"


def train_on(folder: Path, **changes: Any) -> None:
    reviews = small_runs.write_reviews(folder.parent / "more reviews")
    small_runs.run(folder.parent / "out", **reviews, num_train_epochs=1, **changes)


def compare(folder: Path) -> None:
    """What the comparison checks first, and then the process that measures the model."""
    check(resolve([str(folder)], None), "text-classification")
    (folder / "texts.json").write_text("{}")
    MeasuredModel(str(folder), "text-classification", str(folder / "texts.json")).load()


# Public path → the kind of checkpoint, and what loads its folder.
ENTRANCES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "AutoModel": ("classifier", AutoModel.from_pretrained),
    "AutoModelForSequenceClassification": ("classifier", AutoModelForSequenceClassification.from_pretrained),
    "AutoModelForCausalLM": ("language", AutoModelForCausalLM.from_pretrained),
    "siamese": ("siamese", AutoModel.from_pretrained),
    "siamese pairs": ("pairs", AutoModelForSequenceClassification.from_pretrained),
    "pipeline": ("classifier", lambda folder: pipeline("text-classification", model=str(folder))),
    "pipeline of texts": ("language", lambda folder: pipeline("text-generation", model=str(folder))),
    "pipeline of pairs": ("siamese", lambda folder: pipeline("sentence-similarity", model=str(folder))),
    "sentence-transformers": ("siamese", lambda folder: SiameseSentenceEncoder.load(str(folder))),
    "--model_name_or_path": ("classifier", lambda folder: train_on(folder, model_name_or_path=str(folder))),
    "teacher": (
        "classifier",
        lambda folder: TextTeacher(str(folder), ["negative", "positive"]),
    ),
    "--init_from_lm": (
        "language",
        lambda folder: load_language_model(str(folder), "init_from_lm", AutoTokenizer.from_pretrained(folder)),
    ),
    "hub:vectors": ("classifier", lambda folder: hub_vectors(str(folder))),
    "compare": ("classifier", compare),
    "export": ("classifier", load_exportable),
    "staging": ("classifier", lambda folder: stage(folder, folder.parent / "staged", repo_id="ana/model")),
    "bundling": ("classifier", lambda folder: make_bundle(folder, folder.parent / "bundle")),
}


def armed(source: Path, target: Path, marker: Path, how: str) -> Path:
    """A copy of a checkpoint with a payload under every name that a pickle could have."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("checkpoint-*"))
    for name in PICKLED_FILES:
        write_payload(target / name, marker, how)
    return target


@pytest.mark.parametrize("how", FORMATS)
def test_the_payload_works(tmp_path: Path, how: str) -> None:
    path = write_payload(tmp_path / "file", tmp_path / "marker", how)
    EAR.heard.clear()
    EAR.listens = True
    try:
        torch.load(path, weights_only=False) if how == "torch" else pickle.loads(path.read_bytes())
    finally:
        EAR.listens = False
    assert (tmp_path / "marker").is_dir() and any("mkdir" in name for name in EAR.heard)


@pytest.mark.reliability(
    section="Security",
    fault="A malicious pickle in place of the weights, for each public way to load a checkpoint",
    mutation="pickles read with `weights_only=False`",
)
@pytest.mark.parametrize("entrance", list(ENTRANCES))
def test_no_way_in_runs_weights(
    checkpoints: dict[str, Path], entrance: str, marker: Path, tmp_path: Path, outcome: Callable[[str], None]
) -> None:
    kind, enter = ENTRANCES[entrance]
    refused = []
    for how in FORMATS:
        folder = armed(checkpoints[kind], tmp_path / how / "model", marker, how)
        (folder / SAFE).unlink()
        with pytest.raises(REFUSALS, match=MESSAGES) as found:
            enter(folder)
        refused.append(type(found.value).__name__)
        # Under the name of what is safe, too.
        shutil.copyfile(folder / "pytorch_model.bin", folder / SAFE)
        with pytest.raises(REFUSALS, match=MESSAGES):
            enter(folder)
    outcome(f"{entrance}: refused ({', '.join(dict.fromkeys(refused))})")


@pytest.mark.reliability(
    section="Security",
    fault="Malicious pickles beside whole weights, for each public way to load a checkpoint",
    mutation="pickled weights taken in place of safetensors",
)
@pytest.mark.parametrize("entrance", [name for name in ENTRANCES if name not in ("staging", "bundling")])
def test_what_lies_beside_the_weights_is_not_read(
    checkpoints: dict[str, Path], entrance: str, marker: Path, tmp_path: Path
) -> None:
    """The fixture `marker` fails the test if the pickle was run."""
    kind, enter = ENTRANCES[entrance]
    enter(armed(checkpoints[kind], tmp_path / "model", marker, "torch"))


def resume(run: Path, checkpoint: Path, folder: Path) -> None:
    reviews = {f"{path.stem}_file": str(path) for path in sorted((run.parent / "reviews").iterdir())}
    small_runs.run(
        folder / "resumed",
        **reviews,
        save_strategy="steps",
        save_steps=4,
        eval_strategy="steps",
        eval_steps=4,
        do_predict=False,
        num_train_epochs=1,
        resume_from_checkpoint=str(checkpoint),
    )


@pytest.mark.reliability(
    section="Security",
    fault="A malicious pickle as a file of the checkpoint that a run goes on from",
    mutation="pickles read with `weights_only=False`",
)
@pytest.mark.parametrize("how", FORMATS)
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"])
def test_resuming_runs_nothing(
    checkpoints: dict[str, Path], name: str, how: str, marker: Path, tmp_path: Path, outcome: Callable[[str], None]
) -> None:
    run = checkpoints["classifier"]
    checkpoint = tmp_path / "checkpoint-4"
    shutil.copytree(run / "checkpoint-4", checkpoint)
    assert (checkpoint / name).is_file()
    write_payload(checkpoint / name, marker, how)
    # Who changes a file can change its checksum.
    write_checksums(checkpoint)
    if name == "training_args.bin":
        # Written for people, never read.
        resume(run, checkpoint, tmp_path)
        outcome(f"{name}: not read")
        return
    with pytest.raises(pickle.UnpicklingError, match="(?i)weights[_ ]only"):
        resume(run, checkpoint, tmp_path)
    outcome(f"{name}: refused (UnpicklingError)")


@pytest.mark.reliability(
    section="Security",
    fault="A malicious pickle as a file of data, vectors, or an exported model",
    mutation="arrays read with `allow_pickle=True`",
)
@pytest.mark.parametrize("how", FORMATS)
def test_files_of_data_and_vectors_are_not_unpickled(marker: Path, tmp_path: Path, how: str) -> None:
    words = tmp_path / "words.txt"
    words.write_text("a\nb\n")
    for suffix in (".npy", ".txt", ".vec"):
        path = write_payload(tmp_path / f"vectors{suffix}", marker, how)
        with pytest.raises(ValueError):
            read_vectors(path, words_path=words if suffix == ".npy" else None)
    for suffix in (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".pkl"):
        with pytest.raises(ValueError):
            read_rows(str(write_payload(tmp_path / f"rows{suffix}", marker, how)))
    with pytest.raises(ValueError):
        read_conll(str(write_payload(tmp_path / "rows.conll", marker, how)))
    exported = tmp_path / "exported"
    exported.mkdir()
    for name in ("runtime.json", "model.onnx", "tokenizer.json"):
        write_payload(exported / name, marker, how)
    with pytest.raises(ValueError):
        load(exported)


@pytest.mark.reliability(
    section="Security",
    fault="A malicious pickle inside an array of objects, which numpy itself writes",
    mutation="arrays read with `allow_pickle=True`",
)
def test_arrays_of_objects_are_not_unpickled(marker: Path, tmp_path: Path) -> None:
    objects = np.array([[Payload(marker)], [Payload(marker)]], dtype=object)
    np.save(tmp_path / "vectors.npy", objects)
    (tmp_path / "words.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match="(?i)pickle|object"):
        read_vectors(tmp_path / "vectors.npy", words_path=tmp_path / "words.txt")
    np.savez(tmp_path / IDS_FILE, ids=objects, lengths=objects, labels=objects)
    with pytest.raises(ValueError, match="(?i)pickle|object"):
        Sample.read(tmp_path)


@pytest.mark.reliability(
    section="Security",
    fault="The bundled checkpoints, loaded and asked",
    mutation="pickled weights taken in place of safetensors",
)
@pytest.mark.parametrize("name", ["bilstm-imdb", "bilstm-crf-conll2003", "siamese-bilstm-quora"])
def test_the_bundled_checkpoints_are_free_of_pickles(name: str, marker: Path) -> None:
    folder = Path(bundled(name))
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".md", ".png", ".safetensors"}
    AutoModel.from_pretrained(folder)
    AutoTokenizer.from_pretrained(folder)("a text")
