"""`torch.jit.trace` and `torch.export` of every model: right for batches of other shapes, padded in every way."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.export import Dim
from transformers import AutoModel, AutoModelForSequenceClassification, PreTrainedModel

from hf_rnn import ConvEncoderConfig, ConvEncoderModel, RecurrentCache, SiameseConfig, SiameseModel
from hf_rnn.models.paths import recurrent_path

from .common import (
    HEADS,
    LAYOUTS,
    ONE_WAY,
    POOLINGS,
    RECURRENT,
    VARIANTS,
    VOCAB_SIZE,
    batch_of,
    build,
    build_language_model,
    build_tagger,
    sentences,
    shapes_of_stacks,
)
from .recording import RECORDERS, assert_recorded, assert_same, export, full, others, program, quietly, trace
from .siamese import ENCODERS, build_siamese


ways = pytest.mark.parametrize("how", RECORDERS)
# A model for each thing that is computed in another way; between them all families, poolings, merges and heads.
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    "bilstm": lambda: build("bilstm", pooling="attention"),
    "lstm": lambda: build("lstm", pooling="last", hidden_sizes=[4, 3]),
    "gru sum": lambda: build("gru", pooling="mean", bidirectional=True, merge="sum"),
    "gru-reset-before": lambda: build("gru-reset-before", pooling="last", bidirectional=True),
    "elman": lambda: build("elman-relu", pooling="max", classifier_hidden_sizes=[3], classifier_norm="batch"),
    "jordan": lambda: build("jordan", head=False, pooling="mean_max"),
    "output-to-output": lambda: build("output-to-output", head=False),
    "dan": lambda: build("dan", one_hot_input=True),
    "tagger": lambda: build_tagger("lstm", "softmax", words=False),
    "tagger crf": lambda: build_tagger("dan", "crf", words=False),
    "words": lambda: build_tagger("gru", "softmax", char_encoder=None, casing_features=True),
    "words cnn": lambda: build_tagger("lstm", "bioes"),
    "words lstm": lambda: build_tagger("dan", "bio", char_encoder="lstm", casing_features=True),
    "language model": lambda: build_language_model("lstm"),
    "language model gru-reset-before": lambda: build_language_model("gru-reset-before"),
    "siamese": lambda: build_siamese(AutoModel, "gru", {"vocab_size": VOCAB_SIZE}, projection_size=3).double(),
}


@ways
@pytest.mark.parametrize("name", MODELS)
def test_other_batches_are_answered_as_by_the_model(name, how):
    assert_recorded(how, MODELS[name]())


@pytest.mark.slow
@ways
@pytest.mark.parametrize(
    ("variant", "pooling"), [pair for pair in itertools.product(VARIANTS, POOLINGS) if pair != ("dan", "last")]
)
def test_every_family_and_pooling(variant, pooling, how):
    for options in shapes_of_stacks(variant):
        assert_recorded(how, build(variant, head=False, pooling=pooling, **options))


@pytest.mark.slow
@ways
@pytest.mark.parametrize(("head", "words"), list(itertools.product(HEADS, [False, True])))
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_tagger(variant, head, words, how):
    assert_recorded(how, build_tagger(variant, head, words))


@pytest.mark.slow
@ways
@pytest.mark.parametrize("variant", ONE_WAY)
def test_every_language_model(variant, how):
    assert_recorded(how, build_language_model(variant))


def two_texts(inputs: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return inputs | {f"{name}_b": value for name, value in others.items()}


@ways
@pytest.mark.parametrize("encoder", ["bilstm", *(pytest.param(e, marks=pytest.mark.slow) for e in ENCODERS[1:])])
@pytest.mark.parametrize("auto_class", [AutoModel, AutoModelForSequenceClassification])
def test_pairs(auto_class, encoder, how):
    model = build_siamese(auto_class, encoder, {"vocab_size": VOCAB_SIZE}).double()
    recorded = RECORDERS[how](model, two_texts(full(), full(time=3)))
    for layout, lengths in itertools.product(LAYOUTS, ([9, 2, 4], [1, 0, 1])):
        texts = two_texts(batch_of(sentences([3, 5, 1]), layout)[0], batch_of(sentences(lengths), "right")[0])
        with torch.no_grad():
            assert_same(recorded(**texts), model(**texts), f"{layout}, {lengths}")


@ways
def test_two_texts_in_one_sequence(how):
    model = build_siamese(AutoModelForSequenceClassification, "gru", {"vocab_size": VOCAB_SIZE}).double()
    types = torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]])
    recorded = RECORDERS[how](model, full() | {"token_type_ids": types})
    for name, inputs in others():
        typed = inputs | {"token_type_ids": (inputs["input_ids"] > VOCAB_SIZE // 2).long()}
        with torch.no_grad():
            assert_same(recorded(**typed), model(**typed), name)


@ways
def test_images(how):
    torch.manual_seed(0)
    encoder = ConvEncoderConfig(image_size=8, hidden_sizes=[3], kernel_sizes=[3], pool_sizes=[2], output_size=4)
    pairs = {}
    for size in (2, 1, 5):
        images = torch.rand(2, size, 1, 8, 8)
        pairs[size] = {"pixel_values": images[0], "pixel_values_b": images[1]}
    siamese = SiameseModel(SiameseConfig(encoder=encoder, similarity="euclidean")).eval()
    for model, names in ((ConvEncoderModel(encoder).eval(), ["pixel_values"]), (siamese, list(pairs[2]))):
        options = {} if how == "trace" else {"fixed": names}
        recorded = RECORDERS[how](model, {name: pairs[2][name] for name in names}, **options)
        for size in (1, 5):
            images = {name: pairs[size][name] for name in names}
            with torch.no_grad():
                assert_same(recorded(**images), model(**images))


@ways
@pytest.mark.parametrize("head", ["softmax", "bioes", "causal", "classes"])
def test_losses(head, how):
    """The recorded losses are right for labels for which the model would have raised no error."""
    model = {
        "causal": lambda: build_language_model("gru"),
        "classes": lambda: build("dan"),
    }.get(head, lambda: build_tagger("dan", head, words=False))()

    def labelled(inputs):
        labels = {"causal": inputs["input_ids"].clone(), "classes": torch.arange(len(inputs["input_ids"])) % 3}
        return inputs | {"labels": labels.get(head, torch.zeros_like(inputs["input_ids"]))}

    options = {} if how == "trace" or head != "classes" else {"fixed": ("labels",)}
    recorded = RECORDERS[how](model, labelled(full()), **options)
    for name, inputs in others():
        with torch.no_grad():
            expected = model(**labelled(inputs))
            assert_same(recorded(**labelled(inputs)), expected, name)
            assert expected.loss is not None


class WithState(nn.Module):
    """A language model whose state is tensors, as a trace takes and returns them."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, *state):
        outputs = self.model(input_ids, attention_mask, cache=RecurrentCache([state]))
        return outputs.logits, *outputs.cache.states[0]


