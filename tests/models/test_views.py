"""Tests of hf_rnn/models/views.py, and of the encoder that takes the mean over views."""

from __future__ import annotations

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError

from hf_rnn.models.configuration_conv import ConvEncoderConfig
from hf_rnn.models.modeling_conv import ConvEncoderModel
from hf_rnn.models.views import RANGES, affine_map, view_maps, views_of


def encoder(views: int) -> ConvEncoderModel:
    torch.manual_seed(0)
    sizes = {"image_size": 12, "hidden_sizes": [4, 5], "kernel_sizes": [3, 2], "pool_sizes": [2, 1], "output_size": 6}
    return ConvEncoderModel(ConvEncoderConfig(**sizes, num_channels=3, views=views)).eval()


def drawings(count: int = 3) -> torch.Tensor:
    pictures = torch.ones(count, 3, 12, 12)
    pictures[..., 3:9, 3:9] = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    return pictures


def test_the_first_view_is_the_picture_and_the_others_are_near_and_differ() -> None:
    maps = view_maps(40)
    assert torch.equal(maps[0], torch.eye(3)[:2]) and torch.equal(maps[:7], view_maps(7))
    assert len(torch.unique(maps, dim=0)) == 40
    shifts, parts = maps[:, :, 2], maps[:, :, :2]
    assert shifts.abs().max() <= RANGES[-1]
    # By the determinant, the area changes by the scales alone, but for the product of the shears.
    assert ((torch.linalg.det(parts) - 1).abs() < (1 + RANGES[3]) ** 2 * (1 + RANGES[1] ** 2) - 1).all()
    # Spread evenly: the middle is that of the ranges.
    assert maps[1:].mean(0) == pytest.approx(torch.eye(3)[:2].numpy(), abs=0.03)
    assert (shifts.amax(0) > 0.8 * RANGES[-1]).all() and (shifts.amin(0) < -0.8 * RANGES[-1]).all()


@pytest.mark.parametrize(
    ("given", "point", "expected"),
    [
        ({"angle": torch.pi / 2}, (1.0, 0.0), (0.0, 1.0)),
        ({"shear_x": 0.5}, (0.0, 1.0), (0.5, 1.0)),
        ({"shear_y": 0.5}, (1.0, 0.0), (1.0, 0.5)),
        ({"scale_x": 0.1, "scale_y": -0.2}, (1.0, 1.0), (1.1, 0.8)),
        ({"shift_x": 0.3, "shift_y": 0.4}, (0.0, 0.0), (0.3, 0.4)),
        # Scaled to (2, 0), sheared to (2, 1), turned to (-1, 2), and shifted.
        ({"scale_x": 1.0, "shear_y": 0.5, "angle": torch.pi / 2, "shift_x": 0.5}, (1.0, 0.0), (-0.5, 2.0)),
    ],
)
def test_a_map_scales_shears_turns_and_shifts(given: dict, point: tuple, expected: tuple) -> None:
    mapped = affine_map(**given) @ torch.tensor([*point, 1.0])
    assert mapped.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_view_is_the_picture_at_the_mapped_coordinates() -> None:
    # Bilinear interpolation is exact on a slope; paper of 0 lies around it.
    line = (torch.arange(20) + 0.5) / 10 - 1
    slope = (2 * line[:, None] + line[None, :])[None, None]
    views = views_of(slope, 6)
    assert torch.equal(views[:1], slope)
    for view, affine in zip(views[:, 0], view_maps(6), strict=True):
        for row in (7, 10, 12):
            for column in (6, 9, 13):
                x, y = affine @ torch.tensor([line[column], line[row], 1.0])
                assert view[row, column] == pytest.approx(float(2 * y + x), abs=1e-5)


def test_beyond_the_edge_is_paper() -> None:
    blank = torch.tensor([0.2, 0.9]).view(2, 1, 1, 1).expand(2, 3, 12, 12)
    assert torch.allclose(views_of(blank, 5), blank.repeat(5, 1, 1, 1))


def test_the_vector_is_the_mean_over_the_views_whatever_the_batch() -> None:
    pictures = drawings()
    alone, together = encoder(1), encoder(4)
    by_hand = torch.stack([alone(view).pooler_output for view in views_of(pictures, 4).split(len(pictures))]).mean(0)
    found = together(pictures)
    assert torch.allclose(found.pooler_output, by_hand, atol=1e-6)
    assert not torch.allclose(found.pooler_output, alone(pictures).pooler_output, atol=1e-3)
    assert torch.allclose(found.last_hidden_state, alone(pictures).last_hidden_state, atol=1e-6)
    assert torch.allclose(together(pictures[1:2]).pooler_output, found.pooler_output[1:2], atol=1e-6)


def test_training_reads_the_picture_alone() -> None:
    pictures = drawings()
    assert torch.equal(encoder(4).train()(pictures).pooler_output, encoder(1).train()(pictures).pooler_output)


def test_no_views_are_refused() -> None:
    with pytest.raises(StrictDataclassClassValidationError, match="`views` is 0"):
        ConvEncoderConfig(views=0)
