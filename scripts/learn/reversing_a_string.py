#!/usr/bin/env python
"""Shows why attention was invented: an encoder and a decoder learn to write a string of letters backwards. With one
vector between them (Sutskever et al. 2014, Cho et al. 2014) the strings must fit into that vector; with attention
(Bahdanau et al. 2015, Luong et al. 2015) the decoder looks at every state of the encoder again. The table has the
share of strings that are right to the last letter, by their length; --plot FILE draws it.

Por que a atenção foi inventada: um codificador e um decodificador aprendem a escrever uma sequência de letras de trás
para frente. Com um só vetor entre eles, a sequência tem de caber nesse vetor; com atenção, o decodificador olha de
novo para cada estado do codificador. A tabela tem a fração de sequências certas até a última letra, por comprimento.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from bilingual import command_line, speaker

from hf_rnn import GruEncoderDecoderConfig, GruForSeq2SeqLM


PAD, START, END, LETTERS = 0, 1, 2, 26
LONGEST, SHOWN = 16, (2, 4, 6, 8, 10, 12, 14, 16)
BATCH, UNITS, RATE = 64, 64, 5e-3


def build(attention: str | None) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": LETTERS + 3, "embedding_size": 16, "hidden_size": UNITS}
    config = GruEncoderDecoderConfig(
        encoder={**sizes, "bidirectional": attention is not None},
        decoder=sizes,
        attention=attention,
        pad_token_id=PAD,
        decoder_start_token_id=START,
        eos_token_id=END,
    )
    return GruForSeq2SeqLM(config)


def strings(count: int, length: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    letters = torch.randint(3, LETTERS + 3, (count, length), generator=generator)
    ends = torch.full((count, 1), END)
    return {"input_ids": letters, "labels": torch.cat([letters.flip(1), ends], 1)}


def train(model: Any, steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
    model.train()
    for _ in range(steps):
        length = int(torch.randint(1, LONGEST + 1, (), generator=generator))
        loss = model(**strings(BATCH, length, generator), skip_logits=True).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


@torch.no_grad()
def right(model: Any, length: int, count: int = 200) -> float:
    batch = strings(count, length, torch.Generator().manual_seed(length + 100))
    written = model.eval().generate(batch["input_ids"], max_new_tokens=length + 1, do_sample=False)[:, 1:]
    padded = torch.full_like(batch["labels"], PAD)
    padded[:, : written.shape[1]] = written
    return (padded == batch["labels"]).all(1).float().mean().item()


def draw(found: dict[str, list[float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, shares in found.items():
        axes.plot(SHOWN, shares, marker="o", label=name)
    axes.set(xlabel="letters", ylabel="exact match", ylim=(-0.02, 1.02))
    axes.legend()
    figure.savefig(path)


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=1500, help="Number of updates of each model. Default: 1500.")
    parser.add_argument("--plot", type=Path, help="File to draw the table into. Default: none.")
    given = parser.parse_args()
    say = speaker(given.lang)
    say(
        "Share of reversed strings that are right to the last letter, by length ({} updates, {} units):",
        "Fração de sequências invertidas certas até a última letra, por comprimento ({} passos, {} unidades):",
        given.steps,
        UNITS,
    )
    print(f"  {'':<12}" + "".join(f"{length:>7}" for length in SHOWN))
    found = {}
    for name, attention in (("one vector", None), ("attention", "general")):
        model = build(attention)
        train(model, given.steps)
        found[name] = [right(model, length) for length in SHOWN]
        print(f"  {name:<12}" + "".join(f"{share:>7.2f}" for share in found[name]))
    if given.plot is not None:
        draw(found, given.plot)


if __name__ == "__main__":
    main()
