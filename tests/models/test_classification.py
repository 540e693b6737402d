"""The head: the network of a textbook expressed exactly, losses, and accumulated gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from hf_rnn.models.configuration_rnn import BiLstmConfig
from hf_rnn.models.losses import classification_loss
from hf_rnn.models.modeling_rnn import BiLstmForSequenceClassification
from tests.models.common import assert_close, batch_of, build, sentences


VOCAB, FEATURES = 50, 16
SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def textbook_model(dropout: float = 0.5) -> BiLstmForSequenceClassification:
    """Embedding → BiLSTM(64) → dropout → BiLSTM(32) → dropout → Dense(64, relu) → BatchNorm → Dense(1, sigmoid)."""
    torch.manual_seed(0)
    config = BiLstmConfig(
        vocab_size=VOCAB,
        embedding_size=FEATURES,
        hidden_sizes=[64, 32],
        dropout=dropout,
        locked_dropout=False,
        classifier_hidden_sizes=[64],
        classifier_norm="batch",
        single_logit=True,
        num_labels=2,
    )
    return BiLstmForSequenceClassification(config).double()


class TextbookByHand(nn.Module):
    """The same network of torch's own modules; returns z, whose sigmoid is the probability of the second label."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, FEATURES, padding_idx=0)
        self.first = nn.LSTM(FEATURES, 64, bidirectional=True, batch_first=True)
        self.second = nn.LSTM(128, 32, bidirectional=True, batch_first=True)
        self.dense = nn.Linear(64, 64)
        self.norm = nn.BatchNorm1d(64)
        self.output = nn.Linear(64, 1)
        self.double()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        steps, _ = self.first(self.embedding(ids))
        _, (h, _) = self.second(steps)
        return self.output(self.norm(functional.relu(self.dense(torch.cat([h[0], h[1]], dim=1))))).squeeze(1)

    def parts(self) -> list[nn.Module]:
        return [self.embedding, self.first, self.second, self.dense, self.norm, self.output]


def parts_of(model: BiLstmForSequenceClassification) -> list[nn.Module]:
    _, linear, _, norm = model.classifier.dense
    cells = [layer.cell for layer in model.model.layers]
    return [model.get_input_embeddings(), *cells, linear, norm, model.classifier.output]


def same_by_hand(model: BiLstmForSequenceClassification) -> TextbookByHand:
    reference = TextbookByHand()
    for ours, theirs in zip(parts_of(model), reference.parts(), strict=True):
        theirs.load_state_dict(ours.state_dict())
    return reference


def test_textbook_network_has_the_parameters_of_the_formula():
    def lstm(inputs: int, units: int) -> int:
        # Four gates; W_x, W_h and torch's two bias vectors.
        return 4 * units * (inputs + units + 2)

    first, second = 2 * lstm(FEATURES, 64), 2 * lstm(128, 32)
    dense, norm, output = 64 * (64 + 1), 2 * 64, 64 + 1
    expected = VOCAB * FEATURES + first + second + dense + norm + output
    assert expected == 800 + 41_984 + 41_472 + 4_160 + 128 + 65
    assert textbook_model().num_parameters() == expected


def test_textbook_network_is_in_the_order_of_the_issue():
    model = textbook_model()
    assert [layer.dropout.probability for layer in model.model.layers] == [0.0, 0.5]
    assert [type(module).__name__ for module in model.classifier.dense] == ["Dropout", "Linear", "ReLU", "BatchNorm"]
    assert model.classifier.dense[0].p == 0.5 and model.classifier.dropout.p == 0.0


def test_textbook_network_equals_torch_modules():
    model = textbook_model().eval()
    reference = same_by_hand(model).eval()
    ids = torch.randint(1, VOCAB, (4, 9))
    z = reference(ids)
    logits = model(ids).logits
    assert_close(logits, torch.stack([torch.zeros_like(z), z], dim=1))
    # What a stock pipeline makes of two logits is the sigmoid of z.
    assert_close(logits.softmax(1)[:, 1], z.sigmoid())


