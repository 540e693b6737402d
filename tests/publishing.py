"""Helps the tests of publishing: makes this process a client of the Hub on loopback, and finished runs to publish."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants
from transformers.utils import hub as transformers_hub

from hf_rnn.hub.model_card import write_model_card
from hf_rnn.runs.results import read_results
from tests.fixtures.loopback import Clients, LoopbackHub


# What a run leaves behind that is nobody else's.
PRIVATE_FILES = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "predictions.csv")


@pytest.fixture(name="ana")
def ana_fixture(loopback_hub: LoopbackHub, hub_client: Clients, monkeypatch: pytest.MonkeyPatch) -> HfApi:
    """Her client; all that this process does with a Hub it does on loopback, by her token."""
    token = loopback_hub.token("ana")
    monkeypatch.setattr(constants, "ENDPOINT", loopback_hub.endpoint)
    # Made of the endpoint when huggingface_hub was imported.
    template = f"{loopback_hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(transformers_hub, "_hf_api", None)
    monkeypatch.setenv("HF_TOKEN", token)
    return hub_client(token)


def with_card(folder: Path) -> Path:
    """A run's folder as its training script leaves it, with its card and what is never published."""
    write_model_card(folder, read_results(folder / "results.json"), license="apache-2.0", language="en")
    for name in PRIVATE_FILES:
        (folder / name).write_bytes(b"not for others")
    (folder / "checkpoint-3").mkdir(exist_ok=True)
    (folder / "checkpoint-3" / "model.safetensors").write_bytes(b"not for others")
    return folder


def writes(hub: LoopbackHub) -> list[str]:
    """The requests that changed something on the Hub, or would have."""
    return [str(request) for request in hub.requests if request.method not in ("GET", "HEAD")]
