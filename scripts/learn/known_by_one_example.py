#!/usr/bin/env python
"""Shows one-shot verification: a siamese network (Bromley et al. 1993) that has learned when two drawings are the same
letter knows letters that it has never seen by one example of each (Koch et al. 2015). With D = ‖a - b‖ it is taught
by pairs, D² of equal and max(0, m - D)² of different ones (Hadsell et al. 2006), triplets, max(0, D(a, p) - D(a, n) +
m) (Schroff et al. 2015), or in-batch negatives: pairs of equals among all others of a batch (Henderson et al. 2017).

Verificação com um só exemplo: uma rede siamesa que aprendeu quando dois desenhos são a mesma letra reconhece letras
que nunca viu por um exemplo de cada. Ela aprende com pares, com trios ou com os outros exemplos do lote.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from bilingual import command_line, speaker

from hf_rnn import ConvEncoderConfig, SiameseConfig, SiameseModel
from hf_rnn.data.synthetic.glyphs import draw
from hf_rnn.losses import ContrastiveLoss, MultipleNegativesRankingLoss, TripletLoss
from hf_rnn.metrics.few_shot import n_way_k_shot
from hf_rnn.models.similarity import unit_length


KNOWN, NEW, SIZE, BATCH = "abcdefghijklmnopqrstuvwxyzABDEFGHLMNQRT", "אבגדהחטךלםמצשაბგდევზთიკლმნოპ", 20, 32
ENCODER = ConvEncoderConfig(image_size=SIZE, hidden_sizes=[8, 16, 32], output_size=32)
WAYS: dict[str, tuple[str, Any]] = {
    "untrained": ("sem treino", None),
    "pairs": ("pares", ContrastiveLoss(1.0)),
    "triplets": ("trios", TripletLoss(0.3)),
    "in-batch negatives": ("negativos do lote", MultipleNegativesRankingLoss(20.0)),
}


def drawings(letters: str, each: int, seed: int) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    return torch.stack([torch.stack([draw(letter, SIZE, generator) for _ in range(each)]) for letter in letters])


def train(model: Any, name: str, loss: Any, known: torch.Tensor, steps: int) -> None:
    optimizer, equal = torch.optim.Adam(model.train().parameters(), 2e-3), torch.arange(BATCH) % 2
    for _ in range(steps):
        # Each letter comes once, so that the others of a batch are other letters.
        letters = torch.randperm(len(known))[:BATCH]
        others = (letters + torch.randint(1, len(known), (BATCH,))) % len(known)
        chosen = [known[which, torch.randint(known.shape[1], (BATCH,))] for which in (letters, letters, others)]
        a, p, n = unit_length(model(pixel_values=torch.cat(chosen)).embeddings).chunk(3)
        pairs = (a, torch.where(equal[:, None] == 1, p, n), equal)
        model.zero_grad()
        loss(*{"pairs": pairs, "triplets": (a, p, n), "in-batch negatives": (a, p)}[name]).backward()
        optimizer.step()


def measure(vectors: torch.Tensor) -> tuple[float, float, float]:
    # (letters, each, features)
    vectors = unit_length(vectors.flatten(0, 1)).view_as(vectors)
    of_letters: dict[Any, Any] = dict(enumerate(vectors))
    found = n_way_k_shot(lambda examples: examples, of_letters, ways=5, shots=1, similarity="euclidean")
    distances = torch.cdist(vectors.flatten(0, 1), vectors.flatten(0, 1))
    letters = torch.arange(len(vectors)).repeat_interleave(vectors.shape[1])
    different, itself = letters[:, None] != letters, torch.eye(len(letters), dtype=torch.bool)
    return found.accuracy, distances[~different & ~itself].mean().item(), distances[different].mean().item()


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--steps", type=int, default=200, help="updates / passos (default: 200)")
    asked = parser.parse_args()
    say, known, new = speaker(asked.lang), drawings(KNOWN, 40, 0), drawings(NEW, 20, 1)
    english = "Letters never seen, 1 example of each of 5: accuracy; mean distance of equal, different drawings:"
    portuguese = "Letras nunca vistas, 1 exemplo de cada uma de 5: acurácia; distância de iguais, de diferentes:"
    say(english, portuguese)
    row = "  {:<20}{:>6.2f}{:>8.2f}{:>6.2f}".format
    print(row("pixels", *measure(new.flatten(2))))
    for name, (translated, loss) in WAYS.items():
        torch.manual_seed(0)
        model: Any = SiameseModel(SiameseConfig(encoder=ENCODER))
        train(model, name, loss, known, asked.steps if loss else 0)
        vectors = model.eval().encode(new.flatten(0, 1)).unflatten(0, new.shape[:2])
        print(row(name if asked.lang == "en" else translated, *measure(vectors)))


if __name__ == "__main__":
    main()
