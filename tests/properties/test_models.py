"""What a model says of a text never depends on its padding, its neighbours, their order, or how it is cut up."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, PreTrainedModel

from tests.models.common import VOCAB_SIZE, assert_close
from tests.properties.generating import generated
from tests.properties.models import WIDTHS, Batch, answer, batches, by_path, models, paths


@pytest.mark.reliability(
    section="Properties",
    fault="Any text of any model in a batch with other texts, any amount of padding on either side or in between",
    mutation="the mean over the padded width",
)
@generated(40, 1200, model=models(), batch=batches(), path=paths())
def test_padding_and_neighbours_change_nothing(model: PreTrainedModel, batch: Batch, path: str | None) -> None:
    with by_path(path):
        steps, whole = answer(model, batch.inputs)
        for index, place in enumerate(batch.places):
            alone_steps, alone_whole = answer(model, batch.row(index))
            if steps is not None:
                assert_close(steps[index, place], alone_steps[0, : len(place)], f"the steps of text {index}")
            if whole is not None:
                assert_close(whole[index], alone_whole[0], f"text {index}")


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[Batch, list[int]]:
    batch = draw(batches(max_batch=6))
    return batch, draw(st.permutations(range(len(batch.texts))))


@pytest.mark.reliability(
    section="Properties",
    fault="The texts of a batch in any order",
    mutation="lengths that are sorted beside rows that are not",
)
@generated(25, 800, model=models(), drawn=shuffled(), path=paths())
def test_the_order_of_a_batch_changes_nothing(
    model: PreTrainedModel, drawn: tuple[Batch, list[int]], path: str | None
) -> None:
    batch, order = drawn
    with by_path(path):
        original = answer(model, batch.inputs)
        permuted = answer(model, {name: values[order] for name, values in batch.inputs.items()})
    mask = batch.inputs["attention_mask"][order].bool()
    for is_of_steps, before, after in zip((True, False), original, permuted, strict=True):
        if before is not None:
            before = before[order]
            assert_close(after[mask], before[mask]) if is_of_steps else assert_close(after, before)


@st.composite
def chunks(draw: st.DrawFn) -> list[Batch]:
    """A few texts in successive pieces, each piece a batch with padding of its own."""
    size = draw(st.integers(1, 4))
    pieces = batches(max_batch=size, max_length=5, max_padding=3).filter(lambda batch: len(batch.texts) == size)
    return draw(st.lists(pieces, min_size=1, max_size=4))


def together(pieces: list[Batch]) -> dict[str, torch.Tensor]:
    """The pieces side by side: their padding stands between the tokens."""
    return {name: torch.cat([piece.inputs[name] for piece in pieces], dim=1) for name in pieces[0].inputs}


@pytest.mark.reliability(
    section="Properties",
    fault="Texts read in pieces of any length, the state carried from each to the next",
    mutation="the state that is given left out",
)
@generated(30, 800, model=models("encoder", one_way=True), pieces=chunks(), path=paths())
def test_in_pieces_is_as_in_one(model: PreTrainedModel, pieces: list[Batch], path: str | None) -> None:
    with by_path(path), torch.no_grad():
        whole = model(**together(pieces), use_cache=True)
        state, steps = None, []
        for piece in pieces:
            output = model(**piece.inputs, cache=state, use_cache=True)
            state = output.cache
            steps.append(output.last_hidden_state)
    mask = together(pieces)["attention_mask"].bool()
    assert_close(torch.cat(steps, dim=1)[mask], whole.last_hidden_state[mask])
    for actual, wanted in zip(state.states, whole.cache.states, strict=True):
        for part, wanted_part in zip(actual, wanted, strict=True):
            assert_close(part, wanted_part)


@st.composite
def language_models(draw: st.DrawFn) -> PreTrainedModel:
    from transformers import AutoConfig

    sizes = {"embedding_size": 4, "hidden_sizes": draw(st.lists(WIDTHS, min_size=1, max_size=2))}
    config = AutoConfig.for_model(
        draw(st.sampled_from(["lstm", "gru", "elman"])),
        vocab_size=VOCAB_SIZE,
        one_hot_input=draw(st.booleans()),
        **sizes,
    )
    torch.manual_seed(draw(st.integers(0, 999)))
    return AutoModelForCausalLM.from_config(config).double().eval()


@pytest.mark.reliability(
    section="Properties",
    fault="Language models that read a token at a time, or in pieces of any length",
    mutation="the state that is given left out",
)
@generated(20, 500, model=language_models(), pieces=chunks())
def test_what_comes_next_is_the_same_in_pieces(model: PreTrainedModel, pieces: list[Batch]) -> None:
    with torch.no_grad():
        whole = model(**together(pieces)).logits
        state, found = None, []
        for piece in pieces:
            output = model(**piece.inputs, cache=state, use_cache=True)
            state = output.cache
            found.append(output.logits)
    mask = together(pieces)["attention_mask"].bool()
    assert_close(torch.cat(found, dim=1)[mask], whole[mask])
