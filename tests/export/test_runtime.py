"""The runtime beside the pipelines of transformers and of hf_rnn, and in a process that has no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, pipeline

import hf_rnn
from hf_rnn import BiLstmConfig
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.export import export_onnx
from hf_rnn.export.runtime import load
from hf_rnn.export.runtime_scores import max_marginals
from hf_rnn.models.crf import ConditionalRandomField, allowed_transitions
from hf_rnn.models.modeling_rnn import BiLstmForTokenClassification
from hf_rnn.models.similarity import SIMILARITIES
from tests.benchmark.comparisons import TAGS, TEXTS, label_maps, save_bilstm, save_siamese
from tests.models.siamese import OTHERS


REVIEWS = [
    "A great film.",
    "",
    "I've seen <br /> worse; not MUCH worse, though: [PAD] stars.",
    "dull " * 700,
    "Zoë says: «não gostei»!",
]
NEWS = [
    "Angela Merkel met Emmanuel Macron in New York on Monday.",
    "",
    "U.N. official Zoë O'Neill-Ångström of FC Xyzzyplugh scored 3-1 vs. BAYERN MUNICH.",
    "Paris London Paris, \N{SNOWMAN}\N{SNOWMAN} and \u4e1c\u4eac [UNK]",
    "Reuters said. " * 60,
    "a" * 700,
]


def assert_alike(found: Any, expected: Any) -> None:
    """Equal, but for scores that may differ as floating point does."""
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        assert found["score"] == pytest.approx(float(expected["score"]), abs=1e-5)
        rest = ({name: value for name, value in answer.items() if name != "score"} for answer in (found, expected))
        assert next(rest) == next(rest)


def test_labels_are_those_of_the_pipeline(classifier: Path) -> None:
    classify = load(classifier)
    stock = pipeline("text-classification", model=hf_rnn.bundled("bilstm-imdb"))
    assert_alike(classify(REVIEWS), stock(REVIEWS))
    assert_alike([classify(REVIEWS[0])], stock(REVIEWS[0]))
    assert_alike(classify(REVIEWS, top_k=None), stock(REVIEWS, top_k=None))
    assert_alike(classify(REVIEWS[4], top_k=2), stock(REVIEWS[4], top_k=2))
    assert classify([]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"problem_type": "multi_label_classification"},
        {"problem_type": "regression"},
        {"problem_type": None, "num_labels": 1},
    ],
    ids=str,
)
def test_scores_are_made_of_logits_as_the_pipeline_does(tmp_path: Path, changes: dict[str, Any]) -> None:
    checkpoint = save_bilstm(tmp_path / "checkpoint", ["a", "b", "c"][: changes.pop("num_labels", 3)])
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(config | changes | {"dtype": "float32"}))
    stock = pipeline("text-classification", model=str(checkpoint))
    assert_alike(load(export_onnx(checkpoint, tmp_path))(TEXTS, top_k=None), stock(TEXTS, top_k=None))


def test_entities_are_those_of_the_pipeline(tagger: Path) -> None:
    tag = load(tagger)
    stock = pipeline(
        "token-classification", model=hf_rnn.bundled("bilstm-crf-conll2003"), aggregation_strategy="simple"
    )
    expected = stock(NEWS)
    assert sum(map(len, expected)) > 10
    assert_alike(tag(NEWS), expected)
    assert_alike(tag(NEWS[0]), expected[0])


@pytest.mark.parametrize("crf", [True, False])
def test_entities_of_a_tagger_of_tokens(tmp_path: Path, crf: bool) -> None:
    tokenizer = train_tokenizer(TEXTS, vocab_size=100, min_frequency=1, show_progress=False)
    torch.manual_seed(3)
    config = BiLstmConfig(vocab_size=len(tokenizer), embedding_size=8, hidden_size=6, crf=crf, **label_maps(TAGS))
    model = BiLstmForTokenClassification(config).eval()
    with torch.no_grad():
        model.head.classifier.output.weight *= 20
    stock = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple")
    # Unknown words among them, and entities side by side.
    texts = [*TEXTS, *OTHERS, "an Unheard word , fine film", "fine film a dull film fine film dull fine"]
    expected = stock(texts)
    ends = [(one["entity_group"], one["end"] + 1) for answer in expected for one in answer]
    starts = [(one["entity_group"], one["start"]) for answer in expected for one in answer]
    assert any(end == start for end, start in zip(ends, starts[1:], strict=False)), "none are side by side"
    assert any("unheard" in one["word"].lower() for one in expected[-2]), "the unknown word is in no entity"
    assert_alike(load(export_onnx(model, tmp_path, tokenizer=tokenizer))(texts), expected)


def test_scores_of_tokens_are_the_logits_of_the_model(tagger: Path) -> None:
    stock = pipeline("token-classification", model=hf_rnn.bundled("bilstm-crf-conll2003"))
    rows = [stock.tokenizer(text)["input_ids"] for text in NEWS]
    for row, scores in zip(rows, load(tagger).scores(rows), strict=True):
        if row:
            with torch.no_grad():
                expected = stock.model(torch.tensor([row])).logits[0].numpy()
            assert np.abs(scores - expected).max() < 1e-4 * max(1, np.abs(expected).max() / 100)
            assert (scores.argmax(axis=1) == expected.argmax(axis=1)).all()
        else:
            assert scores.shape == (0, 9)


@pytest.mark.parametrize("scheme", [None, "BIO"])
def test_max_marginals_are_those_of_the_crf(scheme: str | None) -> None:
    labels = ["O", "B-A", "I-A", "B-B"]
    torch.manual_seed(0)
    crf = ConditionalRandomField(4, None if scheme is None else allowed_transitions(labels, scheme))
    with torch.no_grad():
        crf.initialize()
        for rule in crf.parameters():
            rule.normal_()
    start, transition, end = (rule.detach().tolist() for rule in crf.rules())
    for time in (1, 2, 9):
        emissions = torch.randn(1, time, 4)
        expected = crf.max_marginals(emissions, torch.ones(1, time, dtype=torch.bool))[0].detach().numpy()
        found = max_marginals(emissions[0].numpy(), start, transition, end)
        # Sums with what is forbidden, -10,000, have few digits left.
        assert np.abs(found - expected).max() < (1e-5 if scheme is None else 4e-3)
        assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_similarities_are_those_of_the_pipeline(tmp_path: Path, similarity: str) -> None:
    checkpoint = save_siamese(tmp_path / "checkpoint", similarity=similarity, threshold=0.4)
    compare = load(export_onnx(checkpoint, tmp_path))
    stock = pipeline("sentence-similarity", model=str(checkpoint))
    pairs = [{"text": a, "text_pair": b} for a, b in zip([*TEXTS, ""], [*OTHERS[:4], ""], strict=True)]
    assert_alike(compare(pairs), stock(pairs))
    assert_alike(compare(pairs[0]), stock(pairs[0]))


def test_vectors_are_those_of_the_model(tmp_path: Path, siamese_checkpoint: Path) -> None:
    encoder = load(export_onnx(siamese_checkpoint, tmp_path))
    model = AutoModel.from_pretrained(siamese_checkpoint)
    for normalize in (False, True):
        expected = model.encode([*TEXTS, ""], normalize=normalize).numpy()
        assert np.abs(encoder.encode([*TEXTS, ""], normalize) - expected).max() < 1e-5
    assert encoder.encode(TEXTS[0]).shape == (3,)


def test_texts_are_cut_where_the_model_cuts_them(tmp_path: Path, siamese_checkpoint: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(siamese_checkpoint)
    tokenizer.model_max_length = 2
    model = AutoModel.from_pretrained(siamese_checkpoint)
    encoder = load(export_onnx(model, tmp_path, tokenizer=tokenizer))
    assert np.abs(encoder.encode(TEXTS) - model.encode(TEXTS, tokenizer).numpy()).max() < 1e-5
    assert np.abs(encoder.encode(TEXTS) - model.encode(TEXTS).numpy()).max() > 1e-3


def test_8_bits_answer_nearly_the_same(classifier: Path, tagger: Path) -> None:
    for folder, texts in ((classifier, REVIEWS), (tagger, NEWS[:1])):
        exact, rounded = load(folder)(texts), load(folder, int8=True)(texts)
        assert rounded != exact
        for one, other in zip(np.ravel(exact), np.ravel(rounded), strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=0.05)


WITHOUT_TORCH = """
import json, re, sys, time

