"""The plan of a search: the task, its arguments, the space and the study, checked before the first trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..data.row_checksum import rows_checksum
from ..extras import require_extra
from ..models.configuration_rnn import FAMILIES
from ..models.configuration_siamese import SiameseConfig
from ..runs.describe import non_default_arguments
from ..tasks.arguments import ModelArguments, ReportArguments
from ..tasks.building import DEFAULT_FAMILY
from ..tasks.pretrained_start import reshaped_by
from ..tasks.registry import find_task
from ..tasks.run import TrainingTask
from ..tasks.sequence_to_sequence.arguments import SequenceModelArguments
from ..training.arguments import RecurrentTrainingArguments
from .arguments import SEARCHED_TASKS, SearchArguments
from .spaces import SearchSpace, default_space, split_parameters
from .trials import Trial, trial_arguments


__all__ = ["Search", "SearchError", "prepare_search"]


# These flags may differ between the machines that share a study.
_OF_A_MACHINE = frozenset(
    ("torch_threads", "use_cpu", "dataloader_num_workers", "dataloader_pin_memory", "fp16", "bf16")
)


class SearchError(RuntimeError):
    """A search that cannot be made, or has found nothing; the message says why."""


@dataclass(frozen=True)
class Search:
    """A search that is ready to begin.

    Attributes:
        arguments: How.
        groups: The argument dataclasses of the task, in the order of its script.
        task: What is trained.
        space: What may be chosen.
    """

    arguments: SearchArguments
    groups: tuple[Any, ...]
    task: TrainingTask
    space: SearchSpace

    @property
    def training(self) -> RecurrentTrainingArguments:
        return next(group for group in self.groups if isinstance(group, RecurrentTrainingArguments))

    @property
    def model(self) -> ModelArguments:
        return next(group for group in self.groups if isinstance(group, ModelArguments))

    @property
    def output(self) -> Path:
        return Path(self.training.output_dir or ".")

    def trial(self, folder: Path, begin: Callable[[Any], None] = lambda trial: None) -> Trial:
        """A trial that is yet to be asked for."""
        arguments = trial_arguments(self.task, self.training, folder)
        return Trial(self.task, self.space, arguments, self.model.overrides(), begin)

    def made_for(self) -> dict[str, Any]:
        """The facts that all trials of the study have in common."""
        groups = [group for group in self.groups if not isinstance(group, ReportArguments)]
        searched = self.space.to_json()
        shared = non_default_arguments(*groups)
        trial = self.trial(self.output)
        return {
            "task": self.task.name,
            "objective": {"metric": trial.metric.removeprefix("eval_"), "direction": trial.direction},
            "space": searched,
            "data": dict(self.task.rows),
            "checksums": {"train": rows_checksum(self.task.train), "validation": rows_checksum(self.task.validation)},
            "arguments": {key: shared[key] for key in shared if key not in _OF_A_MACHINE | searched.keys()},
        }


def _settle_start(model: ModelArguments, space: SearchSpace, training: RecurrentTrainingArguments) -> None:
    """Have the trials start from random weights where sizes are searched, which pretrained weights would settle."""
    family = FAMILIES.get(model.model_type or DEFAULT_FAMILY)
    if family is None or isinstance(model, SequenceModelArguments):
        # An encoder-decoder never starts from a bundled encoder.
        return
    known = {field.name for field in fields(family)}
    least = {dimension.name: dimension.ends()[0] for dimension in space.dimensions}
    for dimension in space.dimensions:
        for value in (*dimension.ends(), *dimension.choices):
            values = split_parameters(least | {dimension.name: value}, training, model.overrides())[1]
            searched = {name: values[name] for name in values if name in known}
            model.from_scratch |= reshaped_by(searched) is not None


def prepare_search(arguments: SearchArguments, groups: Sequence[Any]) -> Search:
    """Read the data, and check everything that can be checked before a trial.

    Raises:
        MissingExtraError: the extra `search` is not installed.
        SearchError: Ray Tune is asked for and missing, or there is nothing to measure trials by.
        ValueError: for arguments, data or a search space that do not fit together; the message names them.
    """
    require_extra("search", "A search")
    if arguments.backend == "ray" and find_spec("ray") is None:
        raise SearchError("`backend`='ray' needs Ray Tune: pip install \"ray[tune]\"")
    if arguments.task is None:
        raise ValueError(f"`task` is missing; it must be one of {', '.join(SEARCHED_TASKS)}.")
    training = next(group for group in groups if isinstance(group, RecurrentTrainingArguments))
    if training.world_size > 1:
        raise SearchError(
            f"A trial is trained by one process, and this is one of {training.world_size}. Start the script once for "
            "each instead; they share the study."
        )
    training.do_train = True
    space = None if arguments.search_space is None else SearchSpace.read(arguments.search_space)
    model = next(group for group in groups if isinstance(group, ModelArguments))
    if space is not None and model.model_name_or_path is None:
        _settle_start(model, space, training)
    task = find_task(arguments.task).prepare(*groups)
    if task.validation is None:
        raise SearchError(
            "There is no validation split to compare trials on: give `validation_file`, `validation_split_percentage` "
            "or `validation_split_size`."
        )
    config: Any = task.model.config
    config = config.encoder if isinstance(config, SiameseConfig) else config
    if space is None:
        pretrained = model.model_name_or_path is not None
        space = default_space(arguments.task, str(config.model_type), pretrained=pretrained)
    space.check(training, config, model.overrides())
    return Search(arguments, tuple(groups), task, space)
