"""A contributor adds a loss by the steps of CONTRIBUTING.md, and a siamese network is trained to it by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walks.checkout import Checkout, named_files


LOSS = '''class LogisticLoss(nn.Module):
    """
    The mean of softplus(−y · scale · cos(a, b)), with y = 1 for a similar pair and −1 for any other.

    Args:
        scale: How steep it is.
    """

    def __init__(self, scale: float = 5.0) -> None:
        super().__init__()
        check_scale("scale", scale)
        self.scale = scale

    def forward(self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Of `a` and `b` (batch, features) and labels (batch) a scalar."""
        check_embeddings(a=a, b=b)
        signs = 2 * labels.to(a.dtype) - 1
        return functional.softplus(-signs * self.scale * functional.cosine_similarity(a, b)).mean()


'''


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    copy = Checkout(tmp_path_factory.mktemp("checkout"))
    copy.insert("hf_rnn/losses/pairs.py", "# The rows of these losses", LOSS)
    copy.insert(
        "hf_rnn/losses/pairs.py",
        '    "classification": NamedLoss',
        '    "logistic": NamedLoss(LogisticLoss, "pairs", "cosine"),\n',
    )
    return copy


def test_no_more_than_one_file_is_touched_and_the_steps_name_it(checkout: Checkout) -> None:
    assert len(checkout.changed) <= 1
    assert checkout.added == []
    assert set(checkout.changed) == named_files("Adding a loss")


def test_a_network_is_trained_to_it(checkout: Checkout) -> None:
    printed = checkout.run(
        """
from pathlib import Path
from transformers import HfArgumentParser
from hf_rnn.tasks.registry import find_task
from tests.tasks import small_similarity_runs as runs

files = runs.write_questions(Path("questions"))
options = '{"logistic": {"scale": 3.0}}'
results = runs.run(
    Path("siamese"), loss="logistic", loss_options=options, num_train_epochs=20, learning_rate=0.03,
    config_overrides={"embedding_size": 16, "hidden_size": 16, "pooling": "max"}, **files
)
assert results["training"]["arguments"]["loss"] == "logistic"
assert results["metrics"]["test"]["roc_auc"] > 0.8, results["metrics"]
print(HfArgumentParser(find_task("similarity").groups).format_help())
"""
    )
    assert "logistic" in printed.partition("usage:")[2]


def test_an_option_that_it_has_not_is_refused_by_name(checkout: Checkout, tmp_path: Path) -> None:
    printed = checkout.run(
        """
from hf_rnn.losses.objective import SimilarityObjective
try:
    SimilarityObjective(["logistic"], {"logistic": {"margin": 1}})
except ValueError as error:
    print(error)
"""
    )
    assert printed == "`loss_options` of logistic hold 'margin'; they may be of scale, weight.\n"
