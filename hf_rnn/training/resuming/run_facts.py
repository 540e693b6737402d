"""What the training of a Trainer hangs on, as a checkpoint's fingerprint has it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ...data.row_checksum import rows_checksum
from ...runs.describe import UNRECORDED_ARGUMENTS, portable


__all__ = ["comparable", "facts_of"]


# These arguments may differ when a run goes on. No step of the training depends on them: where it writes and what it
# says, when it is evaluated and saved, and on what it computes. Its length is compared by the steps.
MAY_CHANGE = UNRECORDED_ARGUMENTS | frozenset(
    "dataloader_multiprocessing_context dataloader_num_workers dataloader_persistent_workers "
    "dataloader_pin_memory dataloader_prefetch_factor ddp_backend ddp_timeout debug enable_jit_checkpoint "
    "eval_accumulation_steps eval_delay eval_on_start eval_steps eval_strategy eval_use_gather_object "
    "hub_always_push hub_private_repo hub_revision include_num_input_tokens_seen local_rank log_on_each_node "
    "logging_nan_inf_filter max_steps num_train_epochs per_device_eval_batch_size "
    "restore_callback_states_from_checkpoint save_on_each_node save_only_model save_steps save_strategy "
    "skip_memory_metrics torch_empty_cache_steps torch_threads trackio_bucket_id "
    "trackio_static_space_id use_cpu".split()
)
# What a configuration says of where a checkpoint lay, what wrote it and how it is loaded.
OF_ITS_PLACE = frozenset(
    "_name_or_path architectures auto_map custom_pipelines dtype torch_dtype transformers_version".split()
)


def comparable(value: Any) -> Any:
    """`value` as JSON holds it; an object that it cannot hold by the name of its class, and a dictionary that was
    given as JSON as what it says.
    """
    plain = portable(value)
    if isinstance(plain, str) and plain.lstrip().startswith("{"):
        try:
            return json.loads(plain)
        except ValueError:
            return plain
    try:
        json.dumps(plain)
    except (TypeError, ValueError):
        return type(value).__name__
    return plain


def facts_of(trainer: Any, model: Any) -> dict[str, dict[str, Any]]:
    """The arguments in force, the rows and the model of a Trainer that is about to train.

    Args:
        model: Its model, as it is without the wrapping of several processes.

    Returns:
        `arguments`, `rows` and `model`, see `hf_rnn.runs.fingerprint.write_fingerprint`.
    """
    return {
        "arguments": _arguments(trainer),
        "rows": {
            split: facts
            for name, rows in (("train", trainer.train_dataset), ("validation", trainer.eval_dataset))
            for split, facts in _rows(name, rows).items()
        },
        "model": _model(model),
    }


def _arguments(trainer: Any) -> dict[str, Any]:
    names = {
        field.name for kind in (type(trainer.args), trainer.arguments_class) for field in dataclasses.fields(kind)
    }
    found = {
        name: comparable(getattr(trainer.args, name))
        for name in sorted(names - trainer.may_change)
        if hasattr(trainer.args, name)
    }
    optimizers = (trainer.optimizer, trainer.lr_scheduler)
    return found | {
        "optimizers": [None if one is None else type(one).__name__ for one in optimizers],
        "number of processes": trainer.args.world_size,
    }


def _rows(name: str, rows: Any) -> dict[str, dict[str, Any]]:
    """Describe a dataset, or each of several in a dictionary."""
    if rows is None:
        return {}
    if isinstance(rows, Mapping) and not hasattr(rows, "column_names"):
        return {f"{name}.{key}": facts for key, each in rows.items() for facts in _rows(name, each).values()}
    count = len(rows) if hasattr(rows, "__len__") else None
    return {name: {"rows": count, "checksum": rows_checksum(rows)}}


def _model(model: Any) -> dict[str, Any]:
    config = getattr(model, "config", None)
    fields = {} if config is None else json.loads(config.to_json_string(use_diff=False))
    return {"class": type(model).__name__} | _without_places(fields)


def _without_places(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave `OF_ITS_PLACE` out, also of configurations inside of a configuration."""
    return {
        name: _without_places(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
        if name not in OF_ITS_PLACE
    }