begin = time.perf_counter()
for name in ("torch", "transformers", "hf_rnn"):
    sys.modules[name] = None  # an import of it fails
sys.path.insert(0, sys.argv[1])
from runtime import load

answer = load(sys.argv[1])(sys.argv[2])
seconds = time.perf_counter() - begin
# Not `ru_maxrss`, which begins with what the process that started this one had.
status = open("/proc/self/status").read() if sys.platform == "linux" else "VmHWM: 0"
print(json.dumps([answer, seconds, 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])]))
"""


def test_it_starts_quickly_and_small_without_torch(classifier: Path) -> None:
    command = [sys.executable, "-P", "-c", WITHOUT_TORCH, str(classifier), REVIEWS[0]]
    runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    assert runs[0][0]["label"] == "positive"
    # Generous: other processes may share the machine. The clock starts when Python is up.
    assert min(seconds for _, seconds, _ in runs) < 2
    assert min(peak for _, _, peak in runs) < 150e6


def test_the_command_line(classifier: Path, tmp_path: Path, siamese_checkpoint: Path) -> None:
    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(folder / "runtime.py"), str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    lines = run(classifier, "A great film.", "Dull.", "--int8").stdout.splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["positive", "negative"]
    export_onnx(siamese_checkpoint, tmp_path)
    assert json.loads(run(tmp_path, "a film", "a film").stdout) == {"score": pytest.approx(1), "alike": True}
    alone = run(tmp_path, "a film")
    assert alone.returncode == 2 and "compares two or more" in alone.stderr
    not_there = run(tmp_path, "a", "b", "--int8")
    assert not_there.returncode == 2 and "has no model_int8.onnx" in not_there.stderr


def test_bad_input_is_named(tmp_path: Path, classifier: Path, siamese_checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="`folder`=.* has no runtime.json"):
        load(tmp_path)
    with pytest.raises(ValueError, match="`top_k`=0 must be a whole number from 1, or None"):
        load(classifier)("a", top_k=0)
    with pytest.raises(ValueError, match="`texts` has 3 at 1, where a string must stand"):
        load(classifier)(["a", 3])
    compare = load(export_onnx(siamese_checkpoint, tmp_path))
    with pytest.raises(ValueError, match=r"`pairs` has 'a' at 0; it must be \{'text'"):
        compare(["a", "b"])
    with pytest.raises(ValueError, match="has no model_int8.onnx"):
        load(tmp_path, int8=True)
    settings = json.loads((tmp_path / "runtime.json").read_text())
    (tmp_path / "runtime.json").write_text(json.dumps(settings | {"version": 99}))
    with pytest.raises(ValueError, match="is of version 99; this runtime reads version 1"):
        load(tmp_path)