@pytest.mark.parametrize("variant", ONE_WAY)
def test_a_state_goes_through_a_trace(variant):
    model = WithState(build_language_model(variant))
    state = model.model.model.initial_state(2).states[0]
    with quietly():
        traced = torch.jit.trace(model, (*full().values(), *state))
    for name, inputs in others():
        with torch.no_grad():
            given = [torch.randn(len(inputs["input_ids"]), *part.shape[1:], dtype=part.dtype) for part in state]
            assert_same(traced(*inputs.values(), *given), model(*inputs.values(), *given), name)


@pytest.mark.parametrize("variant", ["lstm", "gru"])
def test_a_state_goes_through_an_export(variant):
    model = build_language_model(variant, num_hidden_layers=2)
    both, batch = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC}
    with torch.no_grad():
        state = model(**full(), use_cache=True).cache
    states = [tuple(batch for _ in layer) for layer in state.states]
    shapes = {"input_ids": both, "attention_mask": both, "cache": [states, Dim.DYNAMIC]}
    with quietly():
        exported = torch.export.export(model, (), full() | {"cache": state}, dynamic_shapes=shapes).module()
    for name, inputs in others():
        with torch.no_grad():
            before = model(**full(len(inputs["input_ids"]), 9), use_cache=True).cache
            actual, expected = (f(**inputs, cache=before) for f in (exported, model))
        assert_same(actual, expected, name)
        assert isinstance(actual.cache, RecurrentCache)
        assert actual.cache.get_seq_length() == expected.cache.get_seq_length()


def test_a_state_that_is_returned_by_default_is_not_in_a_trace():
    model = build("lstm", use_cache=True)
    assert list(trace(model, full())(**full())) == ["logits"]
    with torch.no_grad():
        assert_same(export(model, full())(**full()), model(**full()))


