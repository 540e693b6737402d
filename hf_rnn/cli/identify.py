"""Tell which known identity each picture shows, or whether it shows a given one, from one example of each identity.

    hf-rnn identify MODEL new/*.png --examples known
    hf-rnn identify MODEL signature.png --examples known --verify ana

The folder of examples holds a picture of each identity, named after it (known/ana.png), or a folder of pictures
(known/ana/first.png), of which the first by name counts. For each picture one line of csv is written: its file, the
nearest identity, or nothing if none reaches the threshold, and the similarity. With --verify the line has the file,
the given identity, yes or no, and the similarity. The training has chosen the threshold, which the model keeps.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from transformers import AutoImageProcessor

from ..data.images.folders import ENDINGS
from ..data.readers.files import existing_file
from ..extras import require_extra
from ..inference.one_shot import OneShotVerifier
from ..models.modeling_siamese import SiameseModel
from .flags import FlagsFormatter


__all__ = ["SUMMARY", "main"]


SUMMARY = "tell who or what pictures show, by one example of each"


def main(arguments: list[str]) -> None:
    """`hf-rnn identify`.

    Raises:
        FileNotFoundError: there is no such picture or folder.
        ValueError: the folder has no examples, the model has no image processor, or a picture cannot be read.
    """
    parser = argparse.ArgumentParser(prog="hf-rnn identify", description=__doc__, formatter_class=FlagsFormatter)
    parser.add_argument("model", help="Model to ask: a folder of hf-rnn train one-shot FOLDER, or a Hub id.")
    parser.add_argument("pictures", nargs="+", help="Pictures to ask about.")
    parser.add_argument("--examples", required=True, help="Folder of the known examples, one for each identity.")
    parser.add_argument("--verify", help="Identity to verify. Default: name the nearest of all.")
    given = parser.parse_args(arguments)
    require_extra("train", "Reading pictures", "pillow")
    examples = _examples(Path(given.examples).expanduser())
    if given.verify is not None and given.verify not in examples:
        raise ValueError(f"`--verify`={given.verify!r} must be one of those in `--examples`: {', '.join(examples)}.")
    for picture in given.pictures:
        existing_file(picture)
    verifier = _verifier(given.model)
    for name, path in examples.items():
        verifier.enrol(name, path)
    # With a threshold, `identify` does not say how similar the nearest is that is too far.
    threshold, verifier.threshold = verifier.threshold, None
    columns = ["file", "identity", "similarity"] if given.verify is None else ["file", "identity", "is", "similarity"]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for picture in given.pictures:
        if given.verify is None:
            nearest, score = verifier.identify(picture) or ("", float("nan"))
            near = threshold is None or score >= threshold
            writer.writerow([picture, nearest if near else "", f"{score:.6f}"])
        else:
            score = verifier.score(given.verify, picture)
            writer.writerow([picture, given.verify, "yes" if score >= _required(threshold) else "no", f"{score:.6f}"])


def _verifier(name: str) -> OneShotVerifier:
    model = SiameseModel.from_pretrained(name)
    if model.config.of_texts:
        raise ValueError(f"`MODEL`={name!r} compares texts; it must be one of pictures.")
    try:
        processor = AutoImageProcessor.from_pretrained(name)
    except OSError as error:
        raise ValueError(
            f"`MODEL`={name!r} has no image processor (preprocessor_config.json); it must be a model that was trained "
            "on pictures of a folder."
        ) from error
    return OneShotVerifier.from_model(model, processor)


def _required(threshold: float | None) -> float:
    if threshold is None:
        raise ValueError("`MODEL` has no threshold, by which `--verify` decides; train it with a validation split.")
    return threshold


def _examples(folder: Path) -> dict[str, Path]:
    """Identity → the picture that it is enrolled by, in the order of their names."""
    if not folder.is_dir():
        raise FileNotFoundError(f"`--examples`={str(folder)!r} is no folder.")
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        pictures = sorted(entry.iterdir()) if entry.is_dir() else [entry]
        pictures = [path for path in pictures if path.suffix.lower() in ENDINGS and not path.name.startswith(".")]
        if not pictures:
            continue
        name = entry.name if entry.is_dir() else entry.stem
        if name in found:
            raise ValueError(f"`--examples`={str(folder)!r} has two examples of {name!r}; one is enrolled.")
        found[name] = pictures[0]
    if not found:
        raise ValueError(f"`--examples`={str(folder)!r} has no picture ({', '.join(ENDINGS)}).")
    return found
