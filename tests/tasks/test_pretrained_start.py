"""New models start from the bundled encoder that knows the language of their texts, and say why where they do not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModel, HfArgumentParser

from hf_rnn import bundled
from hf_rnn.data.tokenizers.word_vocabulary import marks_words
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.tasks.pretrained_start import BASES
from hf_rnn.tasks.registry import find_task
from tests.tasks import small_runs
from tests.tasks.small_runs import write_reviews, write_rows
from tests.tasks.small_similarity_runs import write_questions
from tests.tasks.small_tagging_runs import write_news


ENGLISH, PORTUGUESE = "bilstm-base-en", "bilstm-base-pt"
OPINIONS = [
    ("Eu não gostei de nada do que ele fez com o livro.", "ruim"),
    ("Foi muito bom ver você e a sua família na praia.", "bom"),
] * 15
MEINUNGEN = [
    ("Ich habe das Buch gelesen und mochte es nicht.", "schlecht"),
    ("Es war sehr schön, euch und die Kinder am See zu sehen.", "gut"),
] * 15


def prepare(task: str, report: ReportArguments | None = None, **values: Any) -> Any:
    """What a run with these flags would train."""
    task_of = find_task(task)
    given = {"output_dir": "unused", "do_train": True, "disable_tqdm": True, **values}
    groups = HfArgumentParser([group for group in task_of.groups if group is not ReportArguments]).parse_dict(given)
    return task_of.prepare(*groups, *([report] if report else []))


def encoder_of(model: Any) -> dict[str, torch.Tensor]:
    return getattr(model.base_model, "encoder", model.base_model).state_dict()


def starts_from_base(model: Any, name: str = ENGLISH) -> bool:
    base = AutoModel.from_pretrained(bundled(name)).state_dict()
    own = encoder_of(model)
    return own.keys() >= base.keys() and all(torch.equal(own[name], weight) for name, weight in base.items())


def test_texts_tags_and_pairs_start_from_it(tmp_path: Path) -> None:
    texts = prepare("text-classification", **write_reviews(tmp_path / "texts"))
    assert starts_from_base(texts.model) and texts.model.wide is not None
    assert texts.model.wide.weight.any(), "the wide part has learnt the texts"
    assert texts.language == "en"
    tags = prepare("token-classification", **write_news(tmp_path / "tags"))
    assert starts_from_base(tags.model) and tags.model.config.crf and tags.model.config.label_scheme == "BIOES"
    assert marks_words(tags.tokenizer)
    pairs = prepare("sentence-similarity", **write_questions(tmp_path / "pairs"))
    assert starts_from_base(pairs.model)


def test_the_wide_part_spells_whole_words_of_its_tokens(tmp_path: Path) -> None:
    """`max_token_bytes` is one for the encoder's table and for the wide part's, which also spells boundaries."""
    task = prepare("text-classification", **write_reviews(tmp_path))
    word = "chairmanship"
    ids = torch.tensor(task.tokenizer([word, f"the {word} "])["input_ids"][0])[None]
    symbols = task.model.wide.symbols(ids, torch.ones_like(ids).bool())[0]
    assert bytes(symbols[symbols != 0xFF].tolist()).decode() == word
    base = AutoModel.from_pretrained(bundled(ENGLISH)).config.max_token_bytes
    assert task.model.config.max_token_bytes == base


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"from_scratch": True}, "`from_scratch` is given"),
        ({"model_type": "gru"}, "`model_type` is gru"),
        ({"tokenizer_kind": "bpe"}, "`tokenizer_kind`='bpe' asks for a tokenizer of its own"),
        ({"vocab_size": 50}, "`vocab_size`=50 asks for"),
        ({"config_overrides": '{"hidden_size": 6, "dropout": 0.3}'}, "`config_overrides` change `hidden_size`"),
        ({"language": "de"}, "the texts are in the language de; there are pretrained weights for en, pt"),
    ],
)
def test_what_is_settled_otherwise_starts_at_random_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, flags: dict[str, Any], reason: str
) -> None:
    report = ReportArguments(language=flags.pop("language", None))
    with caplog.at_level(logging.WARNING):
        task = prepare("text-classification", report, **write_reviews(tmp_path), **flags)
    assert f"The model starts from random weights: {reason}" in caplog.text
    assert not starts_from_base(task.model)


def test_what_changes_no_shape_leaves_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    overrides = '{"dropout": 0.4, "pooling": "max", "wide_buckets": null}'
    with caplog.at_level(logging.WARNING):
        task = prepare(
            "text-classification", **write_reviews(tmp_path), config_overrides=overrides, model_type="bilstm"
        )
    assert f"The model starts from bundled:{ENGLISH}" in caplog.text
    assert starts_from_base(task.model)
    assert task.model.config.dropout == 0.4 and task.model.config.pooling == "max" and task.model.wide is None


def test_texts_of_another_language_start_at_random_and_their_card_says_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = str(write_rows(tmp_path / "de.csv", MEINUNGEN))
    report = ReportArguments()
    with caplog.at_level(logging.WARNING):
        task = prepare("text-classification", report, train_file=file, validation_split_percentage=20)
    assert "the texts are in the language de; there are pretrained weights for en, pt" in caplog.text
    assert not any(starts_from_base(task.model, name) for name in BASES.values())
    assert task.language == report.language == "de"


def test_portuguese_texts_start_from_their_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = str(write_rows(tmp_path / "pt.csv", OPINIONS))
    report = ReportArguments()
    with caplog.at_level(logging.WARNING):
        task = prepare("text-classification", report, train_file=file, validation_split_percentage=20)
    assert f"The model starts from bundled:{PORTUGUESE}" in caplog.text
    assert starts_from_base(task.model, PORTUGUESE) and task.language == report.language == "pt"


def test_texts_of_no_known_language_start_at_random(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = str(write_rows(tmp_path / "codes.csv", [(f"x{n} y{n % 7}", "ab"[n % 2]) for n in range(40)]))
    report = ReportArguments()
    with caplog.at_level(logging.WARNING):
        task = prepare("text-classification", report, train_file=file, validation_split_percentage=20)
    assert "the language of the texts was not found; `language` tells it (there is a start for en, pt)" in caplog.text
    assert not starts_from_base(task.model) and report.language is None


@pytest.mark.parametrize(("name", "value"), [("model_name_or_path", "somewhere"), ("init_from_lm", "somewhere")])
def test_from_scratch_goes_with_no_checkpoint(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"`from_scratch` and `{name}`='somewhere' were both given; give one"):
        small_runs.ModelArguments(from_scratch=True, **{name: value})


def test_every_base_is_bundled_and_knows_its_language() -> None:
    for language, name in BASES.items():
        config = AutoModel.from_pretrained(bundled(name)).config
        assert config.architectures == ["BiLstmModel"]
        assert ModelCard.load(Path(bundled(name)) / "README.md").data.language == language


@pytest.mark.parametrize("language", ["en-GB", "EN", "en_US"])
def test_a_region_changes_nothing(tmp_path: Path, language: str) -> None:
    report = ReportArguments(language=language)
    assert starts_from_base(prepare("text-classification", report, **write_reviews(tmp_path)).model)
    assert report.language == language, "the card has what was told"