@ways
def test_hidden_states_are_recorded(how):
    model = build("bilstm", head=False, output_hidden_states=True, return_dict=False)
    # torch 2.9 refuses to export a forward pass that sets an attribute, as the first of transformers' does here.
    model(**full())
    recorded = RECORDERS[how](model, full())
    for name, inputs in others():
        with torch.no_grad():
            assert_same(recorded(**inputs), model(**inputs), name)


@ways
def test_features_and_inputs_without_a_mask(how):
    model = build("bilstm", vocab_size=None)
    recorded = RECORDERS[how](model, {"inputs_embeds": torch.randn(2, 5, 5, dtype=torch.float64)})
    of_ids = RECORDERS[how](build("bilstm"), {"input_ids": full()["input_ids"]})
    for name, inputs in others():
        ids = {"input_ids": inputs["input_ids"]}
        features = {"inputs_embeds": torch.randn(*inputs["input_ids"].shape, 5, dtype=torch.float64)}
        with torch.no_grad():
            assert_same(recorded(**features), model(**features), name)
            assert_same(of_ids(**ids), build("bilstm")(**ids), name)


def test_what_was_recorded_is_saved_and_loaded():
    model, file, other = build_tagger("bilstm", "bioes"), io.BytesIO(), batch_of(sentences(), "left")[0]
    with quietly():
        torch.jit.save(trace(model, full()), file)
        file.seek(0)
        traced = torch.jit.load(file)
        file = io.BytesIO()
        torch.export.save(program(model, full()), file)
        file.seek(0)
        exported = torch.export.load(file).module()
        expected = model(**other)
        assert_same(traced(**other), expected)
        assert_same(exported(**other), expected)


def test_an_exported_program_can_be_decomposed():
    model, other = build("bilstm"), batch_of(sentences(), "left")[0]
    with quietly():
        assert_same(program(model, full()).run_decompositions().module()(**other), model(**other))


@ways
@pytest.mark.parametrize("path", ["reference", "fused"])
def test_a_forced_path_is_not_recorded(path, how):
    with recurrent_path(path):
        recorded = RECORDERS[how](build("bilstm"), full())
    other = batch_of(sentences(), "holes")[0]
    with torch.no_grad():
        assert_same(recorded(**other), build("bilstm")(**other))


@pytest.mark.parametrize("variant", RECURRENT)
def test_a_single_step_of_a_single_text_is_example_enough_for_a_trace(variant):
    model = build(variant)
    traced = trace(model, full(1, 1))
    for name, inputs in others():
        with torch.no_grad():
            assert_same(traced(**inputs), model(**inputs), name)


@ways
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precision(dtype, how):
    model = build("bilstm").to(dtype)
    other = batch_of(sentences(), "right")[0]
    with torch.no_grad():
        actual, expected = RECORDERS[how](model, full())(**other)["logits"], model(**other).logits
    assert actual.dtype == dtype
    assert torch.allclose(actual, expected, rtol=0, atol=1e-5 if dtype == torch.float32 else 0.05)


@ways
def test_an_example_of_the_wrong_shape_is_still_named(how):
    wrong = full() | {"attention_mask": torch.ones(2, 4, dtype=torch.long)}
    # An export knows sizes by names of its own.
    shapes = r"\(2, 4\);.* \(2, 5\)" if how == "trace" else r"\(s\d+, s\d+\);.* \(s\d+, s\d+\)"
    with pytest.raises(ValueError, match=f"`attention_mask` has shape {shapes}, \\(batch"):
        RECORDERS[how](build("bilstm"), wrong)


@ways
def test_padding_never_counts_in_the_normalisation_of_a_tagger(how):
    model = build_tagger("dan", classifier_hidden_sizes=[3], classifier_norm="batch")
    assert_recorded(how, model)
    with pytest.raises(ValueError, match=r"`classifier_norm`='batch' cannot be recorded in training.*model\.eval"):
        RECORDERS[how](model.train(), full())


def test_a_model_is_the_same_after_it_was_recorded():
    model, other = build("gru-reset-before"), batch_of(sentences(), "right")[0]
    with torch.no_grad():
        before = model(**other).logits
        trace(model, full())
        export(model, full())
        assert torch.equal(model(**other).logits, before)
