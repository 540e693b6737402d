"""Tiny checkpoints of every model type as the present version saves them, with what they answer.

    python -m tests.released.examples

writes them to `tests/released/VERSION/`, once for a release; `test_released.py` loads those of all releases.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoModelForSequenceClassification, PreTrainedModel

from hf_rnn import ConvEncoderConfig, ConvEncoderModel, SiameseConfig, SiameseModel, __version__
from tests.models.common import VARIANTS, build, build_language_model, build_tagger
from tests.models.seq2seq import build_seq2seq
from tests.models.siamese import build_siamese


FOLDER = Path(__file__).parent
EXAMPLE_FILE = "example.json"
TOKENS = {"input_ids": [[1, 2, 4, 3], [6, 5, 0, 0]], "attention_mask": [[1, 1, 1, 1], [1, 1, 0, 0]]}
PAIRS = {**TOKENS, "input_ids_b": [[3, 2], [6, 0]], "attention_mask_b": [[1, 1], [1, 0]]}
TARGETS = {**TOKENS, "decoder_input_ids": [[1, 5, 2], [1, 3, 0]]}
IMAGES = {"pixel_values": [[[[float((3 * row + column) % 4 == 0) for column in range(8)] for row in range(8)]]]}
IMAGE = {"image_size": 8, "hidden_sizes": [3], "kernel_sizes": [3], "pool_sizes": [2], "output_size": 4}
STACK: dict[str, Any] = {"pooling": "attention", "hidden_sizes": [4, 3], "classifier_hidden_sizes": [4]}


def siamese_of_images() -> PreTrainedModel:
    torch.manual_seed(0)
    return SiameseModel(SiameseConfig(encoder=ConvEncoderConfig(**IMAGE), similarity="euclidean", threshold=0.5))


def conv_encoder() -> PreTrainedModel:
    torch.manual_seed(0)
    return ConvEncoderModel(ConvEncoderConfig(**IMAGE))


# Name → a model, and what it is asked.
EXAMPLES: dict[str, tuple[Callable[[], PreTrainedModel], Mapping[str, Any]]] = {
    **{f"{variant}-classifier": (partial(build, variant), TOKENS) for variant in VARIANTS},
    "bilstm-stack": (partial(build, "bilstm", **STACK), TOKENS),
    "gru-encoder": (partial(build, "gru", head=False, pooling="mean_max"), TOKENS),
    "gru-tagger": (partial(build_tagger, "gru", "softmax", words=False), TOKENS),
    "bilstm-tagger-of-words": (partial(build_tagger, "bilstm", "bioes"), TOKENS),
    "lstm-language-model": (partial(build_language_model, "lstm", hidden_sizes=[4, 3]), TOKENS),
    "gru-language-model-tied": (partial(build_language_model, "gru", tie_word_embeddings=True), TOKENS),
    "lstm-writer": (partial(build_seq2seq, "lstm"), TARGETS),
    "gru-writer-fed": (partial(build_seq2seq, "gru", "additive-context"), TARGETS),
    "siamese-gru": (partial(build_siamese, AutoModel, "gru", projection_size=3, threshold=0.25), PAIRS),
    "siamese-bert": (partial(build_siamese, AutoModel, "bert", pooling="mean"), PAIRS),
    "siamese-pairs": (partial(build_siamese, AutoModelForSequenceClassification, "bilstm", num_labels=3), PAIRS),
    "siamese-images": (siamese_of_images, IMAGES),
    "conv-encoder": (conv_encoder, IMAGES),
}


def answers(model: PreTrainedModel, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Every tensor of floating-point numbers in the model's output, as lists."""
    with torch.no_grad():
        output = model.eval()(**{name: torch.tensor(value) for name, value in inputs.items()})
    tensors = {name: value for name, value in output.items() if isinstance(value, torch.Tensor)}
    return {name: value.tolist() for name, value in tensors.items() if value.is_floating_point()}


def write_examples(folder: Path) -> None:
    """Save every example below `folder`, without the code, which would be this version's.

    Raises:
        FileExistsError: `folder` is there; what a release has saved does not change.
    """
    folder.mkdir(parents=True)
    for name, (make, inputs) in EXAMPLES.items():
        model = make().float().eval()
        model.save_pretrained(folder / name)
        for code in (folder / name).glob("*.py"):
            code.unlink()
        example = {"class": type(model).__name__, "inputs": inputs, "answers": answers(model, inputs)}
        (folder / name / EXAMPLE_FILE).write_text(json.dumps(example) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        write_examples(FOLDER / __version__)
    except FileExistsError:
        sys.exit(f"{FOLDER / __version__} is there: what a release has saved does not change.")
