#!/usr/bin/env python
"""Shows how the gradient of the loss vanishes or explodes on its way back through time, and what clipping does.
∂L/∂h_t = (∂h_{t+1}/∂h_t)ᵀ ∂L/∂h_{t+1}, in an Elman network (1990) with ∂h_{t+1}/∂h_t = diag(1 - h_{t+1}²) W_h: a W_h
that shrinks every vector makes it vanish exponentially, and only one that stretches can make it explode (Pascanu et
al. 2013). In an LSTM (Hochreiter & Schmidhuber 1997) ∂c_{t+1}/∂c_t has the summand diag(f_{t+1}), in a GRU
∂h_{t+1}/∂h_t has diag(z_{t+1}): near 1 while the gate is open, a half where its bias b (`gate_bias`) is 0 at first.
Clipping: if ‖g‖ > θ, g ← θ g / ‖g‖.

Como o gradiente da perda desaparece ou explode na volta pelo tempo, e o que o corte do gradiente (clipping) faz.
Uma W_h que encolhe todo vetor faz o gradiente desaparecer exponencialmente; só uma que estica pode fazê-lo explodir.
Na LSTM e na GRU, a porta deixa o gradiente passar enquanto está aberta; com viés b = 0 ela começa aberta pela metade.
"""

from __future__ import annotations

from typing import Any

import torch
from bilingual import command_line, speaker

from hf_rnn import ElmanForSequenceClassification, GruForSequenceClassification, LstmForSequenceClassification
from hf_rnn.data.synthetic.first_token import NUM_CLASSES, VOCAB_SIZE, first_token_examples
from hf_rnn.insight.gradients.flow import gradient_flow


STEPS, SHOWN, LEARNING_RATE = 50, (1, 10, 20, 30, 40, 50), 0.1


def build(family: Any, scale: float, **options: float) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCAB_SIZE, "num_labels": NUM_CLASSES, "embedding_size": 16, "hidden_size": 32, **options}
    model = family(family.config_class(**sizes)).eval()
    with torch.no_grad():
        model.model.layers[0].cell.weight_hh_l0.mul_(scale)  # orthogonal before: no vector is shrunk or stretched
    return model


def descend(model: Any, batch: dict[str, torch.Tensor], threshold: float) -> tuple[float, float, float]:
    loss = model(**batch).loss
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), threshold).item()  # before clipping
    torch.optim.SGD(model.parameters(), LEARNING_RATE).step()
    return LEARNING_RATE * min(norm, threshold), loss.item(), model(**batch).loss.item()


def main() -> None:
    say = speaker(command_line(__doc__).parse_args().lang)
    batch = first_token_examples(64, STEPS).with_format("torch")[:]
    say(
        "The label is the first of {} tokens. ‖∂L/∂h_t‖ at step t, and by how much it changes in each step back:",
        "O rótulo é o primeiro de {} tokens. ‖∂L/∂h_t‖ no passo t, e quanto muda a cada passo para trás:",
        STEPS,
    )
    print(f"  {'t':<16}" + "".join(f"{t:>10}" for t in SHOWN))
    networks = {f"Elman, W_h × {scale}": build(ElmanForSequenceClassification, scale) for scale in (0.5, 1, 3)}
    networks |= {f"GRU, b = {bias}": build(GruForSequenceClassification, 1, gate_bias=bias) for bias in (0, 3)}
    networks["LSTM, b = 1"] = build(LstmForSequenceClassification, 1, gate_bias=1)
    for name, model in networks.items():
        flow = gradient_flow(model, batch)
        for label, mean in ((name, flow.hidden_mean), (f"{name}, c_t", flow.cell_mean)):
            if mean is not None:
                norms = mean[0, 0]
                each = float(norms[0] / norms[-1]) ** (1 / (STEPS - 1))
                print(f"  {label:<16}" + "".join(f"{norms[t - 1]:>10.1e}" for t in SHOWN) + f"   × {each:.2f}")
    say("\nOne step down from Elman, W_h × 3, clipped to θ", "\nUm passo de descida da Elman, W_h × 3, com corte em θ")
    for threshold in (float("inf"), 1.0):
        results = descend(build(ElmanForSequenceClassification, 3), batch, threshold)
        say(
            "  θ = {}: length {:.1e}, loss {:.3f} → {:.3f}",
            "  θ = {}: tamanho {:.1e}, perda {:.3f} → {:.3f}",
            threshold,
            *results,
        )


if __name__ == "__main__":
    main()
