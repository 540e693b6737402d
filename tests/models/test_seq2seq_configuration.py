"""Configurations of encoder-decoders: what is refused and how it is said, what is derived, and what a folder keeps."""

from __future__ import annotations

import warnings

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError, StrictDataclassFieldValidationError
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM, BertConfig

import hf_rnn
from hf_rnn import GruEncoderDecoderConfig, LstmConfig, LstmEncoderDecoderConfig
from tests.models.common import assert_close
from tests.models.seq2seq import SOURCE_TOKENS, START, TARGET_TOKENS, WAYS, build_seq2seq, configure_seq2seq, tokens
from tests.models.stranger import ask_a_stranger


IDS = torch.stack(tokens([5, 5], SOURCE_TOKENS))
LABELS = torch.stack(tokens([4, 4], TARGET_TOKENS, seed=2))
SHARED = {"share_embeddings": True, "encoder": {"vocab_size": TARGET_TOKENS, "embedding_size": 4}}


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"encoder": {"model_type": "dan"}}, ["`bidirectional` is True", "a Dan has no recurrence"]),
        (
            {"encoder": {"model_type": "dan", "bidirectional": False, "hidden_sizes": [6]}, "bridge": "copy"},
            ["`bridge` is 'copy'", "('none', 6)", "('lstm', 6)", "'dense'"],
        ),
        ({"encoder": {"model_type": "bert"}}, ["`encoder` has the `model_type` 'bert'", "lstm"]),
        ({"decoder": {"model_type": "t5"}}, ["`decoder` has the `model_type` 't5'", "gru"]),
        ({"encoder": {"hiden_size": 4}}, ["`hiden_size`", "did you mean `hidden_size`"]),
        ({"encoder": {"word_vocab_size": 4, "char_encoder": "cnn"}}, ["`encoder` has `word_vocab_size`", "None"]),
        ({"decoder": {"bidirectional": True}}, ["`decoder` cannot write", "bidirectional"]),
        ({"decoder": {"vocab_size": None, "pad_token_id": None}}, ["`decoder` cannot write", "vocab_size"]),
        (
            {"decoder": {"weight_dropout": 0.2}, "input_feeding": "attended"},
            ["`decoder` has `weight_dropout`=0.2", "`input_feeding`"],
        ),
        ({"attention": None, "input_feeding": "context"}, ["`input_feeding` is 'context'", "`attention`"]),
        ({"context_at_each_step": True}, ["`context_at_each_step` is True", "`attention`='general'"]),
        ({"attention": "dot", "decoder": {"hidden_size": 5}}, ["`attention` is 'dot'", "6", "5", "'general'"]),
        ({"attention": "additive", "attention_size": 0}, ["`attention_size` is 0", "at least 1"]),
        ({"readout_size": -2}, ["`readout_size` is -2", "at least 1"]),
        ({"sampled_softmax": 0}, ["`sampled_softmax` is 0", "at least 1"]),
        ({"attention_size": 7}, ["`attention_size` is 7", "'additive'"]),
        ({"readout_size": 7, "tie_word_embeddings": True}, ["`readout_size` is 7", "`tie_word_embeddings`"]),
        ({"scheduled_sampling": 1.5}, ["`scheduled_sampling` is 1.5", "[0, 1]"]),
        ({"scheduled_sampling": float("nan")}, ["`scheduled_sampling` is nan", "[0, 1]"]),
        ({"tie_word_embeddings": True, "decoder": {"one_hot_input": True}}, ["`decoder` has `one_hot_input`", "tied"]),
        ({"share_embeddings": True}, ["`share_embeddings` is True", "(11, 5)", "(13, 4)"]),
        ({"bridge": "copy"}, ["`bridge` is 'copy'", "('lstm', 6)", "'dense'"]),
        (
            {"bridge": "copy", "encoder": {"model_type": "gru"}, "decoder": {"hidden_size": 6}},
            ["`bridge` is 'copy'", "('gru', 6)", "('lstm', 6)"],
        ),
        ({"decoder_start_token_id": 13}, ["`decoder_start_token_id` is 13", "[0, 13)"]),
        ({"pad_token_id": -1}, ["`pad_token_id` is -1", "[0, 13)"]),
        ({"atention": "dot"}, ["`atention`", "did you mean `attention`"]),
    ],
)
def test_a_refusal_names_the_argument(options, messages):
    if options.get("bridge") == "copy" and "encoder" not in options:
        options = {**options, "decoder": {"num_hidden_layers": 1}}
    with pytest.raises(Exception) as raised:
        configure_seq2seq("lstm", "general-None", **options)
    for message in messages:
        assert message in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("attention", "cosine"), ("input_feeding", "none"), ("bridge", "linear"), ("scheduled_sampling", "often")],
)
def test_a_value_that_does_not_exist_is_refused(name, value):
    with pytest.raises(StrictDataclassFieldValidationError, match=name):
        LstmEncoderDecoderConfig(**{name: value})


