"""Classifiers of pairs that read the two texts together: the alignment and the overlap by hand, and what they keep."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import linear, relu
from transformers import AutoModel, AutoModelForSequenceClassification, pipeline

from hf_rnn import SiameseConfig, SiameseForPairClassification, SiameseModel
from hf_rnn.data.tokenizers.pair_template import with_pair_template
from hf_rnn.models.overlap import Overlap, overlap_features, swapped
from tests.models.siamese import ENCODERS, OTHERS, TEXTS, build_siamese, encoder_config, tokenizer_of_words


COMPOSITIONS = ["recurrent", "feed-forward"]


def built(model_type: str = "bilstm", composition: str = "recurrent", **options):
    values = {"composition": composition, "num_labels": 3, **options}
    model = build_siamese(AutoModelForSequenceClassification, model_type, **values).double()
    model.together.overlap.count([[2, 3, 4], [2, 5], [6]])
    return model


def ids_of(texts: list[str]) -> list[torch.Tensor]:
    return [torch.tensor(tokenizer_of_words()(text)["input_ids"]) for text in texts]


def in_a_batch(texts: list[torch.Tensor], layout: str, width: int) -> dict[str, torch.Tensor]:
    """The texts in rows of `width`, padding on the right or on the left, or a hole behind each first token. At the
    padding stands a token of the vocabulary, which only the mask tells from a text's.
    """
    ids, mask = (torch.full((len(texts), width), value) for value in (3, 0))
    for row, text in enumerate(texts):
        places = list(range(len(text)))
        if layout == "left":
            places = [width - len(text) + place for place in places]
        elif layout == "hole":
            places = [place + (width - len(text) if place else 0) for place in places]
        ids[row, places] = text
        mask[row, places] = 1
    return {"input_ids": ids, "attention_mask": mask}


def joined(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return first | {f"{name}_b": value for name, value in second.items()}


def alone(a: torch.Tensor, b: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"input_ids": a[None], "input_ids_b": b[None]}


def states_of(model, ids: torch.Tensor) -> torch.Tensor:
    # (tokens, features) of a text by itself.
    return model.model.encoder(ids[None]).last_hidden_state[0]


def by_hand(model, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The logits of one pair, token by token, with torch's own LSTM for the composition."""
    reader = model.together.reader
    sides = states_of(model, a), states_of(model, b)
    composed = []
    for own, other in (sides, sides[::-1]):
        steps = []
        for state in own:
            exponentials = [math.exp(float(state @ each)) for each in other]
            found = sum(e * each for e, each in zip(exponentials, other, strict=True)) / sum(exponentials)
            if reader.reduction is not None:
                state, found = (linear(x, reader.reduction.weight, reader.reduction.bias) for x in (state, found))
            beside = torch.cat([state, found, state - found, state * found])
            steps.append(relu(linear(beside, reader.projection.weight, reader.projection.bias)))
        rows = torch.stack(steps)
        if model.config.composition == "recurrent":
            units = rows.shape[1] // 2
            lstm = torch.nn.LSTM(2 * units, units, bidirectional=True, batch_first=True).double()
            lstm.load_state_dict(reader.layer.cell.state_dict())
            rows = lstm(rows[None])[0][0]
        else:
            rows = relu(linear(rows, reader.layer.weight, reader.layer.bias))
        composed += [rows.mean(0), rows.max(0).values]
    u, v = model.model(a[None]).embeddings[0], model.model(b[None]).embeddings[0]
    shared = overlap_by_hand(a.tolist(), b.tolist(), model.together.overlap.idf.tolist())
    # The cosine with the zero vector, which Dan's relu may give, is 0.
    shared.append(4 * float(u @ v) / (float(u.norm() * v.norm()) or 1.0) - 2)
    features = torch.cat([u, v, (u - v).abs(), u * v, *composed, torch.tensor(shared, dtype=torch.float64)])
    first, _, last = model.together.wide
    wide = linear(relu(linear(features[-11:], first.weight, first.bias)), last.weight, last.bias)
    return linear(features, model.output.weight, model.output.bias) + wide


def overlap_by_hand(a: list[int], b: list[int], idf: list[float]) -> list[float]:
    def over(part: float, whole: float) -> float:
        return part / whole if whole else 0.0

    def weighed(tokens) -> float:
        return sum(idf[token] for token in tokens)

    def jaccard(first: set, second: set, size=len) -> float:
        return over(size(first & second), size(first | second))

    pairs_a, pairs_b = set(zip(a, a[1:], strict=False)), set(zip(b, b[1:], strict=False))
    in_b, in_a = [token for token in a if token in b], [token for token in b if token in a]
    found = [
        over(len(in_b), len(a)),
        over(len(in_a), len(b)),
        over(weighed(in_b), weighed(a)),
        over(weighed(in_a), weighed(b)),
        jaccard(set(a), set(b)),
        jaccard(set(a), set(b), weighed),
        jaccard(pairs_a, pairs_b),
        over(min(len(a), len(b)), max(len(a), len(b))),
        float(a == b),
        float(a[:1] == b[:1] != []),
    ]
    return [4 * each - 2 for each in found]


