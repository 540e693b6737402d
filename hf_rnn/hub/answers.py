"""The answers of a checkpoint to a few inputs: by its Auto classes, and by the pipeline of its task.

[`clean_answers`] asks in another process, which runs this file itself and cannot import hf_rnn: as for a stranger, the
code is that of the folder. So nothing here imports from the package.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


__all__ = ["answers", "clean_answers", "first_difference", "quiet"]


# Texts of several lengths, so that there is padding; capitals, digits and letters may not be in a vocabulary.
TEXTS = (
    "A film that takes its time and earns every minute of it, though the last ten are a little too many for me.",
    "Dull.",
    "Maria Silva moved from Lisbon to the UN in 1998.",
    "O filme é longo, mas não cansa: começa devagar e termina bem.",
)
NUM_IMAGES = 3
NUM_SERIES = 3
# The side of images whose encoder does not say their size.
IMAGE_SIZE = 64
# It is `models.encoding.NO_LIMIT`, which this file cannot import: a `model_max_length` that means that there is none.
NO_LIMIT = 10**9
TOLERANCE = 1e-6


def answers(
    folder: str, auto_classes: Sequence[str], task: str | None, example: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask the checkpoint in `folder`, with whatever code transformers takes for it.

    Args:
        auto_classes: Each loads the folder. Weights that it lacks, of a head it was not saved with, start from the
            same random numbers in every process.
        task: Whose pipeline is asked; None for none.
        example: What it is asked.
        options: What it is told besides, to answer the same twice.

    Returns:
        Auto class → name of the output → numbers; `tokens` → the ids of the texts; `pipeline` → its answer.
    """
    import torch
    import transformers

    found: dict[str, Any] = {}
    with quiet(), torch.random.fork_rng(devices=[]), torch.no_grad():
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
        inputs = _inputs(folder, config)
        if "input_ids" in inputs:
            found["tokens"] = inputs["input_ids"].tolist()
        for name in auto_classes:
            torch.manual_seed(0)
            auto_class = getattr(transformers, name)
            model = auto_class.from_pretrained(folder, trust_remote_code=True, use_safetensors=True).eval()
            found[name] = _outputs(model, inputs)
        if task is not None:
            ask = transformers.pipeline(task, model=folder, trust_remote_code=True)  # type: ignore[call-overload]
            found["pipeline"] = json.loads(json.dumps(ask(example, **options), default=float))
    return found


def _inputs(folder: str, config: Any) -> dict[str, Any]:
    if getattr(config, "prediction_length", None) is not None:
        return _series(config)
    return _texts(folder) if (Path(folder) / "tokenizer_config.json").is_file() else _images(config)


def _series(config: Any) -> dict[str, Any]:
    """Random contexts, with a missing value; and features for the Auto classes of the encoder."""
    import torch

    random = torch.Generator().manual_seed(0)
    values = torch.randn(NUM_SERIES, config.context_length or NUM_SERIES, config.num_channels, generator=random)
    values[0, 0, 0] = float("nan")
    features = torch.randn(NUM_SERIES, NUM_SERIES, config.embedding_size, generator=random)
    found = {"past_values": values, "inputs_embeds": features}
    if config.num_time_features:
        found["past_time_features"] = torch.ones(*values.shape[:2], config.num_time_features)
        found["future_time_features"] = torch.ones(NUM_SERIES, config.prediction_length, config.num_time_features)
    return found


def _texts(folder: str) -> dict[str, Any]:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    truncation = tokenizer.model_max_length < NO_LIMIT
    return dict(tokenizer(list(TEXTS), padding=True, truncation=truncation, return_tensors="pt"))


def _images(config: Any) -> dict[str, Any]:
    import torch

    encoder = getattr(config, "encoder", config)
    size = getattr(encoder, "image_size", IMAGE_SIZE)
    pixels = torch.rand(NUM_IMAGES, encoder.num_channels, size, size, generator=torch.Generator().manual_seed(0))
    return {"pixel_values": pixels}


def _outputs(model: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    accepted = inspect.signature(model.forward).parameters
    given = {name: value for name, value in inputs.items() if name in accepted}
    # A siamese network compares each input with that on the other end.
    given |= {f"{name}_b": value.flip(0) for name, value in inputs.items() if f"{name}_b" in accepted}
    if model.config.is_encoder_decoder:
        # A target of as many tokens as the source, of the vocabulary of targets.
        tokens = model.config.get_text_config(decoder=True).vocab_size
        given["decoder_input_ids"] = inputs["input_ids"].flip(1) % tokens
    outputs = model(**given, return_dict=True) if "return_dict" in accepted else model(**given)
    return {name: value.tolist() for name, value in outputs.items() if isinstance(value, torch.Tensor)}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside the block transformers shows no progress bars, and does not say which heads start at random."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def clean_answers(
    folder: Path, auto_classes: Sequence[str], task: str | None, example: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    """[`answers`] in a process that cannot import hf_rnn, is offline, and has no file of transformers' caches.

    Raises:
        RuntimeError: the process failed; the message ends with what it said.
    """
    import torch

    with tempfile.TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"HF_HOME": home, "HF_MODULES_CACHE": f"{home}/modules", "HF_HUB_OFFLINE": "1"}
        # Sums have other last digits with other threads.
        environment["OMP_NUM_THREADS"] = str(torch.get_num_threads())
        given = {
            "folder": str(folder.resolve()),
            "auto_classes": list(auto_classes),
            "task": task,
            "example": example,
            "options": dict(options),
        }
        output = Path(home, "answers.json")
        # -P: this file's folder, a part of the package, is not on the path.
        command = [sys.executable, "-P", str(Path(__file__).resolve()), json.dumps(given), str(output)]
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or f"The process ended with {done.returncode}.")
        clean: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        return clean


def first_difference(expected: Any, found: Any, path: str = "") -> str | None:
    """Name the first place where `found` is not `expected`; None if there is none.

    Numbers are equal if they differ by at most 1e-6 (of their size, above 1).
    """
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        inner = {f"{path}.{key}" if path else str(key): (expected[key], found[key]) for key in expected}
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        inner = {f"{path}[{index}]": both for index, both in enumerate(zip(expected, found, strict=True))}
    elif isinstance(expected, float) and isinstance(found, float):
        same = math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        return None if same else f"{path} is {found}, not {expected}"
    else:
        return None if expected == found else f"{path} is {_shortened(found)}, not {_shortened(expected)}"
    return next(filter(None, (first_difference(*both, name) for name, both in inner.items())), None)


def _shortened(value: Any, length: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}…"


if __name__ == "__main__":
    # An import of it fails from here on, also where it is installed.
    sys.modules["hf_rnn"] = None  # type: ignore[assignment]
    Path(sys.argv[2]).write_text(json.dumps(answers(**json.loads(sys.argv[1]))), encoding="utf-8")
