"""Models of ours as teachers: the marginals of a CRF in the student's order, padding on the left, their checksums."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

import hf_rnn
from hf_rnn.models.words import Words
from hf_rnn.tasks.distillation.cache import Questions
from hf_rnn.tasks.distillation.calibration import FLOOR
from hf_rnn.tasks.text_classification.distilling import TextTeacher
from hf_rnn.tasks.token_classification.distilling import TagTeacher
from hf_rnn.training.arguments import RecurrentTrainingArguments
from tests.tasks import small_runs, small_tagging_runs
from tests.tasks.distillation_runs import TAGS, catching, names, news


# Neither that of the teacher nor its reverse.
OTHER_ORDER = (*TAGS[3:], *TAGS[:3])


def pad_on(side: str, folder: Path) -> None:
    """Let the tokenizer of a checkpoint pad on a side."""
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "padding_side": side}), encoding="utf-8")
    assert AutoTokenizer.from_pretrained(folder).padding_side == side


def save_tagger(folder: Path, *, crf: bool, side: str = "right") -> str:
    """A BiLSTM of random weights that reads the pieces of a BERT's tokenizer, saved with it."""
    sentences = small_tagging_runs.generate_tagged(60, 5)
    tokenizer = AutoTokenizer.from_pretrained(small_tagging_runs.save_tiny_bert(folder / "bert", sentences, limit=512))
    torch.manual_seed(3)
    sizes = {
        "vocab_size": len(tokenizer),
        "embedding_size": 8,
        "hidden_size": 6,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = hf_rnn.BiLstmConfig(**sizes, crf=crf, **names(TAGS))
    model = hf_rnn.BiLstmForTokenClassification(config).eval()
    for weights in model.parameters():
        torch.nn.init.normal_(weights)
    model.save_pretrained(folder / "tagger")
    tokenizer.save_pretrained(folder / "tagger")
    pad_on(side, folder / "tagger")
    return str(folder / "tagger")


def said_alone(teacher: TagTeacher, tokens: list[str], crf: bool) -> np.ndarray:
    """What the model says at the first piece of each token, (tokens, labels), of the sentence by itself."""
    encoded = teacher.tokenizer([tokens], is_split_into_words=True, return_tensors="pt")
    ids, mask = encoded["input_ids"], encoded["attention_mask"]
    with torch.no_grad():
        outputs: Any = teacher.model(input_ids=ids, attention_mask=mask)
        found = outputs.logits[0]
        if crf:
            words = teacher.model.model.embeddings.find_words(ids, mask) or Words.each_a_piece(mask.bool())
            found = teacher.model.head.log_probabilities(outputs.emissions, words.mask)[0]
    firsts = [encoded.word_ids(0).index(token) for token in range(len(tokens))]
    order = [TAGS.index(label) for label in OTHER_ORDER]
    return np.asarray(found[firsts][:, order])


def asked(teacher: TagTeacher, sentences: list[list[str]], folder: Path) -> tuple[Questions, np.ndarray]:
    rows = datasets.Dataset.from_dict({"tokens": sentences})
    arguments = RecurrentTrainingArguments(output_dir=str(folder), use_cpu=True, disable_tqdm=True)
    return teacher.questions(rows), teacher.answers(rows, folder / "said.npy", 4, arguments)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("crf", [True, False])
def test_what_our_taggers_say_is_what_they_say_of_each_sentence_alone(crf: bool, side: str, tmp_path: Path) -> None:
    teacher = TagTeacher(save_tagger(tmp_path, crf=crf, side=side), OTHER_ORDER)
    assert "token_type_ids" in teacher.tokenizer.model_input_names
    sentences = news(11, 4)
    assert len({len(tokens) for tokens in sentences}) > 3
    questions, found = asked(teacher, sentences, tmp_path)
    assert len(questions.rows) == len(sentences)
    start = 0
    for tokens in sentences:
        alone = said_alone(teacher, tokens, crf)
        if not crf:
            alone -= np.log(np.exp(alone).sum(1, keepdims=True))
        np.testing.assert_allclose(found[start : start + len(tokens)], alone.clip(FLOOR), atol=1e-4)
        start += len(tokens)
    assert start == len(found)
    np.testing.assert_allclose(np.exp(found).sum(1), 1, atol=1e-5)


def test_the_marginals_of_a_crf_are_no_scores_of_its_network(tmp_path: Path) -> None:
    teacher = TagTeacher(save_tagger(tmp_path, crf=True), OTHER_ORDER)
    (sentence,) = news(1, 4)
    _, found = asked(teacher, [sentence], tmp_path)
    encoded = teacher.tokenizer([sentence], is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        outputs: Any = teacher.model(**{name: encoded[name] for name in ("input_ids", "attention_mask")})
    order = [TAGS.index(label) for label in OTHER_ORDER]
    firsts = [encoded.word_ids(0).index(token) for token in range(len(sentence))]
    for others in (outputs.logits, outputs.emissions[..., : len(TAGS)]):
        assert np.abs(found - np.asarray(others[0][firsts][:, order].log_softmax(1))).max() > 0.1


def test_a_classifier_that_pads_on_the_left(tmp_path: Path) -> None:
    data = small_runs.write_reviews(tmp_path / "data")
    small_runs.run(tmp_path / "classifier", **data, max_steps=1, do_predict=False)
    pad_on("left", tmp_path / "classifier")
    teacher = TextTeacher(str(tmp_path / "classifier"), ["positive", "negative"])
    assert teacher.tokenizer.padding_side == "left"
    texts = [text for text, _ in small_runs.texts_and_labels(data["test_file"])[:9]]
    arguments = RecurrentTrainingArguments(output_dir=str(tmp_path), use_cpu=True, disable_tqdm=True)
    rows = datasets.Dataset.from_dict({"text": texts})
    found = teacher.answers(rows, tmp_path / "said.npy", 4, arguments)
    for said, text in zip(found, texts, strict=True):
        with torch.no_grad():
            logits = teacher.model(**teacher.tokenizer(text, return_tensors="pt")).logits[0, [1, 0]]
        np.testing.assert_allclose(said, logits.numpy(), atol=1e-5)


def test_the_checksum_is_that_of_weights_settings_labels_and_texts(tmp_path: Path) -> None:
    folder = save_tagger(tmp_path, crf=True)
    rows = datasets.Dataset.from_dict({"tokens": news(5, 4)})
    teacher = TagTeacher(folder, OTHER_ORDER)
    known = teacher.checksum(teacher.questions(rows))
    moved = str(shutil.copytree(folder, tmp_path / "moved"))
    again = TagTeacher(moved, OTHER_ORDER)
    assert again.checksum(again.questions(rows)) == known
    others = [TagTeacher(folder, TAGS), TagTeacher(folder, OTHER_ORDER), TagTeacher(folder, OTHER_ORDER)]
    others[1].model.config.pooling = "max"
    with torch.no_grad():
        next(others[2].model.parameters()).view(-1)[5] += 1e-3
    found = {other.checksum(other.questions(rows)) for other in others}
    found.add(teacher.checksum(teacher.questions(datasets.Dataset.from_dict({"tokens": news(5, 6)}))))
    assert len({known, *found}) == 5


def test_a_tag_that_training_has_not_calibrates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teachers = [save_tagger(tmp_path / name, crf=crf) for name, crf in (("one", True), ("two", False))]
    rows = {
        "train": small_tagging_runs.generate_tagged(30, 5),
        "validation": [*small_tagging_runs.generate_tagged(8, 6), (["Wimbledon"], ["B-EVENT"])],
    }
    files = {
        f"{split}_file": small_tagging_runs.write_sentences(tmp_path / f"{split}.jsonl", each)
        for split, each in rows.items()
    }
    flags = {"teacher_name_or_path": ",".join(teachers), "do_predict": False}
    task = catching(monkeypatch)("tags", tmp_path / "out", **files, **flags)
    assert len(task.train) == 30
    assert sorted(task.model.config.label2id) == sorted(TAGS)
