"""Caches of kernels that cannot be written, are damaged or are another's: never loaded, and told in one line."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import filelock
import pytest

from hf_rnn.kernels import __main__ as command
from hf_rnn.kernels import build as building
from hf_rnn.kernels import loading, stored
from hf_rnn.kernels.build import KernelBuildError, build, library_path
from tests.fixtures.kernel_cache import put


NOBODY = 65534


@pytest.fixture(autouse=True)
def some_compiler(monkeypatch):
    """A compiler is found, and none runs but in the tests that are about it."""
    monkeypatch.setattr(building.shutil, "which", lambda name: name)
    monkeypatch.setattr(building, "_compile", lambda compiler, target: target.write_bytes(b"no library"))


@contextmanager
def not_root() -> Iterator[None]:
    """Root may write everywhere: be another user inside the block."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the file or folder another user's."""
    user = os.geteuid()
    if user == 0:
        os.chown(path, NOBODY, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)


def file_in_the_folders_place(cache, monkeypatch):
    (cache / "kernels").write_text("a file, where the folder should be")


def file_in_the_caches_place(cache, monkeypatch):
    monkeypatch.setenv("HF_RNN_CACHE", str(cache / "file" / "deeper"))
    (cache / "file").write_text("a file")


def folder_in_the_librarys_place(cache, monkeypatch):
    library_path().mkdir(parents=True)


def unreadable(cache, monkeypatch):
    (cache / "kernels").mkdir()
    (cache / "kernels").chmod(0)


def read_only(cache, monkeypatch):
    # The folder of pytest is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="hf_rnn_"))
    folder.chmod(0o555)
    monkeypatch.setenv("HF_RNN_CACHE", str(folder))


def full_disk(cache, monkeypatch):
    def fill(built, library):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(building, "store", fill)


def disk_without_locks(cache, monkeypatch):
    def refuse(*args, **kwargs):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(building, "FileLock", refuse)


def folder_of_another(cache, monkeypatch):
    (cache / "kernels").mkdir()
    give_away(cache / "kernels", monkeypatch)


def folder_of_everybody(cache, monkeypatch):
    (cache / "kernels").mkdir()
    (cache / "kernels").chmod(0o777)


CASES = {
    file_in_the_folders_place: "cannot be written",
    file_in_the_caches_place: "cannot be written",
    folder_in_the_librarys_place: "cannot be",
    unreadable: "Permission denied",
    read_only: "Permission denied",
    full_disk: "No space left on device",
    disk_without_locks: "does not appear to support flock",
    folder_of_another: "belongs to another user",
    folder_of_everybody: "can be written by every user",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_cache_that_cannot_be_used_costs_one_line(empty_cache, monkeypatch, caplog, case):
    case(empty_cache, monkeypatch)
    library_path.cache_clear()
    acting = not_root() if case in (unreadable, read_only) else nullcontext()
    with caplog.at_level(logging.WARNING), acting:
        # A model is made, trained, and made again.
        assert [loading.load(), loading.build_and_load(), loading.build_and_load(), loading.load()] == [False] * 4
    said = [message for message in caplog.messages if not message.startswith("Compiling")]
    assert len(said) == 1 and CASES[case] in said[0] and "HF_RNN_CACHE" in said[0] and "\n" not in said[0]


LOADS = "from hf_rnn.kernels.loading import load; print([load() for _ in range(8)])"


@pytest.fixture
def built_before(project) -> bytes:
    """The library that these tests run with."""
    library_path.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_RNN_CACHE", str(project / "build"))
        path = library_path()
    library_path.cache_clear()
    if not path.exists():
        pytest.skip("the kernels could not be built: no C++ compiler")
    return path.read_bytes()


def test_a_library_cut_short_ends_no_process(built_before, empty_cache, project):
    path = put(built_before)
    # To load what is cut at a page would end the process by SIGBUS.
    os.truncate(path, len(built_before) // 2 // 4096 * 4096)
    done = subprocess.run([sys.executable, "-c", LOADS], env=_environment(project), capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, str([False] * 8)), done.stderr
    assert done.stderr.count("\n") == 1 and "is damaged: its SHA-256 is not the one" in done.stderr


def test_a_damaged_library_is_built_anew_once(built_before, empty_cache, monkeypatch, caplog):
    put(built_before).write_bytes(built_before[:5000])
    compiled = []

    def compile_again(compiler, target):
        compiled.append(target)
        target.write_bytes(built_before)

    monkeypatch.setattr(building, "_compile", compile_again)
    with caplog.at_level(logging.WARNING):
        assert loading.build_and_load() and loading.build_and_load()
    assert len(compiled) == 1 and len(caplog.messages) == 1 and caplog.messages[0].startswith("Compiling")


def _environment(project: Path) -> dict[str, str]:
    return {**os.environ, "HF_RNN_KERNELS": "1", "PYTHONPATH": str(project)}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(b"no LIbrary"), "is damaged: its SHA-256"),
        (lambda path: path.write_bytes(b""), "is damaged: its SHA-256"),
        (lambda path: path.with_suffix(".sha256").unlink(), "its checksum, is missing"),
        (lambda path: path.with_suffix(".sha256").write_text(""), "is damaged: its SHA-256"),
        (lambda path: path.chmod(0o757), "can be written by every user"),
        (lambda path: path.parent.chmod(0o757), "can be written by every user"),
    ],
)
def test_what_is_damaged_or_open_to_all_is_not_opened(empty_cache, monkeypatch, caplog, damage, why):
    damage(put(b"no library"))
    monkeypatch.setattr(loading, "_use", lambda path: pytest.fail("opened it"))
    with caplog.at_level(logging.WARNING):
        assert [loading.load() for _ in range(8)] == [False] * 8
    (said,) = caplog.messages
    assert why in said and str(library_path()) in said and "\n" not in said


