"""Graphs of every model that can be exported, beside the models themselves."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from transformers import AutoModel

from hf_rnn import ConvEncoderConfig, SiameseConfig
from hf_rnn.export.graph import OPSETS, Graph, ints
from hf_rnn.export.graph_models import build_graph
from hf_rnn.export.parity import check_parity
from hf_rnn.models.heads import BatchNorm
from hf_rnn.models.modeling_siamese import SiameseModel
from tests.models.common import (
    POOLINGS,
    RECURRENT,
    SPELT,
    STARTS,
    VARIANTS,
    VOCAB_SIZE,
    build,
    build_tagger,
    shapes_of_stacks,
)
from tests.models.siamese import build_siamese


def assert_equal_to_graph(model: torch.nn.Module, opset: int = OPSETS[0]) -> onnx.ModelProto:
    model = model.float()
    graph = build_graph(model, opset)
    parity = check_parity(model, onnxruntime.InferenceSession(graph.SerializeToString()))
    assert parity.largest_difference <= 1e-5
    return graph


def answers(graph: onnx.ModelProto, ids: list[list[int]], mask: list[list[int]] | None = None) -> list[np.ndarray]:
    given = np.array(ids)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    return session.run(None, {"input_ids": given, "attention_mask": np.array(mask or np.ones_like(given))})


@pytest.mark.parametrize("variant", VARIANTS)
def test_classifiers_of_every_cell_in_every_stack(variant: str) -> None:
    for options in shapes_of_stacks(variant):
        assert_equal_to_graph(build(variant, **({"pooling": "mean"} if variant == "dan" else {}) | options))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("variant", ["bilstm", "dan"])
def test_every_pooling(variant: str, pooling: str) -> None:
    if variant == "dan" and pooling == "last":
        pytest.skip("without a recurrence there is no final state")
    assert_equal_to_graph(build(variant, pooling=pooling))


@pytest.mark.parametrize(
    "options",
    [
        {"classifier_hidden_sizes": [6, 5], "classifier_norm": "batch"},
        {"classifier_hidden_sizes": [6], "classifier_activation": "gelu"},
        {"classifier_hidden_sizes": [6], "classifier_activation": "tanh"},
        {"num_labels": 2, "single_logit": True},
        {"num_labels": 1, "problem_type": "regression"},
        {"one_hot_input": True},
        {"pad_token_id": None},
        {"word_vocab_size": 4, "char_encoder": "lstm", "casing_features": True},
    ],
    ids=lambda options: "-".join(options),
)
def test_every_head_and_input(options: dict[str, object]) -> None:
    graph = assert_equal_to_graph(build("gru", **options))
    (logits,) = answers(graph, [[3, 5]])
    assert logits.shape == (1, options.get("num_labels", 3))


@pytest.mark.parametrize("head", ["softmax", "crf", "bioes"])
@pytest.mark.parametrize("words", [True, False], ids=["words", "pieces"])
def test_taggers(head: str, words: bool) -> None:
    assert_equal_to_graph(build_tagger("bilstm", head, words, casing_features=words))


@pytest.mark.parametrize(
    "options",
    [{"char_encoder": None}, {"char_encoder": "lstm"}, {"word_vocab_size": 1}, {"max_token_bytes": 255}],
    ids=str,
)
def test_what_a_word_is_known_by(options: dict[str, object]) -> None:
    if options.get("word_vocab_size") == 1:
        model = build("bilstm", word_vocab_size=1, char_encoder="cnn")
    else:
        model = build_tagger("bilstm", **options)
    assert_equal_to_graph(model)


def test_words_are_found_as_written_in_lower_case_and_not_at_all() -> None:
    # Random ids seldom spell a known word.
    model = build_tagger("bilstm", char_encoder=None).float()
    model.model.embeddings.set_words(["aB", "xy", "unseen"])
    graph = build_graph(model)
    for token, spelt, known in ((1, "aB", True), (6, "xY", True), (3, "c-", False)):
        assert (int(model.model.embeddings.rows(torch.tensor([list(spelt.encode())]))) > 0) == known
        with torch.no_grad():
            expected = model(torch.tensor([[token]])).emissions.numpy()
        assert np.abs(answers(graph, [[token]])[0] - expected).max() < 1e-5


def test_a_word_that_shares_the_row_of_another() -> None:
    model = build_tagger("bilstm", char_encoder=None, word_aliases=1).float()
    embeddings = model.model.embeddings
    rows = embeddings.set_words(["no", "xy", "unseen"], {"ab": "unseen"})
    graph = build_graph(model)
    spelt = torch.tensor([list(b"aB"), list(b"c-")])
    assert embeddings.rows(spelt).tolist() == [rows["unseen"], 0]
    for token in (1, 3):
        with torch.no_grad():
            expected = model(torch.tensor([[token]])).emissions.numpy()
        assert np.abs(answers(graph, [[token]])[0] - expected).max() < 1e-5


def test_a_capital_of_two_bytes_and_a_known_word_longer_than_a_table_of_powers() -> None:
    model = build_tagger("bilstm", char_encoder=None, casing_features=True).float()
    embeddings = model.model.embeddings
    embeddings.set_tokens([SPELT[0], "É".encode(), *SPELT[2:]], STARTS)
    embeddings.set_words(["é", "Bc" * 700, "unseen"])
    graph = build_graph(model)
    for ids in ([[1]], [[2] * 700]):
        with torch.no_grad():
            expected = model(torch.tensor(ids)).emissions.numpy()
        assert np.abs(answers(graph, ids)[0] - expected).max() < 1e-5
    assert (embeddings.rows(torch.tensor([list(b"Bc" * 700)])) > 0).all()


def test_a_norm_of_little_variance() -> None:
    model = build("gru", classifier_hidden_sizes=[6], classifier_norm="batch")
    with torch.no_grad():
        next(module for module in model.classifier.dense if isinstance(module, BatchNorm)).running_var.fill_(1e-4)
    assert_equal_to_graph(model)


def test_a_word_longer_than_a_table_of_powers() -> None:
    model = build_tagger("bilstm").float()
    ids = torch.full((1, 1500), 2)  # pieces that begin no word: one of 3,000 bytes
    with torch.no_grad():
        expected = model(ids).emissions.numpy()
    emissions, steps = answers(build_graph(model), ids.tolist())
    assert emissions.shape == expected.shape == (1, 1, 6)
    assert np.abs(emissions - expected).max() < 1e-5
    assert not steps.any()


def test_which_word_a_piece_belongs_to() -> None:
    graph = build_graph(build_tagger("bilstm").float())
    ids = [[1, 2, 2, 3, 4], [0, 0, 2, 1, 9]]
    _, steps = answers(graph, ids, [[1, 1, 1, 1, 0], [0, 0, 1, 1, 1]])
    assert steps.tolist() == [[0, 0, 0, 1, -1], [-1, -1, 0, 1, 2]]


@pytest.mark.parametrize("pooling", ["pooler", "mean", "first"])
@pytest.mark.parametrize("encoder", ["bilstm", "gru", "dan"])
def test_siamese_networks(encoder: str, pooling: str) -> None:
    own = {"pooling": "mean"} if encoder == "dan" else {}
    assert_equal_to_graph(build_siamese(AutoModel, encoder, own, pooling=pooling, projection_size=3))


@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
def test_the_oldest_and_the_newest_opset(opset: int) -> None:
    graph = assert_equal_to_graph(build_tagger("gru", char_encoder="lstm", casing_features=True), opset)
    assert {"": opset, "ai.onnx.ml": 2} == {entry.domain: entry.version for entry in graph.opset_import}


@pytest.mark.parametrize("opset", [OPSETS[0] - 1, OPSETS[-1] + 1, True, "18"])
def test_an_opset_that_is_none_is_refused(opset: object) -> None:
    with pytest.raises(ValueError, match=r"`opset`=.* from 18 to 23"):
        build_graph(build("lstm"), opset)  # type: ignore[arg-type]


def test_models_without_a_graph_are_refused() -> None:
    with pytest.raises(ValueError, match="`model` is a LstmModel; it must be a recurrent classifier"):
        build_graph(build("lstm", head=False))
    with pytest.raises(ValueError, match="`vocab_size` of the model's config is None"):
        build_graph(build("lstm", vocab_size=None, pad_token_id=None))
    with pytest.raises(ValueError, match="`encoder` of the model is a ConvEncoderModel"):
        build_graph(SiameseModel(SiameseConfig(encoder=ConvEncoderConfig())))


@pytest.mark.parametrize("variant", RECURRENT)
def test_the_operators_of_onnx_compute_the_recurrence(variant: str) -> None:
    graph = build_graph(build(variant, bidirectional=True))
    operators = [node for node in graph.graph.node if node.op_type in ("LSTM", "GRU", "RNN", "Scan")]
    assert len(operators) == 1, "one for both directions"
    assert operators[0].op_type == "Scan" or operators[0].input[4], "given the lengths"


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("variant", ["min_gru", "min_lstm"])
def test_a_minimal_cell_with_any_activation(variant: str, activation: str) -> None:
    assert_equal_to_graph(build(variant, bidirectional=True, hidden_sizes=[4, 3], activation=activation))


def test_equal_constants_are_written_once_and_numbers_keep_their_rank() -> None:
    g = Graph()
    given = g.input("x", ["n"])
    g.output(g.Add(g.Add(given, ints(1)), ints(1)), "y", "INT64", ["n"])
    g.output(g.Gather(given, np.array(0)), "first", "INT64", [])
    constants = [numpy_helper.to_array(constant) for constant in g.model(18).graph.initializer]
    assert [constant.shape for constant in constants] == [(1,), ()]


def test_ids_beyond_the_vocabulary_are_refused() -> None:
    graph = build_graph(build("lstm").float())
    with pytest.raises(Exception, match="out of data bounds"):
        answers(graph, [[VOCAB_SIZE]])
