#!/usr/bin/env python
"""Learns several targets at every step, the notes that sound next, each by its own sigmoid and binary cross-entropy.
In these invented pieces the bass mostly climbs three degrees, and a melody in thirds answers it four steps later: the
melody can be known, the bass only guessed. A net that reads backwards, too, beats "the rule", all that is knowable,
for its target is its own input one step later. Where the piece ends, the lead is gone. Padding is no target.

Aprende vários alvos em cada passo, as notas que soam a seguir, cada uma com sua sigmoide e entropia cruzada binária.
Nestas peças inventadas o baixo quase sempre sobe três graus, e uma melodia em terças responde quatro passos depois:
a melodia se pode saber, o baixo só adivinhar. Uma rede que lê também de trás para frente supera "a regra", tudo o que
se pode saber: o alvo é sua própria entrada um passo depois. Onde a peça termina, a vantagem some. Padding não é alvo.
"""

from __future__ import annotations

from typing import Any

import torch
from bilingual import command_line, speaker
from torch.nn.functional import one_hot

from hf_rnn import GruConfig, GruForTokenClassification


DEGREES, NOTES, LONGEST, DELAY = 7, 16, 24, 4


def pieces(count: int, seed: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    torch.manual_seed(seed)
    climbs = torch.where(torch.rand(count, LONGEST + 1) < 0.7, 3, torch.randint(DEGREES, (count, LONGEST + 1)))
    bass = one_hot(climbs.cumsum(1) % DEGREES, NOTES)
    # The melody answers an octave higher, in thirds; at first it has nothing to answer.
    melody = bass.roll((DELAY, DEGREES), (1, 2)) + bass.roll((DELAY, DEGREES + 2), (1, 2))
    melody[:, :DELAY] = 0
    mask = torch.arange(LONGEST) < torch.randint(12, LONGEST + 1, (count, 1))
    labels = (bass + melody)[:, 1:].masked_fill(~mask.unsqueeze(2), -100)
    known = one_hot((bass[:, :-1].argmax(2) + 3) % DEGREES, NOTES) + melody[:, 1:]
    return {"inputs_embeds": (bass + melody)[:, :-1].double(), "attention_mask": mask.long(), "labels": labels}, known


def train(batch: dict[str, torch.Tensor], steps: int, bidirectional: bool) -> Any:
    torch.manual_seed(0)
    sizes: Any = {"vocab_size": None, "embedding_size": NOTES, "hidden_size": 64, "num_labels": NOTES}
    config = GruConfig(**sizes, problem_type="multi_label_classification", bidirectional=bidirectional)
    model = GruForTokenClassification(config).double()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(steps):
        rows = torch.randint(len(batch["labels"]), (32,))
        model(**{name: values[rows] for name, values in batch.items()}).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def f1(said: torch.Tensor, labels: torch.Tensor) -> float:
    # All notes of all frames count together.
    return float(2 * (said & (labels == 1)).sum() / ((said & (labels != -100)).sum() + (labels == 1).sum()))


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=300, help="updates / passos (default: 300)")
    given = parser.parse_args()
    say, pt = speaker(given.lang), given.lang == "pt"
    (batch, _), (later, known) = pieces(400, 1), pieces(100, 2)
    inputs, mask, labels = later.values()
    frequent = one_hot((batch["labels"] == 1).sum((0, 1)).topk(3).indices, NOTES).sum(0).expand_as(labels)
    say("F1: read to the end, to this step", "F1: lendo até o fim, até este passo")
    free = {("frequent notes", "notas frequentes"): frequent, ("last chord", "último acorde"): inputs}
    for names, said in (free | {("the rule", "a regra"): known}).items():
        print(f"  {names[pt]:<18}{f1(said > 0, labels):>7.3f}")
    for name, bidirectional in (("GRU", False), ("BiGRU", True)):
        model = train(batch, given.steps, bidirectional)
        ended = torch.stack([model(inputs_embeds=inputs[:, :t]).logits[:, -1] for t in range(1, LONGEST + 1)], 1)
        print(f"  {name:<18}{f1(model(**later).logits > 0, labels):>7.3f}{f1(ended > 0, labels):>7.3f}")
    alone, padded = ({name: values[:1, :n] for name, values in later.items()} for n in (mask[0].sum(), LONGEST))
    padded["inputs_embeds"] = padded["inputs_embeds"].where(padded["attention_mask"].unsqueeze(2) == 1, 9)
    losses = [model(**values).loss for values in (alone, padded)]
    both = [[loss, *torch.autograd.grad(loss, [*model.parameters()])] for loss in losses]
    gap = max((a - b).abs().max().item() for a, b in zip(*both, strict=True))
    say("Padding changes loss and gradient by {:.0e}", "O padding muda perda e gradiente em {:.0e}", gap)


if __name__ == "__main__":
    main()
