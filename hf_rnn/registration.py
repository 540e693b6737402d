"""The table config → model → Auto class, told to transformers without importing a single model."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import transformers

from .models.configuration_conv import ConvEncoderConfig
from .models.configuration_rnn import FAMILIES
from .models.configuration_siamese import SiameseConfig


# The table: configuration → Auto class → `file.Class` of its model.
MODELS: dict[type[transformers.PreTrainedConfig], dict[str, str]] = {
    **{family: family.head_classes() for family in FAMILIES.values()},
    SiameseConfig: SiameseConfig.head_classes(),
    ConvEncoderConfig: {"AutoModel": "modeling_conv.ConvEncoderModel"},
}


def import_model(module: str, name: str) -> Any:
    """What `name` stands for in a module of the models; with it comes the compiled path, if it has been built."""
    found = getattr(importlib.import_module(module), name)
    importlib.import_module("hf_rnn.kernels.loading").load()
    return found


class DeferredModelClass(tuple):
    """
    A model class that is imported when transformers first looks at it.

    Importing the models takes as long as importing the Auto classes themselves. transformers lets a configuration map
    to a tuple of classes and looks into it only when one is wanted; this tuple holds its one class by name until then.
    """

    file: str
    name: str

    def __new__(cls, file: str, name: str) -> DeferredModelClass:
        deferred = super().__new__(cls)
        deferred.file, deferred.name = file, name
        return deferred

    def load(self) -> type[Any]:
        found: type[Any] = import_model(f"hf_rnn.models.{self.file}", self.name)
        return found

    def __iter__(self) -> Iterator[type[Any]]:
        yield self.load()

    def __getitem__(self, index: Any) -> Any:
        return (self.load(),)[index]

    def __len__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return True


def register() -> None:
    """Make AutoConfig, AutoModel and the AutoModelFor… of every head know every configuration."""
    for config_class, classes in MODELS.items():
        transformers.AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
        for auto_class, file_and_class in classes.items():
            deferred = DeferredModelClass(*file_and_class.split("."))
            getattr(transformers, auto_class).register(config_class, deferred, exist_ok=True)


__all__ = ["MODELS", "DeferredModelClass", "import_model", "register"]
