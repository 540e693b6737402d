"""Classifiers that start with the weights of language models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from hf_rnn import (
    BiLstmForSequenceClassification,
    ElmanConfig,
    ElmanForCausalLM,
    GruConfig,
    GruForCausalLM,
    LstmConfig,
    LstmForCausalLM,
    LstmForSequenceClassification,
    MinGruConfig,
    MinGruForCausalLM,
)
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.models.configuration_rnn import FAMILIES
from hf_rnn.tasks.arguments import ModelArguments, TokenizerArguments, WordArguments
from hf_rnn.tasks.building import build_model, build_tokenizer
from hf_rnn.tasks.language_model_init import (
    classifier_overrides_from,
    initialize_from_language_models,
    load_language_model,
)
from hf_rnn.tasks.token_classification.building import tagger_tokenizer
from tests.tasks.small_runs import run, save_tiny_bert, write_reviews


TEXTS = ["good film good film", "bad film bad film"]  # a vocabulary of [PAD], [UNK], good, bad, film
SIZES = {"vocab_size": 9, "embedding_size": 7, "hidden_sizes": [6, 5, 4]}
SMALL = {"vocab_size": 5, "embedding_size": 4, "hidden_size": 3, "num_hidden_layers": 2}
MODELS = {"lstm": (LstmConfig, LstmForCausalLM), "gru": (GruConfig, GruForCausalLM)}
MODELS["elman"] = (ElmanConfig, ElmanForCausalLM)
MODELS["min_gru"] = (MinGruConfig, MinGruForCausalLM)
# Padded at the end, at the beginning, not at all, and of one token.
IDS = torch.tensor([[3, 1, 4, 1, 5, 0, 0], [0, 0, 2, 7, 1, 8, 2], [8, 1, 8, 2, 8, 4, 5], [6, 0, 0, 0, 0, 0, 0]])


def language_model(cell: str = "lstm", seed: int = 0, **values: Any) -> Any:
    """One with biases too, which a new model has none of."""
    set_seed(seed)
    config, model = MODELS[cell]
    made = model(config(**{**SIZES, **values}))
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.3)
    return made.eval()


def classifier(family: str, *models: Any, **values: Any) -> PreTrainedModel:
    config = FAMILIES[family](**{**classifier_overrides_from(*models), **values})
    return AutoModelForSequenceClassification.from_config(config).eval()


def hidden_states(model: PreTrainedModel, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        return model(ids, output_hidden_states=True).hidden_states[1:]


def assert_reads_as(model: PreTrainedModel, forward: PreTrainedModel, backward: PreTrainedModel | None) -> None:
    """Hold the state of each direction, at every token of `IDS` in every layer, to that of its language model."""
    reached = hidden_states(model, IDS)
    assert len(reached) == len(forward.config.layer_sizes)
    for row, ids in enumerate(IDS):
        tokens = ids[ids != 0].unsqueeze(0)
        expected = hidden_states(forward, tokens)
        if backward is not None:
            reverse = hidden_states(backward, tokens.flip(1))
            expected = [torch.cat([one, other.flip(1)], 2) for one, other in zip(expected, reverse, strict=True)]
        for layer, states in zip(expected, reached, strict=True):
            torch.testing.assert_close(states[row, ids != 0], layer[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("family", "cell", "values"),
    [
        ("bilstm", "lstm", {}),
        ("gru", "gru", {}),
        ("gru", "gru", {"reset_after": False}),
        ("elman", "elman", {"nonlinearity": "relu", "recurrence": "output_to_hidden"}),
        ("min_gru", "min_gru", {}),
        ("bilstm", "lstm", {"one_hot_input": True}),
        ("bilstm", "lstm", {"tie_word_embeddings": True}),
    ],
    ids=["lstm", "gru", "gru of the textbooks", "jordan", "minGRU", "one-hot", "tied"],
)
def test_each_direction_is_its_language_model(family: str, cell: str, values: dict[str, Any]) -> None:
    forward, backward = language_model(cell, seed=1, **values), language_model(cell, seed=2, **values)
    model = classifier(family, forward, backward)
    head = {name: weight.clone() for name, weight in model.classifier.state_dict().items()}
    initialize_from_language_models(model, forward, backward)
    assert_reads_as(model, forward, backward)
    torch.testing.assert_close(model.classifier.state_dict(), head, rtol=0, atol=0)


@pytest.mark.parametrize("cell", MODELS)
def test_one_language_model_makes_a_model_of_one_direction(cell: str) -> None:
    forward = language_model(cell)
    model = classifier(cell, forward)
    initialize_from_language_models(model, forward)
    assert_reads_as(model, forward, None)


def test_a_backbone_takes_them_too() -> None:
    forward, backward = language_model(seed=1), language_model(seed=2)
    model = AutoModel.from_config(FAMILIES["bilstm"](**classifier_overrides_from(forward, backward))).eval()
    initialize_from_language_models(model, forward, backward)
    assert_reads_as(model, forward, backward)


@pytest.mark.parametrize("width", [7, 3], ids=["equal", "different"])
def test_tables_stand_side_by_side(width: int) -> None:
    forward, backward = language_model(seed=1), language_model(seed=2, embedding_size=width)
    model = classifier("bilstm", forward, backward)
    initialize_from_language_models(model, forward, backward)
    assert model.config.embedding_size == 7 + width
    own, other = (one.get_input_embeddings().weight for one in (forward, backward))
    assert torch.equal(model.get_input_embeddings().weight, torch.cat([own, other], dim=1))
    assert_reads_as(model, forward, backward)


def test_a_table_that_both_have_stands_once() -> None:
    forward, backward = language_model(seed=1), language_model(seed=2)
    with torch.no_grad():
        backward.get_input_embeddings().weight.copy_(forward.get_input_embeddings().weight)
    model = classifier("bilstm", forward, backward)
    initialize_from_language_models(model, forward, backward)
    assert model.config.embedding_size == 7
    assert_reads_as(model, forward, backward)


def test_what_the_other_direction_makes_is_learnt_from_zero() -> None:
    forward, backward = language_model(seed=1), language_model(seed=2)
    model = classifier("bilstm", forward, backward)
    initialize_from_language_models(model, forward, backward)
    model.train()(IDS, labels=torch.tensor([0, 1, 0, 1])).loss.backward()
    weight = model.model.layers[1].cell.weight_ih_l0
    assert weight[:, 6:].abs().max() == 0 and weight.grad[:, 6:].abs().max() > 0


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda: language_model("gru"), "`backward` is of gru cells; `forward` is of lstm"),
        (lambda: language_model(hidden_sizes=[6, 5]), r"`backward` has `hidden_sizes` \[6, 5\].*\[6, 5, 4\]"),
        (lambda: language_model(hidden_sizes=[6, 5, 3]), r"`backward` has `hidden_sizes` \[6, 5, 3\]"),
        (lambda: language_model(vocab_size=10), "`backward` has `vocab_size` 10; it must be that of `forward`, 9"),
        (lambda: language_model(one_hot_input=True), "`backward` has `one_hot_input` True.*False"),
        (lambda: language_model(pad_token_id=1), "`backward` has `pad_token_id` 1"),
    ],
)
def test_language_models_that_differ(backward: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier_overrides_from(language_model(), backward())


def test_cells_of_one_kind_that_differ() -> None:
    with pytest.raises(ValueError, match="`backward` has `reset_after` False; it must be that of `forward`, True"):
        classifier_overrides_from(language_model("gru"), language_model("gru", reset_after=False))


def test_a_model_that_they_do_not_fit() -> None:
    forward, backward = language_model(seed=1), language_model(seed=2)
    both, one = classifier("bilstm", forward, backward), classifier("lstm", forward)
    with pytest.raises(ValueError, match="`backward` is None, but `model` reads both ways: give one"):
        initialize_from_language_models(both, forward)
    with pytest.raises(ValueError, match="`backward` is given, but `model` reads forwards only: leave it out"):
        initialize_from_language_models(one, forward, backward)
    with pytest.raises(ValueError, match="`model` is of lstm cells; `forward` is of gru cells"):
        initialize_from_language_models(one, language_model("gru"))
    with pytest.raises(ValueError, match=r"`model` has `hidden_sizes` \[6, 5\].*must be \[6, 5, 4\]"):
        initialize_from_language_models(classifier("lstm", forward, hidden_sizes=[6, 5]), forward)
    with pytest.raises(ValueError, match="`model` has `embedding_size` 7.*must be 14"):
        initialize_from_language_models(classifier("bilstm", forward, backward, embedding_size=7), forward, backward)
    with pytest.raises(ValueError, match="`model` has `merge` 'sum'.*must be 'concat'"):
        initialize_from_language_models(classifier("bilstm", forward, backward, merge="sum"), forward, backward)


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    return train_tokenizer(TEXTS, show_progress=False)


@pytest.fixture
def saved(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> Callable[..., str]:
    """Saves a small language model with its tokenizer, and gives the folder."""

    def save(name: str, cell: str = "lstm", half: bool = False, **values: Any) -> str:
        model = language_model(cell, seed=len(name), **{**SMALL, "hidden_sizes": None, **values})
        (model.half() if half else model).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return str(tmp_path / name)

    return save


def build(tokenizer: PreTrainedTokenizerBase, **arguments: Any) -> PreTrainedModel:
    overrides = arguments.pop("config_overrides", None)
    given = ModelArguments(config_overrides=None if overrides is None else json.dumps(overrides), **arguments)
    return build_model(given, AutoModelForSequenceClassification, tokenizer)


def test_two_folders_make_a_bilstm(saved: Callable[..., str], tokenizer: PreTrainedTokenizerBase) -> None:
    paths = {"init_from_lm": saved("forward"), "init_from_lm_backward": saved("backwards", half=True)}
    overrides = {"dropout": 0.25, "pooling": "mean_max", "hidden_size": 3, "num_hidden_layers": 2}
    model = build(tokenizer, config_overrides=overrides, **paths)
    assert isinstance(model, BiLstmForSequenceClassification) and model.dtype == torch.float32
    assert (model.config.dropout, model.config.pooling, model.config.hidden_size) == (0.25, "mean_max", 3)
    half = LstmForCausalLM.from_pretrained(paths["init_from_lm_backward"])
    assert half.dtype == torch.float16
    assert load_language_model(half.name_or_path, "init_from_lm_backward", tokenizer).dtype == torch.float32
    stored = LstmForCausalLM.from_pretrained(paths["init_from_lm"])
    for source, name in ((stored, "weight_hh_l0"), (half, "weight_hh_l0_reverse")):
        weight = source.model.layers[1].cell.weight_hh_l0
        assert torch.equal(getattr(model.model.layers[1].cell, name), weight.float())


@pytest.mark.parametrize("cell", MODELS)
def test_one_folder_makes_the_family_of_its_cells(
    saved: Callable[..., str], tokenizer: PreTrainedTokenizerBase, cell: str
) -> None:
    model = build(tokenizer, init_from_lm=saved("forward", cell))
    assert model.config.model_type == cell and not model.config.bidirectional


def test_two_of_gru_make_a_gru_of_both_directions(
    saved: Callable[..., str], tokenizer: PreTrainedTokenizerBase
) -> None:
    model = build(
        tokenizer, init_from_lm=saved("forward", "gru"), init_from_lm_backward=saved("b", "gru", embedding_size=2)
    )
    assert (model.config.model_type, model.config.bidirectional, model.config.embedding_size) == ("gru", True, 6)


def test_the_tokenizer_is_that_of_the_language_model(saved: Callable[..., str]) -> None:
    model = ModelArguments(init_from_lm=saved("forward"))
    found = build_tokenizer(TokenizerArguments(), model, ["other words other words"], show_progress=False)
    assert set(found.get_vocab()) == {"[PAD]", "[UNK]", "good", "bad", "film"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_type": "gru"}, "`model_type`='gru' has other cells than `init_from_lm`=.*of lstm"),
        ({"model_type": "dan"}, "`model_type`='dan' has other cells"),
        ({"model_type": "bilstm"}, "`model_type`='bilstm' reads both ways.*needs `init_from_lm_backward`"),
        ({"config_overrides": {"hidden_size": 8}}, "`config_overrides` give `hidden_size`=8.*language models, 3"),
        ({"config_overrides": {"hidden_sizes": [3]}}, r"give `hidden_sizes`=\[3\].*\[3, 3\]"),
        ({"config_overrides": {"embedding_size": 8}}, "give `embedding_size`=8.*language models, 4"),
        ({"config_overrides": {"bidirectional": True}}, "give `bidirectional`=True.*language models, False"),
        ({"config_overrides": {"word_vocab_size": 9}}, "give `word_vocab_size`=9.*language models, None"),
    ],
)
def test_arguments_that_contradict_the_language_model(
    saved: Callable[..., str], tokenizer: PreTrainedTokenizerBase, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(tokenizer, init_from_lm=saved("forward"), **arguments)


def test_another_vocabulary(saved: Callable[..., str], tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    other = train_tokenizer(["good book good book", "bad book bad book"], show_progress=False)
    with pytest.raises(ValueError, match="`init_from_lm`=.*has another vocabulary than the classifier's tokenizer"):
        build(other, init_from_lm=saved("forward"))
    backward = saved("backward")
    other.save_pretrained(backward)
    with pytest.raises(ValueError, match="`init_from_lm_backward`=.*has another vocabulary"):
        build(tokenizer, init_from_lm=saved("forward"), init_from_lm_backward=backward)


def test_a_folder_that_holds_no_recurrent_language_model(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    LstmForSequenceClassification(LstmConfig(**SMALL)).save_pretrained(tmp_path / "classifier")
    save_tiny_bert(tmp_path / "bert", TEXTS)
    for name, held in (("classifier", "LstmForSequenceClassification"), ("bert", "BertForSequenceClassification")):
        with pytest.raises(ValueError, match=f"`init_from_lm`=.*holds {held}; it must hold a recurrent language"):
            build(tokenizer, init_from_lm=str(tmp_path / name))


def test_a_tagger_of_words_refuses_it() -> None:
    with pytest.raises(ValueError, match="`init_from_lm`='some/lm' starts models that read tokens"):
        tagger_tokenizer(WordArguments(), ModelArguments(init_from_lm="some/lm"), [["a"]])


def test_a_run_from_two_language_models(tmp_path: Path) -> None:
    files = write_reviews(tmp_path)
    words = train_tokenizer(["A great film, a bad film."] * 2, show_progress=False)
    for index, name in enumerate(("forward", "backward")):
        language_model(seed=index, **{**SMALL, "vocab_size": len(words)}).save_pretrained(tmp_path / name)
        words.save_pretrained(tmp_path / name)
    paths = {"init_from_lm": str(tmp_path / "forward"), "init_from_lm_backward": str(tmp_path / "backward")}
    fine_tuning = {"discriminative_lr_decay": 2.6, "gradual_unfreezing": True, "slanted_triangular": True}
    results = run(tmp_path / "out", config_overrides='{"pooling": "mean_max"}', **paths, **fine_tuning, **files)
    recorded = results["training"]["arguments"]
    assert {name: recorded[name] for name in fine_tuning} == fine_tuning
    assert recorded["init_from_lm"] == "forward"  # its folder is that of this machine
    assert results["model"]["class"] == "BiLstmForSequenceClassification"
    assert results["model"]["base_model"] is None  # a folder of this machine means nothing to a reader
    assert AutoTokenizer.from_pretrained(tmp_path / "out").get_vocab() == words.get_vocab()
