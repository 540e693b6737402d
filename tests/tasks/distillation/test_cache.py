"""The file of a teacher's answers: written once, gone on with, and refused where it answers other questions."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest

from hf_rnn.checksums import checksum_of
from hf_rnn.tasks.distillation import cache
from hf_rnn.tasks.distillation.cache import Questions, cached_answers


LENGTHS = (3, 9, 1, 4, 4, 7, 2)


def questions() -> Questions:
    # Row 0 answers for the items 1 and 0, item 8 is in no row.
    places = [np.array([1, 0]), *(np.array([row + 1]) for row in range(1, len(LENGTHS)))]
    return Questions(datasets.Dataset.from_dict({"length": LENGTHS}), places, 9)


class Asked:
    """Answers with the number of the row, and remembers what it was asked; `fails` at the batch of that number."""

    def __init__(self, fails: int | None = None) -> None:
        self.batches: list[list[int]] = []
        self.fails = fails

    def __call__(self, rows: list[int]) -> list[np.ndarray]:
        if len(self.batches) == self.fails:
            raise KeyboardInterrupt
        self.batches.append(rows)
        return [np.full((2 if row == 0 else 1, 2), row, dtype=np.float32) for row in rows]


def ask(path: Path, answer: Asked, checksum: str = "a", batch_size: int = 2) -> np.ndarray:
    return cached_answers(path, checksum, questions(), 2, answer, batch_size)


def test_answers_stand_at_their_items(tmp_path: Path) -> None:
    asked = Asked()
    found = ask(tmp_path / "deep" / "said.npy", asked)
    assert found[:, 0].tolist()[:8] == [0, 0, 1, 2, 3, 4, 5, 6]
    assert np.isnan(found[7 + 1]).all() and found.dtype == np.float32
    # The longest rows come first, those of similar length together.
    assert asked.batches == [[1, 5], [3, 4], [0, 6], [2]]


def test_what_is_in_the_file_is_not_asked_again(tmp_path: Path) -> None:
    first = ask(tmp_path / "said.npy", Asked())
    asked, seen = Asked(), []
    again = cached_answers(tmp_path / "said.npy", "a", questions(), 2, asked, 2, seen.append)
    np.testing.assert_array_equal(first, again)
    assert asked.batches == [] and sum(seen) == len(LENGTHS)


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WRITE_EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path / "said.npy", Asked(fails=2))
    asked = Asked()
    found = ask(tmp_path / "said.npy", asked)
    assert asked.batches == [[0, 6], [2]]
    np.testing.assert_array_equal(found, ask(tmp_path / "whole.npy", Asked()))


@pytest.mark.parametrize(("checksum", "batch_size"), [("b", 2), ("a", 3)])
def test_answers_to_other_questions_are_refused(tmp_path: Path, checksum: str, batch_size: int) -> None:
    ask(tmp_path / "said.npy", Asked())
    before = (tmp_path / "said.npy").read_bytes()
    with pytest.raises(ValueError, match=r"`teacher_cache` has '.*said.npy', which a teacher has written for other"):
        ask(tmp_path / "said.npy", Asked(), checksum, batch_size)
    assert (tmp_path / "said.npy").read_bytes() == before


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    ask(tmp_path / "said.npy", Asked())
    whole = (tmp_path / "said.npy").read_bytes()
    (tmp_path / "said.npy").write_bytes(whole[:-8])
    with pytest.raises(ValueError, match=r"`teacher_cache` has '.*said.npy', which is damaged"):
        ask(tmp_path / "said.npy", Asked())


def test_a_file_without_its_note_is_written_anew(tmp_path: Path) -> None:
    ask(tmp_path / "said.npy", Asked())
    note = tmp_path / "said.json"
    assert json.loads(note.read_text(encoding="utf-8"))["done"] == 4
    note.unlink()
    asked = Asked()
    ask(tmp_path / "said.npy", asked)
    assert len(asked.batches) == 4


def test_the_note_of_a_file_that_was_removed_is_not_that_of_the_next(tmp_path: Path) -> None:
    whole = ask(tmp_path / "said.npy", Asked())
    (tmp_path / "said.npy").unlink()
    with pytest.raises(KeyboardInterrupt):
        # It ends before anything is noted.
        ask(tmp_path / "said.npy", Asked(fails=2))
    np.testing.assert_array_equal(ask(tmp_path / "said.npy", Asked()), whole)


def test_a_checksum_tells_parts_apart() -> None:
    parts = [np.array([1, 2]), "ab"]
    assert checksum_of(parts) == checksum_of([np.array([1, 2]), "ab"])
    others = [["ab", np.array([1, 2])], [np.array([1]), np.array([2]), "ab"], [np.array([1, 2]), "a", "b"]]
    assert len({checksum_of(parts), *map(checksum_of, others)}) == 4