def test_a_part_of_another_library_is_refused():
    with pytest.raises(ValueError, match="`encoder` is a BertConfig.*LstmConfig"):
        LstmEncoderDecoderConfig(encoder=BertConfig())


def test_what_is_not_said_of_the_parts():
    plain = GruEncoderDecoderConfig()
    assert (plain.encoder.model_type, plain.encoder.bidirectional) == ("gru", True)
    assert (plain.decoder.model_type, plain.decoder.bidirectional) == ("gru", False)
    # A part that is named says itself what it is.
    named = GruEncoderDecoderConfig(encoder={"model_type": "lstm"}, decoder=LstmConfig(hidden_size=3))
    assert (named.encoder.model_type, named.encoder.bidirectional) == ("lstm", False)
    assert (named.decoder.model_type, named.hidden_size) == ("lstm", 3)
    assert plain.is_encoder_decoder and plain.vocab_size == plain.decoder.vocab_size


def test_the_number_of_tokens_is_that_of_the_decoder():
    config = configure_seq2seq()
    config.vocab_size = 20
    assert (config.decoder.vocab_size, config.encoder.vocab_size) == (20, SOURCE_TOKENS)
    shared = configure_seq2seq(**SHARED)
    shared.vocab_size = 20
    assert (shared.decoder.vocab_size, shared.encoder.vocab_size) == (20, 20)


@pytest.mark.parametrize("pooling", ["last", "mean", "mean_max", "attention"])
def test_the_context_at_each_step_is_the_pooled_state(pooling):
    model = build_seq2seq("lstm", "vector-each-step", encoder={"pooling": pooling})
    batch = {"input_ids": IDS, "decoder_input_ids": LABELS}
    pooled = model.get_encoder()(IDS).pooler_output
    assert pooled.shape == (2, model.config.fed_size)
    source = {**model.get_encoder()(IDS), "pooler_output": pooled + 1}
    assert not torch.allclose(model(encoder_outputs=source, decoder_input_ids=LABELS).logits, model(**batch).logits)


@pytest.mark.parametrize("options", [{}, {"tie_word_embeddings": True}, {**SHARED, "tie_word_embeddings": True}])
@pytest.mark.parametrize("joint", WAYS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_a_folder_gives_back_the_model(family, joint, options, tmp_path):
    model = build_seq2seq(family, joint, **options)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert type(loaded) is type(model)
    batch = {"input_ids": IDS, "decoder_input_ids": LABELS}
    assert torch.equal(loaded(**batch).logits, model(**batch).logits)
    kept = {**AutoConfig.from_pretrained(tmp_path).to_dict(), "_name_or_path": ""}
    assert kept == model.config.to_dict()
    backbone = AutoModel.from_pretrained(tmp_path)
    assert type(backbone).__name__ == f"{family.title()}EncoderDecoder"
    assert torch.equal(backbone(**batch).last_hidden_state, model.model(**batch).last_hidden_state)
    table = loaded.get_input_embeddings().weight
    assert (loaded.lm_head.weight is table) == loaded.config.tie_word_embeddings
    assert (loaded.get_encoder().network.get_input_embeddings().weight is table) == loaded.config.share_embeddings


@pytest.mark.parametrize("tied", [False, True])
def test_tables_that_are_one_start_as_embeddings(tied):
    both = {"vocab_size": 200, "embedding_size": 64}
    config = configure_seq2seq(
        encoder=both, decoder=both, share_embeddings=True, tie_word_embeddings=tied, attention="general"
    )
    model = AutoModelForSeq2SeqLM.from_config(config)
    lengths = model.get_input_embeddings().weight.norm(dim=1)
    assert lengths[0] == 0 and 0.9 < lengths[1:].mean() < 1.1
    names = [name for name, _ in model.named_parameters() if name.endswith("word_embeddings.weight")]
    assert names == ["model.encoder.network.embeddings.word_embeddings.weight"]


@pytest.mark.parametrize("options", [{}, {"tie_word_embeddings": True}, {**SHARED, "tie_word_embeddings": True}])
def test_resizing_keeps_what_there_was(options, tmp_path):
    model = build_seq2seq("lstm", "dot-attended", **options)
    batch = {"input_ids": IDS, "decoder_input_ids": LABELS}
    before = model(**batch).logits
    model.resize_token_embeddings(TARGET_TOKENS + 4)
    after = model(**batch).logits
    assert after.shape[2] == TARGET_TOKENS + 4
    assert_close(after[:, :, :TARGET_TOKENS], before)
    source = TARGET_TOKENS + 4 if model.config.share_embeddings else SOURCE_TOKENS
    assert (model.config.vocab_size, model.config.encoder.vocab_size) == (TARGET_TOKENS + 4, source)
    model.save_pretrained(tmp_path)
    assert torch.equal(AutoModelForSeq2SeqLM.from_pretrained(tmp_path)(**batch).logits, after)


def test_other_joints_at_loading_are_checked(tmp_path):
    build_seq2seq("lstm", "general-None").save_pretrained(tmp_path)
    with pytest.raises(StrictDataclassClassValidationError, match="`context_at_each_step` is True"):
        AutoModelForSeq2SeqLM.from_pretrained(tmp_path, context_at_each_step=True)


def test_a_folder_is_not_that_of_its_encoder(tmp_path):
    build_seq2seq("lstm").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="lstm-encoder-decoder"):
        hf_rnn.LstmModel.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="lstm-encoder-decoder"):
        GruEncoderDecoderConfig.from_pretrained(tmp_path)