def test_a_library_of_another_user_is_not_opened_but_built(empty_cache, monkeypatch, caplog):
    path = put(b"theirs")
    give_away(path, monkeypatch)
    monkeypatch.setattr(loading, "_use", lambda path: pytest.fail("opened it"))
    with caplog.at_level(logging.WARNING):
        assert loading.load() is False
    assert "belongs to another user" in caplog.text
    if os.geteuid() == 0:  # the folder is ours still
        assert build().read_bytes() == b"no library" and stored.fault_of(path) is None


def test_a_library_of_root_is_everybodys(empty_cache, monkeypatch):
    path = put(b"library")
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY - 1)
    owner = path.stat().st_uid
    assert (stored.distrust(path) is None) == (owner == 0)


def test_what_is_built_where_new_files_are_everybodys_is_ours_alone(empty_cache):
    before = os.umask(0)
    try:
        assert stored.fault_of(build()) is None
    finally:
        os.umask(before)


def test_one_of_the_processes_of_a_machine_speaks(empty_cache, monkeypatch, caplog):
    monkeypatch.setattr(building.shutil, "which", lambda name: None)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with caplog.at_level(logging.WARNING):
        assert loading.build_and_load() is False
    assert caplog.messages == []


def test_it_does_not_wait_for_ever_for_another_process(empty_cache, monkeypatch):
    monkeypatch.setattr(building, "SECONDS", 0.1)
    (empty_cache / "kernels").mkdir()
    with filelock.FileLock(library_path().with_suffix(".lock")):
        with pytest.raises(KernelBuildError, match=r"Another process has been building .* for 0.1 seconds") as raised:
            build()
    assert "\n" not in str(raised.value)


HANGING = """#!/bin/sh
sleep 300 &
echo $! > {pids}
wait
"""


def test_a_compiler_that_hangs_is_ended_with_all_that_it_started(empty_cache, tmp_path):
    compiler, pids = tmp_path / "hanging", tmp_path / "pids"
    compiler.write_text(HANGING.format(pids=pids))
    compiler.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "SECONDS", 1)
        started = time.monotonic()
        with pytest.raises(KernelBuildError, match=r"did not finish in 1 seconds.*torch's kernels"):
            building._run([str(compiler)])
    assert time.monotonic() - started < 60
    while _runs(int(pids.read_text())):
        assert time.monotonic() - started < 60, "what it started goes on"
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    if not Path("/proc").is_dir():
        return subprocess.run(["kill", "-0", str(pid)], capture_output=True).returncode == 0
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_compiler_that_cannot_be_started_is_named(empty_cache, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("HF_RNN_CACHE", str(empty_cache))
    monkeypatch.setattr(building.shutil, "which", lambda name: str(empty_cache / "gone"))
    library_path.cache_clear()
    with pytest.raises(KernelBuildError, match="gone"):
        build()


@pytest.fixture
def real_compiler(monkeypatch):
    monkeypatch.undo()
    if shutil.which("g++") is None or building.platform.machine() != "x86_64":
        pytest.skip("needs g++ on x86-64")


def test_a_library_for_another_processor_is_not_called(real_compiler, tmp_path):
    flags = [*building.FLAGS, *building._processor_flags()]
    source = str(building.SOURCES / "processor.cpp")
    for own, missing in (([], None), (["-mfma4"], "fma4")):  # no processor has had FMA4 since 2017
        library = tmp_path / f"for_{missing}.so"
        subprocess.run(["g++", *flags, *own, source, "-o", str(library)], check=True)
        assert stored.missing_instruction(library) == missing


def test_instructions_that_are_missing_are_told(empty_cache, monkeypatch, caplog):
    put(b"library")
    monkeypatch.setattr(loading, "missing_instruction", lambda path: "avx512f")
    with caplog.at_level(logging.WARNING):
        assert loading.load() is loading.load() is False
    (said,) = caplog.messages
    assert "needs the instructions avx512f, which this processor does not have" in said


def test_the_command_says_when_what_it_built_cannot_be_loaded(empty_cache, monkeypatch, capsys, caplog):
    monkeypatch.setenv("HF_RNN_KERNELS", "1")
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1 and "cannot be loaded" in caplog.text and capsys.readouterr().out == ""
