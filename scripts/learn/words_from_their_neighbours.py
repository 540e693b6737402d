#!/usr/bin/env python
"""Word vectors by word2vec (Mikolov et al. 2013, arXiv:1301.3781 and 1310.4546), in plain steps: v_w of a word that is
read, u_w of one that is predicted. CBOW predicts a word w from the mean h of the v of its neighbours, skip-gram each
neighbour from h = v_w; instead of a softmax over all words, some others n are drawn by P(n) ∝ count^(3/4):
    loss = -log σ(u_w · h) - Σ_n log σ(-u_n · h)

Vetores de palavras pelo word2vec, passo a passo: o CBOW prevê uma palavra a partir da média das vizinhas; o skip-gram
prevê cada vizinha a partir da palavra. Algumas palavras sorteadas substituem uma softmax sobre todas.
"""

from __future__ import annotations

import random

import torch
from bilingual import command_line, speaker
from torch.nn.functional import logsigmoid

from hf_rnn.insight.neighbours import EmbeddingTable
from hf_rnn.insight.plane import plane_of


# A small grammar: who it is, and whether it is he or she, is all there is to learn. All sentences have as many words.
EN = [("king queen", "crown throne palace"), ("prince princess", "castle pony sword")]
EN += [("man woman", "car office job"), ("boy girl", "toy school ball")]
PT = [("rei rainha", "coroas tronos palácios"), ("príncipe princesa", "castelos pôneis espadas")]
PT += [("homem mulher", "carros escritórios relógios"), ("menino menina", "brinquedos livros bolas")]
SENTENCES = {
    "en": ("the {} says that he likes his {}", "the {} says that she likes her {}"),
    "pt": ("o {} diz que ele mesmo compra {}", "a {} diz que ela mesma compra {}"),
}
FEATURES, DRAWN, STEPS, BATCH = 16, 5, 1500, 128


def learn(method: str, texts: torch.Tensor, counts: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The vectors v (words, features) of `texts` (sentences, words), and the last loss."""
    torch.manual_seed(0)
    v, u = (torch.nn.Parameter(0.1 * torch.randn(len(counts), FEATURES)) for _ in range(2))
    optimizer = torch.optim.Adam([v, u], lr=0.01)
    for _ in range(STEPS):
        batch = texts[torch.randint(len(texts), (BATCH,))]
        chosen = torch.arange(texts.shape[1]) == torch.randint(texts.shape[1], (BATCH, 1))
        word, neighbours = batch[chosen].view(BATCH, -1), batch[~chosen].view(BATCH, -1)  # (batch, 1), (batch, others)
        read, target = (neighbours, word) if method == "CBOW" else (word, neighbours)
        h = v[read].mean(1)  # (batch, features)
        others = torch.multinomial(counts**0.75, target.numel() * DRAWN, replacement=True).view(*target.shape, DRAWN)
        right = logsigmoid(torch.einsum("btf,bf->bt", u[target], h))
        wrong = logsigmoid(-torch.einsum("btnf,bf->btn", u[others], h)).sum(2)
        loss = -(right + wrong).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return v.detach(), loss.item()


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--plot", help="PNG file of the people in the plane / arquivo PNG das pessoas no plano")
    arguments = parser.parse_args()
    say, draw, texts = speaker(arguments.lang), random.Random(0), []
    people = [(pair.split(), own.split()) for pair, own in (EN if arguments.lang == "en" else PT)]
    for (pair, own), she in ((draw.choice(people), draw.randrange(2)) for _ in range(2000)):
        texts.append(SENTENCES[arguments.lang][she].format(pair[she], draw.choice(own)).split())
    words = sorted(set(sum(texts, [])))
    ids = torch.tensor([[words.index(word) for word in text] for text in texts])
    (king, queen), (man, woman) = people[0][0], people[2][0]
    say("{} sentences, {} words", "{} frases, {} palavras", len(texts), len(words))
    for method in ("CBOW", "skip-gram"):
        vectors, loss = learn(method, ids, ids.flatten().bincount().float())
        table = EmbeddingTable(words, vectors.numpy())
        say("{}: loss {:.2f}, nearest words:", "{}: perda {:.2f}, palavras mais próximas:", method, loss)
        for near in (table.nearest(queen, 3), table.nearest(man, 3), table.analogy([king, woman], [man], 3)):
            print(f"  {near.query:<20}", *(f"{w} {c:.2f}" for w, c in zip(near.words, near.similarities, strict=True)))
    if arguments.plot:
        plane_of(table, [name for pair, _ in people for name in pair]).figure().savefig(arguments.plot)


if __name__ == "__main__":
    main()
