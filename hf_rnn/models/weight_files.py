"""Loading weights: a file that is cut short or damaged is refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open


__all__ = ["DamagedWeightsMixin"]


class DamagedWeightsMixin:
    """Make `from_pretrained` say which file cannot be read, where safetensors says only why."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load as transformers does, but refuse damaged files.

        Raises:
            ValueError: a file of weights is cut short or damaged. A bit that turned one number into another is not
                found: nothing in the file tells that it did.
        """
        try:
            return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)  # type: ignore[misc]
        except SafetensorError as error:
            place = _damaged_file(pretrained_model_name_or_path, kwargs.get("subfolder") or "")
            raise ValueError(f"{place} is damaged or cut short: {error}. Copy or download it again.") from error


def _damaged_file(name_or_path: Any, subfolder: str) -> str:
    """The file in a folder that cannot be opened; of a Hub repository, that it is one of its weights."""
    for path in sorted(Path(name_or_path, subfolder).glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError:
            return repr(str(path))
    return f"A file of weights (model.safetensors) of {str(name_or_path)!r}"
