"""A student learns from a tiny teacher; what it learns is what the teacher said of the same words."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertModel

from hf_rnn import BiLstmModel, SiameseModel
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces
from hf_rnn.data.vectors import WordVectors
from hf_rnn.tasks.encoder_distillation.arguments import EncoderDistillationArguments
from hf_rnn.tasks.encoder_distillation.run import distil_encoder
from hf_rnn.tasks.encoder_distillation.student import LessonCollator, Student, new_encoder
from hf_rnn.tasks.encoder_distillation.teaching import Lessons, Teacher, write_lessons
from hf_rnn.tasks.encoder_distillation.word_table import choose_vocabulary, first_vectors

from ..small_runs import save_tiny_bert


NOUNS, VERBS = ("dog", "house", "river", "teacher"), ("barks", "stands", "flows", "teaches")
SENTENCES = [f"The old {noun} {verb} near the {other}." for noun in NOUNS for verb in VERBS for other in NOUNS]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return save_tiny_bert(tmp_path_factory.mktemp("bert"), SENTENCES, head=BertModel, num_hidden_layers=2)


@pytest.fixture(scope="module")
def teacher(bert: Path) -> Teacher:
    words = [[*sentence[:-1].split(), "."] for sentence in SENTENCES]
    return Teacher(str(bert), train_word_pieces(words, vocab_size=300, show_progress=False))


def test_the_vector_is_the_mean_state_and_a_word_has_that_of_its_pieces(teacher: Teacher, bert: Path) -> None:
    tokenizer, model = AutoTokenizer.from_pretrained(bert), AutoModel.from_pretrained(bert).eval()
    sentences = ["The dog.", SENTENCES[0]]
    vectors, words = teacher.read(sentences)
    for text, vector, (states, known) in zip(sentences, vectors, words, strict=True):
        # Each sentence alone, in float32: the teacher reads in bfloat16 and in batches.
        encoded = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            outputs = model(**encoded, output_hidden_states=True)
        mean = outputs.last_hidden_state[0].mean(0)
        np.testing.assert_allclose(vector, mean / mean.norm(), atol=0.03)
        upper = torch.stack(outputs.hidden_states[1:]).mean(0)[0]
        assert known.all() and len(states) == len(text.replace(".", " .").split())
        first = [place for place, word in enumerate(encoded.word_ids()) if word == 0]
        np.testing.assert_allclose(states[0], upper[first].mean(0), atol=0.05)


def test_a_prefix_is_read_and_belongs_to_no_word(teacher: Teacher, bert: Path) -> None:
    asked = Teacher(str(bert), teacher.words, prefix="near: ")
    vectors, ((states, known),) = asked.read(["The dog."])
    whole, ((all_states, _),) = teacher.read(["near: The dog."])
    np.testing.assert_allclose(vectors, whole, atol=1e-6)
    assert known.all() and len(states) == 3
    np.testing.assert_allclose(states, all_states[2:], atol=1e-6)


def test_the_encoder_of_a_siamese_network_teaches(teacher: Teacher, bert: Path, tmp_path: Path) -> None:
    encoder, tokenizer = BertModel.from_pretrained(bert), AutoTokenizer.from_pretrained(bert)
    for folder, options in (("plain", {}), ("projected", {"projection_size": 3}), ("first", {"pooling": "first"})):
        SiameseModel.from_encoder(encoder, **options).save_pretrained(tmp_path / folder)
        tokenizer.save_pretrained(tmp_path / folder)
    siamese = Teacher(str(tmp_path / "plain"), teacher.words)
    np.testing.assert_array_equal(siamese.read(SENTENCES[:2])[0], teacher.read(SENTENCES[:2])[0])
    for folder in ("projected", "first"):
        with pytest.raises(ValueError, match=r"`teacher`='.*' is a siamese network with the pooling '.*pooling mean"):
            Teacher(str(tmp_path / folder), teacher.words)


def test_centred_vectors_point_all_ways() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 4)) + 20
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lessons = Lessons(vectors, np.ones((3, 2)), np.ones(3, bool), np.arange(4))
    found = lessons.centred()
    expected = vectors - vectors.mean(0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found.vectors, expected, atol=2e-3)
    assert found.states is lessons.states and found.starts is lessons.starts


def test_a_stopped_teacher_goes_on_and_says_the_same(teacher: Teacher, tmp_path: Path, monkeypatch) -> None:
    sentences = [f"{sentence} {number}" for number in range(5) for sentence in SENTENCES]
    whole = write_lessons(teacher, sentences, tmp_path / "whole", components=4, seed=0)
    monkeypatch.setattr("hf_rnn.tasks.distillation.cache.WRITE_EVERY", 0.0)
    read, calls = Teacher.read, []

    def stop(self: Teacher, batch: list[str]):
        calls.append(len(batch))
        if len(calls) == 8:
            raise KeyboardInterrupt
        return read(self, batch)

    monkeypatch.setattr(Teacher, "read", stop)
    with pytest.raises(KeyboardInterrupt):
        write_lessons(teacher, sentences, tmp_path / "parts", components=4, seed=0)
    parts = write_lessons(teacher, sentences, tmp_path / "parts", components=4, seed=0)
    assert sum(calls[-3:]) < len(sentences), "it begins anew"
    for name in Lessons.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert np.linalg.norm(whole.vectors.astype(float), axis=1) == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("change", ["sentences", "teacher", "prefix", "components"])
def test_lessons_of_another_run_are_refused(teacher: Teacher, tmp_path: Path, change: str) -> None:
    teacher = copy.deepcopy(teacher)
    write_lessons(teacher, SENTENCES, tmp_path, components=4, seed=0)
    sentences, components = list(SENTENCES), 4
    if change == "sentences":
        sentences[0], sentences[1] = sentences[1], sentences[0]
    elif change == "components":
        components = 3
    elif change == "prefix":
        teacher.prefix = "query: "
    else:
        next(teacher.model.parameters()).data[0, 0] += 1
    with pytest.raises(ValueError, match="of another `teacher`, or of other `texts`"):
        write_lessons(teacher, sentences, tmp_path, components=components, seed=0)


def test_the_losses_are_those_of_the_formula(teacher: Teacher, tmp_path: Path) -> None:
    lessons = write_lessons(teacher, SENTENCES, tmp_path, components=4, seed=0)
    arguments = EncoderDistillationArguments("", ["x.txt"], embedding_size=6, hidden_size=5)
    encoder = new_encoder(arguments, teacher.words, ["the", "dog"], np.ones((2, 6), np.float32))
    student = Student(encoder, 16, 4, state_weight=0.3, similarity_weight=2.0).eval()
    chosen = [0, 5, 9]
    rows = [{"number": number, "input_ids": teacher.words(SENTENCES[number])["input_ids"]} for number in chosen]
    found = student(**LessonCollator(teacher.words, lessons)(rows))

    vectors, sentence, state, count = [], 0.0, 0.0, 0
    for row in rows:
        outputs = encoder(torch.tensor([row["input_ids"]]))
        place = slice(lessons.starts[row["number"]], lessons.starts[row["number"] + 1])
        target = torch.from_numpy(lessons.vectors[row["number"]].astype(np.float32))
        vectors.append(torch.nn.functional.normalize(student.of_sentence(outputs.pooler_output[0]), dim=0))
        sentence += (1 - vectors[-1] @ target).item() / 3
        states = torch.from_numpy(lessons.states[place].astype(np.float32))
        state += (student.of_word(outputs.last_hidden_state[0]) - states).square().sum().item()
        count += len(states)
    pairs = [
        ((vectors[i] @ vectors[j]).item() - float(lessons.vectors[a].astype(float) @ lessons.vectors[b])) ** 2
        for i, a in enumerate(chosen)
        for j, b in enumerate(chosen)
    ]
    expected = sentence + 0.3 * state / count + 2.0 * sum(pairs) / 9
    assert found["loss"].item() == pytest.approx(expected, rel=1e-3)


def test_words_of_both_sources_turn_about() -> None:
    words = ["The"] * 5 + ["dog"] * 3 + ["once", "12345", "12345"]
    vectors = WordVectors({"of": 0, "the": 1, "to": 2}, np.eye(3, dtype=np.float32))
    assert choose_vocabulary(words, 4, vectors) == ["the", "of", "dog", "to"]


def test_first_vectors_keep_what_is_alike_together(teacher: Teacher) -> None:
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(2, 8)).astype(np.float32)
    vectors = WordVectors({"dog": 0, "house": 1, "river": 2}, np.stack([near, near + 0.01, far]))
    table = first_vectors(["dog", "house", "river", "unknown"], 4, teacher, vectors)
    assert table.shape == (4, 4) and table.std() == pytest.approx(0.3, rel=1e-3)
    assert np.linalg.norm(table[0] - table[1]) < np.linalg.norm(table[0] - table[2])


def test_an_encoder_is_distilled_and_read_by_a_classifier(bert: Path, tmp_path: Path) -> None:
    text = tmp_path / "book.txt"
    text.write_text(" ".join(SENTENCES))
    arguments = EncoderDistillationArguments(
        str(tmp_path / "encoder"),
        [str(text)],
        teacher=str(bert),
        piece_vocab_size=300,
        word_vocab_size=20,
        embedding_size=8,
        hidden_size=16,
        state_size=4,
        num_train_epochs=40,
        batch_size=16,
    )
    results = distil_encoder(arguments)
    assert results["sentences"] == {"train": 58, "held_out": 6}
    assert results["held_out"]["cosine_with_teacher"] > 0.9
    folder = tmp_path / "encoder"
    encoder, tokenizer = BiLstmModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    classifier = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3)
    batch = tokenizer([SENTENCES[3]], return_tensors="pt")
    with torch.no_grad():
        expected = encoder.eval()(**batch).pooler_output
        torch.testing.assert_close(classifier.eval().model(**batch).pooler_output, expected)
    assert distil_encoder(arguments)["held_out"] == results["held_out"], "what is done is not done again"
    with pytest.raises(ValueError, match=r"`output_dir`='.*encoder' has the sentences of another run"):
        distil_encoder(replace(arguments, piece_vocab_size=310))
    # With the map into the teacher's space it compares sentences as the teacher does.
    distil_encoder(replace(arguments, keep_projection=True))
    siamese = SiameseModel.from_pretrained(folder).eval()
    said = Teacher(str(bert), tokenizer).read(SENTENCES)[0]
    alike = torch.cosine_similarity(siamese.encode(SENTENCES, tokenizer), torch.from_numpy(said))
    assert alike.mean() > 0.9 and siamese.config.projection_size == said.shape[1]


@pytest.mark.parametrize(
    ("argument", "value"), [("texts", []), ("hidden_size", 0), ("learning_rate", 0.0), ("batch_size", 1)]
)
def test_impossible_values_are_refused(argument: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"`{argument}`"):
        EncoderDistillationArguments(**{"output_dir": "x", "texts": ["x.txt"], argument: value})
