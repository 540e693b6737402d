"""Modules that had another name in 0.1.0: the old one works for one more release, and says what the new one is."""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any


__all__ = ["MODULES", "MovedModule", "keep_old_modules", "warn_of_move"]


# Old module → the modules that have what was in it. README, the documents or a docstring showed each of them.
MODULES = {
    "hf_rnn.data.alignment": ("hf_rnn.data.batches.tags",),
    "hf_rnn.data.pair_collator": ("hf_rnn.data.batches.pair_collator",),
    "hf_rnn.data.pair_tokenizer": ("hf_rnn.data.tokenizers.pair_template",),
    "hf_rnn.data.tokenizer_training": ("hf_rnn.data.tokenizers.training",),
    "hf_rnn.hub.bundled": ("hf_rnn.bundles", "hf_rnn.hub.bundling"),
    "hf_rnn.hub.checksums": ("hf_rnn.checksums",),
    "hf_rnn.training.curves": ("hf_rnn.runs.curves",),
    "hf_rnn.training.gradients": ("hf_rnn.insight.evaluation", "hf_rnn.insight.gradients.flow"),
    "hf_rnn.training.history": ("hf_rnn.runs.history",),
    "hf_rnn.training.language_metrics": ("hf_rnn.metrics.language",),
    "hf_rnn.training.metrics": ("hf_rnn.metrics.base", "hf_rnn.metrics.classification"),
    "hf_rnn.training.one_shot": ("hf_rnn.inference.one_shot", "hf_rnn.metrics.few_shot"),
    "hf_rnn.training.prediction": ("hf_rnn.inference.prediction",),
    "hf_rnn.training.results": ("hf_rnn.runs.results",),
    "hf_rnn.training.similarity_metrics": ("hf_rnn.metrics.similarity",),
    "hf_rnn.training.tagging_metrics": ("hf_rnn.metrics.tagging",),
}


def warn_of_move(old: str, new: str, stacklevel: int = 3) -> None:
    """Say that `old` is now `new`, to whoever asked for it."""
    warnings.warn(f"`{old}` is now `{new}`; the old name goes in 0.3.", FutureWarning, stacklevel=stacklevel)


class MovedModule(ModuleType):
    """A module by its old name: what is asked of it comes from the modules that have it now."""

    def __init__(self, name: str, places: tuple[str, ...]) -> None:
        super().__init__(name, f"Now {' and '.join(places)}.")
        self._places = places

    def __getattr__(self, name: str) -> Any:
        # What Python asks of any module, such as `__path__`, it has not.
        if not name.startswith("__"):
            for place in self._places:
                module = importlib.import_module(place)
                if hasattr(module, name):
                    warn_of_move(f"{self.__name__}.{name}", f"{place}.{name}")
                    return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}; look in {', '.join(self._places)}.")


def keep_old_modules() -> None:
    """Make the old names importable; nothing is imported before it is used."""
    for old, places in MODULES.items():
        sys.modules.setdefault(old, MovedModule(old, places))