def test_training_the_textbook_network_equals_training_torch_modules():
    model = textbook_model(dropout=0.0).train()
    reference = same_by_hand(model).train()
    optimizers = [torch.optim.Adam(network.parameters(), lr=0.01) for network in (model, reference)]
    for _ in range(5):
        ids, labels = torch.randint(1, VOCAB, (8, 9)), torch.randint(0, 2, (8,))
        loss = model(ids, labels=labels).loss
        wanted = functional.binary_cross_entropy_with_logits(reference(ids), labels.double())
        assert_close(loss, wanted)
        for optimizer, value in zip(optimizers, (loss, wanted), strict=True):
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    for ours, theirs in zip(parts_of(model), reference.parts(), strict=True):
        # Adam divides by the root of the squared gradient: rounding grows where a gradient is near zero.
        wanted_weights = theirs.state_dict()
        for name, weight in ours.state_dict().items():
            assert torch.allclose(weight, wanted_weights[name], atol=1e-7), name


def test_single_logit_gives_zero_and_z():
    model = build("bilstm", num_labels=2, single_logit=True)
    batch, _ = batch_of(sentences(), "right")
    logits = model(**batch).logits
    assert model.classifier.output.out_features == 1
    assert not logits[:, 0].any() and logits[:, 1].all()
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    expected = functional.binary_cross_entropy_with_logits(logits[:, 1], labels.double())
    assert_close(model(**batch, labels=labels).loss, expected)


