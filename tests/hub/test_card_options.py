"""`card.json`: what is read is what was written, and a wrong file is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.hub.card_options import CardOptions, read_card_options, write_card_options


def test_what_differs_from_the_defaults_is_written(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    options = CardOptions(license="mit", language=["en", "pt"], bundled=True, example={"text": "é", "text_pair": "e"})
    write_card_options(options, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "license": "mit",
        "language": ["en", "pt"],
        "bundled": True,
        "example": {"text": "é", "text_pair": "e"},
    }
    assert read_card_options(path) == options


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([], ValueError, r"card.json must hold a JSON object; it holds \[\]"),
        ({"license": "mit"}, ValueError, r"it lacks \['language'\] and has, besides, \[\]"),
        ({"license": "mit", "language": "en", "licens": "mit"}, ValueError, r"has, besides, \['licens'\]"),
        (
            {"license": "", "language": "en"},
            TypeError,
            "`license` must be the Hub's .*, or None; it is ''",
        ),
        (
            {"license": "other", "language": "en", "license_name": "mine"},
            ValueError,
            "`license_link`=None must be given, since `license` is 'other'",
        ),
        (
            {"license": "mit", "language": "en", "license_name": "mine"},
            ValueError,
            "`license_name`='mine' is for `license` 'other'; `license` is 'mit'",
        ),
        (
            {"license": "other", "language": "en", "license_name": 1},
            TypeError,
            "`license_name` must be a text, or null",
        ),
        ({"license": "mit", "language": ["en", 1]}, TypeError, r"`language` must be .*; it is \['en', 1\]"),
        (
            {"license": "mit", "language": []},
            TypeError,
            r"`language` must be a text, a list of texts or None; it is \[\]",
        ),
        ({"license": "mit", "language": "en", "bundled": "no"}, TypeError, "`bundled` must be .*; it is 'no'"),
        ({"license": "mit", "language": "en", "repo_id": 3}, TypeError, "`repo_id` must be a text, or null; it is 3"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, values: Any, error: type[Exception], message: str) -> None:
    (tmp_path / "card.json").write_text(json.dumps(values))
    with pytest.raises(error, match=message):
        read_card_options(tmp_path / "card.json")
