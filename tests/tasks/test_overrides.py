"""What `config_overrides` may not change, task by task, and how wide the table of pretrained vectors is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertForSequenceClassification,
    HfArgumentParser,
)

from hf_rnn.data.synthetic.reviews import LABEL_NAMES
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.tasks.arguments import ModelArguments
from hf_rnn.tasks.building import build_model
from hf_rnn.tasks.one_shot.task import GROUPS as ONE_SHOT_GROUPS
from hf_rnn.tasks.one_shot.task import run_one_shot
from hf_rnn.tasks.overrides import with_overrides
from tests.tasks import small_language_runs, small_runs, small_similarity_runs, small_tagging_runs


TEXTS = ["good film good film", "bad film bad film"]
LABELS = {
    "id2label": {0: "no", 1: "yes"},
    "label2id": {"no": 0, "yes": 1},
    "problem_type": "single_label_classification",
}
NAMED = {"id2label": {"0": "bad", "1": "fine"}, "label2id": {"bad": 0, "fine": 1}}
# Each task by the flags of its data, and what its run is.
RUNS: dict[str, Any] = {
    "text-classification": (small_runs.write_reviews, small_runs.run),
    "token-classification": (small_tagging_runs.write_news, small_tagging_runs.run),
    "sentence-similarity": (small_similarity_runs.write_questions, small_similarity_runs.run),
    "text-generation": (
        lambda folder: {"train_file": small_language_runs.write_text(folder), "validation_split_percentage": 10},
        lambda output, **changes: small_language_runs.run(output, tokenizer_kind="word", do_predict=False, **changes),
    ),
    "one-shot": (
        lambda folder: {"train_letters": 3},
        lambda output, **changes: run_one_shot(
            *HfArgumentParser(ONE_SHOT_GROUPS).parse_dict(
                {"output_dir": str(output), "do_train": True, "use_cpu": True, **changes}
            )
        ),
    ),
}
NONE = "but this model has none: leave it out"


@pytest.mark.parametrize(
    ("task", "override", "message"),
    [
        ("text-classification", {"problem_type": "regression"}, ("'single_label_classification'", "problem_type")),
        ("text-classification", {"num_labels": 5}, ("2", "class_names")),
        ("text-classification", {"id2label": NAMED["id2label"]}, (r"\{'0': .*\}", "class_names")),
        ("text-classification", {"label2id": NAMED["label2id"]}, (r"\{.*\}", "class_names")),
        ("token-classification", {"problem_type": "regression"}, None),
        ("token-classification", {"num_labels": 5}, ("7", "class_names")),
        ("token-classification", {"id2label": NAMED["id2label"]}, (r"\{'0': .*\}", "class_names")),
        ("token-classification", {"label2id": NAMED["label2id"]}, (r"\{.*\}", "class_names")),
        ("sentence-similarity", {"problem_type": "regression"}, None),
        ("sentence-similarity", {"num_labels": 5}, None),
        ("text-generation", {"num_labels": 5}, None),
        ("text-generation", {"id2label": NAMED["id2label"]}, None),
        ("one-shot", {"num_labels": 5}, None),
    ],
)
def test_labels_that_the_data_do_not_have_are_refused(
    task: str, override: dict[str, Any], message: tuple[str, str] | None, tmp_path: Path
) -> None:
    write, run = RUNS[task]
    said = NONE if message is None else f"but the data have {message[0]}: leave it out. The flag `--{message[1]}` says"
    (name,) = override
    with pytest.raises(ValueError, match=rf"`config_overrides` give `{name}`=.*{said}"):
        run(tmp_path / "run", config_overrides=json.dumps({**_small(task), **override}), **write(tmp_path))
    assert not list((tmp_path / "run").glob("*.safetensors"))


def _small(task: str) -> dict[str, Any]:
    return {"image_size": 12} if task == "one-shot" else small_runs.SMALL


@pytest.mark.parametrize(
    ("task", "loss", "override", "said"),
    [
        ("sentence-similarity", "classification", {"num_labels": 3}, "but the data have 2: leave it out"),
        (
            "sentence-similarity",
            "classification",
            {"problem_type": "regression"},
            "but the data have 'single_label_cl",
        ),
        ("sentence-similarity", "cosent", {"num_labels": 3}, NONE),
        ("one-shot", "multiple_negatives", {"id2label": NAMED["id2label"]}, NONE),
    ],
)
def test_labels_around_an_encoder_are_refused(
    task: str, loss: str, override: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write, run = RUNS[task]
    with pytest.raises(ValueError, match=rf"`siamese_overrides` give .*{said}"):
        run(tmp_path / "run", loss=loss, siamese_overrides=json.dumps(override), **write(tmp_path))


def test_labels_that_agree_pass(tmp_path: Path) -> None:
    names = {str(index): name for index, name in enumerate(LABEL_NAMES)}
    agreeing = {
        "num_labels": 2,
        "problem_type": "single_label_classification",
        "id2label": names,
        "label2id": {name: int(index) for index, name in names.items()},
    }
    files = small_runs.write_reviews(tmp_path)
    small_runs.run(tmp_path / "run", config_overrides={**small_runs.SMALL, **agreeing}, max_steps=1, **files)
    assert AutoConfig.from_pretrained(tmp_path / "run").id2label == dict(enumerate(LABEL_NAMES))


def test_the_other_overrides_stand_on_top() -> None:
    assert with_overrides({**LABELS, "crf": True}, {"crf": False, "num_labels": 2}) == {**LABELS, "crf": False}


@pytest.mark.parametrize("name", ["pad_token_id", "eos_token_id"])
def test_tokens_that_are_others_in_the_tokenizer_are_refused(name: str) -> None:
    tokenizer = train_tokenizer(TEXTS, end_of_text=True, show_progress=False)
    token = getattr(tokenizer, name)
    build(tokenizer, config_overrides=json.dumps({name: token}))
    message = rf"`config_overrides` give `{name}`=4; in the tokenizer it is {token}: leave it out"
    with pytest.raises(ValueError, match=message):
        build(tokenizer, config_overrides=json.dumps({name: 4}))


def build(tokenizer: Any, **arguments: Any) -> Any:
    return build_model(ModelArguments(**arguments), AutoModelForSequenceClassification, tokenizer, **LABELS)


def test_sizes_of_a_checkpoint_are_those_of_its_weights(tmp_path: Path) -> None:
    bert = small_runs.save_tiny_bert(tmp_path / "bert", TEXTS)
    tokenizer = train_tokenizer(TEXTS, show_progress=False)
    stored = BertForSequenceClassification.from_pretrained(bert).bert.state_dict()
    for override in ({"hidden_size": 32}, {"vocab_size": 400}):
        message = r"change the sizes of `model_name_or_path`='.*': its bert\..* is \(.*\), not \(.*\), and \d+ of its"
        with pytest.raises(ValueError, match=message):
            build(tokenizer, model_name_or_path=str(bert), config_overrides=json.dumps(override))
    # A head for other labels, and what has no weights, may differ.
    model = build_model(
        ModelArguments(model_name_or_path=str(bert), config_overrides='{"hidden_dropout_prob": 0.3}'),
        AutoModelForSequenceClassification,
        tokenizer,
        id2label={0: "a", 1: "b", 2: "c"},
        label2id={"a": 0, "b": 1, "c": 2},
    )
    assert model.config.hidden_dropout_prob == 0.3 and model.classifier.weight.shape == (3, 16)
    torch.testing.assert_close(model.bert.state_dict(), stored, rtol=0, atol=0)


WORDS = {
    "text-classification": ("film", "the", "not"),
    "token-classification": ("moved", "from", "to"),
    "sentence-similarity": ("how", "do", "swim"),
    "text-generation": ("film", "the", "not"),
}


def write_vectors(folder: Path, words: tuple[str, ...]) -> str:
    """A vector of 11 dimensions for each word, all elements its number."""
    path = folder / "vectors.txt"
    path.write_text("".join(f"{word} {' '.join([str(index + 1)] * 11)}\n" for index, word in enumerate(words)))
    return str(path)


@pytest.mark.parametrize("task", WORDS)
def test_a_table_is_as_wide_as_the_vectors(task: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write, run = RUNS[task]
    run(
        tmp_path / "run",
        embedding_vectors=write_vectors(tmp_path, WORDS[task]),
        config_overrides='{"hidden_size": 6}',
        max_steps=1,
        learning_rate=1e-12,
        **write(tmp_path),
    )
    config = AutoConfig.from_pretrained(tmp_path / "run")
    assert getattr(config, "encoder", config).embedding_size == 11
    assert "11 dimensions, as " in caplog.text and "vectors.txt" in caplog.text


@pytest.mark.parametrize("task", WORDS)
def test_a_width_that_is_not_that_of_the_vectors_is_refused(task: str, tmp_path: Path) -> None:
    write, run = RUNS[task]
    message = r"`embedding_size`=7, but the vectors of `embedding_vectors`='.*vectors.txt' have 11 dimensions: leave"
    with pytest.raises(ValueError, match=message):
        run(
            tmp_path / "run",
            embedding_vectors=write_vectors(tmp_path, WORDS[task]),
            config_overrides='{"embedding_size": 7}',
            **write(tmp_path),
        )
