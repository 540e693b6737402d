"""Every head on a GPU; without one all of it is skipped, and says so."""

from __future__ import annotations

import pytest
import torch

from tests.fixtures.every_model import CASES
from tests.gpu import checks


@pytest.mark.skipif(checks.missing() is not None, reason=f"{checks.missing()}")
@pytest.mark.parametrize("kind", checks.CHECKS)
@pytest.mark.parametrize("name", CASES)
def test_on_cuda(name, kind):
    reason = checks.CHECKS[kind](name)
    if reason is not None:
        pytest.skip(reason)


# The checks themselves, where nothing is asked of CUDA: on the CPU, so that they run at all before there is a GPU.
@pytest.mark.parametrize("kind", ["exact", "half", "resumed"])
@pytest.mark.parametrize(
    "name", ["bilstm-classes", "bilstm-bio", "gru-general-None", "gru-language", "siamese-vectors"]
)
def test_the_checks_hold_on_the_cpu(name, kind):
    assert checks.CHECKS[kind](name, "cpu") is None


def test_a_check_can_fail(monkeypatch):
    monkeypatch.setitem(checks.TOLERANCES, torch.float64, 0.0)
    monkeypatch.setitem(checks.TOLERANCES, torch.float32, 0.0)
    with pytest.raises(AssertionError, match="off by"):
        checks.exact("bilstm-classes", "cpu")


def test_it_says_that_there_is_no_gpu(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert checks.main([]) == 0
    assert capsys.readouterr().out == "no CUDA device: the checks on a GPU are not run.\n"
