"""What a language model goes on to write, by a plain loop that reads the whole text anew for every token."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel, TopPLogitsWarper


SAMPLING = {"do_sample": True, "temperature": 0.7, "top_k": 7, "top_p": 0.9}


@torch.no_grad()
def log_probabilities(model: PreTrainedModel, tokens: list[int]) -> torch.Tensor:
    """(vocab) of what comes after `tokens`, read alone, from the start, without a state or padding."""
    ids = torch.tensor([tokens])
    return model(ids, torch.ones_like(ids), use_cache=False).logits[0, -1].float().log_softmax(0)


def greedy(model: PreTrainedModel, prompt: list[int], steps: int) -> tuple[list[int], torch.Tensor]:
    """The new tokens, and the log-probabilities at every step (steps, vocab)."""
    tokens, scores = list(prompt), []
    for _ in range(steps):
        scores.append(log_probabilities(model, tokens))
        tokens.append(int(scores[-1].argmax()))
    return tokens[len(prompt) :], torch.stack(scores)


def beams(model: PreTrainedModel, prompt: list[int], steps: int, width: int) -> list[tuple[list[int], float]]:
    """The `width` new texts that a search of this width finds, with their mean log-probability, the best first."""
    found: list[tuple[list[int], float]] = [([], 0.0)]
    for _ in range(steps):
        longer = []
        for tokens, score in found:
            scores = log_probabilities(model, prompt + tokens).tolist()
            longer += [([*tokens, token], score + more) for token, more in enumerate(scores)]
        found = sorted(longer, key=lambda text: -text[1])[:width]
    return [(tokens, score / steps) for tokens, score in found]


def sample(
    model: PreTrainedModel, prompts: list[list[int]], steps: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of texts drawn as `SAMPLING` says: tokens (texts, steps), filtered scores (steps, texts, vocab)."""
    torch.manual_seed(seed)
    texts, every = [list(prompt) for prompt in prompts], []
    top_p = TopPLogitsWarper(SAMPLING["top_p"])
    for _ in range(steps):
        scores = torch.stack([log_probabilities(model, text) for text in texts]) / SAMPLING["temperature"]
        least = scores.topk(SAMPLING["top_k"]).values[:, -1:]
        every.append(top_p(None, scores.masked_fill(scores < least, -torch.inf)))
        drawn = torch.multinomial(every[-1].softmax(1), 1)
        for text, token in zip(texts, drawn.flatten().tolist(), strict=True):
            text.append(token)
    return torch.tensor([text[-steps:] for text in texts]), torch.stack(every)
