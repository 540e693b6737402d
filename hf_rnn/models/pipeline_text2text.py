"""The pipeline "text2text-generation", which transformers has no more: it writes a text for each that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, Pipeline


__all__ = ["Text2TextGenerationPipeline"]


class Text2TextGenerationPipeline(Pipeline):
    """Writes a target for each source, by an encoder-decoder.

    Called with a text, it answers a list of `{"generated_text": ...}`, one for each of `num_return_sequences`; with a
    list of texts, a list of answers, each of them the one dictionary, or the list of several. Named arguments are
    those of `generate`, such as `num_beams` or `max_new_tokens`; what is not given is as the model's generation
    configuration says. `batch_size` texts are read together. The `prefix` of the model's configuration, if it has one,
    is put before each text.

    Example:
        >>> translate = pipeline("text2text-generation", model="gru-translation")  # doctest: +SKIP
        >>> translate("A man rides a bicycle.", num_beams=5)  # doctest: +SKIP
        [{'generated_text': 'Ein Mann fährt Fahrrad.'}]

    Raises:
        ValueError: for a model that reads no source, no tokenizer, or inputs that are no texts.
    """

    _load_tokenizer: Any = True
    _load_processor: Any = False
    _load_image_processor: Any = False
    _load_video_processor: Any = False
    _load_feature_extractor: Any = False
    _pipeline_calls_generate: Any = True
    _default_generation_config: Any = GenerationConfig(max_new_tokens=256)

    def __init__(self, model: Any, tokenizer: Any = None, **kwargs: Any) -> None:
        if not getattr(model.config, "is_encoder_decoder", False):
            raise ValueError(f"`model` is a {type(model).__name__}; it must be an encoder-decoder.")
        if tokenizer is None:
            raise ValueError("`tokenizer` is None; a pipeline of texts needs the model's tokenizer.")
        super().__init__(model=model, tokenizer=tokenizer, **kwargs)

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Write a target for a text, or for each of a list; see the class.

        Raises:
            ValueError: an input is no text.
        """
        texts = [inputs] if isinstance(inputs, str) else inputs
        if isinstance(texts, Sequence):
            for place, text in enumerate(texts):
                if not isinstance(text, str):
                    raise ValueError(f"`inputs` has {text!r} at {place}; it must be a text, or a list of texts.")
        elif isinstance(texts, Mapping) or texts is None:
            raise ValueError(f"`inputs` is {inputs!r}; it must be a text, or a list of texts.")
        answers: Any = super().__call__(inputs, **kwargs)
        if isinstance(inputs, list) and all(len(answer) == 1 for answer in answers):
            return [answer[0] for answer in answers]
        return answers

    def _sanitize_parameters(
        self, truncation: bool | None = None, **generate_kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        return {} if truncation is None else {"truncation": truncation}, generate_kwargs, {}

    def preprocess(self, input_: Any, truncation: Any = False, **preprocess_parameters: Any) -> Any:
        """The ids of a text, behind the model's `prefix`, and their mask, (1, source)."""
        tokenizer: Any = self.tokenizer
        return tokenizer((self.prefix or "") + input_, truncation=truncation, return_tensors="pt")

    def _forward(self, input_tensors: Any, **forward_parameters: Any) -> Any:
        options = self._prepare_generate_kwargs(forward_parameters)
        model: Any = self.model
        written: torch.Tensor = model.generate(
            input_tensors["input_ids"], attention_mask=input_tensors["attention_mask"], **options
        )
        rows = input_tensors["input_ids"].shape[0]
        return {"written": written.view(rows, len(written) // rows, -1)}

    def postprocess(self, model_outputs: Any, **postprocess_parameters: Any) -> list[dict[str, str]]:
        """The texts that were written for one source."""
        tokenizer: Any = self.tokenizer
        texts = tokenizer.batch_decode(model_outputs["written"][0], skip_special_tokens=True)
        return [{"generated_text": text.strip()} for text in texts]
