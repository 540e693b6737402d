"""The parts of a report's page, and the question that they answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.modeling_siamese import SiamesePreTrainedModel
from .steps import label_names, read_text


__all__ = ["Picture", "Question", "Section", "Table"]


@dataclass(frozen=True)
class Picture:
    """A figure as PNG, with what it is in words."""

    png: bytes
    description: str


@dataclass(frozen=True)
class Table:
    """Rows of cells below a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """Attributes:
    shows: One sentence: what is shown.
    reading: One sentence: how to read it.
    note: What of the text is shown, where it is not all.
    tables, pictures, markup: The contents; markup is HTML that is escaped already.
    """

    shows: str
    reading: str
    note: str = ""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    markup: str = ""


@dataclass(frozen=True)
class Question:
    """The question to a model: its answer to a text, or to a pair of them, and why.

    Raises:
        ValueError: a text is no string or has no token but special ones; `text_pair` is missing or too much; `label`
            is none of the model's; `model` has no head.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    text: str
    text_pair: str | None = None
    label: str | None = None
    texts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        kind = self.kind
        if self.of_pairs and self.text_pair is None:
            raise ValueError(f"`text_pair` is None; a {type(self.model).__name__} compares two texts.")
        if not self.of_pairs and self.text_pair is not None:
            raise ValueError(f"`text_pair`={self.text_pair!r}: a {type(self.model).__name__} reads one text.")
        texts = (self.text,) if self.text_pair is None else (self.text, self.text_pair)
        object.__setattr__(self, "texts", texts)
        for name, given in zip(("text", "text_pair"), texts, strict=False):
            read_text(self.model, self.tokenizer, given, max_tokens=1, name=name)
            if not self.tokenizer(given, add_special_tokens=False, verbose=False)["input_ids"]:
                raise ValueError(f"`{name}`={given!r} has no token but special ones; there is nothing to explain.")
        if self.label is not None and kind != "classifier":
            kind = f"an {kind}" if kind.startswith("e") else f"a {kind}"
            raise ValueError(f"`label`={self.label!r}: {kind} has no label of a text; it must be None.")
        names = label_names(self.model)
        if self.label is not None and self.label not in names:
            raise ValueError(f"`label`={self.label!r} must be one of {', '.join(names)}.")

    @property
    def of_pairs(self) -> bool:
        """Whether the model compares two texts."""
        return isinstance(self.model, SiamesePreTrainedModel)

    @property
    def kind(self) -> str:
        """The kind of model: "classifier", "tagger", "language model", "encoder-decoder" or "siamese network", which
        has no labels.
        """
        name = type(self.model).__name__
        if self.model.config.is_encoder_decoder:
            return "encoder-decoder"
        if name.endswith("ForTokenClassification"):
            return "tagger"
        if self.model.can_generate():
            return "language model"
        if name.endswith("Classification"):
            return "classifier"
        if self.of_pairs:
            return "siamese network"
        raise ValueError(
            f"`model` is a {name}; it must be a classifier, tagger, language model, encoder-decoder or siamese "
            "network."
        )

    @property
    def read_texts(self) -> tuple[str, ...]:
        """The texts as the model reads them: behind the `prefix` of an encoder-decoder that has one."""
        prefix = getattr(self.model.config, "prefix", None) if self.kind == "encoder-decoder" else None
        return tuple((prefix or "") + text for text in self.texts)

    def inputs(self) -> dict[str, torch.Tensor]:
        """The inputs that `model` reads, of all of the texts."""
        batch: dict[str, torch.Tensor] = {}
        for suffix, given in zip(("", "_b"), self.texts, strict=False):
            read = read_text(self.model, self.tokenizer, given)
            batch |= {f"{name}{suffix}": value for name, value in read.inputs.items()}
        return batch
