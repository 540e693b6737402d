#!/usr/bin/env python
"""Shows why attention was invented: an encoder and a decoder learn to write a string of letters backwards. With one
vector between them (Sutskever et al. 2014, Cho et al. 2014) the string must fit into it; with attention (Bahdanau et
al. 2015, Luong et al. 2015) the decoder looks at every state of the encoder again. --plot FILE draws the table.

Por que a atenção foi inventada: um codificador e um decodificador aprendem a escrever uma sequência de letras de trás
para frente. Com um só vetor entre eles, a sequência tem de caber nesse vetor; com atenção, o decodificador olha de
novo para cada estado do codificador. --plot ARQUIVO desenha a tabela.
"""

from __future__ import annotations

from typing import Any

import torch
from bilingual import command_line, speaker

from hf_rnn import GruEncoderDecoderConfig, GruForSeq2SeqLM
from hf_rnn.insight.figures import new_figure


START, END, LETTERS, LONGEST, SHOWN = 1, 2, 26, 16, (2, 4, 6, 8, 10, 12, 14, 16)


def build(attention: Any) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": LETTERS + 3, "embedding_size": 16, "hidden_size": 64}
    tokens: Any = {"pad_token_id": 0, "decoder_start_token_id": START, "eos_token_id": END}
    return GruForSeq2SeqLM(GruEncoderDecoderConfig(encoder=sizes, decoder=sizes, attention=attention, **tokens))


def strings(count: int, length: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    letters = torch.randint(3, LETTERS + 3, (count, length), generator=generator)
    return {"input_ids": letters, "labels": torch.cat([letters.flip(1), torch.full((count, 1), END)], 1)}


def train(model: Any, steps: int) -> None:
    generator, optimizer = torch.Generator().manual_seed(1), torch.optim.AdamW(model.parameters(), 5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        length = int(torch.randint(1, LONGEST + 1, (), generator=generator))
        model.train()(**strings(64, length, generator), skip_logits=True).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def share_right(model: Any, length: int) -> float:
    batch = strings(200, length, torch.Generator().manual_seed(length + 100))
    written = model.eval().generate(batch["input_ids"], max_new_tokens=length + 1, do_sample=False)[:, 1:]
    padded = torch.nn.functional.pad(written, (0, length + 1 - written.shape[1]))
    return float((padded == batch["labels"]).all(1).float().mean())


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=1500, help="updates / passos (default: 1500)")
    parser.add_argument("--plot", help="file of the figure / arquivo da figura (default: none)")
    given = parser.parse_args()
    say, found = speaker(given.lang), {}
    say("Share of strings that are right to the last letter, by length:", "Fração de sequências certas, por tamanho:")
    print(f"  {'':<12}" + "".join(f"{length:>7}" for length in SHOWN))
    for names, attention in ((("one vector", "um só vetor"), None), (("attention", "atenção"), "general")):
        name = names[given.lang == "pt"]
        train(model := build(attention), given.steps)
        found[name] = [share_right(model, length) for length in SHOWN]
        print(f"  {name:<12}" + "".join(f"{share:>7.2f}" for share in found[name]))
    if given.plot:
        axes = (figure := new_figure(6, 3.5)).subplots()
        for name, shares in found.items():
            axes.plot(SHOWN, shares, "o-", label=name)
        axes.set(xlabel="letters" if given.lang == "en" else "letras", ylabel="exact match", ylim=(-0.02, 1.02))
        axes.legend()
        figure.savefig(given.plot)


if __name__ == "__main__":
    main()
