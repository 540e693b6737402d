"""The space of a hyper-parameter search: parameters with ranges or choices, from JSON, and defaults."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from transformers import PreTrainedConfig

from ..data.readers.files import expand_path
from ..models.configuration_rnn import FAMILIES
from ..models.configuration_seq2seq import ENCODER_DECODERS
from ..runs.describe import UNRECORDED_ARGUMENTS
from ..runs.kinds import find_kind
from ..tasks.arguments import json_object
from ..training.arguments import RecurrentTrainingArguments


__all__ = [
    "FIXED_ARGUMENTS",
    "Dimension",
    "SearchSpace",
    "default_space",
    "field_of",
    "split_parameters",
]


# A layer of a list in the configuration, such as `hidden_sizes[0]`.
_ELEMENT = re.compile(r"(\w+)\[(\d+)\]")
# A value of a part of the configuration, such as `decoder.hidden_size`.
_PART = re.compile(r"(\w+)\.(\w+)")
_RANGE_KEYS = ("low", "high", "log", "step", "type")
# Training arguments that decide what is measured, when, by which random numbers, or on which machine: no trial could
# be compared with another.
FIXED_ARGUMENTS = UNRECORDED_ARGUMENTS | {
    "data_seed",
    "early_stopping_patience",
    "eval_strategy",
    "greater_is_better",
    "load_best_model_at_end",
    "metric_for_best_model",
    "seed",
    "torch_threads",
    "use_cpu",
}
_FIXED_PREFIXES = ("eval_", "save_", "dataloader_", "ddp_", "fsdp", "hub_", "push_to_hub", "logging_", "torch_")


@dataclass(frozen=True)
class Dimension:
    """One parameter of a search: a range, or choices.

    Attributes:
        name: That of a training argument, of a value of the model's configuration, of an element of a list there, or
            of a value of a part, such as `decoder.hidden_size`.
        low, high: Ends of the range, both included.
        log: Whether the logarithm is what is uniform.
        step: Distance between the values; None: 1 for whole numbers, any value for others.
        whole: Whether the values are whole numbers.
        choices: In place of a range: numbers, words, true and false, or null.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    whole: bool = False
    choices: tuple[Any, ...] = ()

    @classmethod
    def parse(cls, name: str, value: Any) -> Dimension:
        """Read a value of JSON, such as `{"low": 1e-4, "high": 0.1, "log": true}` or `{"choices": ["mean", "max"]}`.

        Raises:
            ValueError: names the parameter and what is wrong with its range.
        """
        said = f"The search space says {json.dumps(value)} of `{name}`"
        if not isinstance(value, Mapping):
            raise ValueError(f'{said}; it must be an object with "low" and "high", or with "choices".')
        if "choices" in value:
            return cls(name, choices=_checked_choices(said, value))
        unknown = sorted(value.keys() - set(_RANGE_KEYS))
        if unknown:
            raise ValueError(f"{said}; `{unknown[0]}` is none of {', '.join(_RANGE_KEYS)}, choices.")
        low, high, step = _numbers(said, value)
        kind = value.get("type", "int" if isinstance(low, int) and isinstance(high, int) else "float")
        if kind not in ("int", "float"):
            raise ValueError(f'{said}; `type` must be "int" or "float".')
        if kind == "int" and any(number is not None and number != int(number) for number in (low, high, step)):
            raise ValueError(f'{said}; with the `type` "int" all must be whole numbers.')
        if low >= high:
            raise ValueError(f"{said}; the range is empty: `low` must be below `high`.")
        log = value.get("log", False)
        if not isinstance(log, bool):
            raise ValueError(f"{said}; `log` must be true or false.")
        if log and low <= 0:
            raise ValueError(f"{said}; with `log` the range must be above 0.")
        if step is not None and (step <= 0 or step > high - low or log):
            raise ValueError(f"{said}; `step` must be above 0, no larger than the range, and not given with `log`.")
        return cls(name, low, high, log, step, kind == "int")

    def to_json(self) -> dict[str, Any]:
        """Write what [`parse`] reads."""
        if self.choices:
            return {"choices": list(self.choices)}
        kind = int if self.whole else float
        values: dict[str, Any] = {"low": kind(self.low), "high": kind(self.high), "type": kind.__name__}
        if self.step is not None:
            values["step"] = kind(self.step)
        return values | ({"log": True} if self.log else {})

    def ends(self) -> tuple[Any, ...]:
        """The values at the ends of the range, or all choices."""
        if self.choices:
            return self.choices
        return (int(self.low), int(self.high)) if self.whole else (float(self.low), float(self.high))

    def suggest(self, trial: Any) -> Any:
        """A value for an Optuna trial."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        low, high = self.ends()
        if self.whole:
            return trial.suggest_int(self.name, low, high, step=int(self.step or 1), log=self.log)
        return trial.suggest_float(self.name, low, high, step=self.step, log=self.log)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(said: str, value: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    for key in ("low", "high", "step"):
        number = value.get(key)
        absent = number is None and key == "step"
        if not absent and not (_is_number(number) and math.isfinite(number)):  # type: ignore[arg-type]
            raise ValueError(f"{said}; `{key}` must be a finite number.")
    return value.get("low"), value.get("high"), value.get("step")


def _checked_choices(said: str, value: Mapping[str, Any]) -> tuple[Any, ...]:
    choices = value["choices"]
    if len(value) > 1:
        raise ValueError(f'{said}; beside "choices" there must be nothing else.')
    if not isinstance(choices, list) or not choices:
        raise ValueError(f"{said}; `choices` must be a list that is not empty.")
    for choice in choices:
        if not isinstance(choice, str | int | float | bool | None):
            raise ValueError(f"{said}; each of the `choices` must be a number, a word, true, false or null.")
    if len({(type(choice), choice) for choice in choices}) < len(choices):
        raise ValueError(f"{said}; one of the `choices` is there twice.")
    return tuple(choices)


@dataclass(frozen=True)
class SearchSpace:
    """The parameters of a search, by which a trial differs from the recipe."""

    dimensions: tuple[Dimension, ...]

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> SearchSpace:
        """Raises:
        ValueError: there is no parameter, or one has no range.
        """
        if not values:
            raise ValueError("The search space has no parameter.")
        return cls(tuple(Dimension.parse(name, value) for name, value in values.items()))

    @classmethod
    def read(cls, source: str) -> SearchSpace:
        """Read a space from a JSON file, or from JSON text.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: as [`parse`], or it is not JSON.
        """
        if source.lstrip().startswith("{"):
            return cls.parse(json_object(source, "search_space"))
        path = expand_path(source)
        if not path.is_file():
            raise FileNotFoundError(f"`search_space`={source!r} is no file.")
        return cls.parse(json_object(path.read_text(encoding="utf-8"), "search_space"))

    def to_json(self) -> dict[str, Any]:
        return {dimension.name: dimension.to_json() for dimension in self.dimensions}

    def suggest(self, trial: Any) -> dict[str, Any]:
        """A value of each parameter for an Optuna trial."""
        return {dimension.name: dimension.suggest(trial) for dimension in self.dimensions}

    def check(self, arguments: RecurrentTrainingArguments, config: PreTrainedConfig, given: Mapping[str, Any]) -> None:
        """Raise unless every parameter exists and may have every value at the ends of its range.

        Args:
            arguments: The arguments of training.
            config: That of the model, or of a siamese network's encoder.
            given: `config_overrides`.

        Raises:
            ValueError: names the parameter.
        """
        for dimension in self.dimensions:
            if dimension.name in _names(arguments):
                _check_argument(dimension, arguments)
            elif not _is_known(dimension.name, config.to_dict()):
                raise ValueError(
                    f"`{dimension.name}` of the search space is no training argument and no value of the "
                    f"configuration of a {config.model_type}."
                )
        for end in (0, -1):
            values = {dimension.name: dimension.ends()[end] for dimension in self.dimensions}
            self._check_config(split_parameters(values, arguments, given)[1], config)
        for dimension in self.dimensions:
            for value in dimension.choices:
                values = {each.name: each.ends()[0] for each in self.dimensions} | {dimension.name: value}
                self._check_config(split_parameters(values, arguments, given)[1], config)

    @staticmethod
    def _check_config(overrides: Mapping[str, Any], config: PreTrainedConfig) -> None:
        values = config.to_dict()
        for name, value in overrides.items():
            part = values.get(name)
            values[name] = {**part, **value} if isinstance(value, dict) and isinstance(part, dict) else value
        try:
            type(config).from_dict(values)
        # A configuration that is strict about types raises errors that are no subclass of ValueError.
        except Exception as error:
            raise ValueError(f"The search space has values that the model can't have: {error}") from error


def field_of(name: str) -> str:
    """The configuration's field that a parameter such as `hidden_sizes[0]` or `decoder.dropout` is in."""
    inside = _ELEMENT.fullmatch(name) or _PART.fullmatch(name)
    return inside[1] if inside else name


