"""Publish a training run as a repository on the Hub that others use without hf_rnn.

    hf-rnn push runs/imdb_bilstm --repo_id me/bilstm-imdb --dry_run
    hf-rnn push bundled:bilstm-imdb --repo_id bilstm-imdb --private

What goes up is staged first: safetensors weights, configuration, the models' code, tokenizer, card, results.json,
plots, and the folder `onnx` if there is one. A process that cannot import hf_rnn loads it and must answer as the
original does. Only then is all of it uploaded, in one commit.
"""

from __future__ import annotations

import argparse

from ..hub.publishing import PublishingError, publish
from .errors import is_the_users


__all__ = ["SUMMARY", "main"]


SUMMARY = "publish a finished run on the Hub, with its card and its code"


def main(arguments: list[str]) -> None:
    """`hf-rnn push`, and `scripts/push_to_hub.py`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", help="the folder that a training wrote, or bundled:NAME")
    parser.add_argument("--repo_id", required=True, help="namespace/name, or a name in your own namespace")
    parser.add_argument("--private", action="store_true", help="make the repository, if it is new, a private one")
    parser.add_argument("--revision", help="a branch, made if there is none (default: main)")
    parser.add_argument("--create_pr", action="store_true", help="propose the commit as a pull request")
    parser.add_argument("--commit_message", help="default: the run's name and the model's class")
    parser.add_argument("--token", help="default: that of `hf auth login`, or HF_TOKEN")
    parser.add_argument("--dry_run", action="store_true", help="do all but touch the network")
    given = parser.parse_args(arguments)
    try:
        published = publish(**vars(given))
    except Exception as error:
        if not is_the_users(error):
            raise
        raise PublishingError(f"Nothing was uploaded. {error}") from error
    print(published.description)
    print(f"\nPublished: {published.url}" if published.url else "\nA dry run: nothing was uploaded.")