STRANGER = """
import torch
from transformers import AutoModel, AutoModelForSeq2SeqLM

for folder in given["folders"]:
    for path in (folder, folder + "-again"):
        model = AutoModelForSeq2SeqLM.from_pretrained(path, trust_remote_code=True)
        backbone = AutoModel.from_pretrained(path, trust_remote_code=True)
        ids = torch.tensor(given["ids"])
        written = model.generate(ids, max_new_tokens=5, num_beams=3, do_sample=False)
        found[path] = {
            "classes": [type(model).__name__, type(backbone).__name__, type(model).__module__.split(".")[0]],
            "written": written.tolist(),
        }
        if path == folder:
            model.save_pretrained(folder + "-again")
"""


def test_a_folder_runs_where_the_package_is_absent(tmp_path):
    models = {}
    for family, joint, options in (
        ("lstm", "general-attended", {**SHARED, "tie_word_embeddings": True}),
        ("gru", "additive-context", {}),
    ):
        folder = tmp_path / family
        models[family] = build_seq2seq(family, joint, **options).float()
        models[family].save_pretrained(folder)
    folders = [str(tmp_path / family) for family in models]
    found = ask_a_stranger(STRANGER, tmp_path / "elsewhere", folders=folders, ids=IDS.tolist())
    for family, model in models.items():
        expected = model.generate(IDS, max_new_tokens=5, num_beams=3, do_sample=False).tolist()
        names = [type(model).__name__, f"{family.title()}EncoderDecoder", "transformers_modules"]
        for path in (str(tmp_path / family), f"{tmp_path / family}-again"):
            assert found[path] == {"classes": names, "written": expected}


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ({}, ["`decoder_input_ids`", "`decoder_inputs_embeds`", "neither is"]),
        (
            {"decoder_input_ids": LABELS, "decoder_inputs_embeds": torch.zeros(2, 4, 4)},
            ["`decoder_input_ids`", "both"],
        ),
        ({"decoder_input_ids": LABELS[:, :0]}, ["`decoder_input_ids` has shape (2, 0)", "at least one step"]),
        ({"decoder_input_ids": LABELS[0]}, ["`decoder_input_ids` has shape (4,)", "(batch, target)"]),
        ({"input_ids": None, "labels": LABELS}, ["`input_ids`", "`inputs_embeds`", "neither is"]),
        ({"labels": LABELS, "attention_mask": torch.ones(2, 3)}, ["`attention_mask` has shape (2, 3)", "(2, 5)"]),
        (
            {"decoder_input_ids": LABELS, "decoder_attention_mask": torch.ones(2, 3)},
            ["`decoder_attention_mask` has shape (2, 3)", "(2, 4)"],
        ),
        ({"labels": LABELS, "decoder_input_ids": LABELS[:, 1:]}, ["`labels` has shape (2, 4)", "(2, 3)"]),
        ({"labels": LABELS + 9}, ["`labels` holds", "`vocab_size=13`"]),
        ({"decoder_input_ids": LABELS[:1]}, ["`encoder_outputs.last_hidden_state` has shape (2, 5, 6)", "1 rows"]),
        ({"decoder_input_ids": LABELS, "encoder_outputs": (torch.zeros(2, 5, 6),)}, ["`encoder_outputs` is a tuple"]),
        (
            {"decoder_input_ids": LABELS, "encoder_outputs": {"last_hidden_state": torch.zeros(2, 5, 6).double()}},
            ["`encoder_outputs` has no `initial_state`", "`bridge`='dense'"],
        ),
        (
            {
                "decoder_input_ids": LABELS,
                "encoder_outputs": {
                    "last_hidden_state": torch.zeros(2, 5, 6).double(),
                    "initial_state": torch.zeros(2, 7).double(),
                },
            },
            ["`encoder_outputs.initial_state` has shape (2, 7)", "(batch, 24)"],
        ),
        ({"decoder_input_ids": LABELS, "cache": [1]}, ["`cache` is a list", "RecurrentCache"]),
        (
            {"decoder_input_ids": LABELS, "cache": hf_rnn.RecurrentCache([(torch.zeros(2, 1, 6),)])},
            ["`cache` holds 1 states", "carries 2"],
        ),
        ({"decoder_input_ids": LABELS, "head_mask": LABELS}, ["`head_mask` is not an argument"]),
    ],
)
def test_what_a_forward_pass_refuses(given, messages):
    model = build_seq2seq("lstm", "general-None")
    with pytest.raises((ValueError, TypeError)) as raised:
        model(**{"input_ids": IDS, **given})
    for message in messages:
        assert message in str(raised.value)


