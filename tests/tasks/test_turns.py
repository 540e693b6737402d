"""The rows that something is fitted on, and those that choose."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.tasks.turns import turns


def test_many_validation_rows_choose_alone() -> None:
    ((fitted, others),) = turns(50, 200)
    assert fitted.tolist() == list(range(50))
    assert others.tolist() == list(range(50, 250))


@pytest.mark.parametrize(("training", "validation", "count"), [(45, 5, 5), (4, 0, 5), (800, 199, 5), (801, 199, 1)])
def test_with_few_each_row_is_fitted_on_and_each_chooses(training: int, validation: int, count: int) -> None:
    found = turns(training, validation)
    assert len(found) == count
    for fitted, others in found:
        assert torch.cat([fitted, others]).sort().values.tolist() == list(range(training + validation))
    if count > 1:
        chosen = torch.cat([others for _, others in found])
        assert chosen.sort().values.tolist() == list(range(training + validation))
