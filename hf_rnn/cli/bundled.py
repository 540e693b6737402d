"""List the bundled checkpoints: task, size, terms."""

from __future__ import annotations

import argparse
import json

from ..bundles import DISTRIBUTION, PREFIX, TERMS, bundled_folders, encoder_folders
from ..hub.card_options import CARD_FILE
from ..runs.folder import RESULTS_FILE


__all__ = ["SUMMARY", "main"]


SUMMARY = "list the bundled checkpoints: task, size, terms"


def main(arguments: list[str]) -> None:
    """`hf-rnn bundled`."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    found = bundled_folders()
    for name, folder in found.items():
        results, card = (json.loads((folder / file).read_text(encoding="utf-8")) for file in (RESULTS_FILE, CARD_FILE))
        size = (folder / "model.safetensors").stat().st_size / 1e6
        print(f"{PREFIX}{name}")
        print(f"    {results['task']}, {results['model']['parameters']:,} parameters, {size:.1f} MB")
        print(f"    {TERMS.get(name, 'licence: ' + card['license'])}")
    for name, folder in encoder_folders().items():
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        size = (folder / "model.safetensors").stat().st_size / 1e6
        print(f"{PREFIX}{name}")
        print(f"    encoder that new models in the language {card['language']} start from, {size:.1f} MB")
        print(f"    licence: {card['license']}")
    missing = [name for name in TERMS if name not in found]
    if missing:
        print(f"Not installed: {', '.join(missing)}. They come with the distribution {DISTRIBUTION}.")
