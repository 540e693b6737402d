"""
Recurrent networks as first-class citizens of the Hugging Face ecosystem.

``import hf_rnn`` registers every family, the siamese networks and the encoder of images with AutoConfig and the Auto
classes of their tasks, and the task "sentence-similarity" with `pipeline`. Models, and whatever else is heavy, are
imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .moved import keep_old_modules
from .registration import MODELS, import_model, register
from .version import __version__


register()
keep_old_modules()

# Where each public name is found when it is first used.
_MODULE_OF = {
    "RecurrentCache": "hf_rnn.models.cache_rnn",
    "RecurrentConfig": "hf_rnn.models.configuration_rnn",
    "bundled": "hf_rnn.runs.bundled",
    "list_bundled": "hf_rnn.runs.bundled",
    "SentenceSimilarityPipeline": "hf_rnn.models.pipeline_similarity",
    "semantic_search": "hf_rnn.models.search",
    "predict_texts": "hf_rnn.inference.prediction",
    "with_pair_template": "hf_rnn.data.tokenizers.pair_template",
    "recurrent_path": "hf_rnn.models.paths",
}
for _config, _classes in MODELS.items():
    _MODULE_OF[_config.__name__] = _config.__module__
    for _file_and_class in _classes.values():
        _file, _class = _file_and_class.split(".")
        _MODULE_OF[_class] = f"hf_rnn.models.{_file}"

__all__ = ["__version__", *sorted(_MODULE_OF)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'hf_rnn' has no attribute {name!r}; it offers: {', '.join(__all__)}.")
    module = _MODULE_OF[name]
    if module.startswith("hf_rnn.models.modeling"):
        value = import_model(module, name)
    else:
        value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if TYPE_CHECKING:
    from .data.tokenizers.pair_template import with_pair_template as with_pair_template
    from .inference.prediction import predict_texts as predict_texts
    from .models.cache_rnn import *  # noqa: F403
    from .models.configuration_conv import *  # noqa: F403
    from .models.configuration_rnn import *  # noqa: F403
    from .models.configuration_siamese import *  # noqa: F403
    from .models.modeling_conv import *  # noqa: F403
    from .models.modeling_rnn import *  # noqa: F403
    from .models.modeling_siamese import *  # noqa: F403
    from .models.paths import recurrent_path as recurrent_path
    from .models.pipeline_similarity import *  # noqa: F403
    from .models.search import *  # noqa: F403
    from .runs.bundled import bundled as bundled
    from .runs.bundled import list_bundled as list_bundled
