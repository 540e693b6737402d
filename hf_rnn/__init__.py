"""Recurrent networks as first-class citizens of the Hugging Face ecosystem.

``import hf_rnn`` registers every family, the encoder-decoders, the siamese networks and the encoder of images with
AutoConfig and the Auto classes of their tasks, and the tasks "sentence-similarity" and "text2text-generation" with
`pipeline`. Models, and whatever else is heavy, are
imported when they are first used.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any


if sys.argv[:1] == ["-m"] and "hf_rnn" in sys.orig_argv:
    # `python -m hf_rnn` imports this file, and torch with it, before the command can set what torch reads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from .lazy import lazily
from .moved import keep_old_modules
from .registration import MODELS, import_model, register
from .version import __version__


register()
keep_old_modules()

# Public name → the module that has it, and its name there where that is another.
_MODULE_OF = {
    "ConditionalRandomField": ".models.crf",
    "ConvImageProcessor": ".models.image_processing_conv",
    "HfRnnInt8Config": ".quantization.config",
    "LanguageModelTrainer": ".training.language_model_trainer",
    "LanguageTrainingArguments": ".training.arguments",
    "OneShotVerifier": ".inference.one_shot",
    "RecurrentCache": ".models.cache_rnn",
    "RecurrentConfig": ".models.configuration_rnn",
    "RecurrentEncoderDecoderConfig": ".models.configuration_seq2seq",
    "RecurrentTrainer": ".training.trainer",
    "RecurrentTrainingArguments": ".training.arguments",
    "SentenceSimilarityPipeline": ".models.pipeline_similarity",
    "SiameseTrainer": ".training.siamese_trainer",
    "Text2TextGenerationPipeline": ".models.pipeline_text2text",
    "bundled": ".bundles",
    "distill": ".tasks.distillation.run",
    "evaluate_file": ".tasks.evaluation",
    "export_onnx": ".export.onnx_export",
    "from_keras": ".conversion.from_keras",
    "from_torch": ".conversion.from_torch",
    "list_bundled": ".bundles",
    "load_fast": ".inference.fast",
    "load_onnx": ".export.runtime:load",
    "predict_file": ".inference.files",
    "predict_steps": ".inference.steps",
    "predict_texts": ".inference.prediction",
    "push_to_hub": ".hub.publishing:publish",
    "quantize": ".quantization.quantizing",
    "recurrent_path": ".models.paths",
    "semantic_search": ".models.search",
    "to_torch": ".conversion.to_torch",
    "summary": ".insight.summaries",
    "train_tokenizer": ".data.tokenizers.training",
    "with_pair_template": ".data.tokenizers.pair_template",
}
for _config, _classes in MODELS.items():
    _MODULE_OF[_config.__name__] = _config.__module__
    for _file_and_class in _classes.values():
        _file, _class = _file_and_class.split(".")
        _MODULE_OF[_class] = f".models.{_file}"
# Packages whose own names are public, found as `hf_rnn.losses`.
_FACES = ("export", "inference", "insight", "losses", "metrics", "tasks", "training")

_find, __dir__, _offered = lazily(__name__, _MODULE_OF)
__all__ = ["__version__", *_offered]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _FACES:
        return importlib.import_module(f".{name}", __name__)
    if _MODULE_OF.get(name, "").startswith(".models.modeling"):
        globals()[name] = import_model(f"{__name__}{_MODULE_OF[name]}", name)
        return globals()[name]
    return _find(name)


if TYPE_CHECKING:
    from .bundles import bundled as bundled
    from .bundles import list_bundled as list_bundled
    from .conversion.from_keras import from_keras as from_keras
    from .conversion.from_torch import from_torch as from_torch
    from .conversion.to_torch import to_torch as to_torch
    from .data.tokenizers.pair_template import with_pair_template as with_pair_template
    from .data.tokenizers.training import train_tokenizer as train_tokenizer
    from .export.onnx_export import export_onnx as export_onnx
    from .export.runtime import load as load_onnx  # noqa: F401
    from .hub.publishing import publish as push_to_hub  # noqa: F401
    from .inference.fast import load_fast as load_fast
    from .inference.files import predict_file as predict_file
    from .inference.one_shot import OneShotVerifier as OneShotVerifier
    from .inference.prediction import predict_texts as predict_texts
    from .inference.steps import predict_steps as predict_steps
    from .insight.summaries import summary as summary
    from .models.cache_rnn import *  # noqa: F403
    from .models.configuration_conv import *  # noqa: F403
    from .models.configuration_rnn import *  # noqa: F403
    from .models.configuration_seq2seq import *  # noqa: F403
    from .models.configuration_siamese import *  # noqa: F403
    from .models.crf import ConditionalRandomField as ConditionalRandomField
    from .models.image_processing_conv import *  # noqa: F403
    from .models.modeling_conv import *  # noqa: F403
    from .models.modeling_rnn import *  # noqa: F403
    from .models.modeling_seq2seq import *  # noqa: F403
    from .models.modeling_siamese import *  # noqa: F403
    from .models.paths import recurrent_path as recurrent_path
    from .models.pipeline_similarity import *  # noqa: F403
    from .models.pipeline_text2text import *  # noqa: F403
    from .models.search import *  # noqa: F403
    from .quantization.config import HfRnnInt8Config as HfRnnInt8Config
    from .quantization.quantizing import quantize as quantize
    from .tasks.distillation.run import distill as distill
    from .tasks.evaluation import evaluate_file as evaluate_file
    from .training.arguments import LanguageTrainingArguments as LanguageTrainingArguments
    from .training.arguments import RecurrentTrainingArguments as RecurrentTrainingArguments
    from .training.language_model_trainer import LanguageModelTrainer as LanguageModelTrainer
    from .training.siamese_trainer import SiameseTrainer as SiameseTrainer
    from .training.trainer import RecurrentTrainer as RecurrentTrainer
