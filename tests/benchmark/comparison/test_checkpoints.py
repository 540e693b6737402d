"""Models are found, checked before anything is measured, and made where only a configuration is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, BertConfig

from hf_rnn.benchmark.comparison.checkpoints import (
    Candidate,
    build_random,
    check,
    find,
    fitting_tokenizer,
    read_config,
    resolve,
    stored_dtype,
    training_facts,
)
from hf_rnn.bundles import bundled
from hf_rnn.inference.pipelines import text_limit
from hf_rnn.models.configuration_conv import ConvEncoderConfig
from hf_rnn.models.configuration_siamese import SiameseConfig
from hf_rnn.models.modeling_siamese import SiameseForPairClassification, SiameseModel
from hf_rnn.runs.results import read_results
from tests.benchmark.comparisons import CLASSES, LIMIT, TAGS, TEXTS, save_bert, save_bilstm, save_encoder, save_siamese


def test_models_are_called_by_the_last_part(tmp_path: Path) -> None:
    save_bert(tmp_path / "bert")
    named = [f"{tmp_path}/bert/", "bundled:bilstm-imdb", "random:bert-base-cased"]
    found = resolve(named, "bert")
    assert [(each.name, each.random) for each in found] == [
        ("bert", False),
        ("bilstm-imdb", False),
        ("bert-base-cased", True),
    ]
    assert found[1].folder == Path(bundled("bilstm-imdb"))
    (by_file,) = resolve([f"random:{tmp_path}/bert/config.json"], None)
    assert by_file == Candidate("bert", (tmp_path / "bert").resolve(), random=True)


def test_names_have_to_be_known_and_different(tmp_path: Path) -> None:
    save_bert(tmp_path / "bert")
    with pytest.raises(ValueError, match="`models` names two models 'bert'"):
        resolve([str(tmp_path / "bert")] * 2, None)
    with pytest.raises(ValueError, match="`baseline`='minilm' must be the name of one of the models: bert"):
        resolve([str(tmp_path / "bert")], "minilm")
    with pytest.raises(ValueError, match="`models` names 'no/such', which is neither a folder"):
        find("no/such")
    with pytest.raises(ValueError, match="`models` must be a bundled checkpoint"):
        find("bundled:nothing")


def test_a_model_may_be_given_a_name(tmp_path: Path) -> None:
    save_bert(tmp_path / "lr=0.1")
    named = [f"{tmp_path}/lr=0.1", f"bert-2.ours={tmp_path}/lr=0.1", "large=random:bert-base-cased"]
    found = resolve(named, "bert-2.ours")
    assert [each.name for each in found] == ["lr=0.1", "bert-2.ours", "large"]
    assert found[0].folder == found[1].folder == (tmp_path / "lr=0.1").resolve()
    assert found[2].random


def test_known_configuration_is_that_of_bert_base_cased() -> None:
    (candidate,) = resolve(["random:bert-base-cased"], None)
    config = read_config(candidate)
    assert isinstance(config, BertConfig)
    assert (config.vocab_size, config.hidden_size, config.num_hidden_layers) == (28996, 768, 12)
    assert (config.num_attention_heads, config.intermediate_size, config.max_position_embeddings) == (12, 3072, 512)


def test_what_cannot_be_measured_is_refused_by_name(tmp_path: Path) -> None:
    good = Candidate("good", save_bert(tmp_path / "good"))
    tagger = Candidate("tagger", save_bert(tmp_path / "tagger", TAGS, tagger=True))
    stars = Candidate("stars", save_bert(tmp_path / "stars", ["one", "two"]))
    bare = Candidate("bare", save_bert(tmp_path / "bare"))
    (bare.folder / "model.safetensors").unlink()
    nothing = Candidate("nothing", tmp_path)
    task = "text-classification"
    with pytest.raises(ValueError, match="'tagger' is a BertForTokenClassification; `task`='text-classification'"):
        check([good, tagger], task)
    with pytest.raises(ValueError, match="'stars' has the labels one, two; 'good' has negative, positive"):
        check([good, stars], task)
    with pytest.raises(ValueError, match="'bare' cannot be loaded: `folder` must hold safetensors weights"):
        check([good, bare], task)
    with pytest.raises(ValueError, match="the configuration of 'nothing' cannot be read"):
        check([good, nothing], task)


def test_what_compares_texts_is_siamese_or_an_encoder(tmp_path: Path) -> None:
    task = "sentence-similarity"
    good = [
        Candidate("siamese", save_siamese(tmp_path / "siamese")),
        Candidate("pairs", save_siamese(tmp_path / "pairs", SiameseForPairClassification)),
        Candidate("encoder", save_encoder(tmp_path / "encoder")),
    ]
    assert check(good, task) is None, "the labels of a classifier of pairs are not asked for"
    classifier = Candidate("classifier", save_bert(tmp_path / "classifier"))
    with pytest.raises(
        ValueError, match="'classifier' is a BertForSequenceClassification; .* takes a siamese network"
    ):
        check([*good, classifier], task)
    images = Candidate("images", tmp_path / "images")
    encoder = ConvEncoderConfig(image_size=16, hidden_sizes=[2, 2, 2], output_size=4)
    SiameseModel(SiameseConfig(encoder=encoder)).save_pretrained(images.folder)
    with pytest.raises(ValueError, match="'images' is a SiameseModel; .* takes a siamese network of texts"):
        check([images], task)
    (random,) = resolve([f"random:{images.folder}"], None)
    with pytest.raises(ValueError, match="'images' has no `vocab_size`"):
        build_random(random, good, task, ["score"], tmp_path / "made")


def test_siamese_networks_of_random_weights_are_made(tmp_path: Path) -> None:
    save_siamese(tmp_path / "siamese")
    (candidate,) = resolve([f"random:{tmp_path}/siamese"], None)
    made = build_random(candidate, [], "sentence-similarity", ["score"], tmp_path / "made")
    assert isinstance(transformers.AutoModel.from_pretrained(made.folder), SiameseModel)


def test_the_order_of_labels_may_differ(tmp_path: Path) -> None:
    first = Candidate("first", save_bilstm(tmp_path / "first"))
    second = Candidate("second", save_bert(tmp_path / "second", CLASSES[::-1]))
    (random,) = resolve(["random:bert-base-cased"], None)
    assert check([random, first, second], "text-classification") == list(CLASSES)
    assert check([random], "text-classification") is None


def test_random_weights_make_a_checkpoint_like_any_other(tmp_path: Path) -> None:
    lender = Candidate("lender", save_bert(tmp_path / "lender", TAGS, tagger=True))
    vocabulary = len(AutoTokenizer.from_pretrained(lender.folder))
    (tmp_path / "small").mkdir()
    config = json.loads((lender.folder / "config.json").read_text()) | {"vocab_size": vocabulary - 5}
    del config["id2label"], config["label2id"]
    (tmp_path / "small" / "config.json").write_text(json.dumps(config))
    (candidate,) = resolve([f"random:{tmp_path}/small"], None)
    made = build_random(candidate, [lender], "token-classification", TAGS, tmp_path / "made")
    assert made == Candidate("small", tmp_path / "made" / "small", random=True, tokenizer="lender")
    assert list(AutoConfig.from_pretrained(made.folder).id2label.values()) == list(TAGS)
    tokenizer = AutoTokenizer.from_pretrained(made.folder)
    model = AutoModelForTokenClassification.from_pretrained(made.folder)
    ids = tokenizer(TEXTS)["input_ids"]
    assert max(map(max, ids)) < vocabulary - 5 <= model.config.vocab_size
    whole = AutoTokenizer.from_pretrained(lender.folder)
    assert [row[0] for row in ids] == [whole.cls_token_id] * len(TEXTS)
    assert tokenizer.model_input_names == whole.model_input_names
    for token in ("pad_token", "unk_token", "sep_token"):
        assert getattr(tokenizer, token) == getattr(whole, token)
    assert training_facts(made) is None
    with pytest.raises(ValueError, match="'small' comes without a tokenizer, and none of the others' fits"):
        build_random(candidate, [], "token-classification", TAGS, tmp_path / "again")


def test_a_configuration_with_a_tokenizer_keeps_it(tmp_path: Path) -> None:
    save_bert(tmp_path / "own")
    (candidate,) = resolve([f"random:{tmp_path}/own"], None)
    made = build_random(candidate, [], "text-classification", CLASSES, tmp_path / "made")
    assert made.tokenizer is None
    assert (
        AutoTokenizer.from_pretrained(made.folder).get_vocab()
        == AutoTokenizer.from_pretrained(tmp_path / "own").get_vocab()
    )


def test_only_a_word_piece_vocabulary_is_cut(tmp_path: Path) -> None:
    folder = save_bilstm(tmp_path / "bilstm")
    size = len(AutoTokenizer.from_pretrained(folder))
    whole = fitting_tokenizer(folder, size)
    assert whole is not None and len(whole) == size
    assert fitting_tokenizer(folder, size - 1) is None


def test_facts_of_a_checkpoint(tmp_path: Path) -> None:
    folder = Path(bundled("bilstm-imdb"))
    assert stored_dtype(folder) == "float16"
    assert stored_dtype(save_bert(tmp_path / "bert")) == "float32"
    results = read_results(folder / "results.json")
    assert training_facts(Candidate("x", folder)) == {
        "minutes": results["training"]["minutes"],
        "epochs": results["training"]["epochs"],
        "seeds": 1,
    }
    assert training_facts(Candidate("x", tmp_path / "bert")) is None


def test_the_limit_is_that_of_tokenizer_or_positions(tmp_path: Path) -> None:
    bert = save_bert(tmp_path / "bert")
    tokenizer, config = AutoTokenizer.from_pretrained(bert), AutoConfig.from_pretrained(bert)
    assert text_limit(tokenizer, config) == LIMIT
    tokenizer.model_max_length = 8
    assert text_limit(tokenizer, config) == 8
    wrapped = SiameseConfig(encoder=config)
    tokenizer.model_max_length = 1000
    assert text_limit(tokenizer, wrapped) == LIMIT
    ours = save_bilstm(tmp_path / "ours")
    assert text_limit(AutoTokenizer.from_pretrained(ours), transformers.AutoConfig.from_pretrained(ours)) is None
