"""Bundled encoders: making one from a distillation, and its card."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from ..checksums import write_checksums
from ..extras import require_extra
from ..runs.describe import checkpoint_size
from .bundling import MAX_BYTES, save_checkpoint
from .card_options import CARD_FILE, CardOptions, read_card_options, write_card_options
from .model_card import card_template


__all__ = ["DISTILLATION_FILE", "PARTS_FILE", "encoder_card", "make_encoder_bundle"]


# How the encoder was made and what it reached; `distil_encoder` writes it.
DISTILLATION_FILE = "distillation.json"
# What each part of a model that starts from it adds; `scripts/compare_defaults.py --additions true` measures it.
PARTS_FILE = "parts.json"
TEMPLATE = "encoder_card.md.jinja"


def make_encoder_bundle(
    folder: str | Path, output_folder: str | Path, *, dtype: str = "float16", **card_options: Any
) -> Path:
    """Make a bundle of an encoder: complete at `output_folder`, or an error and nothing changed.

    Args:
        folder: The one that `distil_encoder` wrote.
        output_folder: Written anew; its name becomes the encoder's.
        dtype: Of the weights on disk, `"float16"` or `"float32"`; either loads as float32.
        card_options: `license`, `language` and `dataset_license_note`.

    Raises:
        ValueError: a weight is too large for `dtype`, or the bundle has more than 6 MB.
        FileNotFoundError: `folder` has no `distillation.json`.
    """
    folder, output_folder = Path(folder), Path(output_folder)
    options = CardOptions(bundled=True, **card_options)
    output_folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output_folder.parent) as temporary:
        staged = Path(temporary) / output_folder.name
        save_checkpoint(folder, staged, "AutoModel", dtype)
        if (size := checkpoint_size(staged)) > MAX_BYTES:
            raise ValueError(
                f"`folder`={str(folder)!r} makes a bundle of {size / 1e6:.2f} MB; it may have {MAX_BYTES / 1e6:.0f} "
                "MB: distil a smaller vocabulary or fewer units"
            )
        shutil.copyfile(folder / DISTILLATION_FILE, staged / DISTILLATION_FILE)
        write_checksums(staged)
        write_card_options(options, staged / CARD_FILE)
        encoder_card(staged).save(staged / "README.md")
        if output_folder.exists():
            shutil.rmtree(output_folder)
        staged.rename(output_folder)
    return output_folder


def encoder_card(folder: str | Path, parts: str | None = None) -> ModelCard:
    """The card of the encoder in `folder`, by its configuration, `distillation.json` and `card.json`.

    Args:
        parts: Markdown of what each part of a model that starts from it adds.

    Raises:
        FileNotFoundError: one of these files is missing.
        MissingExtraError: jinja2 is not installed.
    """
    require_extra("train", "A model card", "jinja2")
    folder = Path(folder)
    options = read_card_options(folder / CARD_FILE)
    config, made = (_json(folder / name) for name in ("config.json", DISTILLATION_FILE))
    front_matter = ModelCardData(
        language=options.language,
        license=options.license,
        library_name="transformers",
        pipeline_tag="feature-extraction",
        tags=[config["model_type"], "hf_rnn", "rnn"],
        base_model=made["teacher"],
    )
    text = card_template(TEMPLATE).render(
        front_matter=front_matter.to_yaml(),
        name=folder.name,
        card=options,
        config=config,
        made=made,
        size=checkpoint_size(folder),
        parts=parts,
    )
    return ModelCard(text)


def _json(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
