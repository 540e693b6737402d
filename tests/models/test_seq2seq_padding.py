"""What a source says never depends on what it is batched with or where its padding stands; nor does a target."""

from __future__ import annotations

import pytest
import torch

from tests.models.common import LAYOUTS, assert_close, positions
from tests.models.seq2seq import JOINTS, SOURCE_TOKENS, TARGET_TOKENS, WAYS, build_seq2seq, tokens


LENGTHS = [3, 0, 6, 1, 4]
SOURCES = tokens(LENGTHS, SOURCE_TOKENS)
TARGETS = tokens([4, 2, 1, 5, 3], TARGET_TOKENS, seed=2)
LABELS = tokens([4, 2, 1, 5, 3], TARGET_TOKENS, seed=3)


def laid_out(texts: list[torch.Tensor], layout: str, number: int) -> tuple[torch.Tensor, torch.Tensor, list]:
    """Ids and mask (batch, time), any token at the padding, and where each text's tokens stand."""
    places, width = positions(texts, layout)
    ids = torch.randint(0, number, (len(texts), width), generator=torch.Generator().manual_seed(4))
    mask = torch.zeros_like(ids)
    for row, (text, place) in enumerate(zip(texts, places, strict=True)):
        ids[row, place], mask[row, place] = text, 1
    return ids, mask, places


def sources(layout: str) -> dict[str, torch.Tensor]:
    ids, mask, _ = laid_out(SOURCES, layout, SOURCE_TOKENS)
    return {"input_ids": ids, "attention_mask": mask}


def alone(source: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"input_ids": source.unsqueeze(0), "attention_mask": torch.ones(1, len(source), dtype=torch.long)}


def targets(layout: str = "right") -> tuple[dict[str, torch.Tensor], list]:
    """What the decoder reads, with its mask, and the labels, -100 at the padding."""
    ids, mask, places = laid_out(TARGETS, layout, TARGET_TOKENS)
    labels = torch.full_like(ids, -100)
    for row, (label, place) in enumerate(zip(LABELS, places, strict=True)):
        labels[row, place] = label
    return {"decoder_input_ids": ids, "decoder_attention_mask": mask, "labels": labels}, places


def gradient(model, loss: torch.Tensor) -> torch.Tensor:
    parts = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in parts])


