"""The `hf` program, in processes of its own, uses the Hub on loopback by the variables of its environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fixtures.loopback import LoopbackHub


def hf(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("hf")
    return subprocess.run([str(program), *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_upload_and_download(loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    """`hf upload` makes the repository; another user, behind a proxy that would not find it, loads it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    contents = {"config.json": b"{}", "model.safetensors": bytes(3000)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    ana = loopback_hub.environment(tmp_path / "ana", loopback_hub.token())
    done = hf(ana, "upload", "ana/model", str(folder), "--commit-message", "By hand")
    assert done.returncode == 0, done.stderr
    bob = {"HTTP_PROXY": "http://127.0.0.1:9"} | loopback_hub.environment(tmp_path / "bob", loopback_hub.token("bob"))
    done = hf(bob, "download", "ana/model", "--local-dir", str(tmp_path / "loaded"))
    assert done.returncode == 0, done.stderr
    assert {name: (tmp_path / "loaded" / name).read_bytes() for name in contents} == contents


def test_a_refusal(loopback_hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")
    reader = loopback_hub.environment(tmp_path, loopback_hub.token("ana", "read"))
    done = hf(reader, "upload", "ana/model", str(tmp_path / "config.json"))
    assert done.returncode != 0 and "write token" in done.stdout + done.stderr
    assert not list(loopback_hub.state.visible("model", None))
