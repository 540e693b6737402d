"""Language models on files of texts: what each text costs, and how it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, set_seed

from hf_rnn.data.tokenizers.document_start import with_document_start
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.inference.files import predict_file
from tests.inference.small_models import (
    TEXTS,
    TOKENIZER,
    WORDS,
    language_model,
    lines_of,
    rows_of,
    saved,
    texts_file,
)


def by_hand(model: Any, ids: list[int]) -> float:
    """The sum of -log p of each token but the first, in one pass over the text alone."""
    with torch.no_grad():
        scores = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return -sum(scores[index, token].item() for index, token in enumerate(ids[1:]))


@pytest.mark.parametrize("steps", [3, 10**6])
@pytest.mark.parametrize("make", ["ours", "of documents", "a GPT-2"])
def test_a_language_model_gives_the_loss_of_each_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: str, steps: int
) -> None:
    monkeypatch.setattr("hf_rnn.inference.language.SCORES_AT_ONCE", steps * 4 * 43)
    tokenizer = train_tokenizer([" ".join(WORDS)], min_frequency=1, end_of_text=True, show_progress=False)
    if make == "a GPT-2":
        set_seed(0)
        config = GPT2Config(vocab_size=len(TOKENIZER), n_embd=8, n_layer=1, n_head=2)
        folder = saved(tmp_path / "lm", GPT2LMHeadModel(config))
    else:
        folder = language_model(tmp_path, with_document_start(tokenizer) if make == "of documents" else TOKENIZER)
    done = predict_file(folder, texts_file(tmp_path), batch_size=4, progress=False)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    rows = rows_of(done.output)
    counted = 0
    for row, text in zip(rows, TEXTS, strict=True):
        ids = tokenizer(text)["input_ids"]
        if len(ids) < 2:
            assert "with no token to predict from another" in row["problem"]
            continue
        counted += 1
        nats = by_hand(model, ids)
        assert int(row["tokens"]) == len(ids) - 1
        assert float(row["nats"]) == pytest.approx(nats, abs=1e-4)
        assert float(row["loss"]) == pytest.approx(nats / (len(ids) - 1), abs=1e-5)
    assert counted == (len(TEXTS) if make == "of documents" else sum(" " in text for text in TEXTS))


def test_a_language_model_continues_each_text(tmp_path: Path) -> None:
    folder = language_model(tmp_path)
    done = predict_file(folder, texts_file(tmp_path), generate=True, max_new_tokens=5, batch_size=4, progress=False)
    assert done.output == str(tmp_path / "new.csv.predictions.jsonl")
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    for row, text in zip(lines_of(done.output), TEXTS, strict=True):
        ids = TOKENIZER(text)["input_ids"]
        for _ in range(5):
            with torch.no_grad():
                ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        assert row["continuation"].split() == TOKENIZER.decode(ids[-5:], skip_special_tokens=True).split()


def test_a_length_of_what_is_not_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`max_new_tokens`=5 was given, and nothing is written: .* unless `generate`"):
        predict_file(language_model(tmp_path), texts_file(tmp_path), max_new_tokens=5, progress=False)
