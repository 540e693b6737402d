#!/usr/bin/env python
"""Shows what an LSTM and a GRU return with every option, and what Keras calls it (return_sequences, merge_mode, …).

O que uma LSTM e uma GRU devolvem com cada opção, e como o Keras chama isso (return_sequences, merge_mode, …).
"""

from __future__ import annotations

from typing import Any

import torch
from bilingual import Say, command_line, speaker

from hf_rnn import GruModel, LstmModel


BATCH, TIME, FEATURES, UNITS = 2, 4, 3, 5


@torch.no_grad()
def read(family: type[Any], inputs: torch.Tensor, state: Any = None, mask: Any = None, **options: Any) -> Any:
    torch.manual_seed(0)  # the same options, the same weights
    config = family.config_class(vocab_size=None, embedding_size=FEATURES, hidden_size=UNITS, **options)
    return family(config).eval()(None, mask, inputs, cache=state, use_cache=True, output_hidden_states=True)


def row(keras: str, here: str, value: torch.Tensor) -> None:
    print(f"  {keras:<41} {here:<38} {tuple(value.shape)}")


def show(family: type[Any], cell: str, say: Say) -> None:
    x = torch.randn(BATCH, TIME, FEATURES, generator=torch.Generator().manual_seed(1))
    out, back = read(family, x), read(family, x.flip(1))
    h, c = out.cache.h_n, out.cache.c_n
    print(f"\n{cell}({UNITS}), x {tuple(x.shape)}")
    row("return_sequences=True", "last_hidden_state", out.last_hidden_state)
    row("return_sequences=False", "pooler_output", out.pooler_output)
    row("return_state=True, h", "cache.h_n[-1][0]", h[-1][0])
    if c is not None:
        row("return_state=True, c", "cache.c_n[-1][0]", c[-1][0])
    row("go_backwards=True, return_sequences=True", "model(x.flip(1)).last_hidden_state", back.last_hidden_state)
    row("(torch) batch_first=False", "last_hidden_state.transpose(0, 1)", out.last_hidden_state.transpose(0, 1))
    both, summed = read(family, x, bidirectional=True), read(family, x, bidirectional=True, merge="sum")
    forward, backward = both.last_hidden_state.chunk(2, dim=2)
    print(f"\nBidirectional({cell}({UNITS}))")
    row('merge_mode="concat"', 'merge="concat": last_hidden_state', both.last_hidden_state)
    row('merge_mode="sum"', 'merge="sum": last_hidden_state', summed.last_hidden_state)
    row("merge_mode=None", "f, b = last_hidden_state.chunk(2, 2)", forward)
    row('merge_mode="ave", "mul"', "(f + b) / 2, f * b", (forward + backward) / 2)
    row("return_state=True, h forward and backward", "cache.h_n[-1]", both.cache.h_n[-1])
    deep = read(family, x, hidden_sizes=[UNITS, 2])
    print(f"\n{cell}({UNITS}), {cell}(2)")
    for layer, state in enumerate(deep.cache.h_n):
        row(f"return_sequences=True, {layer + 1}", f"hidden_states[{layer + 1}]", deep.hidden_states[layer + 1])
        row(f"return_state=True, h {layer + 1}", f"cache.h_n[{layer}][0]", state[0])
    padded = read(family, x, mask=torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]), bidirectional=True)
    alone = read(family, x[1:, :2], bidirectional=True)  # the second sequence, its two steps
    halves = read(family, x[:, 2:], state=read(family, x[:, :2]).cache)
    print()
    for english, portuguese, one, other in (
        ("h is the last output", "h é a última saída", h[-1][0], out.last_hidden_state[:, -1]),
        ("backward ends at step 1", "a volta termina no passo 1", both.cache.h_n[-1][1], backward[:, 0]),
        ("padding changes nothing", "o padding não muda nada", padded.pooler_output[1:], alone.pooler_output),
        ("padding gives 0", "no padding a saída é 0", padded.last_hidden_state[1, 2:], torch.zeros(2, 10)),
        ("initial_state: two halves", "initial_state: duas metades", halves.pooler_output, out.pooler_output),
    ):
        say(f"  {english}: {{}}", f"  {portuguese}: {{}}", torch.allclose(one, other, atol=1e-6))


def main() -> None:
    say = speaker(command_line(__doc__).parse_args().lang)
    say("Keras, this package, shape", "Keras, este pacote, formato")
    show(LstmModel, "LSTM", say)
    show(GruModel, "GRU", say)


if __name__ == "__main__":
    main()