@pytest.mark.parametrize("layouts", [("right", "right"), ("left", "right"), ("hole", "left")])
@pytest.mark.parametrize("composition", COMPOSITIONS)
@pytest.mark.parametrize("model_type", ["bilstm", "gru", "dan"])
def test_logits_by_hand_whatever_a_pair_is_batched_with(model_type, composition, layouts):
    model = built(model_type, composition)
    first, second = ids_of(TEXTS), ids_of(OTHERS)
    pairs = joined(in_a_batch(first, layouts[0], 8), in_a_batch(second, layouts[1], 14))
    with torch.no_grad():
        expected = torch.stack([by_hand(model, a, b) for a, b in zip(first, second, strict=True)])
        assert (model(**pairs).logits - expected).abs().max() < 1e-10
        for row, (a, b) in enumerate(zip(first, second, strict=True)):
            assert (model(**alone(a, b)).logits[0] - expected[row]).abs().max() < 1e-10


def of_words(**options) -> SiameseForPairClassification:
    """A model whose encoder takes a step a word: tokens of an even number begin one."""
    model = built(encoder={"word_vocab_size": 3}, **options)
    embeddings = model.model.encoder.embeddings
    count = len(embeddings.token_starts)
    embeddings.set_tokens([bytes([97 + token % 26]) for token in range(count)], [t % 2 == 0 for t in range(count)])
    return model


def states_of_tokens(model, ids: torch.Tensor) -> torch.Tensor:
    # The state of its word for each token of a text; its first token begins a word in any case.
    begins = [place == 0 or token % 2 == 0 for place, token in enumerate(ids.tolist())]
    words = torch.tensor(begins).cumsum(0) - 1
    return model.model.encoder(ids[None]).last_hidden_state[0][words]


@pytest.mark.parametrize("layouts", [("right", "right"), ("left", "right"), ("hole", "left")])
def test_an_encoder_of_words_gives_each_token_the_state_of_its_word(monkeypatch, layouts):
    model = of_words()
    monkeypatch.setitem(globals(), "states_of", states_of_tokens)
    first, second = ids_of(TEXTS), ids_of(OTHERS)
    pairs = joined(in_a_batch(first, layouts[0], 8), in_a_batch(second, layouts[1], 14))
    with torch.no_grad():
        expected = torch.stack([by_hand(model, a, b) for a, b in zip(first, second, strict=True)])
        assert (model(**pairs).logits - expected).abs().max() < 1e-10


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_wide_states_are_made_narrow_before_they_are_composed(monkeypatch, composition):
    monkeypatch.setattr("hf_rnn.models.alignment.WIDEST", 5)
    model = built(composition=composition)
    assert model.together.reader.reduction is not None
    first, second = ids_of(TEXTS), ids_of(OTHERS)
    with torch.no_grad():
        expected = torch.stack([by_hand(model, a, b) for a, b in zip(first, second, strict=True)])
        found = model(**joined(in_a_batch(first, "left", 8), in_a_batch(second, "hole", 14))).logits
    assert (found - expected).abs().max() < 1e-10


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_gradients_do_not_depend_on_the_batch(composition):
    model = built("gru", composition)
    first, second = ids_of(TEXTS), ids_of(OTHERS)
    labels = torch.tensor([0, 1, 2, 0, 1])

    def gradients(*losses: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad(sum(losses), list(model.parameters()), materialize_grads=True))

    together = gradients(
        model(
            **joined(in_a_batch(first, "left", 9), in_a_batch(second, "right", 20)),
            labels=labels,
            num_items_in_batch=1,
        ).loss
    )
    apart = gradients(
        *(model(**alone(a, b), labels=label[None]).loss for a, b, label in zip(first, second, labels, strict=True))
    )
    for ours, expected in zip(together, apart, strict=True):
        assert (ours - expected).abs().max() < 1e-10


@pytest.mark.parametrize("seed", range(5))
def test_overlap_by_hand(seed):
    generator = torch.Generator().manual_seed(seed)
    texts = [[torch.randint(5, (int(n),), generator=generator) for n in (0, 1, 2, 5, 9)] for _ in range(2)]
    firsts = [a for a in texts[0] for _ in texts[1]] + texts[0]
    others = [b for _ in texts[0] for b in texts[1]] + texts[0]
    idf = torch.rand(5, generator=generator, dtype=torch.float64) + 0.1
    a, b = in_a_batch(firsts, "hole", 11), in_a_batch(others, "left", 12)
    masks = a["attention_mask"].bool(), b["attention_mask"].bool()
    found = overlap_features(a["input_ids"], b["input_ids"], *masks, idf)
    expected = [
        overlap_by_hand(first.tolist(), second.tolist(), idf.tolist())
        for first, second in zip(firsts, others, strict=True)
    ]
    assert (found - torch.tensor(expected, dtype=torch.float64)).abs().max() < 1e-12
    back = overlap_features(b["input_ids"], a["input_ids"], masks[1], masks[0], idf)
    assert torch.allclose(swapped(found), back, atol=1e-12, rtol=0)


