"""The task of the first token."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.data.synthetic.first_token import NUM_CLASSES, VOCAB_SIZE, first_token_examples


def test_the_first_token_and_no_other_tells_the_label() -> None:
    examples = first_token_examples(400, 6, seed=3).with_format("torch")[:]
    ids, labels = examples["input_ids"], examples["labels"]
    assert ids.shape == (400, 6)
    assert torch.equal(ids[:, 0], labels + 1)
    assert set(labels.tolist()) == set(range(NUM_CLASSES))
    assert set(ids[:, 1:].flatten().tolist()) == set(range(NUM_CLASSES + 1, VOCAB_SIZE))
    # Drawn independently: each class is followed by each distractor about as often.
    for distractor in range(NUM_CLASSES + 1, VOCAB_SIZE):
        found = labels[ids[:, 5] == distractor].double().mean().item()
        assert 0.3 < found < 0.7


def test_the_seed_decides() -> None:
    first, again, other = (first_token_examples(20, 5, seed)["input_ids"][:] for seed in (0, 0, 1))
    assert first == again != other


def test_the_shortest() -> None:
    assert len(first_token_examples(0, 5)) == 0
    (ids,) = first_token_examples(1, 1)["input_ids"]
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((-1, 5), "`count` is -1; it must be at least 0"), ((5, 0), "`length` is 0; it must be at least 1")],
)
def test_bad_input(arguments: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        first_token_examples(*arguments)
