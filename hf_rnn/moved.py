"""Modules and names that had another place in 0.1.0: the old one works for one more release and names the new one."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


__all__ = ["MODULES", "NAMES", "MovedModule", "keep_old_modules", "moved_names", "warn_of_move"]


# Old module → the modules that have what was in it, all of them below `hf_rnn`. The benchmark is left out: it was for
# those who work on this package.
_MODULES = {
    "data.alignment": "data.batches.tags",
    "data.collator": "data.batches.collator",
    "data.conll": "data.readers.conll",
    "data.detokenize": "data.readers.detokenize",
    "data.document_start": "data.tokenizers.document_start",
    "data.files": "data.readers.files",
    "data.first_token": "data.synthetic.first_token",
    "data.glyph_training": "data.synthetic.glyph_training",
    "data.glyphs": "data.synthetic.glyphs",
    "data.labels": "data.readers.labels",
    "data.language_data": "data.readers.documents",
    "data.pair_collator": "data.batches.pair_collator",
    "data.pair_readers": "data.readers.pairs",
    "data.pair_tokenizer": "data.tokenizers.pair_template",
    "data.pair_tokens": "data.batches.pairs",
    "data.sources": "data.readers.sources data.readers.hold_out",
    "data.streams": "data.batches.streams",
    "data.tag_schemes": "data.readers.tag_schemes",
    "data.token_readers": "data.readers.sentences",
    "data.tokenizer_training": "data.tokenizers.training",
    "data.truncation": "data.batches.texts",
    "data.word_pieces": "data.tokenizers.word_pieces",
    "data.word_vocabulary": "data.tokenizers.word_vocabulary",
    "hub.bundled": "bundles hub.bundling",
    "hub.checksums": "checksums",
    "hub.command_line": "cli.train cli.errors",
    "hub.search_command": "cli.search",
    "insight.coloured_text": "insight.contributions.coloured_text",
    "insight.faithfulness": "insight.contributions.faithfulness",
    "insight.integration": "insight.contributions.integration",
    "insight.targets": "insight.contributions.targets",
    "training.adversarial": "training.techniques.adversarial",
    "training.averaging": "training.techniques.averaging",
    "training.batch_losses": "losses.in_batch",
    "training.building": "tasks.building",
    "training.bundled": "bundles",
    "training.checkpoints": "runs.checkpoints",
    "training.checksums": "checksums",
    "training.confusion": "metrics.confusion",
    "training.curves": "runs.curves runs.folder",
    "training.describe": "runs.describe",
    "training.distillation": "training.distillation_trainer losses.distillation tasks.distillation.arguments",
    "training.floating_point": "training.techniques.denormals",
    "training.gradient_plots": "insight.gradients.plots",
    "training.gradients": "insight.evaluation insight.gradients.flow",
    "training.history": "runs.history",
    "training.hub_files": "runs.publishable",
    "training.language_arguments": "training.arguments",
    "training.language_measuring": "tasks.language_modeling.measuring",
    "training.language_metrics": "metrics.language",
    "training.language_model_init": "tasks.language_model_init",
    "training.language_modeling": "tasks.language_modeling.task",
    "training.layer_groups": "training.techniques.layer_groups",
    "training.licences": "runs.licences",
    "training.loss_inputs": "losses.checks",
    "training.machine": "runs.provenance",
    "training.metrics": "metrics.base metrics.classification",
    "training.mining": "losses.mining",
    "training.naive_bayes": "baselines.naive_bayes",
    "training.ngram": "baselines.ngram",
    "training.one_shot": "inference.one_shot metrics.few_shot",
    "training.one_shot_measures": "tasks.one_shot.measuring",
    "training.one_shot_training": "tasks.one_shot.task tasks.one_shot.arguments",
    "training.pair_losses": "losses.pairs",
    "training.pair_samplers": "training.pair_sampler data.batches.duplicates",
    "training.prediction": "inference.prediction",
    "training.processes": "runs.writers",
    "training.pushing": "training.pushing_trainer",
    "training.raw_text": "tasks.token_classification.natural_text",
    "training.recipes": "tasks.recipes",
    "training.results": "runs.results metrics.names",
    "training.run": "tasks.run",
    "training.run_folder": "runs.folder",
    "training.run_lock": "runs.lock",
    "training.run_start": "tasks.start",
    "training.schedules": "training.techniques.schedules",
    "training.search": "hyperparameter_search.run hyperparameter_search.plan hyperparameter_search.optuna_trials",
    "training.search_arguments": "hyperparameter_search.arguments",
    "training.search_ray": "hyperparameter_search.on_ray",
    "training.search_report": "hyperparameter_search.report",
    "training.search_retraining": "hyperparameter_search.retraining",
    "training.search_spaces": "hyperparameter_search.spaces",
    "training.search_storage": "hyperparameter_search.storage",
    "training.search_trials": "hyperparameter_search.trials",
    "training.seeds": "runs.seeds",
    "training.sharing": "training.shared_batches",
    "training.siamese_building": "tasks.similarity.building",
    "training.similarity": "tasks.similarity.task metrics.classification data.batches.duplicates",
    "training.similarity_measures": "tasks.similarity.measuring metrics.pairs metrics.names",
    "training.similarity_metrics": "metrics.similarity",
    "training.similarity_objective": "losses.objective tasks.similarity.arguments losses.named",
    "training.tagger": "tasks.token_classification.building",
    "training.tagging_metrics": "metrics.tagging",
    "training.teacher": (
        "tasks.distillation.teacher tasks.text_classification.distilling tasks.token_classification.distilling"
    ),
    "training.text_classification": "tasks.text_classification.task",
    "training.text_loss": "metrics.text_loss",
    "training.threads": "kernels.threads",
    "training.token_classification": "tasks.token_classification.task",
    "training.triplet_losses": "losses.triplets",
    "training.unfreezing": "training.techniques.unfreezing",
}
# Module that is still there → the name it had → the module that has the name now.
_NAMES = {
    "data.readers": {
        "DataArguments": "data.readers.texts",
        "TextClassificationData": "data.readers.texts",
        "load_text_classification": "data.readers.texts",
        "load_texts": "data.readers.texts",
    },
    "data.synthetic": {
        "DESCRIPTION": "data.synthetic.reviews",
        "LABEL_NAMES": "data.synthetic.reviews",
        "Review": "data.synthetic.reviews",
        "generate_reviews": "data.synthetic.reviews",
        "synthetic_reviews": "data.synthetic.reviews",
    },
    "insight.contributions": {
        "Contributions": "insight.contributions.tokens",
        "token_contributions": "insight.contributions.tokens",
    },
    "insight.gradients": {
        "TextGradientFlow": "insight.gradients.text",
        "text_gradient_flow": "insight.gradients.text",
    },
    "training.arguments": {
        "ModelArguments": "tasks.arguments",
        "ReportArguments": "tasks.arguments",
        "TokenizerArguments": "tasks.arguments",
        "WordArguments": "tasks.arguments",
        "json_object": "tasks.arguments",
    },
}


def _whole(name: str) -> str:
    return f"{__package__}.{name}"


MODULES = {_whole(old): tuple(map(_whole, places.split())) for old, places in _MODULES.items()}
NAMES = {_whole(old): {name: _whole(place) for name, place in names.items()} for old, names in _NAMES.items()}


def warn_of_move(old: str, new: str, stacklevel: int = 3) -> None:
    """Say that `old` is now `new`, to whoever asked for it."""
    warnings.warn(f"`{old}` is now `{new}`; the old name goes in 0.3.", FutureWarning, stacklevel=stacklevel)


def moved_names(module: str) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module that is still there, for the names that it had, its row of `NAMES`.

    Args:
        module: The module's name.
    """

    def find(name: str) -> Any:
        place = NAMES[module].get(name)
        if place is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn_of_move(f"{module}.{name}", f"{place}.{name}")
        return getattr(importlib.import_module(place), name)

    return find


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


class _OldModules(MetaPathFinder, Loader):
    """What Python asks for a module that no file has."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in MODULES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return MovedModule(spec.name, MODULES[spec.name])

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run: the module finds its names when they are asked for."""


def keep_old_modules() -> None:
    """Make the old names importable; nothing is imported before it is used."""
    if not any(isinstance(finder, _OldModules) for finder in sys.meta_path):
        sys.meta_path.append(_OldModules())
