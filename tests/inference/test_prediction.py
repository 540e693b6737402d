"""predict_texts: the pipeline's own answers, in the caller's order, from batches of similar length."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    Pipeline,
    PreTrainedModel,
    set_seed,
)
from transformers import pipeline as make_pipeline

import hf_rnn
from hf_rnn import BiLstmConfig, BiLstmForSequenceClassification
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.inference import prediction
from hf_rnn.inference.prediction import predict_texts
from hf_rnn.kernels import loading
from hf_rnn.kernels.build import library_path
from hf_rnn.models.paths import compiled_layer, provide_compiled_layer, recurrent_path


WORDS = [f"word{index}" for index in range(40)]
TOKENIZER = train_tokenizer([" ".join(WORDS)], min_frequency=1, show_progress=False)
BERT = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


def some_texts(count: int = 23, longest: int = 30) -> list[str]:
    generator = random.Random(3)
    return [" ".join(generator.choices(WORDS, k=generator.randint(1, longest))) for _ in range(count)]


def a_pipeline(model: PreTrainedModel, task: str = "text-classification") -> Pipeline:
    return make_pipeline(task, model=model.eval(), tokenizer=TOKENIZER, device="cpu")


def ours(**config: Any) -> Pipeline:
    set_seed(0)
    config = {"vocab_size": len(TOKENIZER), "embedding_size": 6, "hidden_size": 5, "num_labels": 3, **config}
    return a_pipeline(BiLstmForSequenceClassification(BiLstmConfig(**config)))


def bert() -> Pipeline:
    set_seed(0)
    return a_pipeline(BertForSequenceClassification(BertConfig(vocab_size=len(TOKENIZER), num_labels=3, **BERT)))


def assert_same(found: Any, expected: Any) -> None:
    """The same nested answers, numbers up to what the width of a batch changes."""
    assert type(found) is type(expected)
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            assert_same(found[name], expected[name])
    else:
        assert found == (pytest.approx(expected, abs=1e-6) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("make", [ours, bert], ids=["ours", "a BERT"])
@pytest.mark.parametrize("options", [{}, {"top_k": None}, {"top_k": 2, "function_to_apply": "sigmoid"}])
def test_answers_are_those_of_the_pipeline(make: Any, options: dict[str, Any]) -> None:
    classifier, texts = make(), some_texts()
    expected = [classifier(text, **options) for text in texts]
    if not options:
        expected = [answer[0] for answer in expected]  # of one text the pipeline makes a list
    assert len({str(answer) for answer in expected}) > len(texts) / 2
    assert_same(predict_texts(classifier, texts, batch_size=4, progress=False, **options), expected)


def widths(classifier: Pipeline) -> list[tuple[int, int]]:
    """The shape of every batch from now on."""
    seen: list[tuple[int, int]] = []

    def note(module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        seen.append(tuple(kwargs["input_ids"].shape))

    classifier.model.register_forward_pre_hook(note, with_kwargs=True)
    return seen


def test_batches_go_from_the_longest_texts_to_the_shortest() -> None:
    classifier, texts = ours(), some_texts(longest=100)
    seen = widths(classifier)
    predict_texts(classifier, texts, batch_size=4, progress=False)
    assert [count for count, _ in seen] == [4] * 5 + [3]
    lengths = sorted((len(text.split()) for text in texts), reverse=True)
    assert [width for _, width in seen] == pytest.approx(lengths[::4], abs=3)
    in_order = widths(classifier)
    seen.clear()
    classifier(texts, batch_size=4)
    assert sum(width for _, width in in_order) > 1.4 * sum(lengths[::4])


def test_options_of_the_pipeline_are_passed_on() -> None:
    classifier = ours()
    seen = widths(classifier)
    predict_texts(classifier, some_texts(), progress=False, truncation=True, max_length=5)
    assert seen == [(23, 5)]


def test_pairs() -> None:
    classifier, texts = ours(), some_texts(12)
    pairs = [{"text": text, "text_pair": other} for text, other in zip(texts, reversed(texts), strict=True)]
    expected = [classifier(pair) for pair in pairs]
    assert_same(predict_texts(classifier, pairs, batch_size=4, progress=False), expected)
    assert_same(predict_texts(classifier, pairs[3], progress=False), [expected[3]])


def tagging() -> Pipeline:
    set_seed(0)
    model = BertForTokenClassification(BertConfig(vocab_size=len(TOKENIZER), num_labels=3, **BERT))
    return a_pipeline(model, "token-classification")


def test_tokens() -> None:
    tagger, texts = tagging(), some_texts(9)
    expected = [[{**token, "score": float(token["score"])} for token in tagger(text)] for text in texts]
    found = predict_texts(tagger, texts, batch_size=4, progress=False)
    assert_same([[{**token, "score": float(token["score"])} for token in answer] for answer in found], expected)
    words = predict_texts(
        tagger, [text.split() for text in texts], batch_size=4, progress=False, is_split_into_words=True, delimiter=" "
    )
    assert [[token["word"] for token in answer] for answer in words] == [
        [token["word"] for token in answer] for answer in expected
    ]


def test_where_texts_may_come_from() -> None:
    classifier, texts = ours(), some_texts(7)
    expected = predict_texts(classifier, texts, progress=False)
    assert len(expected) == 7
    table = datasets.Dataset.from_dict({"text": texts, "label": [0] * 7})
    for source in (tuple(texts), (text for text in texts), table["text"], table.select_columns("text")):
        assert_same(predict_texts(classifier, source, progress=False), expected)
    assert_same(predict_texts(classifier, texts[2], progress=False), [expected[2]])


@pytest.mark.parametrize("nothing", [[], (), iter([])])
def test_no_texts(nothing: Any) -> None:
    assert predict_texts(ours(), nothing) == predict_texts(tagging(), nothing) == []


def test_the_progress_bar_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    predict_texts(ours(), some_texts(7), batch_size=2)
    shown = capsys.readouterr()
    assert "Predicting" in shown.err and "7/7" in shown.err and not shown.out
    predict_texts(ours(), some_texts(7), batch_size=2, progress=False)
    assert "Predicting" not in capsys.readouterr().err


def test_a_recurrent_model_computes_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    classifier, seen = ours(), []
    classifier.model.register_forward_pre_hook(lambda module, args: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        predict_texts(classifier, some_texts(3), progress=False)
        assert seen == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_it_is_public() -> None:
    assert hf_rnn.predict_texts is predict_texts


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (5, "`texts`=5 must be a list"),
        (["a", None], "`texts` has None at 1; a text must be a string"),
        (["a", "b", 2.0], "`texts` has 2.0 at 2"),
        ([["a", 3]], r"`texts` has \['a', 3\] at 0"),
        ([b"a"], "`texts` has b'a' at 0"),
        ([{"text": "a", "label": 1}], r"`texts` has the keys \['label', 'text'\] at 0.*a column"),
        ([{"text_pair": "a"}], r"`texts` has the keys \['text_pair'\] at 0"),
        ({"text": None}, "`texts` has None at 0"),
    ],
)
def test_what_is_no_text(texts: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict_texts(ours(), texts, progress=False)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "8"])
def test_batch_sizes_that_are_none(batch_size: Any) -> None:
    with pytest.raises(ValueError, match=f"`batch_size`={batch_size!r} must be an integer of at least 1"):
        predict_texts(ours(), ["a"], batch_size=batch_size)


def test_what_is_no_pipeline() -> None:
    with pytest.raises(ValueError, match="`pipeline` is a str; it must be a transformers pipeline"):
        predict_texts("bilstm-imdb", ["a"])  # type: ignore[arg-type]
    classifier = ours()
    classifier.tokenizer = None
    with pytest.raises(ValueError, match="`pipeline` is a TextClassificationPipeline"):
        predict_texts(classifier, ["a"])


@pytest.fixture
def without_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the kernels away, so that none is built or loaded; those of the other tests come back afterwards."""
    before = compiled_layer()
    monkeypatch.setenv("HF_RNN_CACHE", str(tmp_path))
    monkeypatch.setattr(loading, "_in_vain", False)
    monkeypatch.setattr(loading, "_told", False)
    library_path.cache_clear()
    provide_compiled_layer(None)
    yield
    provide_compiled_layer(before)
    library_path.cache_clear()


