"""Write a checkpoint with weights of 8 bits, for inference on the CPU, and print what that saves.

    hf-rnn quantize runs/my_model runs/my_model_int8
    hf-rnn quantize bundled:bilstm-imdb imdb_int8

What is written is what `hf_rnn.quantize(model)` gives; it is loaded as any other checkpoint where hf_rnn is installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from transformers import AutoTokenizer

from ..bundles import PREFIX, checkpoint_folder, list_bundled
from ..insight.loading import load_with_head
from ..quantization.config import HfRnnInt8Config
from ..quantization.quantizing import quantize
from .flags import FlagsFormatter


__all__ = ["SUMMARY", "main"]


SUMMARY = "write a checkpoint with weights of 8 bits"


def main(arguments: list[str]) -> None:
    """`hf-rnn quantize`.

    Raises:
        ValueError: there is no such model, it has no layer that 8 bits are for, or the folder has files already.
    """
    parser = argparse.ArgumentParser(prog="hf-rnn quantize", description=__doc__, formatter_class=FlagsFormatter)
    bundles = ", ".join(PREFIX + name for name in list_bundled())
    parser.add_argument("checkpoint", help=f"Model to read: a folder, a Hub id, or one of {bundles}.")
    parser.add_argument("output", type=Path, help="Folder to write.")
    parser.add_argument("--float_embeddings", action="store_true", help="Leave tables of vectors as they are.")
    given = parser.parse_args(arguments)
    if given.output.exists() and (not given.output.is_dir() or any(given.output.iterdir())):
        raise ValueError(f"`output`={str(given.output)!r} has files already; it must be a new or empty folder.")
    source = checkpoint_folder(given.checkpoint, "checkpoint")
    model = load_with_head(source).float()
    before = sum(tensor.nbytes for tensor in model.state_dict().values())
    quantize(model, HfRnnInt8Config(embeddings=not given.float_embeddings))
    model.save_pretrained(given.output)
    if not Path(source).is_dir() or Path(source, "tokenizer.json").is_file():
        AutoTokenizer.from_pretrained(source).save_pretrained(given.output)
    after = sum(tensor.nbytes for tensor in model.state_dict().values())
    print(f"Weights: {before / 1e6:.2f} MB in float32, {after / 1e6:.2f} MB in 8 bits. Wrote {given.output}.")
