"""Files of answers: whole or not there, continued after a kill byte for byte, of constant memory."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hf_rnn
from hf_rnn.data.readers.row_stream import BadRow
from hf_rnn.inference import files
from hf_rnn.inference.files import predict_file
from hf_rnn.inference.output import AnswerFile, OutputExistsError
from tests.inference.small_models import WORDS, classifier, rows_of, texts_file


def many_texts(path: Path, count: int) -> Path:
    generator = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text"])
        for index in range(count):
            # Now and then a row without a text: the count of these has to be continued, too.
            writer.writerow([" ".join(generator.choices(WORDS, k=generator.randint(1, 9))) if index % 97 else ""])
    return path


RUN = """
import sys
from hf_rnn.inference import files
files.WINDOW_BATCHES = 2
done = files.predict_file(sys.argv[1], sys.argv[2], sys.argv[3], batch_size=16, progress=False)
print(done.rows, done.resumed, done.unanswered)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_killed_run_goes_on_to_the_same_bytes(project: Path, tmp_path: Path, ending: str) -> None:
    model, data = classifier(tmp_path), many_texts(tmp_path / "new.csv", 3000)
    environment = {**os.environ, "PYTHONPATH": str(project)}

    def command(output: Path) -> list[str]:
        return [sys.executable, "-c", RUN, model, str(data), str(output)]

    whole, killed = tmp_path / f"whole.{ending}", tmp_path / f"killed.{ending}"
    subprocess.run(command(whole), env=environment, check=True, capture_output=True)
    part, note = (tmp_path / f"{killed.name}{end}" for end in (".part", ".part.json"))
    sizes = [0]
    for _ in range(2):
        process = subprocess.Popen(command(killed), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if part.exists() and part.stat().st_size > sizes[-1] + 2000:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not killed.exists()
        sizes.append(part.stat().st_size)
    rows = json.loads(note.read_text())["progress"]["rows"]
    assert 0 < rows < 3000
    # What was being written when the machine went down.
    with part.open("ab") as stream:
        stream.write(b"1234,goo")
    end = subprocess.run(command(killed), env=environment, check=True, capture_output=True, text=True)
    assert end.stdout.split() == ["3000", str(rows), str(len(range(0, 3000, 97)))]
    assert killed.read_bytes() == whole.read_bytes()
    assert not part.exists() and not note.exists()


def interrupt(path: Path, model: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a part of the answers."""
    monkeypatch.setattr(files, "WINDOW_BATCHES", 1)
    stock, calls = files._answers, []

    def answers(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return stock(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(files, "_answers", answers)
        with pytest.raises(KeyboardInterrupt):
            predict_file(model, data, path, batch_size=4, progress=False)


def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = classifier(tmp_path), many_texts(tmp_path / "new.csv", 230)
    interrupt(tmp_path / "stopped.csv", model, data, monkeypatch)
    with (tmp_path / "stopped.csv.part").open("ab") as stream:
        stream.write(b"8,go")
    stopped, whole = (
        predict_file(model, data, tmp_path / f"{name}.csv", batch_size=4, progress=False)
        for name in ("stopped", "whole")
    )
    assert (stopped.rows, stopped.resumed, stopped.unanswered) == (230, 8, 3)
    assert (whole.rows, whole.resumed, whole.problems) == (230, 0, stopped.problems)
    assert Path(stopped.output).read_bytes() == Path(whole.output).read_bytes()


@pytest.mark.parametrize("change", ["input", "model", "options", "batch size"])
def test_the_part_of_another_job_is_neither_continued_nor_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    model, data, path = classifier(tmp_path), texts_file(tmp_path), tmp_path / "out.csv"
    interrupt(path, model, data, monkeypatch)
    part = tmp_path / "out.csv.part"
    before = part.read_bytes()
    assert before.count(b"\n") == 9
    batch_size, probabilities = 4, False
    if change == "input":
        texts = data.read_text()
        data.write_text(texts.replace("word1", "word2", 1))
    elif change == "model":
        other = hf_rnn.BiLstmForSequenceClassification.from_pretrained(model)
        other.classifier.output.bias.data += 0.1
        other.save_pretrained(model)
    elif change == "options":
        probabilities = True
    else:
        batch_size = 5
    with pytest.raises(OutputExistsError, match=rf"part of other answers, which differ in {change}: remove "):
        predict_file(model, data, path, batch_size=batch_size, probabilities=probabilities, progress=False)
    assert part.read_bytes() == before


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data, path = classifier(tmp_path), texts_file(tmp_path), tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"out.csv' exists already; name another by `--output`, or remove it"):
        predict_file(model, data, path, progress=False)
    assert path.read_text() == "mine"
    path.unlink()
    interrupt(path, model, data, monkeypatch)
    (tmp_path / "out.csv.part.json").unlink()
    with pytest.raises(OutputExistsError, match="a part of answers that nobody can go on with"):
        predict_file(model, data, path, batch_size=4, progress=False)


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    with AnswerFile(tmp_path / "a.csv", "csv", ["label"], {}) as first:
        first.append([{"label": "x"}])
        with pytest.raises(OutputExistsError, match="is being written by another process"):
            AnswerFile(tmp_path / "a.csv", "csv", ["label"], {}).__enter__()
    assert (tmp_path / "a.csv").read_text() == "row,label,problem\n0,x,\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_each_format_holds_any_answer(tmp_path: Path) -> None:
    answers = [{"labels": ["a", "b"], "ok": True}, BadRow("two\nlines, one cell"), {"labels": [], "ok": False}]
    for format in ("csv", "jsonl"):
        with AnswerFile(tmp_path / f"a.{format}", format, ["labels", "ok"], {}) as file:
            file.append(answers[:1])
            file.append(answers[1:])
    assert rows_of(tmp_path / "a.csv") == [
        {"row": "0", "labels": "a,b", "ok": "true", "problem": ""},
        {"row": "1", "labels": "", "ok": "", "problem": "two\nlines, one cell"},
        {"row": "2", "labels": "", "ok": "false", "problem": ""},
    ]
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [
        {"row": 0, "labels": ["a", "b"], "ok": True},
        {"row": 1, "problem": "two\nlines, one cell"},
        {"row": 2, "labels": [], "ok": False},
    ]
    with AnswerFile(tmp_path / "a.conll", "conll", ["tokens", "tags"], {}) as file:
        file.append(
            [{"tokens": ["New York", "x"], "tags": ["B-LOC", "O"]}, BadRow("no\nlist"), {"tokens": [], "tags": []}]
        )
    expected = "New\u00a0York\tB-LOC\nx\tO\n\n# row 1 has no answer: no list\n\n"
    assert (tmp_path / "a.conll").read_text(encoding="utf-8") == expected


MEASURED = """
import resource, sys
from hf_rnn.inference.files import predict_file
peaks = []
for data in sys.argv[2:]:
    predict_file(sys.argv[1], data, batch_size=64, progress=False)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(*peaks)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="`ru_maxrss` is in other units elsewhere")
@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(project: Path, tmp_path: Path) -> None:
    model = classifier(tmp_path)
    data = [str(many_texts(tmp_path / f"{count}.csv", count)) for count in (5_000, 50_000)]
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, model, *data],
        env={**os.environ, "PYTHONPATH": str(project)},
        check=True,
        capture_output=True,
        text=True,
    )
    few, many = (int(peak) / 1024 for peak in run.stdout.split())
    # Ten times the rows, whose texts and answers alone are more than this many MB as Python holds them.
    assert many - few < 15