# Two rows of logits: softmax of (0, ln 3) is (1/4, 3/4); of (ln 3, 0) is (3/4, 1/4).
LN3 = math.log(3)
LOGITS = torch.tensor([[0.0, LN3], [LN3, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("labels", "problem_type", "expected"),
    [
        # −ln of 3/4 and of 1/4, averaged.
        (torch.tensor([1, 1]), SINGLE, (math.log(4 / 3) + math.log(4)) / 2),
        (torch.tensor([1, 1]), None, (math.log(4 / 3) + math.log(4)) / 2),
        (torch.tensor([[1], [1]]), SINGLE, (math.log(4 / 3) + math.log(4)) / 2),
        # The second row has no label.
        (torch.tensor([1, -100]), SINGLE, math.log(4 / 3)),
        # σ(0) = 1/2, σ(ln 3) = 3/4; wanted (1, 1) and (0, 0): −ln of 1/2, 3/4, 1/4, 1/2.
        (torch.tensor([[1.0, 1.0], [0.0, 0.0]]), None, math.log(2 * 4 / 3 * 4 * 2) / 4),
        (torch.tensor([[1, 1], [0, 0]]), MULTI, math.log(2 * 4 / 3 * 4 * 2) / 4),
        # Differences 1, 0, 0, 2.
        (torch.tensor([[1.0, LN3], [LN3, 2.0]], dtype=torch.float64), REGRESSION, 5 / 4),
    ],
)
def test_losses_by_hand(labels, problem_type, expected):
    assert classification_loss(LOGITS, labels, problem_type).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("labels", [torch.tensor([1.0, 4.0]), torch.tensor([[1], [4]])])
def test_one_output_is_regression(labels):
    # Squared differences 1 and 4.
    logits = torch.tensor([[2.0], [2.0]], dtype=torch.float64)
    assert classification_loss(logits, labels).item() == pytest.approx(2.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_give_a_float32_loss(dtype):
    assert classification_loss(LOGITS.to(dtype), torch.tensor([1, 1])).dtype == torch.float32


PROBLEMS = [
    (SINGLE, torch.tensor([0, 2, -100, 1, -100, -100, 2, 1])),
    (MULTI, (torch.arange(24).view(8, 3) % 2).double()),
    (REGRESSION, torch.arange(24, dtype=torch.float64).view(8, 3)),
]


@pytest.mark.parametrize(("problem_type", "labels"), PROBLEMS, ids=[problem for problem, _ in PROBLEMS])
def test_accumulated_gradients_equal_the_large_batch(problem_type, labels):
    model = build("gru", problem_type=problem_type)
    batch, _ = batch_of(sentences([3, 1, 7, 0, 5, 2, 6, 4]), "right")
    parameters = list(model.parameters())
    wanted = torch.autograd.grad(model(**batch, labels=labels).loss, parameters)
    # As transformers' Trainer counts them.
    items = (labels != -100).sum()
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for start in range(0, 8, 2):
        rows = slice(start, start + 2)
        micro = {name: value[rows] for name, value in batch.items()}
        loss = model(**micro, labels=labels[rows], num_items_in_batch=items).loss
        for part, gradient in zip(total, torch.autograd.grad(loss, parameters), strict=True):
            part += gradient
    for part, gradient in zip(total, wanted, strict=True):
        assert (part - gradient).abs().max() < 1e-8
    assert max(gradient.abs().max() for gradient in wanted) > 1e-3


@pytest.mark.parametrize(
    ("labels", "problem_type", "message"),
    [
        (torch.tensor([0, 3]), None, r"`labels` holds 3; with `num_labels=3` it must be a whole number in \[0, 3\)"),
        (
            torch.tensor([-1, 0]),
            SINGLE,
            r"`labels` holds -1; with `num_labels=3` it must be a whole number in \[0, 3\)",
        ),
        (torch.ones(2, 2), MULTI, r"`labels` has shape \(2, 2\); for multi_label_classification .* \(2, 3\)"),
        (torch.ones(2), REGRESSION, r"`labels` has shape \(2,\); for regression .* \(2, 3\)"),
        (torch.ones(3, 2), MULTI, r"`labels` has shape \(3, 2\); for multi_label_classification .* \(2, 3\)"),
        (torch.full((2, 3), -100.0), MULTI, r"`labels` holds -100.0; for multi_label_classification .* \[0, 1\]"),
        (torch.full((2, 3), 2), MULTI, r"`labels` holds 2; for multi_label_classification .* \[0, 1\]"),
        (torch.tensor([0, 1, 2]), SINGLE, r"`labels` has shape \(3,\); for single_label_classification .* \(2,\)"),
        (torch.tensor([0.5, 1.0]), SINGLE, r"`labels` holds 0.5; .* whole number"),
    ],
)
def test_labels_that_do_not_fit_are_named(labels, problem_type, message):
    model = build("gru", problem_type=problem_type)
    with pytest.raises(ValueError, match=message):
        model(torch.tensor([[1, 2], [3, 4]]), labels=labels)


@pytest.mark.parametrize("lengths", [[4], [0]])
def test_a_batch_of_one_trains_with_batch_norm(lengths):
    model = textbook_model().train()
    statistics = model.classifier.dense[3].running_mean.clone()
    batch, _ = batch_of(sentences(lengths), "right")
    loss = model(**batch, labels=torch.tensor([1])).loss
    loss.backward()
    assert torch.isfinite(loss)
    assert model.classifier.output.bias.grad.abs() > 0.1
    # One row tells nothing of the variance: the running statistics stay.
    assert torch.equal(model.classifier.dense[3].running_mean, statistics)
    model(torch.randint(1, VOCAB, (3, 4)))
    assert not torch.equal(model.classifier.dense[3].running_mean, statistics)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_dense_layers_of_the_classifier(activation):
    model = build("gru", classifier_hidden_sizes=[6, 4], classifier_activation=activation, pooling="mean")
    batch, _ = batch_of(sentences(), "right")
    function = {"relu": torch.relu, "tanh": torch.tanh, "gelu": functional.gelu}[activation]
    hidden = model.model(**batch).pooler_output
    for index in (1, 4):
        hidden = function(model.classifier.dense[index](hidden))
    assert_close(model(**batch).logits, model.classifier.output(hidden))


def test_dan_is_the_mean_through_dense_layers():
    model = build("dan", hidden_sizes=[6, 4])
    (text,) = sentences([5])
    mean = model.get_input_embeddings()(text).mean(0)
    dense = model.model.dense
    hidden = torch.relu(dense[4](torch.relu(dense[1](mean))))
    assert_close(model(text.unsqueeze(0)).logits[0], model.classifier.output(hidden))