def _is_known(name: str, values: Mapping[str, Any]) -> bool:
    if part := _PART.fullmatch(name):
        inside = values.get(part[1])
        return isinstance(inside, dict) and part[2] in inside
    return field_of(name) in values


def _names(arguments: RecurrentTrainingArguments) -> set[str]:
    return {field.name for field in dataclasses.fields(arguments) if field.init}


def _check_argument(dimension: Dimension, arguments: RecurrentTrainingArguments) -> None:
    name = dimension.name
    if name in FIXED_ARGUMENTS or name.startswith(_FIXED_PREFIXES):
        raise ValueError(f"`{name}` can't be searched: it must be the same in all trials for them to be compared.")
    hint = get_type_hints(type(arguments))[name]
    kinds = get_args(hint) or (hint,)
    for value in dimension.ends():
        wrong = isinstance(value, float) and int in kinds and float not in kinds
        if wrong or (_is_number(value) and not {int, float} & set(kinds)):
            raise ValueError(f"`{name}` of the search space may be {value!r}; the argument takes another type.")
        try:
            dataclasses.replace(arguments, **{name: value})
        except (ValueError, TypeError) as error:
            raise ValueError(f"`{name}` of the search space may be {value!r}, which is refused: {error}") from error


def split_parameters(
    values: Mapping[str, Any], arguments: RecurrentTrainingArguments, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The training arguments and the configuration's values that a trial's parameters set.

    Args:
        given: `config_overrides`, which has the elements of a list, and the values of a part, that are not searched.

    Raises:
        ValueError: an element of a list is searched, and one before it is neither searched nor given.
    """
    names = _names(arguments)
    training = {name: value for name, value in values.items() if name in names}
    config: dict[str, Any] = {}
    elements: dict[str, dict[int, Any]] = {}
    for name, value in values.items():
        if name in names:
            continue
        if element := _ELEMENT.fullmatch(name):
            elements.setdefault(element[1], {})[int(element[2])] = value
        elif part := _PART.fullmatch(name):
            config.setdefault(part[1], dict(given.get(part[1]) or {}))[part[2]] = value
        else:
            config[name] = value
    for name, found in elements.items():
        known = dict(enumerate(given.get(name) or ())) | found
        missing = next((index for index in range(len(known)) if index not in known), None)
        if missing is not None:
            raise ValueError(
                f"`{name}[{missing}]` is neither in the search space nor in `config_overrides`; the list needs it."
            )
        config[name] = [known[index] for index in range(len(known))]
    return training, config


_COMMON = {"learning_rate": {"low": 3e-4, "high": 1e-2, "log": True}}
_RECURRENT = {"hidden_size": {"low": 32, "high": 256, "log": True}}
_OF_FAMILY: dict[str, dict[str, Any]] = {
    "dan": {"hidden_size": {"low": 32, "high": 512, "log": True}, "word_dropout": {"low": 0.0, "high": 0.5}},
}
_PRETRAINED = {
    "learning_rate": {"low": 5e-6, "high": 1e-4, "log": True},
    "weight_decay": {"low": 0.0, "high": 0.1},
    "warmup_steps": {"low": 0.0, "high": 0.2},
}


# A recurrent model that was trained before has its sizes, and learns as fast as a new one.
_TRAINED_BEFORE = {
    "learning_rate": {"low": 2e-4, "high": 4e-3, "log": True},
    "dropout": {"low": 0.0, "high": 0.6},
    "embedding_dropout": {"low": 0.0, "high": 0.5},
    "word_dropout": {"low": 0.0, "high": 0.3},
}


_ENCODER_DECODER_TRAINED_BEFORE = {
    "learning_rate": _TRAINED_BEFORE["learning_rate"],
    "encoder.embedding_dropout": {"low": 0.0, "high": 0.5},
    "decoder.embedding_dropout": {"low": 0.0, "high": 0.5},
    "decoder.dropout": {"low": 0.0, "high": 0.6},
}


def default_space(task: str, family: str, *, pretrained: bool) -> SearchSpace:
    """Make the space that is worth searching where nothing else was said.

    Args:
        task: The name of a task that has a search space.
        family: The `model_type`, such as `bilstm`.
        pretrained: Whether the model starts from a checkpoint, whose sizes are settled.

    Raises:
        ValueError: there is no such task, or it is not searched.
    """
    if pretrained:
        if family in ENCODER_DECODERS:
            return SearchSpace.parse(_ENCODER_DECODER_TRAINED_BEFORE)
        return SearchSpace.parse(_TRAINED_BEFORE if family in FAMILIES else _PRETRAINED)
    own = find_kind(task).search_space
    if own is None:
        raise ValueError(f"`task`={task!r} has no search space: it is not searched.")
    # An encoder-decoder has its sizes in its two parts.
    sizes = {} if family in ENCODER_DECODERS else _OF_FAMILY.get(family, _RECURRENT)
    found = _COMMON | sizes | dict(own)
    if family in FAMILIES and not FAMILIES[family].recurrent_weights:
        found.pop("weight_dropout", None)
    return SearchSpace.parse(found)
