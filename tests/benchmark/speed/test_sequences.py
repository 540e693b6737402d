"""That every peer of pairs computes the same encoder-decoder, in training and in writing."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
import torch

from hf_rnn.benchmark.speed.peers.base import Job
from hf_rnn.benchmark.speed.sequences.base import SENTENCE, WritingPeer
from hf_rnn.benchmark.speed.sequences.network import END, PADDING, common_weights, parameter_count
from hf_rnn.benchmark.speed.sequences.pairs import LONGEST, SHORTEST, padded, read_targets, shifted, write_pairs
from hf_rnn.benchmark.speed.sequences.peer_keras import KerasFunctional
from hf_rnn.benchmark.speed.sequences.peer_ours import common_model
from hf_rnn.benchmark.speed.sequences.peer_torch import common_network
from hf_rnn.benchmark.speed.sequences.table import PEERS
from hf_rnn.benchmark.speed.texts import Sample


BY_KEY = {peer.key: peer for peer in PEERS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pairs")
    write_pairs(made, 6)
    return made


@pytest.fixture
def prepared(folder: Path) -> Iterator[Callable[[str], WritingPeer]]:
    """Load a peer from what it saved; it is closed after the test, and so is what it found beside its graphs."""
    path, known = list(sys.path), set(sys.modules)
    with ExitStack() as loaded:
        yield lambda key: loaded.enter_context(closing(load(key, folder)))
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if name.startswith("runtime"):
            del sys.modules[name]


def load(key: str, folder: Path) -> WritingPeer:
    spec = BY_KEY[key]
    module, name = spec.path.split(":")
    job = Job(key, spec.path, spec.options, "prepare", str(folder), batch_size=4, threads=1)
    peer: WritingPeer = getattr(importlib.import_module(module), name)(job, **spec.options)
    files = [path for path in peer.prepare() if path.suffix != ".json"]
    assert files and all(path.stat().st_size > 1e6 for path in files)
    peer.load()
    return peer


def written_by_hand(source: np.ndarray, cell: str, fed: bool) -> list[int]:
    """The equations of `network`'s docstring, a step at a time, in float64."""
    weights = {name: weight.astype(np.float64) for name, weight in common_weights(cell, fed).items()}

    def step(part: str, suffix: str, x: np.ndarray, state: list[np.ndarray]) -> list[np.ndarray]:
        w_x, w_h, b_x, b_h = (
            weights[f"{part}.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        of_x, of_h = w_x @ x + b_x, w_h @ state[0] + b_h
        if cell == "lstm":
            i, f, g, o = np.split(of_x + of_h, 4)
            c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
            return [sigmoid(o) * np.tanh(c), c]
        (r, z, n), (r_h, z_h, n_h) = np.split(of_x, 3), np.split(of_h, 3)
        z = sigmoid(z + z_h)
        return [(1 - z) * np.tanh(n + sigmoid(r + r_h) * n_h) + z * state[0]]

    steps, sides, finals = weights["source_embedding.weight"][source], [], []
    for suffix, order in (("", 1), ("_reverse", -1)):
        state = [np.zeros(256)] * (2 if cell == "lstm" else 1)
        outputs = []
        for x in steps[::order]:
            state = step("encoder", suffix, x, state)
            outputs.append(state[0])
        sides.append(np.array(outputs)[::order])
        finals.append(state)
    memory = np.concatenate(sides, axis=1)
    joined = [np.concatenate(both) for both in zip(*finals, strict=True)]
    state = [
        weights[f"bridge.{p}.weight"] @ part + weights[f"bridge.{p}.bias"]
        for p, part in zip("hc", joined, strict=False)
    ]
    state[0] = np.tanh(state[0])
    token, attended, written = END, np.zeros(256), []
    for _ in range(SENTENCE):
        x = weights["target_embedding.weight"][token]
        state = step("decoder", "", np.concatenate([x, attended]) if fed else x, state)
        scores = memory @ weights["keys.weight"].T @ state[0]
        shares = np.exp(scores - scores.max())
        context = shares @ memory / shares.sum()
        attended = np.tanh(weights["readout.weight"] @ np.concatenate([context, state[0]]))
        token = int((weights["output.weight"] @ attended + weights["output.bias"]).argmax())
        written.append(token)
    return written


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("key", [peer.key for peer in PEERS if peer.asked and not peer.options.get("int8")])
def test_every_peer_writes_what_is_computed_by_hand(key: str, prepared: Callable[[str], WritingPeer]) -> None:
    peer = prepared(key)
    alone = peer.sample.of_length(1, SENTENCE)
    sources = [text.ids for text in [*alone, *peer.sample.texts[:2]]]
    assert len({len(ids) for ids in sources}) > 1, "without unequal lengths there is no padding to see"
    expected = [written_by_hand(ids, peer.cell, peer.fed) for ids in sources]
    assert len({tuple(row) for row in expected}) == 3, "what does not depend on the source shows nothing"
    assert np.asarray(peer.write(padded(sources))).tolist() == expected
    assert peer.answer(peer.inputs(alone, SENTENCE)).tolist() == [pytest.approx(np.mean(expected[0]))]


@pytest.mark.parametrize("key", ["onnx-int8", "onnx-gru-int8"])
def test_int8_writes_nearly_the_same(key: str, prepared: Callable[[str], WritingPeer]) -> None:
    peer = prepared(key)
    sources = [text.ids for text in peer.sample.texts]
    written = np.asarray(peer.write(padded(sources)))
    expected = np.array([written_by_hand(ids, peer.cell, peer.fed) for ids in sources])
    # Weights that nobody has trained have close scores, and a token that is another changes all after it.
    assert (written[:, 0] == expected[:, 0]).sum() >= 4 and written.shape == expected.shape


@pytest.mark.parametrize(("cell", "fed"), [("lstm", False), ("gru", False), ("lstm", True)])
def test_the_tutorial_loop_is_trained_by_the_same_scores(cell: str, fed: bool, folder: Path) -> None:
    sources = torch.from_numpy(padded([text.ids for text in Sample.read(folder).texts]))
    targets = padded(read_targets(folder))
    network, model = common_network(cell, fed), common_model(cell, fed)
    with torch.no_grad():
        theirs = network(sources, (sources != PADDING).sum(1), torch.from_numpy(shifted(targets)))
        labels = torch.from_numpy(targets).masked_fill(torch.from_numpy(targets) == PADDING, -100)
        ours = model(input_ids=sources, attention_mask=(sources != PADDING).long(), labels=labels)
    real = torch.from_numpy(targets) != PADDING
    assert not real.all()
    torch.testing.assert_close(ours.logits[real], theirs[real], rtol=0, atol=1e-3)
    loss = torch.nn.functional.cross_entropy(theirs.flatten(0, 1), torch.from_numpy(targets).flatten(), ignore_index=0)
    torch.testing.assert_close(ours.loss, loss, rtol=0, atol=1e-4)
    counts = [sum(each.numel() for each in module.parameters()) for module in (network, model)]
    assert counts == [parameter_count(cell, fed)] * 2


def keras_weights(cell: str) -> list[np.ndarray]:
    """Common weights in the order of Keras' layers: columns for what comes out. It has the biases of an LSTM added."""
    weights = common_weights(cell)

    def recurrent(part: str, suffix: str) -> list[np.ndarray]:
        w_x, w_h, b_x, b_h = (
            weights[f"{part}.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        if cell == "lstm":
            return [w_x.T, w_h.T, b_x + b_h]
        swap = np.arange(len(b_x)).reshape(3, -1)[[1, 0, 2]].ravel()
        return [w_x[swap].T, w_h[swap].T, np.stack([b_x[swap], b_h[swap]])]

    bridge = [
        [weights[f"bridge.{part}.weight"].T, weights[f"bridge.{part}.bias"]]
        for part in ("h", "c")
        if f"bridge.{part}.weight" in weights
    ]
    return [
        weights["source_embedding.weight"],
        *recurrent("encoder", ""),
        *recurrent("encoder", "_reverse"),
        weights["target_embedding.weight"],
        *(array for layer in bridge for array in layer),
        *recurrent("decoder", ""),
        weights["keys.weight"].T,
        weights["readout.weight"].T,
        weights["output.weight"].T,
        weights["output.bias"],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_keras_computes_the_same_where_nothing_is_padded(cell: str, folder: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed")
    job = Job("keras", "", {}, "train", str(folder), batch_size=4, threads=1)
    model = KerasFunctional(job, cell).build()
    model.set_weights(keras_weights(cell))
    generator = np.random.default_rng(0)
    sources, read = generator.integers(3, 5000, (2, 3, LONGEST))
    logits = model.predict_on_batch([sources, read])
    network = common_network(cell, False)
    with torch.no_grad():
        expected = network(torch.from_numpy(sources), torch.full((3,), LONGEST), torch.from_numpy(read))
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-3)


def test_the_pairs_are_as_long_as_captions(tmp_path: Path) -> None:
    described = write_pairs(tmp_path, 300)
    sources, targets = [text.ids for text in Sample.read(tmp_path).texts], read_targets(tmp_path)
    both = [[len(each) for each in ids] for ids in (sources, targets)]
    # Those of Multi30k's 29,000 training pairs, in 4,500 byte pairs.
    for lengths, mean, deviation in zip(both, (16.1, 16.8), (5.1, 5.9), strict=True):
        assert SHORTEST <= min(lengths) and max(lengths) <= LONGEST
        assert np.mean(lengths) == pytest.approx(mean, abs=1)
        assert np.std(lengths) == pytest.approx(deviation, abs=1)
    assert np.corrcoef(*both)[0, 1] > 0.8
    for ids in (sources, targets):
        assert len(ids) == 300
        assert all(each[-1] == END and (each[:-1] > END).all() for each in ids)
    assert any(len(a) != len(b) for a, b in zip(sources, targets, strict=True))
    assert described["mean_source_tokens"] == pytest.approx(np.mean([len(ids) for ids in sources]))
    assert json.loads((tmp_path / "texts.json").read_text()) == [""] * 300
    rows = padded(targets[:2])
    assert (shifted(rows)[:, 0] == END).all() and np.array_equal(shifted(rows)[:, 1:], rows[:, :-1])
