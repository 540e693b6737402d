#!/usr/bin/env python
"""A language model of characters learns four sentences in seconds, and completes them: the likeliest character each
time (greedy), or one drawn at random by the probabilities (sampling).
    P(x_1 … x_T) = Π_t P(x_t | x_1 … x_{t-1}),  P(x_t | …) = softmax(V h_{t-1} + b)  (Elman 1990; Mikolov et al. 2010)

Um modelo de linguagem de caracteres aprende quatro frases em segundos e as completa: com o caractere mais provável a
cada vez (busca gulosa), ou com um sorteado segundo as probabilidades (amostragem).
"""

from __future__ import annotations

from typing import Any

import torch
from bilingual import command_line, speaker

from hf_rnn import LstmConfig, LstmForCausalLM
from hf_rnn.data.tokenizers.training import train_tokenizer


SENTENCES = {
    "en": ("the cat sat on the mat", "the cat ran after a mouse", "the dog slept by the door", "a bird sang at dawn"),
    "pt": (
        "o gato subiu no telhado",
        "o gato correu atrás do rato",
        "o cão dormiu na porta",
        "um pássaro cantou cedo",
    ),
}
PROMPTS = {"en": ("the d", "a b", "the cat "), "pt": ("o c", "um p", "o gato ")}


def main() -> None:
    lang = command_line(__doc__).parse_args().lang
    say, sentences, prompts = speaker(lang), SENTENCES[lang], PROMPTS[lang]
    tokenizer = train_tokenizer(sentences, kind="character", end_of_text=True, show_progress=False)
    end = tokenizer.eos_token_id
    # Each sentence ends with a token of its own; the same token begins it.
    rows = [[end, *ids, end] for ids in tokenizer(list(sentences))["input_ids"]]
    batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)  # -100: nothing to predict

    torch.manual_seed(0)
    model: Any = LstmForCausalLM(LstmConfig(vocab_size=len(tokenizer), embedding_size=16, hidden_size=64))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(151):
        # The mean of -log P(next character), in nats; its exponential is the perplexity.
        loss = model(**batch, labels=labels).loss
        if step % 50 == 0:
            perplexity = loss.exp().item()
            say("step {:>3}: perplexity {:.2f}", "passo {:>3}: perplexidade {:.2f}", step, perplexity)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.eval()

    def complete(prompt: str, **options: Any) -> str:
        ids = torch.tensor([[end, *tokenizer(prompt)["input_ids"]]])
        written = model.generate(ids, max_new_tokens=40, eos_token_id=end, pad_token_id=0, **options)
        return str(tokenizer.decode(written[0], skip_special_tokens=True))

    say("\nGreedy:", "\nBusca gulosa:")
    for prompt in prompts:
        print(f"  {prompt!r} → {complete(prompt, do_sample=False)!r}")
    with torch.no_grad():
        logits = model(torch.tensor([[end, *tokenizer(prompts[-1])["input_ids"]]])).logits[0, -1]
    say("\nAfter {!r} comes", "\nDepois de {!r} vem", prompts[-1])
    for probability, token in zip(*logits.softmax(0).topk(3), strict=True):
        print(f"  {tokenizer.decode([token])!r}: {probability:.3f}")
    say("\nSampled from {!r}:", "\nAmostras a partir de {!r}:", prompts[-1])
    torch.manual_seed(1)
    for _ in range(4):
        print(f"  {complete(prompts[-1], do_sample=True)!r}")


if __name__ == "__main__":
    main()
