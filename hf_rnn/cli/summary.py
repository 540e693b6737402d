"""Print the layers of a model with the shape of their outputs and their numbers of parameters.

    hf-rnn summary bundled:bilstm-imdb
    hf-rnn summary runs/my_model

It prints `hf_rnn.summary(model)`, in the form of Keras' `model.summary()`.
"""

from __future__ import annotations

import argparse

from ..bundles import PREFIX, checkpoint_folder, list_bundled
from ..insight.loading import load_with_head
from ..insight.summaries import summary
from .flags import FlagsFormatter


__all__ = ["SUMMARY", "main"]


SUMMARY = "print the layers of a model, with shapes and parameters"


def main(arguments: list[str]) -> None:
    """`hf-rnn summary`.

    Raises:
        ValueError: there is no such model, or no batch can be made for it.
    """
    parser = argparse.ArgumentParser(prog="hf-rnn summary", description=__doc__, formatter_class=FlagsFormatter)
    bundles = ", ".join(PREFIX + name for name in list_bundled())
    parser.add_argument("checkpoint", help=f"Model to list: a folder, a Hub id, or one of {bundles}.")
    given = parser.parse_args(arguments)
    print(summary(load_with_head(checkpoint_folder(given.checkpoint, "checkpoint"))))
