"""`card.json`: what a model card says that no run measured, kept beside `results.json`.

The card is written from the two files, and can be written anew from them; it is never read back.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..runs.licences import check_licence


__all__ = ["CARD_FILE", "CardOptions", "read_card_options", "write_card_options"]


CARD_FILE = "card.json"


@dataclass(frozen=True, kw_only=True)
class CardOptions:
    """The parts of a card that are not in `results.json`.

    Args:
        license: The Hub's identifier of the weights' licence, such as `"apache-2.0"`; `"other"` for one that it has no
            identifier of; None: nobody has chosen one, and the card claims none.
        license_name, license_link: What such another licence is called, and the address where it is to be read.
        language: ISO 639 code or codes of the training text; None: it is not known, or there is no text.
        repo_id: Where the weights are, for the usage snippet; default: the run's name.
        bundled: The weights are inside the package: the snippet finds them with `hf_rnn.bundled`.
        example: The input in the usage snippet; default: the task's.
        dataset_license_note: What the terms of the data mean for the weights.
        compared_in: The file, from the root of the project, of what `scripts/compare.py` measured beside other models.

    Raises:
        TypeError: One is not of its type.
        ValueError: `license_name` or `license_link` is missing where `license` is `"other"`, or given where it is not.
    """

    license: str | None
    language: str | list[str] | None
    license_name: str | None = None
    license_link: str | None = None
    repo_id: str | None = None
    bundled: bool = False
    example: Any = None
    dataset_license_note: str | None = None
    compared_in: str | None = None

    def __post_init__(self) -> None:
        texts = self.language if isinstance(self.language, list) and self.language else [self.language]
        if self.language is not None and not all(isinstance(text, str) and text for text in texts):
            raise TypeError(f"`language` must be a text, a list of texts or None; it is {self.language!r}")
        if self.license is not None and (not isinstance(self.license, str) or not self.license):
            raise TypeError(f"`license` must be the Hub's identifier of a licence, or None; it is {self.license!r}")
        if not isinstance(self.bundled, bool):
            raise TypeError(f"`bundled` must be true or false; it is {self.bundled!r}")
        for name in ("license_name", "license_link", "repo_id", "dataset_license_note", "compared_in"):
            if not isinstance(value := getattr(self, name), str | None):
                raise TypeError(f"`{name}` must be a text, or null; it is {value!r}")
        check_licence(self.license, self.license_name, self.license_link)


def read_card_options(path: str | Path) -> CardOptions:
    """Read what `write_card_options` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON, lacks an option that has no default, has one that is not known, or one that
            `CardOptions` refuses.
        TypeError: an option is not of its type.
    """
    values = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a JSON object; it holds {values!r}")
    known = [field.name for field in fields(CardOptions)]
    missing = [field.name for field in fields(CardOptions) if field.default is MISSING and field.name not in values]
    unknown = sorted(values.keys() - set(known))
    if missing or unknown:
        raise ValueError(f"{path} may hold {', '.join(known)}; it lacks {missing} and has, besides, {unknown}")
    return CardOptions(**values)


def write_card_options(options: CardOptions, path: str | Path) -> None:
    """Write what differs from the defaults."""
    defaults = {field.name: field.default for field in fields(CardOptions)}
    values = {name: value for name, value in asdict(options).items() if value != defaults[name]}
    Path(path).write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
