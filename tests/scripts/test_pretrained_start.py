"""A default run on English texts, as people start it: it says what it started from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from hf_rnn.runs.results import read_results
from tests.tasks.small_runs import write_reviews


ENGLISH = "bilstm-base-en"


def test_a_run_records_its_start_and_the_card_the_language(tmp_path: Path, run_script: Any) -> None:
    files = write_reviews(tmp_path / "data", train=24, validation=8, test=0)
    words = [word for name, value in files.items() for word in (f"--{name}", value)]
    words += ["--output_dir", str(tmp_path / "run"), "--do_train", "--do_eval", "--max_steps", "2"]
    done = run_script("run_text_classification", *words)
    assert done.returncode == 0, done.stderr
    results = read_results(tmp_path / "run" / "results.json")
    assert results["training"]["arguments"]["model_name_or_path"] == f"bundled:{ENGLISH}"
    card = ModelCard.load(tmp_path / "run" / "README.md")
    assert card.data.language == "en"
    assert f"started from the encoder {ENGLISH}" in card.content
