#!/usr/bin/env python
"""Shows why a network with gates keeps what it has read, and that it depends on the bias b its gates start with. An
LSTM keeps the share f_t of its cell, c_t = f_t ∗ c_{t-1} + i_t ∗ g_t (Gers et al. 2000), a GRU the share z_t of its
state, h_t = (1 - z_t) ∗ n_t + z_t ∗ h_{t-1} (Cho et al. 2014). At first each is near σ(b): a half with `gate_bias` 0,
and 0.5⁴⁹ is nothing; so an LSTM is given a large b (Jozefowicz et al. 2015). Chrono initialisation draws a number of
steps T for each unit, and takes b = log(T - 1) (`chrono_time_scales`, Tallec & Ollivier 2018).

Por que uma rede com portas guarda o que leu, e que isso depende do viés b com que as portas começam. A LSTM guarda a
fração f_t da célula, a GRU a fração z_t do estado. No início, cada uma fica perto de σ(b): metade se b é 0, e 0,5⁴⁹
não é nada. A inicialização chrono sorteia um número de passos T para cada unidade, e faz b = log(T - 1).
"""

from __future__ import annotations

from typing import Any

import torch
from bilingual import command_line, speaker
from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_rnn.data.synthetic.first_token import NUM_CLASSES, VOCAB_SIZE, first_token_examples
from hf_rnn.insight.gradients.flow import gradient_flow


STEPS, BATCH, SEEDS = 50, 16, (0, 1, 2)
NETWORKS: dict[str, Any] = {"Elman": {"model_type": "elman"}}
NETWORKS |= {f"{of.upper()}, b = {b}": {"model_type": of, "gate_bias": b} for of in ("lstm", "gru") for b in (0, 1, 3)}
NETWORKS |= {"GRU, chrono": {"model_type": "gru", "chrono_time_scales": [2, STEPS]}}


def build(name: str, seed: int) -> Any:
    torch.manual_seed(seed)
    sizes: Any = {"vocab_size": VOCAB_SIZE, "num_labels": NUM_CLASSES, "embedding_size": 16, "hidden_size": 32}
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**NETWORKS[name], **sizes)).eval()


def seen(model: Any, batch: dict[str, torch.Tensor]) -> tuple[str, str, str]:
    gates, cell = [], model.model.layers[0].cell
    hook = cell.one_step.register_forward_hook(lambda _, given, state: gates.append(cell.gates(*given[2:])))
    # The gradient of the state that is kept: c_t of an LSTM, h_t of the others.
    flow = gradient_flow(model, batch)
    hook.remove()
    gradient = f"{(flow.hidden_mean if flow.cell_mean is None else flow.cell_mean)[0, 0, 0]:.1e}"
    if not hasattr(cell, "keeping_gate"):
        # An Elman network has none: it computes its state anew in each step.
        return "-", "-", gradient
    # (time from step 2 on, batch, units)
    shares = torch.stack([gate[cell.keeping_gate] for gate in gates[1:]])
    return f"{shares.mean():.2f}", f"{shares.prod(0).mean():.1e}", gradient


def learned(model: Any, examples: dict[str, torch.Tensor], test: dict[str, torch.Tensor]) -> float:
    optimizer = torch.optim.Adam(model.train().parameters(), 5e-3)
    for rows in torch.arange(len(examples["labels"])).split(BATCH):
        optimizer.zero_grad()
        model(**{name: values[rows] for name, values in examples.items()}).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        return float((model.eval()(**test).logits.argmax(1) == test["labels"]).float().mean())


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--updates", type=int, default=80, help="steps of training / passos (default: 80)")
    asked = parser.parse_args()
    say, right = speaker(asked.lang), {}
    rows = first_token_examples(564 + asked.updates * BATCH, STEPS).with_format("torch")
    columns = "  {:<12}{:>6}{:>10}{:>10}   {}".format
    english = "The label is the first of {} tokens. Kept by 1 step, by {}; gradient at step 1; accuracy by seed:"
    portuguese = "O rótulo é o primeiro de {} tokens. Fica em 1 passo, em {}; gradiente no 1; acurácia por semente:"
    say(english, portuguese, STEPS, STEPS - 1)
    for name in NETWORKS:
        found = [learned(build(name, seed), rows[564:], rows[64:564]) for seed in SEEDS]
        right[name] = sum(accuracy > 0.95 for accuracy in found)
        print(columns(name, *seen(build(name, 0), rows[:64]), " ".join(map("{:.2f}".format, found))))
    english = "A GRU as it is by default, b = 0, forgets: {} of {} seeds learn. With b = 3: {}, with chrono: {}."
    portuguese = "A GRU padrão, com b = 0, esquece: {} de {} sementes aprendem. Com b = 3: {}, com chrono: {}."
    say(english, portuguese, right["GRU, b = 0"], len(SEEDS), right["GRU, b = 3"], right["GRU, chrono"])


if __name__ == "__main__":
    main()
