"""What `hf_rnn.insight` offers is there."""

from __future__ import annotations

import pytest

from hf_rnn import insight


@pytest.mark.parametrize("name", insight.__all__)
def test_every_public_name_is_found(name: str) -> None:
    assert getattr(insight, name).__name__ == name


def test_another_is_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        insight.nothing  # noqa: B018
