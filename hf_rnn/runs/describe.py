"""What `results.json` says of a run's model, arguments and figures, taken from the objects of the run."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sysconfig
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedConfig

from ..bundles import bundled_name
from .publishable import TOKENIZER_FILES, WEIGHT_FILES


if TYPE_CHECKING:
    from transformers import PreTrainedModel


# The Trainer reports these beside the metrics: speed, which `minutes` and `machine` say better.
TRAINER_SPEED = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time", "epoch")

# The files that make a checkpoint: weights, config, tokenizer.
CHECKPOINT_FILES = (*WEIGHT_FILES, "config.json", *TOKENIZER_FILES)

# Arguments that say where a run wrote and what it printed, or that are secret: nothing a figure depends on.
UNRECORDED_ARGUMENTS = frozenset(
    "baseline disable_tqdm do_eval do_predict do_train hub_model_id hub_strategy hub_token log_level "
    "log_level_replica logging_dir logging_first_step logging_steps logging_strategy output_dir overwrite_cache "
    "project push_to_hub push_to_hub_token report_to resume_from_checkpoint run_name save_total_limit "
    "trackio_space_id".split()
)

# Config fields that are bookkeeping rather than choices.
UNRECORDED_CONFIG = frozenset(
    "_name_or_path architectures auto_map custom_pipelines dtype id2label label2id model_type "
    "transformers_version".split()
)
# What transformers' training arguments choose devices by.
OF_DEVICES = ("use_cpu", "ddp_backend")


def describe_model(model: PreTrainedModel, folder: str | Path, *, base_model: str | None = None) -> dict[str, Any]:
    """The `model` section for a transformers model saved in `folder`; `base_model`: the Hub id it was tuned from."""
    return {
        "class": type(model).__name__,
        "model_type": model.config.model_type,
        "base_model": base_model,
        "parameters": model.num_parameters(),
        "size_bytes": checkpoint_size(folder),
        "dtype": str(model.dtype).removeprefix("torch."),
        "config": _differing(model.config),
    }


def _differing(config: PreTrainedConfig) -> dict[str, Any]:
    """What of a configuration is not its family's default; of one inside of it, such as a siamese encoder's, too."""
    # `to_diff_dict` compares with what every configuration has; a reader wants what differs from the family's own.
    default = type(config)().to_dict()
    found: dict[str, Any] = {}
    for key, value in config.to_dict().items():
        inner = getattr(config, key, None)
        if isinstance(inner, PreTrainedConfig):
            found[key] = {"model_type": inner.model_type, **_differing(inner)}
        elif key not in UNRECORDED_CONFIG and value != default.get(key):
            found[key] = value
    return found


def checkpoint_size(folder: str | Path) -> int:
    """Bytes of what `from_pretrained` needs of `folder`: weights, config and tokenizer.

    Raises:
        FileNotFoundError: `folder` holds no safetensors weights.
    """
    files = {path for pattern in CHECKPOINT_FILES for path in Path(folder).glob(pattern)}
    if not any(path.suffix == ".safetensors" for path in files):
        raise FileNotFoundError(f"`folder` must hold safetensors weights; {str(folder)!r} holds none")
    return sum(path.stat().st_size for path in files)


def split_metrics(metrics: Mapping[str, float], prefix: str) -> dict[str, float]:
    """Figures of one split from what `Trainer.evaluate` returns: without `prefix` (`"eval"`) and without its speed."""
    bare = {key.removeprefix(f"{prefix}_"): float(value) for key, value in metrics.items()}
    return {key: value for key, value in bare.items() if key not in TRAINER_SPEED}


def non_default_arguments(*groups: Any) -> dict[str, Any]:
    """Flags that differ from their defaults, of argument dataclasses (TrainingArguments and a script's own).

    A bundled checkpoint is written by its name; paths below the corpora's folder, the Python environment and the
    working folder are written without what is particular to the machine, so that the document can be published.
    Secrets and places of output are left out. Called before a training, it tells before anything is trained what could
    not be written after it.

    Raises:
        ValueError: an argument is an object that JSON cannot hold.
    """
    changed = changed_arguments(*groups)
    recorded = {name: portable(value) for name, value in changed.items() if name not in UNRECORDED_ARGUMENTS}
    for name, value in recorded.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`{name}`={changed[name]!r} could not be written into results.json: {error}. Give it as numbers, "
                "strings, lists or dictionaries of these."
            ) from error
    return recorded


def changed_arguments(*groups: Any) -> dict[str, Any]:
    """Every flag that differs from its default, as it is, of argument dataclasses."""
    return {
        name: getattr(group, name)
        for group in groups
        for name, default in _defaults(group).items()
        if getattr(group, name) != default
    }


def _defaults(group: Any) -> dict[str, Any]:
    """Every flag of an argument dataclass with its default."""
    from transformers import TrainingArguments

    fields = [field for field in dataclasses.fields(group) if field.init]
    if isinstance(group, TrainingArguments):
        # It rewrites many of its fields on construction: the default is what comes out, not what the field declares.
        # Construction also chooses the devices of the process. If it chose others, the process would forget the group
        # of processes that it is in.
        untouched = type(group)(**{name: getattr(group, name) for name in OF_DEVICES})
        return {
            field.name: field.default if field.name in OF_DEVICES else getattr(untouched, field.name)
            for field in fields
        }
    return {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in fields
    }


def portable(value: Any) -> Any:
    """`value` as JSON holds it, without the folders of this machine."""
    if isinstance(value, Mapping):
        return {str(key): portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [portable(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # An `accelerator_config`, which transformers makes of what was given.
        return portable(dataclasses.asdict(value))
    # Enumerations come before strings: those of TrainingArguments are strings as well.
    if isinstance(value, Enum):
        return value.value
    if not isinstance(value, str | Path):
        return value
    folders = {
        os.environ.get("HF_RNN_CORPORA", "").rstrip(os.sep): "${HF_RNN_CORPORA}",
        sysconfig.get_path("purelib"): "<site-packages>",
        os.getcwd(): ".",
    }
    text = str(value)
    if (name := bundled_name(text)) is not None:
        return name
    for folder, stand_in in folders.items():
        if folder:
            # It may stand behind a name, as in NAME=CHECKPOINT, or in a list between commas.
            text = re.sub(rf"(^|[=:,]\s*){re.escape(folder + os.sep)}", rf"\g<1>{stand_in}{os.sep}", text)
    return text
