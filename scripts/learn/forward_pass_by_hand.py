#!/usr/bin/env python
"""A forward pass by hand: LSTM, GRU and Elman network in numpy, gate by gate, equal to the model.
Equations (x_t input, h_t hidden state, σ logistic function, ∗ element by element):
    LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)
        i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o),   a = W_x x_t + b_x + W_h h_{t-1} + b_h
        c_t = f ∗ c_{t-1} + i ∗ g        h_t = o ∗ tanh(c_t)
    GRU (Cho et al. 2014), with the reset gate after the product, as torch and Keras have it
        r = σ(u_r + v_r)   z = σ(u_z + v_z)   n = tanh(u_n + r ∗ v_n),   u = W_x x_t + b_x,   v = W_h h_{t-1} + b_h
        h_t = (1 - z) ∗ n + z ∗ h_{t-1}
    Elman (1990)    h_t = tanh(W_x x_t + b_x + W_h h_{t-1} + b_h)

Uma passagem direta feita à mão: LSTM, GRU e rede de Elman em numpy, porta por porta, igual ao modelo.
"""

from __future__ import annotations

import numpy as np
import torch
from bilingual import command_line, speaker
from numpy.typing import NDArray

from hf_rnn import ElmanModel, GruModel, LstmModel


STEPS, FEATURES, UNITS = 3, 2, 2
Array = NDArray[np.float64]
Gates = dict[str, Array]


def sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def lstm(x: Array, state: Gates, w_x: Array, w_h: Array, b_x: Array, b_h: Array) -> Gates:
    i, f, g, o = np.split(w_x @ x + b_x + w_h @ state["h"] + b_h, 4)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * state["c"] + i * g
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * np.tanh(c)}


def gru(x: Array, state: Gates, w_x: Array, w_h: Array, b_x: Array, b_h: Array) -> Gates:
    (u_r, u_z, u_n), (v_r, v_z, v_n) = np.split(w_x @ x + b_x, 3), np.split(w_h @ state["h"] + b_h, 3)
    r, z = sigmoid(u_r + v_r), sigmoid(u_z + v_z)
    n = np.tanh(u_n + r * v_n)
    return {"r": r, "z": z, "n": n, "h": (1 - z) * n + z * state["h"]}


def elman(x: Array, state: Gates, w_x: Array, w_h: Array, b_x: Array, b_h: Array) -> Gates:
    return {"h": np.tanh(w_x @ x + b_x + w_h @ state["h"] + b_h)}


def main() -> None:
    say = speaker(command_line(__doc__).parse_args().lang)
    say(
        "LSTM: gates i (input), f (forget), o (output), candidate g, cell c. GRU: gates r (reset), z (update).",
        "LSTM: portas i (entrada), f (esquecimento), o (saída), candidato g, célula c. GRU: r (reset), z (update).",
    )
    torch.manual_seed(0)
    inputs = torch.randn(1, STEPS, FEATURES)
    for step, family in ((lstm, LstmModel), (gru, GruModel), (elman, ElmanModel)):
        model = family(family.config_class(vocab_size=None, embedding_size=FEATURES, hidden_size=UNITS)).eval()
        # The biases start at 0; drawn at random, they count.
        weights = [torch.nn.init.normal_(weight).detach().double().numpy() for weight in model.parameters()]
        say("\n{name}, step by step", "\n{name}, passo a passo", name=step.__name__.upper())
        state, outputs = {"h": np.zeros(UNITS), "c": np.zeros(UNITS)}, []
        for t, x in enumerate(inputs[0].double().numpy(), start=1):
            state = step(x, state, *weights)
            outputs.append(state["h"])
            print(
                f"  t={t}  x {x.round(4)}  " + "  ".join(f"{gate} {value.round(4)}" for gate, value in state.items())
            )
        with torch.no_grad():
            difference = np.abs(model(inputs_embeds=inputs).last_hidden_state[0].numpy() - outputs).max()
        say("  largest difference from the model: {d:.0e}", "  maior diferença para o modelo: {d:.0e}", d=difference)


if __name__ == "__main__":
    main()
