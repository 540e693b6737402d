"""Graphs of classifiers of pairs, beside the models themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from transformers import AutoModelForSequenceClassification, pipeline

from hf_rnn import SiameseForPairClassification, SiameseModel
from hf_rnn.data.tokenizers.pair_template import with_pair_template
from hf_rnn.export import export_onnx
from hf_rnn.export.graph import OPSETS
from hf_rnn.export.graph_models import build_graph
from hf_rnn.export.parity import ParityError, check_parity
from hf_rnn.export.runtime import PairClassifier, load
from tests.models.siamese import OTHERS, TEXTS, build_siamese, tokenizer_of_words


def built(encoder: str = "bilstm", sizes: Any = None, **options: Any) -> SiameseForPairClassification:
    options = {"num_labels": 3, **options}
    model = build_siamese(AutoModelForSequenceClassification, encoder, sizes, **options).float()
    if model.together is not None:
        model.together.overlap.count([[2, 3, 4], [2, 5], [6]])
    return model


def session_of(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph.SerializeToString())


@pytest.mark.parametrize("composition", ["recurrent", "feed-forward", None])
@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("bilstm", {"symmetric": True, "classifier_hidden_sizes": [5]}),
        ("gru", {"projection_size": 3, "pooling": "mean"}),
        ("dan", {"num_labels": 1, "problem_type": "regression", "symmetric": True}),
    ],
)
def test_a_graph_is_held_equal_to_its_model(encoder: str, options: dict[str, Any], composition: str | None) -> None:
    model = built(encoder, composition=composition, **options)
    for opset in (OPSETS[0], OPSETS[-1]):
        assert check_parity(model, session_of(build_graph(model, opset))).largest_difference <= 1e-5


def test_wide_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.models.alignment.WIDEST", 5)
    model = built(composition="recurrent")
    assert model.together.reader.reduction is not None
    assert check_parity(model, session_of(build_graph(model))).largest_difference <= 1e-5


@pytest.mark.parametrize("composition", ["recurrent", None])
def test_an_encoder_of_words(composition: str | None) -> None:
    model = built(sizes={"word_vocab_size": 3, "char_encoder": "cnn"}, composition=composition)
    embeddings = model.model.encoder.embeddings
    count = len(embeddings.token_starts)
    embeddings.set_tokens([bytes([97 + token % 26]) for token in range(count)], [t % 2 == 0 for t in range(count)])
    assert check_parity(model, session_of(build_graph(model))).largest_difference <= 1e-5


@pytest.mark.parametrize("layout", ["right", "left", "apart"])
@torch.no_grad()
def test_padding_and_what_stands_there_change_nothing(layout: str) -> None:
    model = built(composition="recurrent", symmetric=True)
    session = session_of(build_graph(model))
    tokenizer = tokenizer_of_words()
    # Texts with nothing in common, with all of it, with some of it twice, and empty ones.
    firsts, seconds = [*TEXTS, TEXTS[0], "", "fine fine film", ""], [*OTHERS, TEXTS[0], "a film", "film fine fine", ""]
    for first, second in zip(firsts, seconds, strict=True):
        ids = [tokenizer(text)["input_ids"] for text in (first, second)]
        sides = [torch.tensor([side], dtype=torch.long).reshape(1, -1) for side in ids]
        expected = model(input_ids=sides[0], input_ids_b=sides[1]).logits.numpy()
        given = {}
        for suffix, side, width in zip(("", "_b"), ids, (11, 19), strict=True):
            padded, mask = np.full((1, width), 3), np.zeros((1, width), dtype=np.int64)
            places = np.arange(len(side)) + (width - len(side) if layout == "left" else 0)
            if layout == "apart":
                places[1:] += width - len(side)
            padded[0, places], mask[0, places] = side, 1
            given |= {f"input_ids{suffix}": padded, f"attention_mask{suffix}": mask}
        assert np.abs(session.run(None, given)[0] - expected).max() < 1e-5


def test_both_times_and_the_batch_are_dynamic() -> None:
    inputs = session_of(build_graph(built(composition="recurrent"))).get_inputs()
    assert {value.name: value.shape for value in inputs} == {
        "input_ids": ["batch", "time"],
        "attention_mask": ["batch", "time"],
        "input_ids_b": ["batch", "time_b"],
        "attention_mask_b": ["batch", "time_b"],
    }


@pytest.mark.parametrize("part", ["overlap.idf", "wide.0.weight", "reader.projection.bias"])
def test_a_weight_that_changed_is_found(part: str) -> None:
    model = built(composition="recurrent")
    session = session_of(build_graph(model))
    with torch.no_grad():
        model.together.state_dict()[part].view(-1)[3] += 0.1
    with pytest.raises(ParityError, match="differs from the model by"):
        check_parity(model, session)


def saved(folder: Path, scale: float = 1.0, **options: Any) -> Path:
    model = built(composition="recurrent", symmetric=True, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= scale
    model.save_pretrained(folder)
    with_pair_template(tokenizer_of_words()).save_pretrained(folder)
    return folder


PAIRS = [{"text": a, "text_pair": b} for a, b in zip([*TEXTS, ""], [*OTHERS, "unseen film"], strict=True)]


@pytest.mark.parametrize(
    "options",
    [{}, {"num_labels": 1, "problem_type": "regression"}, {"num_labels": 2, "classifier_hidden_sizes": [4]}],
    ids=str,
)
def test_the_runtime_answers_as_the_pipeline(tmp_path: Path, options: dict[str, Any]) -> None:
    checkpoint = saved(tmp_path / "checkpoint", **options)
    classify = load(export_onnx(checkpoint, tmp_path / "onnx", int8=True))
    assert isinstance(classify, PairClassifier)
    expected = pipeline("text-classification", model=str(checkpoint))(PAIRS, top_k=None)
    for found, answer in zip(classify(PAIRS, top_k=None), expected, strict=True):
        assert [one["label"] for one in found] == [one["label"] for one in answer]
        assert [one["score"] for one in found] == pytest.approx([one["score"] for one in answer], abs=1e-5)
    assert classify(PAIRS[0]) == pytest.approx(classify(PAIRS)[0])
    assert classify([]) == []
    assert json.loads((tmp_path / "onnx" / "export.json").read_text())["model_class"] == "SiameseForPairClassification"


def test_8_bits_answer_nearly_the_same_and_leave_what_is_shared_exact(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "checkpoint", sizes={"hidden_size": 24, "embedding_size": 30}, scale=0.3)
    export_onnx(checkpoint, tmp_path / "onnx", int8=True)
    exact, rounded = (load(tmp_path / "onnx", int8).logits(PAIRS) for int8 in (False, True))
    assert 0 < np.abs(rounded - exact).max() < 0.05
    together = SiameseForPairClassification.from_pretrained(checkpoint).together
    weights = [
        onnx.numpy_helper.to_array(each) for each in onnx.load(tmp_path / "onnx" / "model_int8.onnx").graph.initializer
    ]
    assert any(np.array_equal(each, together.wide[0].weight.detach().numpy().T) for each in weights)
    projection = together.reader.projection.weight.T.shape
    assert {each.dtype for each in weights if each.shape == projection} == {np.dtype(np.int8)}


def test_bad_pairs_are_named(tmp_path: Path) -> None:
    classify = load(export_onnx(saved(tmp_path / "checkpoint"), tmp_path / "onnx"))
    with pytest.raises(ValueError, match=r"`pairs` has 'a film' at 0; it must be \{'text'"):
        classify("a film")
    with pytest.raises(ValueError, match="`texts` has 3 at 0, where a string must stand"):
        classify({"text": "a film", "text_pair": 3})


def test_the_network_of_single_texts_is_exported_by_its_class(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "checkpoint")
    encoder = SiameseModel.from_pretrained(checkpoint)
    exported = load(export_onnx(encoder, tmp_path / "onnx"))
    assert np.abs(exported.encode(TEXTS) - encoder.encode(TEXTS).numpy()).max() < 1e-5


def test_what_cannot_be_exported_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"is a BertModel; graphs are .* Record the model with torch.export or"):
        build_graph(built("bert", composition="recurrent"))
