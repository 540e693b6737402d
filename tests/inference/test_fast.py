"""One text answered fast: the answers of the pipeline, the path that is taken and why, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

import hf_rnn
from hf_rnn.inference.fast import FastClassifier, FastSimilarity, FastTagger, load_fast
from hf_rnn.inference.pipelines import load_pipeline, make_pipeline
from hf_rnn.kernels.loading import network_library
from tests.inference.small_models import TEXTS, TOKENIZER, classifier, language_model, siamese, tagger


needs_kernels = pytest.mark.skipif(network_library() is None, reason="the kernels could not be built: no C++ compiler")
LONG = " ".join(["A", "word", "of", "John", "Smith", "in", "Brasília", "."] * 40)
SENTENCES = [
    "John Smith, who works for Acme Corp. in New York, met Angela Merkel in Berlin on Tuesday.",
    "O Supremo Tribunal Federal, em Brasília, julgou em 12 de maio de 2015 a Lei 8.112/90.",
    "A great film, with wonderful acting and a plot that never bores anyone.",
    "dull",
    "",
    "   ",
    "Qwxyzzq ΠΛΑΤΩΝ 日本語 ÀÇÉ ...!? <br /> [PAD] [EOS]",
    LONG,
]


def assert_same(found, wanted, close: float = 1e-5) -> None:
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for own, other in zip(found, wanted, strict=True):
            assert_same(own, other, close)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        assert_same(list(found.values()), list(wanted.values()), close)
    elif isinstance(wanted, str | bool | int):
        assert found == wanted
    else:
        assert found == pytest.approx(float(wanted), abs=close)


@needs_kernels
@pytest.mark.parametrize("name", ["bilstm-imdb", "bilstm-crf-conll2003", "bilstm-crf-lener-br"])
def test_bundled_checkpoints_answer_as_their_pipelines_do(name):
    folder = hf_rnn.bundled(name)
    fast, pipeline = hf_rnn.load_fast(folder), load_pipeline(folder)
    assert fast.path == "compiled" and fast.reason is None
    for text in SENTENCES:
        wanted = pipeline(text)
        # The score of a path of hundreds of words is a sum in which five digits are left for a label.
        close = 1e-4 if text == LONG else 1e-5
        assert_same(fast(text), wanted[0] if isinstance(fast, FastClassifier) else wanted, close)
        if isinstance(fast, FastClassifier):
            assert_same(fast(text, top_k=None), pipeline(text, top_k=None))


@needs_kernels
def test_the_bundled_network_of_pairs_compares_as_its_pipeline_does():
    folder = hf_rnn.bundled("siamese-bilstm-quora")
    fast, pipeline = load_fast(folder, task="sentence-similarity"), load_pipeline(folder, "sentence-similarity")
    assert fast.path == "compiled"
    for a, b in zip(SENTENCES, SENTENCES[1:], strict=False):
        assert_same(fast({"text": a, "text_pair": b}), pipeline({"text": a, "text_pair": b}))
        torch.testing.assert_close(fast.embed(a), pipeline.model.encode(a, pipeline.tokenizer), rtol=0, atol=1e-5)
    many = {"source_sentence": SENTENCES[0], "sentences": SENTENCES[1:]}
    assert_same(fast(many), pipeline(many))
    # Its classifier of pairs reads both texts together, which the compiled network does not.
    of_pairs = load_fast(folder)
    assert of_pairs.path == "pipeline" and "SiameseForPairClassification" in of_pairs.reason
    pair = {"text": SENTENCES[0], "text_pair": SENTENCES[2]}
    assert_same(of_pairs(pair), load_pipeline(folder)(pair, top_k=1)[0])


@needs_kernels
@pytest.mark.parametrize(
    "config",
    [
        {"problem_type": "regression", "num_labels": 1, "id2label": {0: "score"}},
        {"problem_type": "multi_label_classification"},
        {"single_logit": True, "num_labels": 2, "id2label": {0: "bad", 1: "good"}},
        {},
    ],
)
def test_every_kind_of_problem_has_its_scores(config, tmp_path):
    folder = classifier(tmp_path, **config)
    fast, pipeline = load_fast(folder), load_pipeline(folder)
    assert fast.path == "compiled"
    for text in TEXTS[:8]:
        for top_k in (1, 2, None):
            found, wanted = fast(text, top_k=top_k), pipeline(text, top_k=top_k)
            assert_same([found] if top_k == 1 else found, wanted)


@needs_kernels
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_text_beyond_the_models_limit_is_read_as_the_pipeline_reads_it(side, tmp_path):
    text = " ".join(TEXTS)
    for make in (classifier, tagger, siamese):
        folder = make(tmp_path)
        tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=8, truncation_side=side)
        tokenizer.save_pretrained(folder)
        fast, pipeline = load_fast(folder), load_pipeline(folder)
        assert fast.path == "compiled"
        given = {"text": text, "text_pair": TEXTS[3]} if make is siamese else text
        assert_same(fast(given), pipeline(given)[0] if make is classifier else pipeline(given))


@needs_kernels
@pytest.mark.parametrize("label", [1, 2])
def test_what_begins_an_entity_is_not_joined_to_the_one_before(label, tmp_path):
    model = AutoModelForTokenClassification.from_pretrained(tagger(tmp_path))
    with torch.no_grad():
        model.head.classifier.output.bias[label] += 10
    found = load_fast(model, TOKENIZER)(TEXTS[1])
    assert_same(found, make_pipeline("token-classification", model, TOKENIZER)(TEXTS[1]))
    # B-PER by each word; I-PER goes on.
    assert len(found) == (len(TEXTS[1].split()) if label == 1 else 1)


def test_a_model_with_another_part_is_answered_by_its_pipeline(tmp_path):
    folder = classifier(tmp_path, wide_buckets=64)
    fast = load_fast(folder)
    assert fast.path == "pipeline" and fast.reason
    assert fast("word1 word2") == load_pipeline(folder)("word1 word2")[0]
    assert len(fast("word1", top_k=None)) == 3
    assert repr(fast).startswith("FastClassifier(path='pipeline', reason=")


def test_without_the_kernels_the_pipeline_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_RNN_KERNELS", "0")
    for make, given in ((classifier, "word1"), (tagger, "word1"), (siamese, {"text": "word1", "text_pair": "word2"})):
        folder = make(tmp_path)
        fast = load_fast(folder)
        assert fast.path == "pipeline" and fast.reason == "HF_RNN_KERNELS is 0"
        wanted = load_pipeline(folder)(given)
        assert fast(given) == (wanted[0] if make is classifier else wanted)
    assert torch.equal(fast.embed("word1"), fast.pipeline.model.encode("word1", TOKENIZER))


@needs_kernels
def test_a_model_that_is_given_is_copied(tmp_path):
    folder = classifier(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    fast, given = load_fast(model, TOKENIZER), load_fast(model)
    before = fast("word1 word2")
    assert fast.path == given.path == "compiled" and given("word1 word2") == before
    with torch.no_grad():
        model.classifier.output.bias += torch.tensor([5.0, 0.0, 0.0])
    assert fast("word1 word2") == before
    changed = load_fast(model, TOKENIZER)("word1 word2")
    assert changed["label"] == "bad" and changed != before
    assert_same(changed, make_pipeline("text-classification", model, TOKENIZER)("word1 word2")[0])


@needs_kernels
def test_threads_share_what_was_loaded():
    fast = load_fast(hf_rnn.bundled("bilstm-crf-conll2003"))
    wanted = [fast(text) for text in SENTENCES]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fast, SENTENCES * 10)) == wanted * 10


@pytest.mark.parametrize("wrong", [None, 3, ["a text"], b"bytes"])
def test_what_is_no_text_is_refused(wrong, tmp_path):
    for make, given in (
        (classifier, wrong),
        (tagger, wrong),
        (siamese, {"text": "word1", "text_pair": wrong}),
    ):
        with pytest.raises(ValueError, match=r"`text(_pair)?`=.* must be a string|must stand"):
            load_fast(make(tmp_path))(given)
    with pytest.raises(ValueError, match="`inputs`"):
        load_fast(siamese(tmp_path))("one text")


def test_wrong_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"`task`='translation' must be one of text-classification, token-class"):
        load_fast(classifier(tmp_path), task="translation")
    with pytest.raises(ValueError, match=r"`model` does 'text-generation'; it must do one of"):
        load_fast(language_model(tmp_path))
    with pytest.raises(ValueError, match=r"`tokenizer` is None, and `model` was not loaded"):
        load_fast(hf_rnn.BiLstmForSequenceClassification(hf_rnn.BiLstmConfig(vocab_size=5)))
    for top_k in (0, True, 1.5):
        with pytest.raises(ValueError, match=rf"`top_k`={top_k} must be a whole number from 1, or None"):
            load_fast(classifier(tmp_path))("word1", top_k=top_k)
    assert isinstance(load_fast(tagger(tmp_path)), FastTagger)
    assert isinstance(load_fast(siamese(tmp_path)), FastSimilarity)
