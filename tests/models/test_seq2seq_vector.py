"""One to many: a vector or the maps of an image go through an encoder without a recurrence, and the bridge."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoModel

from hf_rnn import ConvEncoderConfig, ConvEncoderModel, GruEncoderDecoderConfig, GruForSeq2SeqLM
from tests.models.common import assert_close, perturbed
from tests.models.seq2seq import JOINTS, STEPS, TARGET_TOKENS, build_seq2seq, tokens
from tests.models.test_seq2seq_generation import MODES, assert_scores, write


FEATURES, COUNT = 5, 4
AS_GIVEN = {
    "model_type": "dan",
    "vocab_size": None,
    "pad_token_id": None,
    "embedding_size": FEATURES,
    "bidirectional": False,
    "num_hidden_layers": 0,
}
LABELS = torch.stack(tokens([3] * COUNT, TARGET_TOKENS, seed=2))
# "dot" compares what is as wide as the decoder's states.
ATTENDING = [joint for joint in JOINTS if "vector" not in joint and "dot" not in joint]
TOGETHER = ["vector", "vector-each-step", *ATTENDING]


def build(family: str = "lstm", joint: str = "vector", **options):
    """A model whose source is vectors as they are given."""
    return build_seq2seq(family, joint, encoder=AS_GIVEN, **options)


def vectors(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def sets() -> dict[str, torch.Tensor]:
    """Sources of one to four vectors, with noise at the padding."""
    mask = torch.tensor([[1, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 1, 1]])
    return {"inputs_embeds": vectors(COUNT, 4), "attention_mask": mask}


def pictures(count: int = COUNT) -> torch.Tensor:
    return torch.rand(count, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(6))


def image_encoder() -> ConvEncoderModel:
    config = ConvEncoderConfig(
        image_size=8, hidden_sizes=[3, FEATURES], kernel_sizes=[3, 3], pool_sizes=[2, 2], output_size=FEATURES
    )
    return perturbed(AutoModel, config, seed=0)


def seen(encoder: ConvEncoderModel, images: torch.Tensor, attends: bool) -> torch.Tensor:
    """The images' positions, or their vectors as sources of one step, (batch, steps, features)."""
    found = encoder(images)
    return found.last_hidden_state.flatten(2).transpose(1, 2) if attends else found.pooler_output.unsqueeze(1)


@pytest.mark.parametrize("joint", TOGETHER)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_the_decoder_starts_from_the_bridge_over_the_vector(family: str, joint: str) -> None:
    model, vector = build(family, joint), vectors(COUNT)
    wanted = []
    for layer in model.get_encoder().bridge.layers:
        h, *c = layer
        wanted += [torch.tanh(vector @ h.weight.T + h.bias), *(vector @ each.weight.T + each.bias for each in c)]
    assert len(wanted) == 2 * STEPS[family][1]
    read = model.get_encoder()(inputs_embeds=vector.unsqueeze(1))
    assert_close(read.initial_state, torch.cat(wanted, 1))
    assert_close(read.pooler_output, vector)
    assert torch.equal(read.last_hidden_state, vector.unsqueeze(1))
    # Nothing else of the source reaches the first layer's state than what it starts from.
    if joint == "vector":
        table, layer = model.get_input_embeddings().weight, model.model.decoder.layers[0]
        reached = model(inputs_embeds=vector.unsqueeze(1), decoder_input_ids=LABELS[:, :1], use_cache=True).cache
        step, parts = STEPS[family]
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        weights = [getattr(layer.cell, name) for name in names]
        for row in range(COUNT):
            state = step(table[LABELS[row, 0]], [part[row] for part in wanted[:parts]], *weights)
            for part, own in zip(reached.states[0], state, strict=True):
                assert_close(part[row, 0], own)


@pytest.mark.parametrize("joint", TOGETHER)
def test_a_source_is_a_set_that_knows_nothing_of_its_batch(joint: str) -> None:
    model, batch = build("gru", joint), sets()
    together = model(**batch, labels=LABELS).logits
    for row in range(COUNT):
        kept = batch["inputs_embeds"][row][batch["attention_mask"][row].bool()]
        for given in (kept, kept.flip(0)):
            alone = model(inputs_embeds=given.unsqueeze(0), labels=LABELS[row : row + 1]).logits
            assert_close(alone[0], together[row])