def test_what_is_fed_at_each_step_must_be_given():
    model = build_seq2seq("lstm", "vector-each-step")
    source = {**model.get_encoder()(IDS), "pooler_output": None}
    with pytest.raises(ValueError, match="`encoder_outputs` has no `pooler_output`"):
        model(encoder_outputs=source, decoder_input_ids=LABELS)


def test_without_a_bridge_the_states_of_a_source_are_enough():
    model = build_seq2seq("gru", "general-context", bridge="none")
    found = model(encoder_outputs={"last_hidden_state": model.get_encoder()(IDS)[0]}, decoder_input_ids=LABELS)
    assert_close(found.logits, model(IDS, decoder_input_ids=LABELS).logits)


def test_labels_are_read_one_step_later():
    model = build_seq2seq("lstm", pad_token_id=5)
    labels = torch.tensor([[3, 7, 2], [4, -100, -100]])
    read = model.prepare_decoder_input_ids_from_labels(labels)
    assert read.tolist() == [[START, 3, 7], [START, 4, 5]]
    with pytest.raises(ValueError, match="`labels` need a first token.*`config.decoder_start_token_id`"):
        build_seq2seq("lstm", decoder_start_token_id=None)(IDS, labels=LABELS)
    with pytest.raises(ValueError, match="`config.pad_token_id` is None"):
        build_seq2seq("lstm", pad_token_id=None)(IDS, labels=labels)


def test_padding_in_labels_is_learnt_as_a_token_and_said():
    model = build_seq2seq("lstm", pad_token_id=5)
    padded, ignored = torch.tensor([[3, 7, 2], [4, 5, 5]]), torch.tensor([[3, 7, 2], [4, -100, -100]])
    with pytest.warns(UserWarning, match=r"`labels` end with `config.pad_token_id` \(5\).*put -100"):
        found = model.train()(IDS, labels=padded)
    terms = torch.nn.functional.cross_entropy(found.logits.flatten(0, 1), padded.flatten())
    assert_close(found.loss, terms)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(IDS, labels=ignored)
        build_seq2seq("lstm", pad_token_id=5, eos_token_id=5).train()(IDS, labels=padded)


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_a_state_answers_to_both_names(name):
    model = build_seq2seq("lstm", "dot-attended")
    first = model(IDS, decoder_input_ids=LABELS[:, :2], use_cache=True)
    assert getattr(first, name) is first.cache
    second = model(IDS, decoder_input_ids=LABELS[:, 2:], **{name: getattr(first, name)})
    assert_close(second.logits, model(IDS, decoder_input_ids=LABELS).logits[:, 2:])
    assert model(IDS, decoder_input_ids=LABELS, use_cache=False).cache is None
    with pytest.raises(ValueError, match="`cache` and `past_key_values` are two names"):
        model(IDS, decoder_input_ids=LABELS, cache=first.cache, past_key_values=first.cache)