def each_alone(model) -> tuple[list, torch.Tensor]:
    """The logits of each pair (target, tokens), and the sum of all losses."""
    outputs = [
        model(
            **alone(source),
            decoder_input_ids=target.unsqueeze(0),
            labels=label.unsqueeze(0),
            num_items_in_batch=1,
            output_attentions=True,
        )
        for source, target, label in zip(SOURCES, TARGETS, LABELS, strict=True)
    ]
    return outputs, sum(each.loss for each in outputs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_alone_equals_in_a_batch(family, joint, dtype):
    model = build_seq2seq(family, joint).to(dtype)
    expected, loss = each_alone(model)
    assert all(torch.isfinite(each.logits).all() for each in expected)
    wanted = gradient(model, loss)
    written, places = targets()
    for layout in LAYOUTS:
        outputs = model(**sources(layout), **written, num_items_in_batch=1)
        for row, place in enumerate(places):
            assert_close(outputs.logits[row, place], expected[row].logits[0], f"logits, {layout}")
        assert_close(outputs.loss, loss, f"loss, {layout}")
        assert_close(gradient(model, outputs.loss), wanted, f"gradient, {layout}")


@pytest.mark.parametrize("joint", JOINTS)
def test_a_target_with_a_mask_is_read_wherever_its_tokens_stand(joint):
    model = build_seq2seq("lstm", joint)
    expected, loss = each_alone(model)
    for layout in LAYOUTS:
        written, places = targets(layout)
        outputs = model(**sources("left"), **written, num_items_in_batch=1, use_cache=True)
        for row, place in enumerate(places):
            assert_close(outputs.logits[row, place], expected[row].logits[0], f"logits, {layout}")
            for layer, own in zip(outputs.cache.states, expected[row].cache.states, strict=True):
                for part, own_part in zip(layer, own, strict=True):
                    assert_close(part[row], own_part[0], f"state, {layout}")
        assert_close(outputs.loss, loss, f"loss, {layout}")


@pytest.mark.parametrize("joint", WAYS)
def test_what_stands_behind_the_end_of_a_target_changes_nothing(joint):
    """Without a mask of the target everything is read, and nothing of it reaches what stands before."""
    model = build_seq2seq("gru", joint)
    written, places = targets()
    del written["decoder_attention_mask"]
    expected, loss = each_alone(model)
    outputs = model(**sources("right"), **written, num_items_in_batch=1)
    for row, place in enumerate(places):
        assert_close(outputs.logits[row, place], expected[row].logits[0])
    assert_close(outputs.loss, loss)
    assert_close(gradient(model, outputs.loss), gradient(model, loss))


@pytest.mark.parametrize("joint", JOINTS)
def test_weights_are_zero_at_the_padding_and_sum_to_one(joint):
    model = build_seq2seq("lstm", joint)
    written, _ = targets()
    for layout in LAYOUTS:
        batch = sources(layout)
        found = model(**batch, **written, output_attentions=True).cross_attentions
        if not model.config.attends:
            assert found is None
            continue
        padding = (batch["attention_mask"] == 0)[:, None, None].expand_as(found[0])
        assert not found[0][padding].any()
        totals = found[0].sum(3)
        # The second source is empty.
        assert_close(totals, torch.tensor([1.0, 0, 1, 1, 1]).double()[:, None, None].expand_as(totals))


@pytest.mark.parametrize("width", [0, 1, 3])
@pytest.mark.parametrize("joint", JOINTS)
def test_an_empty_source_has_one_finite_answer(joint, width):
    model = build_seq2seq("lstm", joint)
    empty = torch.zeros(2, width, dtype=torch.long)
    target = TARGETS[0].expand(2, -1)
    outputs = model(empty, decoder_input_ids=target, labels=LABELS[0].expand(2, -1), output_attentions=True)
    expected = model(**alone(SOURCES[1]), decoder_input_ids=TARGETS[0].unsqueeze(0)).logits
    assert_close(outputs.logits, expected.expand(2, -1, -1))
    assert torch.isfinite(gradient(model, outputs.loss)).all()
    if model.config.attends:
        assert not outputs.cross_attentions[0].any()


@pytest.mark.parametrize("joint", WAYS)
def test_padding_ids_stand_for_the_mask(joint):
    model = build_seq2seq("lstm", joint, encoder={"pad_token_id": 9})
    ids, mask, _ = laid_out([source.where(source != 9, 8) for source in SOURCES], "holes", SOURCE_TOKENS)
    ids[mask == 0] = 9
    written, _ = targets()
    expected = model(ids, mask, **written).logits
    assert torch.equal(model(ids, **written).logits, expected)
    assert torch.equal(model(ids, mask.bool(), **written).logits, expected)
    as_bool = {**written, "decoder_attention_mask": written["decoder_attention_mask"].bool()}
    assert torch.equal(model(ids, mask, **as_bool).logits, expected)
    bare = build_seq2seq("lstm", joint, encoder={"pad_token_id": None})
    assert torch.equal(bare(ids, **written).logits, bare(ids, torch.ones_like(ids), **written).logits)
    assert not torch.allclose(bare(ids, **written).logits, bare(ids, mask, **written).logits)


@pytest.mark.parametrize("joint", JOINTS)
@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_encoder_outputs_that_are_given_equal_those_that_are_computed(family, joint):
    model = build_seq2seq(family, joint)
    batch, (written, _) = sources("holes"), targets()
    expected = model(**batch, **written)
    read = model.get_encoder()(**batch)
    for given in (read, dict(read)):
        for mask in (batch["attention_mask"], None):
            outputs = model(encoder_outputs=given, attention_mask=mask, **written)
            assert torch.equal(outputs.logits, expected.logits) and torch.equal(outputs.loss, expected.loss)


@pytest.mark.parametrize("garbage", [float("nan"), float("inf")])
@pytest.mark.parametrize("joint", JOINTS)
def test_garbage_at_the_padding_of_inputs_embeds_changes_nothing(joint, garbage):
    model = build_seq2seq("gru", joint)
    batch, (written, _) = sources("holes"), targets("left")
    mask, read = batch["attention_mask"], written.pop("decoder_input_ids")
    clean = model.get_encoder().network.get_input_embeddings()(batch["input_ids"]).detach()
    own = model.get_input_embeddings()(read).detach()
    results = []
    for fill in (0.0, garbage):
        source = clean.masked_fill(mask[:, :, None] == 0, fill)
        target = own.masked_fill(written["decoder_attention_mask"][:, :, None] == 0, fill)
        outputs = model(inputs_embeds=source, attention_mask=mask, decoder_inputs_embeds=target, **written)
        results.append((outputs.loss, gradient(model, outputs.loss)))
    for found, expected in zip(*results, strict=True):
        assert torch.isfinite(expected).all() and torch.equal(found, expected)
    assert_close(results[0][0], model(**batch, decoder_input_ids=read, **written).loss)
