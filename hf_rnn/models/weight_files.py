"""Loading weights: a file that is cut short or damaged is refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING


__all__ = ["DamagedWeightsMixin"]


# The quantizer of the package hf_rnn, by which weights of 8 bits are read.
_INT8_METHOD = "hf_rnn_int8"


class DamagedWeightsMixin:
    """Make `from_pretrained` say which file cannot be read, where safetensors says only why, and that weights of 8
    bits cannot be read, where transformers would draw others in their place.
    """

    def __init__(self, config: Any, *args: Any, **kwargs: Any) -> None:
        _require_quantizer(getattr(config, "quantization_config", None))
        super().__init__(config, *args, **kwargs)  # type: ignore[call-arg]

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


def _require_quantizer(quantization: Any) -> None:
    # The configuration is a dict as long as no quantizer has read it.
    method = quantization.get("quant_method") if isinstance(quantization, dict) else None
    if method == _INT8_METHOD and method not in AUTO_QUANTIZER_MAPPING:
        raise ImportError(
            "`quantization_config` of the checkpoint says that its weights are of 8 bits, which the package hf_rnn "
            "reads. Install and import it first: pip install hf_rnn; python -c 'import hf_rnn'."
        )


def _damaged_file(name_or_path: Any, subfolder: str) -> str:
    """The file in a folder that cannot be opened; of a Hub repository, that it is one of its weights."""
    for path in sorted(Path(name_or_path, subfolder).glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError:
            return repr(str(path))
    return f"A file of weights (model.safetensors) of {str(name_or_path)!r}"
