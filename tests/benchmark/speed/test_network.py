"""What the network costs, and that every peer computes the same one."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hf_rnn.benchmark.speed.network import common_weights, forward_operations, parameter_count
from hf_rnn.benchmark.speed.peers.base import AskedPeer, Job
from hf_rnn.benchmark.speed.peers.table import PEERS, PeerSpec
from hf_rnn.benchmark.speed.texts import FIT_FILE, MAX_TOKENS, Text


BY_KEY = {peer.key: peer for peer in PEERS}


@pytest.fixture
def prepared(sample_folder: Path, tmp_path: Path) -> Iterator[Callable[[str], AskedPeer]]:
    """Load a peer from what it saved, with the sample's texts; it is closed after the test."""
    with ExitStack() as loaded:
        yield lambda key: loaded.enter_context(closing(load(BY_KEY[key], sample_folder, tmp_path)))


def load(spec: PeerSpec, sample_folder: Path, tmp_path: Path) -> AskedPeer:
    for path in sample_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    for module in spec.needs:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    module, name = spec.path.split(":")
    job = Job(spec.key, spec.path, spec.options, "prepare", str(tmp_path), batch_size=4, threads=1)
    peer: AskedPeer = getattr(importlib.import_module(module), name)(job, **spec.options)
    assert all(path.is_file() for path in peer.prepare())
    peer.load()
    return peer


def answers(peer: AskedPeer, texts: list[Text]) -> np.ndarray:
    return peer.answer(peer.inputs(texts, max(len(text.ids) for text in texts)))


@pytest.fixture(scope="module")
def expected(sample_folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The logits of the sample's texts, each alone, and of texts of one length: computed here, step by step."""
    from hf_rnn.benchmark.speed.texts import Sample

    sample, weights = Sample.read(sample_folder), common_weights()
    alone = [by_hand(text.ids, weights) for text in sample.texts[:4]]
    return np.array(alone), np.array([by_hand(text.ids, weights) for text in sample.of_length(2, 30)])


def by_hand(ids: np.ndarray, weights: dict[str, np.ndarray]) -> float:
    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    steps, last = weights["embedding.weight"][ids].astype(np.float64), []
    for layer in range(2):
        sides = []
        for suffix, order in (("", 1), ("_reverse", -1)):
            w_x, w_h, b_x, b_h = (
                weights[f"layers.{layer}.{name}_l0{suffix}"].astype(np.float64)
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            h = c = np.zeros(w_h.shape[1])
            outputs = []
            for x in steps[::order]:
                i, f, g, o = np.split(w_x @ x + b_x + w_h @ h + b_h, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
                outputs.append(h)
            sides.append(np.array(outputs)[::order])
            last.append(h)
        steps = np.concatenate(sides, axis=1)
    dense = np.maximum(weights["dense.weight"] @ np.concatenate(last[2:]) + weights["dense.bias"], 0)
    return float((weights["output.weight"] @ dense + weights["output.bias"])[0])


@pytest.mark.parametrize("key", ["ours", "torch-packed", "onnx"])
def test_peers_that_mask_answer_alike(
    key: str, prepared: Callable[[str], AskedPeer], expected: tuple[np.ndarray, np.ndarray]
) -> None:
    peer = prepared(key)
    texts = peer.sample.texts[:4]
    assert len({len(text.ids) for text in texts}) > 1, "without unequal lengths there is no padding to see"
    assert np.ptp(expected[0]) > 0.01, "texts that are answered alike show nothing"
    np.testing.assert_allclose(answers(peer, texts), expected[0], atol=1e-5)


@pytest.mark.parametrize("key", ["torch-padded", pytest.param("keras", marks=pytest.mark.slow)])
def test_peers_that_pad_answer_alike_where_nothing_is_padded(
    key: str, prepared: Callable[[str], AskedPeer], expected: tuple[np.ndarray, np.ndarray]
) -> None:
    peer = prepared(key)
    np.testing.assert_allclose(answers(peer, peer.sample.of_length(2, 30)), expected[1], atol=1e-5)
    padded = peer.answer(peer.inputs(peer.sample.of_length(2, 30), MAX_TOKENS))
    assert np.abs(padded - expected[1]).max() > 1e-3, "it is called inexact"


@pytest.mark.parametrize("key", ["ours-bf16", "onnx-int8"])
def test_reduced_precision_comes_near(
    key: str, prepared: Callable[[str], AskedPeer], expected: tuple[np.ndarray, np.ndarray]
) -> None:
    peer = prepared(key)
    difference = np.abs(answers(peer, peer.sample.texts[:4]) - expected[0]).max()
    assert 1e-5 < difference < 0.02


@pytest.mark.parametrize("key", ["minilm", "tfidf"])
def test_peers_with_networks_of_their_own_answer_every_text(key: str, prepared: Callable[[str], AskedPeer]) -> None:
    peer = prepared(key)
    assert answers(peer, peer.sample.texts[:4]).shape == (4,)


def test_tfidf_answers_as_scikit_learn_does(prepared: Callable[[str], AskedPeer], sample_folder: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    peer = prepared("tfidf")
    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    rows = json.loads((sample_folder / FIT_FILE).read_text(encoding="utf-8"))
    fitted = make_pipeline(terms, LogisticRegression()).fit(*zip(*rows, strict=True))
    texts = [text.text for text in peer.sample.texts[:20]]
    assert peer.answer(texts) == pytest.approx(fitted.decision_function(texts), abs=1e-5)


def test_minilm_counts_its_own_tokens(prepared: Callable[[str], AskedPeer]) -> None:
    peer = prepared("minilm")
    for tokens in (16, 512):
        assert peer.inputs(peer.sample.of_length(1, tokens), tokens)["input_ids"].shape == (1, tokens)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_parameters_are_those_of_our_model(cell: str, sample_folder: Path) -> None:
    from hf_rnn.benchmark.speed.peers.peer_ours import OurNetwork

    job = Job("ours", "", {}, "train", str(sample_folder), 4, 1)
    assert OurNetwork(job, cell=cell).build().num_parameters() == parameter_count(cell)


def test_operations_are_counted_by_the_formula() -> None:
    # Two directions of 2·T·4H·(I+H), both layers; Dense(64 → 64) and Dense(64 → 1).
    first, second = 2 * 2 * 10 * 4 * 64 * (128 + 64), 2 * 2 * 10 * 4 * 32 * (128 + 32)
    assert forward_operations(10) == first + second + 2 * 64 * 64 + 2 * 64
    recurrent = forward_operations(10) - forward_operations(0)
    assert forward_operations(10, "gru") - forward_operations(0) == pytest.approx(0.75 * recurrent)


def test_batches_keep_every_length_where_texts_are_left_out(sample_folder: Path) -> None:
    class Plain(AskedPeer):
        prepare = load = inputs = answer = None  # type: ignore[assignment]

    job = Job("x", "", {}, "answer", str(sample_folder), batch_size=2, threads=1)
    assert [len(batch) for batch in Plain(job).batches()] == [2] * 6
    kept = [len(text.ids) for batch in Plain(replace(job, every=3)).batches() for text in batch]
    assert kept == sorted(Plain(job).sample.lengths.tolist(), reverse=True)[::3]
