#!/usr/bin/env python
"""One to many: a number is written in words, given its digits as a vector, which starts the decoder, or as a drawing,
of which a convolutional network makes nine places; their mean starts the decoder, which then attends to them.

Um para muitos: um número é escrito por extenso, dados os algarismos como vetor, do qual o decodificador parte, ou como
desenho, do qual uma rede convolucional faz nove lugares; ele parte da média deles e os observa com atenção.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from bilingual import command_line, speaker

from hf_rnn import ConvEncoderConfig, ConvEncoderModel, GruEncoderDecoderConfig, GruForSeq2SeqLM
from hf_rnn.data.synthetic.glyphs import draw


NEW = [23, 35, 47, 58, 62, 69, 74, 81, 86, 94]
KNOWN = [number for number in range(21, 100) if number % 10 and number not in NEW]
EN = "twenty thirty forty fifty sixty seventy eighty ninety one two three four five six seven eight nine"
PT = "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa um dois três quatro cinco seis sete oito nove"


def rows(numbers: list[int], drawn: bool, generator: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    given = torch.eye(10)[torch.tensor([divmod(number, 10) for number in numbers])].flatten(1)
    if drawn:
        both = [torch.cat([draw(digit, 14, generator) for digit in str(number)], 2) for number in numbers]
        given = torch.nn.functional.pad(torch.stack(both), (0, 0, 7, 7))
    return given, torch.tensor([[number // 10, 9 + number % 10] for number in numbers])


class Namer(torch.nn.Module):
    def __init__(self, drawn: bool) -> None:
        super().__init__()
        encoder = {"model_type": "dan", "vocab_size": None, "num_hidden_layers": 0}
        parts: dict[str, Any] = {"encoder": encoder | {"embedding_size": 41 if drawn else 20}}
        parts |= {"decoder": {"vocab_size": 19}, "attention": "general" if drawn else None}
        self.writer: Any = GruForSeq2SeqLM(GruEncoderDecoderConfig(**parts, decoder_start_token_id=1))
        self.eye: Any = ConvEncoderModel(ConvEncoderConfig(hidden_sizes=[8, 16, 32])) if drawn else None

    def source(self, given: torch.Tensor) -> torch.Tensor:
        if self.eye is None:
            return given.unsqueeze(1)
        seen = self.eye(given).last_hidden_state.flatten(2).transpose(1, 2)
        return torch.cat([seen, torch.eye(9).expand(len(seen), 9, 9)], 2)  # what is at a place, and which it is

    def learn(self, given: torch.Tensor, labels: torch.Tensor, steps: int) -> None:
        optimizer = torch.optim.Adam(self.parameters(), 2e-3)
        for chosen in torch.randint(len(labels), (steps, 64)):
            optimizer.zero_grad()
            self.writer(inputs_embeds=self.source(given[chosen]), labels=labels[chosen]).loss.backward()
            optimizer.step()


def main() -> None:
    (parser := command_line(__doc__)).add_argument("--steps", type=int, default=800, help="(default: 800)")
    say, generator = speaker((asked := parser.parse_args()).lang), np.random.default_rng(0)
    say("Right in both words, and by the nearest example:", "Certos nas duas palavras, e pelo exemplo mais próximo:")
    for drawn, row in ((False, ("vector ", "vetor  ")), (True, ("drawing", "desenho"))):
        torch.manual_seed(0)
        examples, labels = rows(KNOWN * 40, drawn, generator)
        (model := Namer(drawn)).learn(examples, labels, asked.steps)
        for numbers, age in ((KNOWN * 4, ("known", "conhecidos")), (NEW * 20, ("new  ", "novos     "))):
            given, wanted = rows(numbers, drawn, generator)
            written = model.eval().writer.generate(inputs_embeds=model.source(given), max_new_tokens=2)[:, 1:]
            nearest = labels[torch.cdist(given.flatten(1), examples.flatten(1)).argmin(1)]
            right = [(each == wanted).all(1).float().mean() for each in (written, nearest)]
            say(*(f"  {' '.join(names)}{{:>6.2f}}{{:>6.2f}}" for names in zip(row, age, strict=True)), *right)
    say("Where it looks, left, middle, right:", "Onde ele olha, à esquerda, no meio, à direita:")
    seen = model.writer(inputs_embeds=model.source(given[:1]), labels=wanted[:1], output_attentions=True)
    for word, looks in zip(wanted[0], seen.cross_attentions[0].view(2, 3, 3).sum(1).tolist(), strict=True):
        say(*(f"  {words.split()[word - 2]:<8}{{:>6.2f}}{{:>6.2f}}{{:>6.2f}}" for words in (EN, PT)), *looks)


if __name__ == "__main__":
    main()
