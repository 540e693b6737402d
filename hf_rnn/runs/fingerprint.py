"""`fingerprint.json` of a checkpoint: what its training hangs on. A run that goes on with anything else is refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..checksums import read_json


__all__ = ["FINGERPRINT_FILE", "ChangedRunError", "check_fingerprint", "is_without_fingerprint", "write_fingerprint"]


logger = logging.getLogger(__name__)

FINGERPRINT_FILE = "fingerprint.json"
# How many differences a message names, and how long each value is in it.
MOST_NAMED, MOST_CHARACTERS = 8, 80
ABSENT = "absent"


class ChangedRunError(ValueError):
    """A run was to go on with other data, another model or other arguments; the message names what differs."""


def write_fingerprint(folder: str | Path, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write `fingerprint.json` into the folder of a checkpoint.

    Args:
        facts: Section → name → what JSON can hold: `arguments` (flag → value), `files` (flag → checksum of what it
            names), `rows` (split → its number of rows and their checksum), `model` (field of its configuration →
            value).
    """
    text = json.dumps(facts, indent=2, sort_keys=True) + "\n"
    (Path(folder) / FINGERPRINT_FILE).write_text(text, encoding="utf-8")


def is_without_fingerprint(checkpoint: str | Path) -> bool:
    """Whether a checkpoint says nothing of what it was trained on, as those of 0.2 and those of the stock Trainer."""
    return not (Path(checkpoint) / FINGERPRINT_FILE).is_file()


def check_fingerprint(checkpoint: str | Path, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise unless a checkpoint was written by a run of which the same `facts` are true.

    Sections and names that only one of the two has are not compared: another version of this package may know others.
    A checkpoint without a fingerprint is not refused.

    Raises:
        ChangedRunError: names everything that differs, with its old and new value, and says what to do.
    """
    if is_without_fingerprint(checkpoint):
        return
    known = read_json(Path(checkpoint) / FINGERPRINT_FILE)
    found = [
        _SAID.get(section, _value_said)(name, old, new)
        for section, asked in facts.items()
        for name, old, new in _differences(known.get(section, {}), _plain(asked))
    ]
    if found:
        more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise ChangedRunError(
            f"The run cannot go on from {str(checkpoint)!r}, which was trained with something else: "
            f"{'; '.join(found[:MOST_NAMED])}{more}. To go on, put back what was there. To train with what is there "
            "now, name another `output_dir`, or start anew in this one with `resume_from_checkpoint` false."
        )


def _plain(values: Mapping[str, Any]) -> Any:
    """Give values the types that they come back with from JSON."""
    return json.loads(json.dumps(values))


def _differences(known: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, old value, new value) of what both have and differs."""
    for name in asked.keys() & known.keys() if known else ():
        yield from _within(name, known[name], asked[name])


def _within(name: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Go down into dictionaries whose values people give one by one, such as `config_overrides`."""
    # NaN is not equal to itself.
    if old == new or json.dumps(old) == json.dumps(new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and "checksum" not in old:
        for key in sorted(old.keys() | new.keys()):
            yield from _within(f"{name}.{key}", old.get(key, ABSENT), new.get(key, ABSENT))
    else:
        yield name, old, new


def _value_said(name: str, old: Any, new: Any) -> str:
    return f"`{name}` was {_short(old)} and is {_short(new)}"


def _field_said(name: str, old: Any, new: Any) -> str:
    return f"`{name}` of the model was {_short(old)} and is {_short(new)}"


def _file_said(name: str, old: Any, new: Any) -> str:
    return f"`{name}` has another content"


def _rows_said(name: str, old: Any, new: Any) -> str:
    if old["rows"] != new["rows"]:
        return f"the split {name} had {_count(old['rows'])} rows and has {_count(new['rows'])}"
    return f"the {_count(old['rows'])} rows of the split {name} are others, or in another order"


def _count(number: int | None) -> str:
    return "no known number of" if number is None else f"{number:,}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


_SAID = {"files": _file_said, "rows": _rows_said, "model": _field_said}
