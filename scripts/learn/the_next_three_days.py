#!/usr/bin/env python
"""Forecasts the next three days from the last 28, and asks first what costs nothing: the last value again, the values
of a week before, least squares. Invented sales have a week to learn. An invented price is a random walk: the last
value is the best forecast (Bachelier 1900), and its squared error (1 + 2 + 3) / 3 = 2 if steps have variance 1.
Training ends before testing begins: windows that are shuffled first overlap, and who remembers seems to foresee.

Prevê os próximos três dias a partir dos últimos 28, e pergunta antes o que não custa nada: repetir o último valor ou a
semana anterior, mínimos quadrados. As vendas inventadas têm uma semana a aprender; o preço é um passeio aleatório, e o
último valor é a melhor previsão. Janelas embaralhadas antes da divisão se sobrepõem: quem se lembra parece prever.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from bilingual import command_line, speaker
from numpy.lib.stride_tricks import sliding_window_view

from hf_rnn import GruConfig, GruForTimeSeriesPrediction
from hf_rnn.insight.figures import new_figure


PAST, AHEAD, DAYS, WEEK = 28, 3, 2000, (60, 70, 75, 80, 110, 160, 30)


def most_alike(past: Any, future: Any, asked: Any) -> Any:
    # The mean of what followed the two windows of training that are most alike.
    return np.stack([future[np.square(past - window).sum(1).argsort()[:2]].mean(0) for window in asked])


def network(past: Any, future: Any, asked: Any, steps: int) -> Any:
    torch.manual_seed(0)
    sizes: Any = {"vocab_size": None, "prediction_length": AHEAD, "patch_length": 7, "hidden_size": 32}  # reads weeks
    scales: Any = {"channel_means": [past.mean().item()], "channel_scales": [past.std().item()]}  # of training alone
    model = GruForTimeSeriesPrediction(GruConfig(**sizes, **scales))
    x, y, z = (torch.tensor(values).unsqueeze(2) for values in (past, future, asked))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(steps):
        rows = torch.randint(len(x), (64,))
        model(x[rows], future_values=y[rows]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval().forecast(z, AHEAD).prediction_outputs[..., 0].numpy()


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--plot", help="file of the figure / arquivo da figura (default: none)")
    parser.add_argument("--steps", type=int, default=300, help="updates / passos (default: 300)")
    given = parser.parse_args()
    say, pt, random = speaker(given.lang), given.lang == "pt", np.random.default_rng(0)
    sales = np.resize(WEEK, DAYS) * np.exp(random.normal(0, 0.1, DAYS) + random.normal(0, 0.01, DAYS).cumsum())
    sales, price = (sliding_window_view(x, PAST + AHEAD) for x in (sales, 100 + random.normal(size=DAYS).cumsum()))
    ways: dict[tuple[str, str], Any] = {
        ("last value", "último valor"): lambda past, future, asked: asked[:, [-1] * AHEAD],
        ("week before", "semana anterior"): lambda past, future, asked: asked[:, -7 : AHEAD - 7],
        ("least squares", "mínimos quadrados"): lambda past, future, asked: asked @ np.linalg.lstsq(past, future)[0],
        ("most alike", "mais parecidas"): most_alike,
        ("GRU", "GRU"): lambda past, future, asked: network(past, future, asked, given.steps),
    }
    errors, shown = {names: list[float]() for names in ways}, {("sales", "vendas"): sales[-1, PAST:].tolist()}
    for windows, gap in ((random.permutation(price), 0), (price, AHEAD - 1), (sales, AHEAD - 1)):
        # Training ends `gap` windows before, so that no day to forecast is in it.
        cut = len(windows) * 3 // 4
        past, future = windows[: cut - gap, :PAST], windows[: cut - gap, PAST:]
        for names, way in ways.items():
            found = way(past, future, windows[cut:, :PAST])
            shown[names] = found[-1]
            errors[names].insert(0, np.square(found - windows[cut:, PAST:]).mean())
    say("Squared error: sales, price, price shuffled", "Erro quadrático: vendas, preço, preço embaralhado")
    for names, values in [*errors.items(), *shown.items()]:
        print(f"  {names[pt]:<18}" + "".join(f"{value:>9.2f}" for value in values))
    if given.plot:
        axes = (figure := new_figure(6, 3.5)).subplots()
        axes.plot(range(-PAST, 0), sales[-1, :PAST])
        axes.set(xlabel="dias" if pt else "days", ylabel="vendas" if pt else "sales")
        axes.plot(np.transpose(list(shown.values())), "o-", label=[names[pt] for names in shown])
        axes.legend()
        figure.savefig(given.plot)


if __name__ == "__main__":
    main()
