"""The compiled network for one text: what the model gives, for every cell, pooling and head, from frozen weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from hf_rnn import BiLstmForSequenceClassification
from hf_rnn.kernels.loading import network_library
from hf_rnn.kernels.network_binding import Network
from hf_rnn.kernels.packing import obstacle, pack
from tests.models.common import (
    HEADS,
    POOLINGS,
    VOCAB_SIZE,
    build,
    build_language_model,
    build_tagger,
    shapes_of_stacks,
)


pytestmark = pytest.mark.skipif(network_library() is None, reason="the kernels could not be built: no C++ compiler")
PACKED = ["lstm", "bilstm", "gru", "elman-tanh", "elman-relu", "dan"]
LENGTHS = [0, 1, 2, 3, 4, 16, 33, 60]
# The model computes in float32 as well, in another order.
CLOSE = 2e-6


def assert_close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """So close as digits allow, of numbers of which the largest were added to the others."""
    scale = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
    torch.testing.assert_close(found.view_as(wanted) / scale, wanted / scale, rtol=0, atol=CLOSE)


def packed(model) -> Network:
    assert obstacle(model) is None
    return pack(model, network_library())


def tokens(length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, VOCAB_SIZE, (1, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def expected(model, ids: torch.Tensor) -> torch.Tensor:
    return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]


def check_texts(model, single_logit: bool = False) -> None:
    network = packed(model)
    for length in LENGTHS:
        ids = tokens(length)
        found = torch.tensor(network.pool(ids[0].tolist()))
        wanted = expected(model, ids)
        assert_close(found, wanted[1:] if single_logit else wanted)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("variant", PACKED)
def test_a_text_has_the_logits_of_the_model(variant, pooling):
    if variant == "dan" and pooling == "last":
        pytest.skip("there is no last state without a recurrent layer, and the configuration refuses it")
    stacks = [{"hidden_sizes": [17, 9]}] if variant == "dan" else list(shapes_of_stacks(variant))
    for options in stacks:
        check_texts(build(variant, pooling=pooling, **options).float())


@pytest.mark.parametrize("units", [1, 15, 16, 17, 33, 70])
@pytest.mark.parametrize("variant", ["bilstm", "gru", "elman-tanh"])
def test_any_number_of_units_is_read(variant, units):
    model = build(variant, hidden_size=units, num_hidden_layers=2, embedding_size=units + 2).float()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:  # wide layers of large weights make chaos of a rounding
                parameter *= min(1, 2 / parameter.shape[1] ** 0.5)
    check_texts(model)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("single_logit", [False, True])
def test_dense_layers_of_every_kind_are_computed(activation, norm, single_logit):
    options = {"num_labels": 2} if single_logit else {}
    head = {"classifier_hidden_sizes": [7, 6], "classifier_activation": activation, "classifier_norm": norm}
    check_texts(build("bilstm", single_logit=single_logit, **head, **options).float(), single_logit)


@pytest.mark.parametrize("spoilt", [None, 1e5, 1e-9, 0.1])
def test_numbers_that_half_precision_has_are_kept_as_they_are(spoilt):
    model = build("lstm", hidden_size=20).float()
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
        if spoilt is not None:  # too large, too small, or between two: one such number, and it is lost to a half
            parameter.data.view(-1)[-1] = spoilt
    check_texts(model)


@pytest.mark.parametrize("casing", [False, True])
@pytest.mark.parametrize("characters", ["cnn", None])
@pytest.mark.parametrize("head", HEADS)
def test_a_tagger_of_words_has_the_scores_of_the_model(head, characters, casing):
    options = {"word_vocab_size": 9, "word_aliases": 2, "char_encoder": characters, "casing_features": casing}
    check_tagger(build_tagger("bilstm", head, **options).float())


@pytest.mark.parametrize("variant", PACKED)
def test_a_tagger_of_tokens_has_the_scores_of_the_model(variant):
    check_tagger(build_tagger(variant, words=False, hidden_size=9).float())


def check_tagger(model) -> None:
    network = packed(model)
    for length in LENGTHS[1:]:
        ids = tokens(length, seed=length)
        wanted = expected(model, ids)
        found = torch.tensor(network.scores(ids[0].tolist())).view_as(wanted)
        assert_close(found, wanted)
        best, probabilities = network.tag(ids[0].tolist())
        assert best.tolist() == found.argmax(1).tolist()
        assert_close(torch.tensor(probabilities), found.softmax(1).amax(1))
    assert network.scores([]).tolist() == []


def test_words_of_any_script_are_known_by_their_bytes():
    padding = [b"y"] * (VOCAB_SIZE - 8)
    spelt = [
        "Ünïcödé".encode(),
        "ÀB".encode(),
        "日本".encode(),
        b"",
        b"\xc3",
        b"x" * 16,
        "É".encode(),
        b"aB",
        *padding,
    ]
    model = build_tagger("bilstm", casing_features=True, max_token_bytes=16, word_aliases=1).float()
    embeddings = model.model.embeddings
    embeddings.set_tokens(spelt, [token != 5 for token in range(VOCAB_SIZE)])
    embeddings.set_words(["ünïcödé", "日本", "aB"], {"é": "aB"})
    network = packed(model)
    for ids in ([0, 1, 2, 3, 4, 5, 6, 7], [5, 5, 3, 3, 6, 5], [4, 0]):
        wanted = expected(model, torch.tensor([ids]))
        assert_close(torch.tensor(network.scores(ids)), wanted)


def hooked(model):
    model.model.layers[0].register_forward_hook(lambda *_: None)


def pruned(model):
    prune.l1_unstructured(model.model.layers[0].cell, "weight_hh_l0", amount=0.5)


def parametrised(model):
    parametrizations.weight_norm(model.classifier.output)


def replaced(model):
    model.model.layers[0].cell.forward = model.model.layers[0].cell.forward


def double(model):
    model.double()


def of_another_kind(model):
    model.classifier.output = nn.Sequential(model.classifier.output)


@pytest.mark.parametrize("change", [hooked, pruned, parametrised, replaced, double, of_another_kind])
def test_a_model_whose_weights_do_not_say_all_is_not_packed(change):
    model = build("bilstm").float()
    assert obstacle(model) is None
    change(model)
    assert obstacle(model)


@pytest.mark.parametrize("variant", ["gru-reset-before", "jordan", "output-to-output"])
def test_a_cell_without_a_kernel_is_not_packed(variant):
    assert "no kernel computes this cell" in obstacle(build(variant).float())


def test_what_the_network_does_not_have_is_named():
    assert "WidePart" in obstacle(build("bilstm", wide_buckets=64).float())
    assert "CharacterLstm" in obstacle(build_tagger("bilstm", char_encoder="lstm").float())
    assert "embedding table" in obstacle(build("bilstm", vocab_size=None, embedding_size=5).float())
    assert "regression" in obstacle(build_tagger("bilstm", "softmax", problem_type="regression").float())

    class Other(BiLstmForSequenceClassification):
        def forward(self, *args, **kwargs):
            return super().forward(*args, **kwargs)

    assert "Other" in obstacle(Other(build("bilstm").config))


def test_hidden_states_that_were_recorded_once_are_no_obstacle():
    model = build("bilstm").float()
    model(input_ids=tokens(3), output_hidden_states=True)
    assert obstacle(model) is None


def test_a_network_keeps_the_weights_that_it_was_made_of():
    model = build("bilstm").float()
    network, ids = packed(model), tokens(7)[0].tolist()
    before = network.pool(ids)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert network.pool(ids) == before


def test_an_id_beyond_the_vocabulary_is_named():
    for network in (packed(build("bilstm").float()), packed(build_tagger("bilstm").float())):
        for wrong in (-1, VOCAB_SIZE):
            with pytest.raises(
                IndexError, match=rf"`input_ids` holds ids from {min(wrong, 1)} to {max(wrong, 1)}; .*"
            ):
                (network.tag if network.outputs == 4 else network.pool)([1, wrong])


def test_threads_share_a_network():
    network = packed(build("bilstm", hidden_size=40).float())
    texts = [tokens(length, seed=length)[0].tolist() for length in range(60)]
    wanted = [network.pool(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(network.pool, texts * 20)) == wanted * 20


def test_numbers_that_are_no_numbers_are_passed_on():
    model = build("bilstm", pooling="max").float()
    with torch.no_grad():
        model.model.embeddings.word_embeddings.weight[3] = torch.nan
    found = torch.tensor(packed(model).pool([1, 3, 2]))
    assert found.isnan().all() and expected(model, torch.tensor([[1, 3, 2]])).isnan().all()


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("variant", ["lstm", "gru", "elman-tanh", "elman-relu"])
def test_a_step_of_a_few_texts_gives_the_scores_and_the_state_of_the_model(variant, rows):
    model = build_language_model(variant, hidden_sizes=[17, 6], tie_word_embeddings=True).float()
    network = packed(model)
    start = model(input_ids=tokens(rows * 4).view(rows, 4), use_cache=True).cache
    ids = tokens(rows, seed=1).view(rows, 1)
    wanted = model(input_ids=ids, attention_mask=torch.ones_like(ids), cache=start, use_cache=True)
    before = [part for state in start.states for part in state]
    after, logits = [torch.empty_like(part) for part in before], torch.empty(rows, 1, VOCAB_SIZE)
    network.step(ids, before, after, logits)
    assert_close(logits, wanted.logits)
    for found, part in zip(after, [part for state in wanted.cache.states for part in state], strict=True):
        assert_close(found, part)
