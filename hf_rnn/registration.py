"""The table config → model → Auto class, and our pipeline, told to transformers without importing a single model."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import transformers

from .models.configuration_conv import ConvEncoderConfig
from .models.configuration_seq2seq import ENCODER_DECODERS, RecurrentEncoderDecoderConfig
from .models.configuration_siamese import OWN_ENCODERS, SiameseConfig


__all__ = ["MODELS", "DeferredModelClass", "import_model", "register"]


# The table: configuration → Auto class → `file.Class` of its model.
MODELS: dict[type[transformers.PreTrainedConfig], dict[str, str]] = {
    **{encoder: encoder.head_classes() for encoder in OWN_ENCODERS.values()},
    **{config: config.head_classes() for config in ENCODER_DECODERS.values()},
    SiameseConfig: SiameseConfig.head_classes(),
}


def import_model(module: str, name: str) -> Any:
    """Import `name` from a module of the models; with it comes the compiled path, if it has been built."""
    found = getattr(importlib.import_module(module), name)
    importlib.import_module("hf_rnn.kernels.loading").load()
    return found


class DeferredModelClass(tuple[Any, ...]):
    """A model class that is imported when transformers first looks at it.

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


class RegisteredPipelines(dict[str, Any]):
    """The `custom_pipelines` of a folder whose pipelines are registered already.

    transformers runs the pipeline's code in the folder, and asks for `trust_remote_code`, if the task is `in` them. By
    their keys it knows the task of a folder. So these have keys and hold none: it takes what is registered.
    """

    def __contains__(self, task: object) -> bool:
        return False


def register_pipelines(pipelines: ModuleType) -> None:
    """Make the module `transformers.pipelines` know our pipelines, by name: they are imported when first built."""
    for task, pipeline in (SiameseConfig.pipelines() | RecurrentEncoderDecoderConfig.pipelines()).items():
        auto_classes = tuple(getattr(transformers, name) for name in pipeline["pt"])
        registered = {**pipeline, "impl": f"hf_rnn.models.{pipeline['impl']}", "pt": auto_classes}
        pipelines.PIPELINE_REGISTRY.supported_tasks[task] = registered
        # transformers refuses by name what it had before and has no more.
        getattr(pipelines, "REMOVED_TASKS", {}).pop(task, None)


def register_image_processors(auto: ModuleType) -> None:
    """Make `AutoImageProcessor` know the image processor of a `ConvEncoderModel`; it is that of a siamese network over
    one, too, whose folder names it.
    """
    from .models.image_processing_conv import ConvImageProcessor

    classes = {"pil": ConvImageProcessor}
    auto.AutoImageProcessor.register(ConvEncoderConfig, image_processor_classes=classes, exist_ok=True)


def register_quantizer(auto: ModuleType) -> None:
    """Make `from_pretrained` know models of 8 bits."""
    importlib.import_module("hf_rnn.quantization.quantizer").register_with(auto)


# What is told a module of transformers once it has been imported.
TOLD: dict[str, Callable[[ModuleType], None]] = {
    "transformers.pipelines": register_pipelines,
    "transformers.models.auto.image_processing_auto": register_image_processors,
    "transformers.quantizers.auto": register_quantizer,
}


class PipelinesFinder(MetaPathFinder):
    """Registers our pipelines, our image processor and our quantizer, as soon as the modules in `TOLD` have been
    imported.

    To import the pipelines here would make `import hf_rnn` take 3.7 seconds of the processor in place of 2.0 (medians
    of 5 with Python 3.11 and transformers 5.23; `from transformers import AutoModel` alone takes 2.0).
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in TOLD:
            return None
        others = (finder for finder in sys.meta_path if not isinstance(finder, PipelinesFinder))
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader = RegisteringLoader(spec.loader, TOLD[fullname])
        return spec


class RegisteringLoader(Loader):
    """Another loader, and then `tell`, given the module."""

    def __init__(self, loader: Loader, tell: Callable[[ModuleType], None]) -> None:
        self.loader, self.tell = loader, tell

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.tell(module)

    def __getattr__(self, name: str) -> Any:
        # The module's source, its resources.
        return getattr(self.loader, name)


def register() -> None:
    """Make AutoConfig, AutoModel and the AutoModelFor… of every head know every configuration, and `pipeline` our
    task.
    """
    for config_class, classes in MODELS.items():
        transformers.AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
        for auto_class, file_and_class in classes.items():
            deferred = DeferredModelClass(*file_and_class.split("."))
            getattr(transformers, auto_class).register(config_class, deferred, exist_ok=True)
    SiameseConfig.pipelines_type = RecurrentEncoderDecoderConfig.pipelines_type = RegisteredPipelines
    for name in TOLD.keys() & sys.modules.keys():
        TOLD[name](sys.modules[name])
    if not any(isinstance(finder, PipelinesFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, PipelinesFinder())
