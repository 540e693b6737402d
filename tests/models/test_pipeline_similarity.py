"""The pipeline "sentence-similarity": its answers, its inputs, and where transformers finds it."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, pipeline

from hf_rnn import ConvEncoderConfig, SentenceSimilarityPipeline, SiameseConfig, SiameseModel, predict_texts
from hf_rnn.models.similarity import SIMILARITIES
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, tokenizer_of_words
from tests.models.stranger import ask_a_stranger


TASK = "sentence-similarity"
PAIRS = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, OTHERS, strict=True)]
ONE_TO_MANY = {"source_sentence": TEXTS[0], "sentences": OTHERS}


def build(model_type="bilstm", **options):
    model = build_siamese(AutoModel, model_type, **options)
    return model, pipeline(TASK, model=model, tokenizer=tokenizer_of_words())


@pytest.fixture
def folder(tmp_path):
    build_siamese(AutoModel, "bilstm", threshold=0.1).save_pretrained(tmp_path / "folder")
    tokenizer_of_words().save_pretrained(tmp_path / "folder")
    return tmp_path / "folder"


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("model_type", ENCODERS)
def test_answers_are_the_models_similarities(model_type, similarity):
    model, compare = build(model_type, similarity=similarity)
    assert type(compare) is SentenceSimilarityPipeline
    expected = model.similarity(TEXTS, OTHERS, tokenizer_of_words()).tolist()
    found = compare(PAIRS, batch_size=3)
    assert [row["score"] for row in found] == pytest.approx(expected, abs=1e-6)
    assert all(row.keys() == {"score"} for row in found) and json.dumps(found)
    assert compare(PAIRS[0])["score"] == pytest.approx(expected[0], abs=1e-6)
    against_many = model.similarity(TEXTS[0], OTHERS, tokenizer_of_words()).tolist()
    assert compare(ONE_TO_MANY) == pytest.approx(against_many, abs=1e-6)


def test_a_threshold_says_what_is_alike():
    model, compare = build(similarity="euclidean")
    scores = sorted(row["score"] for row in compare(PAIRS))
    model.config.threshold = (scores[1] + scores[2]) / 2
    found = compare(PAIRS)
    assert [row["alike"] for row in found] == [row["score"] >= model.config.threshold for row in found]
    assert [row["alike"] for row in found] == model.predict(zip(TEXTS, OTHERS, strict=True), tokenizer_of_words())
    assert sum(row["alike"] for row in found) == 3
    assert all(isinstance(score, float) for score in compare(ONE_TO_MANY))


def test_kinds_of_input_may_be_mixed_and_streamed():
    _, compare = build()
    rows = [PAIRS[0], ONE_TO_MANY, {"source_sentence": "fine", "sentences": []}, PAIRS[1]]
    found = compare(rows)
    assert found[0] == pytest.approx(compare(PAIRS[0])) and found[1] == pytest.approx(compare(ONE_TO_MANY))
    assert found[2] == []
    for other in (tuple(rows), (row for row in rows)):
        assert compare(other) == found
    assert compare([]) == []
    in_batches = predict_texts(compare, PAIRS, batch_size=2, progress=False)
    assert [row["score"] for row in in_batches] == pytest.approx([row["score"] for row in compare(PAIRS)], abs=1e-6)


def test_every_distinct_text_is_encoded_once_and_in_batches(monkeypatch):
    model, compare = build()
    encode, asked = model.encode, []

    def recorded(texts, tokenizer, batch_size):
        asked.append((texts, batch_size))
        return encode(texts, tokenizer, batch_size)

    monkeypatch.setattr(model, "encode", recorded)
    compare([*PAIRS, *PAIRS, ONE_TO_MANY], batch_size=2)
    compare(PAIRS[0])
    distinct = list(dict.fromkeys(text for pair in PAIRS for text in pair.values()))
    assert asked == [(distinct, 2), (["a fine film", "a good film"], 64)]
    of_three = pipeline(TASK, model=model, tokenizer=tokenizer_of_words(), batch_size=3)
    of_three(PAIRS[0])
    assert asked[-1][1] == 3


def test_empty_and_long_texts():
    model, compare = build()
    long = " ".join(TEXTS * 200)
    (score,) = compare([{"text": "", "text_pair": long}])
    assert score == {"score": pytest.approx(model.similarity("", long, tokenizer_of_words()).item(), abs=1e-6)}
    assert compare({"text": "", "text_pair": ""})["score"] in (0.0, pytest.approx(1.0))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert compare({"text": "fine", "text_pair": "dull"}) == {"score": 0.0}


BAD = {
    "`inputs` is 'fine'; it must be": "fine",
    "`inputs` is 3; it must be": 3,
    r"`inputs` has the keys \['text'\] at 0": {"text": "fine"},
    r"`inputs` has the keys \['text', 'text_pair', 'top'\] at 1": [PAIRS[0], {**PAIRS[0], "top": 1}],
    "`inputs` has 'dull' at 1": [PAIRS[0], "dull"],
    "`inputs` has None at 0, where a text must stand": {"text": "fine", "text_pair": None},
    "`inputs` has 7 at 1, where a text must stand": [PAIRS[0], {"source_sentence": "fine", "sentences": ["dull", 7]}],
    "`sentences` is 'dull' in input 0; it must be a list": {"source_sentence": "fine", "sentences": "dull"},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(message):
    _, compare = build()
    with pytest.raises(ValueError, match=message):
        compare(BAD[message])


def test_bad_arguments_are_named():
    model, compare = build()
    with pytest.raises(ValueError, match="`batch_size`=0 must be"):
        compare(PAIRS, batch_size=0)
    with pytest.raises(ValueError, match="`top_k`=3 is not an argument"):
        compare(PAIRS, top_k=3)
    with pytest.raises(ValueError, match="`threshold`=1 is not an argument"):
        pipeline(TASK, model=model, tokenizer=tokenizer_of_words(), threshold=1)
    with pytest.raises(ValueError, match="`tokenizer` is None"):
        SentenceSimilarityPipeline(model)
    images = SiameseModel(SiameseConfig(encoder=ConvEncoderConfig()))
    with pytest.raises(ValueError, match="`model` has an encoder of images"):
        SentenceSimilarityPipeline(images, tokenizer_of_words())
    for other in (model.encoder, build_siamese(AutoModelForSequenceClassification, "dan")):
        with pytest.raises(ValueError, match=f"`model` is a {type(other).__name__}; it must be a SiameseModel"):
            SentenceSimilarityPipeline(other, tokenizer_of_words())


@pytest.mark.parametrize("trust", [{}, {"trust_remote_code": True}])
def test_the_installed_package_needs_no_trust(folder, trust):
    for compare in (pipeline(TASK, model=folder, **trust), pipeline(model=folder, **trust)):
        assert type(compare) is SentenceSimilarityPipeline and compare.task == TASK
        assert compare(PAIRS)[0].keys() == {"score", "alike"}


def test_only_folders_that_can_carry_the_pipeline(folder, tmp_path):
    def carried(path):
        return json.loads((path / "config.json").read_text())["custom_pipelines"]

    assert carried(folder) == SiameseConfig.pipelines()
    AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(tmp_path / "classifier")
    assert carried(tmp_path / "classifier") == carried(folder)
    SiameseModel(SiameseConfig(encoder=ConvEncoderConfig())).save_pretrained(tmp_path / "images")
    assert carried(tmp_path / "images") == {}


STRANGER = """
from transformers import pipeline

