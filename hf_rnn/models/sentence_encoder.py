"""A siamese network as a module of sentence-transformers: `SentenceTransformer(folder, trust_remote_code=True)` loads
the folder of one, and its `encode` makes the vectors of [`SiameseModel.encode`].

sentence-transformers need not be installed: it asks of a module the methods below and no base class.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from .encoding import NO_LIMIT, tokenized


__all__ = ["SiameseSentenceEncoder", "write_module_files"]


class SiameseSentenceEncoder(nn.Module):
    """Texts to the embeddings of a siamese network.

    Args:
        model: A `SiameseModel` of texts.
        tokenizer: Its tokenizer.
    """

    # The folder of a SentenceTransformer of which this is the first module is then one of the model, too.
    save_in_root = True

    def __init__(self, model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer

    @property
    def max_seq_length(self) -> int | None:
        """Tokens beyond which a text is cut; None: it is never cut."""
        length = self.tokenizer.model_max_length
        return length if length < NO_LIMIT else None

    @max_seq_length.setter
    def max_seq_length(self, value: int | None) -> None:
        self.tokenizer.model_max_length = NO_LIMIT if value is None else value

    def get_embedding_dimension(self) -> int:
        """Features of an embedding."""
        return int(self.model.config.output_size)

    def preprocess(self, inputs: list[str], prompt: str | None = None, **kwargs: Any) -> dict[str, torch.Tensor]:
        """Tokens (texts, time) of texts, each behind the `prompt`.

        Raises:
            ValueError: for an input that is not a text.
        """
        for index, text in enumerate(inputs):
            if not isinstance(text, str):
                raise ValueError(f"`inputs` has a {type(text).__name__} at {index}; it must hold strings.")
        return tokenized([(prompt or "") + text for text in inputs], self.tokenizer, torch.device("cpu"))

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """The features, and `sentence_embedding` (texts, features) of their tokens."""
        names = [name for name in self.tokenizer.model_input_names if name in features]
        outputs = self.model(**{name: features[name] for name in names})
        return {**features, "sentence_embedding": outputs.embeddings}

    def save(self, output_path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """The folder of the model and its tokenizer."""
        self.model.save_pretrained(output_path)
        self.tokenizer.save_pretrained(output_path)

    @classmethod
    def load(
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        trust_remote_code: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        backend: str = "torch",
        **kwargs: Any,
    ) -> SiameseSentenceEncoder:
        """Load as sentence-transformers asks for it, with its own arguments.

        Raises:
            ValueError: for another `backend` than "torch".
        """
        if backend != "torch":
            raise ValueError(f"`backend` is {backend!r}; a siamese network has 'torch' only.")
        place = {
            "subfolder": subfolder,
            "token": token,
            "cache_dir": cache_folder,
            "revision": revision,
            "local_files_only": local_files_only,
            "trust_remote_code": trust_remote_code,
        }
        model = AutoModel.from_pretrained(model_name_or_path, **place, **(config_kwargs or {}), **(model_kwargs or {}))
        return cls(model, AutoTokenizer.from_pretrained(model_name_or_path, **place, **(processor_kwargs or {})))


def write_module_files(folder: str | os.PathLike[str], similarity: str) -> None:
    """Write the two small files by which sentence-transformers finds this module in the folder of a siamese network.

    Its measures have the names of ours and their values, but for "manhattan": there it is −‖a − b‖₁, of which ours is
    the exponential. The order of similarities is the same; a `config.threshold` t is there log t.
    """
    module = {"idx": 0, "name": "0", "path": "", "type": f"{Path(__file__).stem}.{SiameseSentenceEncoder.__name__}"}
    config = {"model_type": "SentenceTransformer", "similarity_fn_name": similarity, "prompts": {}}
    for name, content in (("modules.json", [module]), ("config_sentence_transformers.json", config)):
        (Path(folder) / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