def test_weights_of_tokens_are_inverse_document_frequencies():
    overlap = Overlap(6)
    assert not overlap.counted
    overlap.count([[1, 1, 2], [1], [3, 2], [1]])
    weights = [math.log(5 / (1 + texts)) + 1 for texts in (0, 3, 2, 1, 0, 0)]
    assert overlap.idf.tolist() == pytest.approx(weights) and overlap.counted
    overlap.resize(8)
    assert overlap.idf.tolist() == pytest.approx([*weights, weights[0], weights[0]])
    overlap.resize(3)
    assert overlap.idf.tolist() == pytest.approx(weights[:3])


def test_a_symmetric_model_gives_the_mean_of_both_orders():
    model, ordered = built(symmetric=True), built()
    ordered.load_state_dict(model.state_dict())
    first, second = in_a_batch(ids_of(TEXTS), "right", 8), in_a_batch(ids_of(OTHERS), "right", 14)
    there, back = joined(first, second), joined(second, first)
    with torch.no_grad():
        mean = (ordered(**there).logits + ordered(**back).logits) / 2
        assert (ordered(**there).logits - ordered(**back).logits).abs().max() > 1e-3
        assert (model(**there).logits - mean).abs().max() < 1e-12
        assert (model(**back).logits - mean).abs().max() < 1e-12


@pytest.mark.parametrize("model_type", ENCODERS)
def test_one_sequence_is_two_texts_and_an_empty_text_counts(model_type):
    model = built(model_type)
    tokenizer = tokenizer_of_words()
    first, second = [*TEXTS, "", "fine"], [*OTHERS, "film", ""]
    a, b = (tokenizer(texts, padding=True, return_tensors="pt") for texts in (first, second))
    expected = model(**joined(a, b)).logits
    found = model(**with_pair_template(tokenizer)(first, second, padding=True, return_tensors="pt")).logits
    assert torch.isfinite(found).all()
    assert torch.allclose(found, expected, atol=1e-10)


def test_the_stock_pipeline_of_what_was_saved(tmp_path):
    model, tokenizer = built(num_labels=3).float(), with_pair_template(tokenizer_of_words())
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert isinstance(loaded, SiameseForPairClassification)
    assert torch.equal(loaded.together.overlap.idf, model.together.overlap.idf)
    classify = pipeline("text-classification", model=str(tmp_path))
    pairs = [{"text": a, "text_pair": b} for a, b in zip(TEXTS, OTHERS, strict=True)]
    expected = model(**tokenizer(TEXTS, OTHERS, padding=True, return_tensors="pt")).logits.softmax(1)
    for answers, probabilities in zip(classify(pairs, batch_size=2, top_k=None), expected, strict=True):
        scores = {answer["label"]: answer["score"] for answer in answers}
        assert [scores[f"LABEL_{label}"] for label in range(3)] == pytest.approx(probabilities.tolist(), abs=1e-5)
    # The vectors of single texts, for a search, are those of the siamese network inside.
    encoder = AutoModel.from_pretrained(tmp_path)
    assert type(encoder) is SiameseModel
    assert torch.allclose(encoder.encode(TEXTS), model.model.encode(TEXTS, tokenizer_of_words()), atol=1e-6)


def test_graded_scores():
    model = built(num_labels=1, problem_type="regression")
    pairs = joined(in_a_batch(ids_of(TEXTS), "right", 8), in_a_batch(ids_of(OTHERS), "right", 14))
    scores = torch.tensor([0.1, 0.9, 0.5, 0.2, 1.0], dtype=torch.float64)
    with torch.no_grad():
        found = model(**pairs, labels=scores)
    assert found.logits.shape == (5, 1)
    assert float(found.loss) == pytest.approx(float((found.logits[:, 0] - scores).square().mean()))


def test_new_tokens_have_a_weight():
    model = built()
    size = model.together.overlap.idf.shape[0]
    model.resize_token_embeddings(size + 3)
    grown = torch.tensor([[size + 2, 3]])
    assert model.together.overlap.idf.shape == (size + 3,)
    assert torch.isfinite(model(input_ids=grown, input_ids_b=grown).logits).all()


def test_a_composition_needs_tokens():
    with pytest.raises(Exception, match="`composition` is 'recurrent', and the steps of the encoder are images"):
        SiameseConfig(encoder={"model_type": "conv-encoder"}, composition="recurrent")
    SiameseConfig(encoder=encoder_config("bilstm"), composition="recurrent")