@pytest.mark.slow
def test_many_texts_have_the_kernels_built_once_and_the_answers_stay(
    without_kernels: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    classifier, texts = ours(), some_texts()
    expected = predict_texts(classifier, texts, progress=False, top_k=None)
    assert compiled_layer() is None and caplog.messages == []
    monkeypatch.setattr(prediction, "BUILD_FROM_CHARACTERS", sum(map(len, texts)))
    found = predict_texts(classifier, texts, progress=False, top_k=None)
    if compiled_layer() is None:
        pytest.skip("no C++ compiler")
    assert library_path().exists()
    assert_same(found, expected)
    predict_texts(classifier, texts, progress=False)
    (said,) = caplog.messages
    assert said.startswith("Compiling the kernels")
    with recurrent_path("fused"):
        assert_same(found, predict_texts(classifier, texts, progress=False, top_k=None))


@pytest.mark.parametrize("case", ["many", "few", "no recurrence", "one by one", "turned off"])
def test_kernels_are_built_only_where_they_are_worth_it(
    without_kernels: None, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    built: list[None] = []
    monkeypatch.setattr(loading, "build", lambda: built.append(None))
    classifier, texts = bert() if case == "no recurrence" else ours(), some_texts()
    characters = sum(map(len, texts))
    monkeypatch.setattr(prediction, "BUILD_FROM_CHARACTERS", characters + 1 if case == "few" else characters)
    if case == "turned off":
        monkeypatch.setenv("HF_RNN_KERNELS", "0")
    if case == "one by one":
        for text in texts:
            classifier(text)
            predict_texts(classifier, text, progress=False)
    else:
        predict_texts(classifier, texts, progress=False)
    assert len(built) == (case == "many")


def test_without_a_compiler_one_line_says_how_to_be_sooner(
    without_kernels: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hf_rnn.kernels.build.shutil.which", lambda name: None)
    monkeypatch.setattr(prediction, "BUILD_FROM_CHARACTERS", 1)
    classifier, texts = ours(), some_texts()
    first = predict_texts(classifier, texts, progress=False)
    assert_same(predict_texts(classifier, texts, progress=False), first)
    (said,) = caplog.messages
    assert said.startswith("No C++ compiler was found") and "apt install g++" in said
