"""The loss of a large vocabulary from a sample of it: training that does not score every token at every step."""

from __future__ import annotations

import math

import torch
from torch import nn

from .linear_cross_entropy import is_plain
from .looks import may_look


__all__ = ["draw_tokens", "sampled_cross_entropy"]


def sampled_cross_entropy(
    features: torch.Tensor, targets: torch.Tensor, output_layer: nn.Linear, num_sampled: int
) -> torch.Tensor:
    r"""The summed cross-entropy of `targets`, with an estimate of the softmax's normaliser (Bengio & Senécal 2008,
    https://doi.org/10.1109/TNN.2007.912312; Jean et al. 2015, https://aclanthology.org/P15-1001):

        Z ≈ exp(s_y) + Σ_{j: c_j ≠ y} exp(s_{c_j}) / (k q(c_j)),    c_1 … c_k ~ q

    One sample of k = `num_sampled` tokens serves all steps of the batch. q(c) = log((c + 2) / (c + 1)) / log(V + 1),
    which falls as word frequencies do where ids are in the order of frequency, as those of a tokenizer of words are.

    Args:
        features: (steps, features), what the output layer reads.
        targets: (steps), token ids, or -100 for none.
        output_layer: Scores of all V tokens.
        num_sampled: The more, the nearer to the exact loss.
    """
    missing = targets == -100
    if may_look(targets):
        features, targets = features[~missing], targets[~missing]
    targets = targets.clamp(min=0)
    drawn, log_expected = draw_tokens(output_layer.out_features, num_sampled, features.device)
    if is_plain(output_layer):
        weight, bias = output_layer.weight, output_layer.bias
        scores = nn.functional.linear(features, weight[drawn], bias[drawn] - log_expected.to(bias))
        own = (features * weight[targets]).sum(1) + bias[targets]
    else:
        # What it computes is more than its weights say: it has to score every token.
        every = output_layer(features)
        scores, own = every[:, drawn] - log_expected.to(every), every.gather(1, targets.unsqueeze(1)).squeeze(1)
    # In place: steps times samples are the most numbers of a training step.
    scores.masked_fill_(drawn == targets.unsqueeze(1), -math.inf)
    # Half precision is left for the softmax, float64 is not.
    precision = torch.promote_types(own.dtype, torch.float32)
    own = own.to(precision)
    terms = torch.logaddexp(own, scores.to(precision).logsumexp(1)) - own
    return (terms if may_look(missing) else terms.masked_fill(missing, 0)).sum()


def draw_tokens(vocab_size: int, count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw `count` ids with replacement from q; the second tensor, of float64, is the logarithm of how often each is
    expected among them.
    """
    largest = math.log(vocab_size + 1)
    ids = (torch.rand(count, device=device, dtype=torch.float64) * largest).exp().long() - 1
    ids = ids.clamp(max=vocab_size - 1)
    # The quotient of q is 1 and a little: of common tokens much, of the rarest of a million 1e-6.
    share = (ids + 1).double().reciprocal().log1p() / largest
    return ids, (count * share).log()