@pytest.mark.parametrize("mode", [mode for mode, options in MODES.items() if not options["do_sample"]])
@pytest.mark.parametrize("joint", ["vector", *ATTENDING])
def test_what_is_written_of_a_set_depends_on_the_set_alone(joint: str, mode: str) -> None:
    options, model, batch = MODES[mode], build("lstm", joint), sets()
    written, found = write(model, batch, **options)
    assert len(written.unique(dim=0)) > 1
    copies = len(written) // COUNT
    for row in range(COUNT):
        kept = batch["inputs_embeds"][row][batch["attention_mask"][row].bool()].unsqueeze(0)
        alone, own = write(model, {"inputs_embeds": kept}, **options)
        rows = slice(row * copies, (row + 1) * copies)
        assert torch.equal(written[rows, : alone.shape[1]], alone)
        if "sequences_scores" in found:
            assert_scores(found.sequences_scores[rows], own.sequences_scores)
    given = {"encoder_outputs": model.get_encoder()(**batch), "attention_mask": batch["attention_mask"]}
    assert torch.equal(write(model, given, **options)[0], written)


@pytest.mark.parametrize("joint", ["vector", "general-None", "additive-context"])
def test_gradients_reach_the_image_encoder(joint: str) -> None:
    """Along any direction of its weights, the gradient is the difference quotient of the loss."""
    model, encoder = build("gru", joint), image_encoder()
    parameters = {name: each for name, each in encoder.named_parameters() if joint == "vector" or "dense" not in name}

    def loss(change: float, direction: dict[str, torch.Tensor]) -> torch.Tensor:
        moved = {name: each + change * direction[name] for name, each in parameters.items()}
        found = torch.func.functional_call(encoder, moved, (pictures(),))
        maps, vector = found.last_hidden_state.flatten(2).transpose(1, 2), found.pooler_output.unsqueeze(1)
        return model(inputs_embeds=maps if model.config.attends else vector, labels=LABELS).loss

    torch.manual_seed(1)
    direction = {name: torch.randn_like(each) for name, each in parameters.items()}
    gradients = torch.autograd.grad(loss(0.0, direction), list(parameters.values()))
    assert all(gradient.abs().max() > 1e-6 for gradient in gradients)
    along = sum((gradient * direction[name]).sum() for name, gradient in zip(parameters, gradients, strict=True))
    with torch.no_grad():
        quotient = (loss(1e-6, direction) - loss(-1e-6, direction)) / 2e-6
    assert along.item() == pytest.approx(quotient.item(), rel=1e-5)


@pytest.mark.parametrize("joint", ["vector", "general-attended"])
def test_beams_of_pictures_do_not_depend_on_the_batch(joint: str) -> None:
    model, encoder = build("gru", joint), image_encoder()
    images, options = pictures(), {"do_sample": False, "num_beams": 3}
    with torch.no_grad():
        written, _ = write(model, {"inputs_embeds": seen(encoder, images, model.config.attends)}, **options)
        assert len(written.unique(dim=0)) > 1
        for row in range(COUNT):
            one = seen(encoder, images[row : row + 1], model.config.attends)
            assert torch.equal(write(model, {"inputs_embeds": one}, **options)[0][0], written[row])


@pytest.mark.parametrize(("bridge", "learns"), [("dense", True), ("none", False)])
def test_vectors_are_spelt_by_what_the_bridge_brings(bridge: str, learns: bool) -> None:
    """Give each one-hot vector a target of its own; a decoder that starts from zeros writes one for all."""
    torch.manual_seed(0)
    encoder = {**AS_GIVEN, "embedding_size": 8}
    decoder = {"vocab_size": TARGET_TOKENS, "embedding_size": 8, "hidden_size": 32}
    config = GruEncoderDecoderConfig(
        encoder=encoder, decoder=decoder, attention=None, bridge=bridge, decoder_start_token_id=1
    )
    model = GruForSeq2SeqLM(config)
    source, labels = torch.eye(8).unsqueeze(1), torch.stack(tokens([4] * 8, TARGET_TOKENS, seed=3))
    assert len(labels.unique(dim=0)) == 8
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        model(inputs_embeds=source, labels=labels).loss.backward()
        optimizer.step()
    written = model.eval().generate(inputs_embeds=source, max_new_tokens=4, do_sample=False)[:, 1:]
    right = (written == labels).all(1).float().mean()
    assert right == 1 if learns else right <= 1 / 8
    reached = functional.cross_entropy(model(inputs_embeds=source, labels=labels).logits.transpose(1, 2), labels)
    assert (reached < 0.1) == learns


@pytest.mark.parametrize("joint", ["vector", "general-attended"])
def test_a_folder_gives_back_a_model_of_vectors(joint: str, tmp_path: Path) -> None:
    model = build("gru", joint)
    model.save_pretrained(tmp_path)
    loaded = GruForSeq2SeqLM.from_pretrained(tmp_path)
    assert torch.equal(loaded(**sets(), labels=LABELS).logits, model(**sets(), labels=LABELS).logits)
