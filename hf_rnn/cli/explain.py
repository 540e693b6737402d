"""Write a page that shows why a model answers as it does: what each token contributes, gates and states, gradients,
neighbours of its words and whatever else applies to it. The page needs no network and nothing beside it.

    hf-rnn explain bundled:bilstm-imdb "A quiet film that earns every minute of it." --output report.html
    hf-rnn explain bundled:siamese-bilstm-quora "How old is the sun?" "What is the age of the sun?"
    hf-rnn explain runs/my_model "Some text" --label positive
    hf-rnn explain runs/translate "A man rides a bicycle." --alignment alignment.csv
    hf-rnn explain bundled:bilstm-imdb "superb great fine dull poor awful" --plane plane.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from transformers import AutoTokenizer

from ..bundles import PREFIX, checkpoint_folder, list_bundled
from ..extras import require_extra
from ..insight.alignment import alignment_weights
from ..insight.figures import is_table
from ..insight.loading import load_with_head
from ..insight.plane import word_plane
from ..insight.report import explain, is_page
from ..runs.foreign import refuse_foreign_files
from .flags import FlagsFormatter


__all__ = ["SUMMARY", "main"]


SUMMARY = "write a page that shows why a model answers as it does"


def main(arguments: list[str]) -> None:
    """`hf-rnn explain`, and `scripts/explain.py`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=FlagsFormatter)
    bundles = ", ".join(PREFIX + name for name in list_bundled())
    parser.add_argument("checkpoint", help=f"Model to explain: a folder, a Hub id, or one of {bundles}.")
    parser.add_argument("text", help="Text that the model answers.")
    parser.add_argument("text_pair", nargs="?", help="Second text, for a model that compares two.")
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="HTML file to write.")
    parser.add_argument("--label", help="Label to explain. Default: the model's answer.")
    parser.add_argument(
        "--alignment",
        type=Path,
        help="CSV file for the attention of an encoder-decoder, a line for each written token, with a PNG of "
        "the same name beside it. Default: only on the page.",
    )
    parser.add_argument(
        "--plane",
        type=Path,
        help="CSV file for the words of the text in the plane in which their embeddings differ most (their "
        "first two principal components), with a PNG of the same name beside it. Default: none.",
    )
    given = parser.parse_args(arguments)
    require_extra("insight", "Explaining a model")
    path = checkpoint_folder(given.checkpoint, "checkpoint")
    if given.output.is_dir():
        raise ValueError(f"`--output`={str(given.output)!r} is a folder; it must be the file to write.")
    for flag, file in (("alignment", given.alignment), ("plane", given.plane)):
        if file is not None and file.suffix != ".csv":
            raise ValueError(f"`--{flag}`={str(file)!r} must be the name of a .csv file.")
    refuse_foreign_files([given.output], "--output", is_page)
    for flag, file in (("alignment", given.alignment), ("plane", given.plane)):
        if file is not None:
            refuse_foreign_files([file, file.with_suffix(".png")], f"--{flag}", is_table)
    model, tokenizer = load_with_head(path), AutoTokenizer.from_pretrained(path)
    if given.alignment is not None:
        alignment = alignment_weights(model, tokenizer, given.text)
    if given.plane is not None:
        plane = word_plane(model, tokenizer, given.text)
    report = explain(
        model,
        tokenizer,
        given.text,
        given.text_pair,
        label=given.label,
        name=Path(path).name if Path(path).exists() else path,
        progress=True,
    )
    written = report.write(given.output)
    print(f"Wrote {written} ({written.stat().st_size / 1e6:.1f} MB): {', '.join(report.sections)}.")
    for title, reason in report.left_out.items():
        print(f"Not in it: {title}: {reason}")
    if given.alignment is not None:
        print(f"Wrote {' and '.join(map(str, alignment.write(given.alignment)))}.")
    if given.plane is not None:
        print(f"Wrote {' and '.join(map(str, plane.write(given.plane)))}.")
