"""The process of one measurement of `truncation`: the training steps of a network that reads one long text.

Its last argument is a JSON object: `tokens` of the text, `bptt_steps` (null for none), `threads` and the `rounds` that
count, after one that does not. It answers with one line, {"seconds": […], "megabytes": …}: the time of each step,
forward and backward, and the most memory above that of the process before the first.
"""

from __future__ import annotations

import time
from typing import Any

from .workers.child import Channel, peak_memory_mb, serve_parent


VOCABULARY, UNITS, LAYERS = 1_000, 128, 2


def measure(given: dict[str, Any], channel: Channel) -> None:
    """Measure what `given` says."""
    import torch

    from ..models.configuration_rnn import BiLstmConfig
    from ..models.modeling_rnn import BiLstmForSequenceClassification
    from ..models.truncated_bptt import truncated_backpropagation
    from ..training.techniques.denormals import flushed_denormals

    torch.set_num_threads(given["threads"])
    torch.manual_seed(0)
    config = BiLstmConfig(vocab_size=VOCABULARY, embedding_size=UNITS, hidden_size=UNITS, num_hidden_layers=LAYERS)
    model = BiLstmForSequenceClassification(config).train()
    ids, labels = torch.randint(4, VOCABULARY, (1, given["tokens"])), torch.tensor([1])
    seconds = []
    # As the Trainer does: a gradient that fades through thousands of steps ends in denormals.
    with flushed_denormals():
        # A short text loads and builds what is needed once.
        model(input_ids=ids[:, :16], labels=labels).loss.backward()
        before = peak_memory_mb()
        for _ in range(1 + given["rounds"]):
            model.zero_grad()
            start = time.perf_counter()
            with truncated_backpropagation(model, given["bptt_steps"]):
                model(input_ids=ids, labels=labels).loss.backward()
            seconds.append(time.perf_counter() - start)
    channel.send(seconds=seconds[1:], megabytes=peak_memory_mb() - before)


if __name__ == "__main__":
    serve_parent(measure)
