"""Publish a training run as a repository on the Hub that others use without hf_rnn.

    hf-rnn push runs/imdb_bilstm --repo_id me/bilstm-imdb --dry_run
    hf-rnn push bundled:bilstm-imdb --repo_id bilstm-imdb --private

It first stages the files: safetensors weights, configuration, the models' code, tokenizer, card, results.json,
plots, and the folder `onnx` if there is one. A process that cannot import hf_rnn loads them and must give the same
answers as the original. Only then does the command upload everything, in one commit. The licence is that of the card,
if the training was given one (--license).
"""

from __future__ import annotations

import argparse

from ..hub.publishing import PublishingError, publish
from .errors import is_the_users
from .flags import FlagsFormatter


__all__ = ["SUMMARY", "main"]


SUMMARY = "publish a finished run on the Hub, with its card and its code"


def main(arguments: list[str]) -> None:
    """`hf-rnn push`, and `scripts/push_to_hub.py`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("run_folder", help="Run to publish: the folder that a training wrote, or bundled:NAME.")
    parser.add_argument(
        "--repo_id",
        required=True,
        help="Repository: namespace/name, or a name in your own namespace.",
    )
    parser.add_argument("--private", action="store_true", help="Make a new repository private.")
    parser.add_argument("--revision", help="Branch to commit to; it is created if needed. Default: main.")
    parser.add_argument("--create_pr", action="store_true", help="Propose the commit as a pull request.")
    parser.add_argument("--commit_message", help="Message of the commit. Default: the names of run and class.")
    parser.add_argument("--token", help="Token of the Hub. Default: that of `hf auth login`, or HF_TOKEN.")
    parser.add_argument("--dry_run", action="store_true", help="Do everything except use the network.")
    given = parser.parse_args(arguments)
    try:
        published = publish(**vars(given))
    except Exception as error:
        if not is_the_users(error):
            raise
        raise PublishingError(f"Nothing was uploaded. {error}") from error
    print(published.description)
    if published.remark is not None:
        print(f"\n{published.remark}")
    print(f"\nPublished: {published.url}" if published.url else "\nA dry run: nothing was uploaded.")
