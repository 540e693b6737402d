"""What `from_pretrained` is given to load a model in 8 bits, and what `config.json` keeps of it."""

from __future__ import annotations

from transformers.utils.quantization_config import QuantizationConfigMixin


__all__ = ["METHOD", "HfRnnInt8Config"]


METHOD = "hf_rnn_int8"


class HfRnnInt8Config(QuantizationConfigMixin):
    """Recurrent layers in 8 bits: `from_pretrained(path, quantization_config=HfRnnInt8Config())`.

    Args:
        embeddings: Whether tables of vectors are kept in 8 bits, too. One that another layer shares stays as it is.
        quant_method: "hf_rnn_int8", as `config.json` has it.

    Raises:
        ValueError: for another `quant_method`, an `embeddings` that is no bool, or an argument that there is not.
    """

    def __init__(self, embeddings: bool = True, quant_method: str = METHOD, **unknown: object) -> None:
        if quant_method != METHOD:
            raise ValueError(f"`quant_method`={quant_method!r} must be {METHOD!r}.")
        if not isinstance(embeddings, bool):
            raise ValueError(f"`embeddings`={embeddings!r} must be True or False.")
        if unknown:
            raise ValueError(f"`{next(iter(unknown))}` is no argument of HfRnnInt8Config; it has `embeddings`.")
        self.embeddings = embeddings
        self.quant_method = METHOD  # type: ignore[assignment]