for task in (["sentence-similarity"], []):
    for folder in (given["folder"], given["folder"] + "-again"):
        compare = pipeline(*task, model=folder, trust_remote_code=True)
        answers = [compare(given["pairs"], batch_size=2), compare(given["against"])]
        found[folder] = [type(compare).__module__.split(".")[0], compare.task, answers]
        if not folder.endswith("-again"):
            compare.save_pretrained(folder + "-again")
try:
    pipeline("sentence-similarity", model=given["folder"], trust_remote_code=False)
except ValueError as error:
    found["untrusted"] = str(error)
"""


def test_a_folder_runs_where_the_package_is_absent(folder, tmp_path):
    found = ask_a_stranger(STRANGER, tmp_path / "elsewhere", folder=folder, pairs=PAIRS, against=ONE_TO_MANY)
    assert "trust_remote_code" in found.pop("untrusted")
    compare = pipeline(TASK, model=folder)
    expected, against = compare(PAIRS), compare(ONE_TO_MANY)
    assert len(found) == 2
    for module, task, (pairs, many) in found.values():
        assert (module, task) == ("transformers_modules", TASK)
        assert [row["alike"] for row in pairs] == [row["alike"] for row in expected]
        assert [row["score"] for row in pairs] == pytest.approx([row["score"] for row in expected], abs=1e-6)
        assert many == pytest.approx(against, abs=1e-6)
