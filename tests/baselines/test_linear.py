"""The logistic regression of the baselines is fitted to its end."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hf_rnn.baselines.linear import fit_to_the_end


def test_a_logistic_regression_is_fitted_until_it_has_converged(caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(200, 30)), random.integers(0, 2, 200)
    fitted = fit_to_the_end(LogisticRegression(C=1e3, max_iter=2), features, labels)
    again = LogisticRegression(C=1e3, max_iter=100_000, tol=1e-8).fit(features, labels)
    assert fitted.max_iter > 2
    assert np.abs(fitted.coef_ - again.coef_).max() < 1e-2
    assert not caplog.records


def test_one_that_does_not_converge_says_so(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.baselines.linear.MOST_ITERATIONS", 2)
    random = np.random.default_rng(0)
    fit_to_the_end(LogisticRegression(C=1e3, max_iter=1), random.normal(size=(200, 30)), random.integers(0, 2, 200))
    assert "has not converged after 2 iterations" in caplog.text
