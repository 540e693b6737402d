"""The layers between the pooled vector and a task's answer: dense layers and the classification head."""

from __future__ import annotations

import torch
from torch import nn

from .configuration_rnn import RecurrentConfig
from .tracing import recorded


__all__ = ["BatchNorm", "ClassificationHead", "DenseStack", "classifier_dropout"]


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that also trains on a batch of one, by the running statistics: one row has no variance.

    Raises:
        ValueError: where `torch.jit.trace` or `torch.export` records it in training.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if self.training and recorded():
            raise ValueError(
                "`classifier_norm`='batch' cannot be recorded in training, where what it computes depends on how many "
                "rows there are, and a tagger's padding would be among them. Call `model.eval()` before."
            )
        if not self.training or len(features) > 1:
            return super().forward(features)
        return nn.functional.batch_norm(
            features, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


class DenseStack(nn.Sequential):
    """Dense layers of `sizes`, each dropout → linear → activation → norm; (batch, input_size) → (batch, sizes[-1])."""

    def __init__(self, config: RecurrentConfig, input_size: int, sizes: list[int]) -> None:
        layers: list[nn.Module] = []
        for size in sizes:
            layers += [nn.Dropout(classifier_dropout(config)), nn.Linear(input_size, size)]
            layers.append(ACTIVATIONS[config.classifier_activation]())
            if config.classifier_norm == "batch":
                layers.append(BatchNorm(size))
            input_size = size
        super().__init__(*layers)


class ClassificationHead(nn.Module):
    """(rows, features) → logits (rows, outputs), through the dense layers of the classifier if any.

    Args:
        config: The model's configuration.
        input_size: Features of a row.
        num_outputs: By default one for each label.
    """

    def __init__(self, config: RecurrentConfig, input_size: int, num_outputs: int | None = None) -> None:
        super().__init__()
        sizes = list(config.classifier_hidden_sizes or [])
        self.single_logit = config.single_logit
        self.dense = DenseStack(config, input_size, sizes)
        # Between the pooled vector and the output layer; the dense layers have their own, before each.
        self.dropout = nn.Dropout(0.0 if sizes else classifier_dropout(config))
        outputs = 1 if config.single_logit else num_outputs or config.num_labels or 1
        self.output = nn.Linear(sizes[-1] if sizes else input_size, outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        logits = self.output(self.dropout(self.dense(features)))
        if self.single_logit:
            return torch.cat([torch.zeros_like(logits), logits], dim=1)
        return logits


def classifier_dropout(config: RecurrentConfig) -> float:
    """The dropout before an output layer: `config.classifier_dropout`, or, if that is None, `config.dropout`."""
    return config.dropout if config.classifier_dropout is None else config.classifier_dropout
