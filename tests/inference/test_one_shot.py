"""Tests of hf_rnn/inference/one_shot.py."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from hf_rnn.inference.one_shot import OneShotVerifier
from hf_rnn.metrics.few_shot import FewShotAccuracy, n_way_k_shot, pixel_nearest_neighbour
from hf_rnn.models.configuration_conv import ConvEncoderConfig
from hf_rnn.models.modeling_conv import ConvEncoderModel


# Words and their vectors: east and its kin, north, south west.
VECTORS = {
    "east": [1.0, 0.0],
    "eastish": [4.0, 3.0],
    "north": [0.0, 2.0],
    "northish": [3.0, 4.0],
    "southwest": [-1.0, -1.0],
    "nowhere": [0.0, 0.0],
}


def encode(texts: list[str]) -> torch.Tensor:
    assert isinstance(texts, list)
    return torch.tensor([VECTORS[text] for text in texts])


def verifier(similarity: str = "cosine", threshold: float | None = 0.7) -> OneShotVerifier:
    one = OneShotVerifier(encode, similarity, threshold)
    one.enrol("E", "east")
    one.enrol("N", "north")
    return one


@pytest.mark.parametrize(
    ("similarity", "east", "north"),
    [
        ("cosine", 0.8, 0.6),
        ("dot", 4, 6),
        ("euclidean", -math.sqrt(18), -math.sqrt(17)),
        ("manhattan", math.exp(-6), math.exp(-5)),
    ],
)
def test_scores_are_the_similarities(similarity, east, north):
    one = verifier(similarity, None)
    assert one.score("E", "eastish") == pytest.approx(east)
    assert one.score("N", "eastish") == pytest.approx(north)
    name, score = one.identify("eastish")
    assert (name, score) == (("E", pytest.approx(east)) if east > north else ("N", pytest.approx(north)))


def test_verify_goes_by_the_threshold():
    one = verifier()
    assert one.verify("E", "eastish") is True and one.verify("N", "eastish") is False
    exactly = verifier("dot", 4.0)
    assert exactly.verify("E", "eastish") and not exactly.verify("E", "northish")


def test_identify_names_the_nearest_or_nobody():
    one = verifier()
    assert one.identities == ["E", "N"]
    assert one.identify("northish") == ("N", pytest.approx(0.8))
    assert one.identify("southwest") is None
    assert verifier(threshold=None).identify("southwest") == ("E", pytest.approx(-math.sqrt(0.5)))
    # A zero vector is like nothing; the first of equals.
    assert verifier(threshold=0).identify("nowhere") == ("E", 0)


def test_a_model_brings_its_similarity_and_its_threshold():
    class Model:
        config = SimpleNamespace(similarity="euclidean", threshold=-1.5)

        def encode(self, texts, tokenizer=None):
            assert tokenizer == "a tokenizer"
            return encode(texts)

    one = OneShotVerifier.from_model(Model(), tokenizer="a tokenizer")
    one.enrol("E", "east")
    assert (one.similarity, one.threshold) == ("euclidean", -1.5)
    assert one.verify("E", "nowhere") and not one.verify("E", "north")


def test_images_are_given_to_the_encoder_as_a_batch():
    torch.manual_seed(0)
    model = ConvEncoderModel(
        ConvEncoderConfig(image_size=8, hidden_sizes=[3], kernel_sizes=[3], pool_sizes=[2])
    ).eval()
    images = torch.rand(2, 1, 8, 8)
    one = OneShotVerifier(lambda batch: model(batch).pooler_output, threshold=0.999)
    one.enrol(0, images[0])
    vectors = model(images).pooler_output
    assert one.score(0, images[1]) == pytest.approx(torch.cosine_similarity(vectors[:1], vectors[1:]).item(), abs=1e-6)
    assert one.verify(0, images[0])


def test_what_is_wrong_with_identities_is_named():
    one = verifier()
    with pytest.raises(ValueError, match="`identity` is 'E', which is enrolled already"):
        one.enrol("E", "north")
    assert one.score("E", "east") == pytest.approx(1)
    for ask in (one.score, one.verify):
        with pytest.raises(
            ValueError, match=r"`identity` is 'W', which is not enrolled; it may be one of \['E', 'N'\]"
        ):
            ask("W", "east")
    with pytest.raises(ValueError, match="nobody to choose from"):
        OneShotVerifier(encode).identify("east")
    with pytest.raises(ValueError, match="`threshold` is None"):
        verifier(threshold=None).verify("E", "east")
    with pytest.raises(ValueError, match="`similarity` is 'cosinus'; it may be one of 'cosine', 'dot'"):
        OneShotVerifier(encode, "cosinus")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.ones(2), r"returned shape \(2,\) for 1 examples; it must be \(1, features\)"),
        (torch.ones(2, 2), r"returned shape \(2, 2\) for 1"),
        (torch.ones(1, 3), "returned 3 features; it must be 2"),
        (torch.tensor([[0.0, math.nan]]), "NaN or infinity"),
        (torch.tensor([[0.0, math.inf]]), "NaN or infinity"),
    ],
)
def test_what_is_wrong_with_an_encoder_is_named(returned, message):
    one = verifier()
    one.encode = lambda texts: returned
    with pytest.raises(ValueError, match=message):
        one.enrol("W", "west")
    assert one.identities == ["E", "N"]


def rows(vectors: torch.Tensor) -> torch.Tensor:
    """An encoder of what are vectors already."""
    return vectors


def clusters(classes: int = 8, examples: int = 4, spread: float = 0.1) -> dict[int, torch.Tensor]:
    """Classes around the axes, far apart."""
    generator = torch.Generator().manual_seed(0)
    noise = spread * torch.randn(classes, examples, classes, generator=generator)
    return dict(enumerate(torch.eye(classes).unsqueeze(1) + noise))


@pytest.mark.parametrize("shots", [1, 3])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean", "manhattan"])
def test_classes_far_apart_are_told_apart(similarity, shots):
    found = n_way_k_shot(rows, clusters(), shots=shots, episodes=50, similarity=similarity)
    assert found == FewShotAccuracy(accuracy=1, margin=0, ways=5, shots=shots, episodes=50)


@pytest.mark.parametrize("ways", [2, 5, 8])
def test_an_encoder_that_tells_nothing_apart_is_at_chance(ways):
    found = n_way_k_shot(lambda vectors: torch.zeros(len(vectors), 3), clusters(), ways=ways, shots=2, episodes=20)
    assert found.accuracy == pytest.approx(1 / ways) and found.margin == 0


def test_the_answer_is_the_class_of_the_nearest_example():
    # On a line: a's two are 1 apart, and b's at least 3 from them, so a is always right.
    points = {"a": torch.tensor([[0.0], [1.0]]), "b": torch.tensor([[4.0], [12.0]])}
    found = n_way_k_shot(rows, points, ways=2, episodes=400, similarity="euclidean")
    # Asked about 4, with 12 known: a's known example is 3 or 4 away, b's 8: wrong. About 12, with 4 known: right.
    assert found.accuracy == pytest.approx(0.75, abs=0.04)
    # Each episode is 0.5 or 1, by a fair coin.
    assert found.margin == pytest.approx(1.96 * 0.25 / math.sqrt(400), rel=0.02)
    low, high = found.interval
    assert low < 0.75 < high and high - low == pytest.approx(2 * found.margin)


def test_more_shots_cover_more_of_a_class():
    # A class is two far-apart places; one shot shows one of them.
    points = {
        0: torch.tensor([[0.0], [0.1], [100.0], [100.1]]),
        1: torch.tensor([[40.0], [40.1], [60.0], [60.1]]),
    }
    one, three = (n_way_k_shot(rows, points, 2, shots, 200, "euclidean") for shots in (1, 3))
    assert three.accuracy == 1 and one.accuracy < 0.8


def test_what_is_asked_about_is_never_among_the_known():
    # Were it, at least the first class would always be right. So either the classes know the same point, and the
    # first one is named for both questions, or each knows the very point that the other is asked about.
    points = {0: torch.tensor([[0.0], [10.0]]), 1: torch.tensor([[0.0], [10.0]])}
    found = n_way_k_shot(rows, points, 2, 1, 400, "euclidean")
    assert found.accuracy == pytest.approx(0.25, abs=0.04)


def test_a_seed_fixes_the_episodes_and_examples_are_encoded_once():
    calls = []

    def noisy(vectors: torch.Tensor) -> torch.Tensor:
        calls.append(len(vectors))
        return vectors

    data = clusters(spread=0.6)
    first, again, other = (n_way_k_shot(noisy, data, episodes=100, seed=seed) for seed in (1, 1, 2))
    assert first == again and first != other
    assert calls == [32] * 3
    assert 0.2 < first.accuracy < 1


def test_classes_may_differ_in_size_and_hold_texts():
    words = {"E": ["east", "eastish"], "N": ["north", "north", "north"]}
    assert n_way_k_shot(encode, words, ways=2, episodes=20).accuracy == 1


def test_the_interval_stays_within_0_and_1():
    assert FewShotAccuracy(0.99, 0.05, 5, 1, 10).interval == (pytest.approx(0.94), 1)
    assert FewShotAccuracy(0.01, 0.05, 5, 1, 10).interval == (0, pytest.approx(0.06))


def test_nearest_neighbour_on_pixels():
    data = {name: vectors.view(4, 1, 2, 4) for name, vectors in clusters(spread=0.4).items()}
    found = pixel_nearest_neighbour(data, episodes=60, seed=3)
    assert found == n_way_k_shot(lambda images: images.flatten(1), data, 5, 1, 60, "euclidean", 3)
    assert 0.2 < found.accuracy < 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ways": 1}, "`ways` is 1; it must be at least 2"),
        ({"shots": 0}, "`shots` is 0; it must be at least 1"),
        ({"episodes": 1}, "`episodes` is 1; it must be at least 2"),
        ({"ways": 9}, "`examples_by_class` has 8 classes; it must have at least `ways`, 9"),
        ({"shots": 4}, "`examples_by_class` has 4 examples of 0; it must have at least 5"),
        ({"similarity": "l2"}, "`similarity` is 'l2'"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        n_way_k_shot(rows, clusters(), **options)


def test_images_of_different_shapes_are_named():
    data = {0: [torch.ones(1, 4, 4), torch.ones(1, 4, 4)], 1: [torch.ones(1, 4, 5), torch.ones(1, 4, 4)]}
    with pytest.raises(ValueError, match="different shapes"):
        pixel_nearest_neighbour(data, ways=2)
