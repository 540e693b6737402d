"""The kernels of 8 bits: whole numbers that are exact, on every kind of processor that this one can be."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from hf_rnn.kernels.build import COMPILERS, FLAGS, SOURCES
from hf_rnn.kernels.int8_binding import Int8Library
from hf_rnn.kernels.int8_layer import PackedDirection, run_int8_layer
from hf_rnn.kernels.int8_loading import int8_library
from hf_rnn.kernels.int8_packing import PANEL, PackedWeights, padded
from hf_rnn.models.steps import Steps


pytestmark = pytest.mark.skipif(int8_library() is None, reason="the kernels could not be built: no C++ compiler")
COMPILER = next(filter(None, map(shutil.which, COMPILERS)), "")
# Branch of int8_products.h → the compiler's flags, and what the processor must have.
BRANCHES = {
    "plain": (["-march=x86-64"], []),
    "avx2": (["-march=haswell"], ["avx2", "fma"]),
    "avx-vnni": (["-march=haswell", "-mavxvnni"], ["avx_vnni"]),
    "avx512-vnni": (["-march=icelake-server"], ["avx512_vnni", "avx512_vbmi2"]),
    "amx": (["-march=sapphirerapids"], ["amx_int8", "avx512_fp16"]),
}
SHAPES = [(1, 7, 5), (3, 100, 40), (4, 64, 16), (5, 1, 1), (17, 256, 80), (40, 130, 33), (13, 1000, 32), (70, 12, 48)]


def integers(library: Int8Library, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The product of whole numbers: rows that have 127 as their largest, and outputs with a scale of 1, keep them."""
    weights = PackedWeights.of(right, torch.ones(len(right)))
    return library.linear(left.float(), weights, torch.zeros(padded(len(right), PANEL)))


def drawn(rows: int, depth: int, columns: int, extreme: bool) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(rows)
    shapes = (rows, depth), (columns, depth)
    left, right = (torch.randint(-127, 128, shape, generator=random) for shape in shapes)
    left[:, 0] = 127
    if extreme:  # the largest sums of one sign, and of both
        left, right = left.sign() * 127, torch.full(shapes[1], 127)
        right[::2] = -127
        left[: rows // 2 + 1] = 127
    return left, right.to(torch.int8)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory):
    """Build the kernels of 8 bits as they are on another processor, once for each."""
    built: dict[str, Int8Library] = {}

    def library(branch: str) -> Int8Library:
        flags, needed = BRANCHES[branch]
        if platform.machine() != "x86_64" or not set(needed) <= set(Path("/proc/cpuinfo").read_text().split()):
            pytest.skip(f"the processor lacks {', '.join(needed)}")
        if branch not in built:
            target = tmp_path_factory.mktemp("int8") / f"{branch}.so"
            command = [COMPILER, *FLAGS, "-O1", *flags, str(SOURCES / "int8.cpp"), "-o", str(target)]
            subprocess.run(command, check=True, capture_output=True)
            built[branch] = Int8Library(target)
        return built[branch]

    return library


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize(("rows", "depth", "columns"), SHAPES)
def test_products_are_exact(rows, depth, columns, extreme):
    left, right = drawn(rows, depth, columns, extreme)
    exact = left.numpy().astype(np.int64) @ right.numpy().astype(np.int64).T
    found = integers(int8_library(), left, right).numpy()
    assert np.array_equal(found.astype(np.int64), exact)


@pytest.mark.parametrize("branch", BRANCHES)
def test_every_processor_gives_the_same_whole_numbers(branch, build):
    for extreme in (False, True):
        for shape in SHAPES:
            left, right = drawn(*shape, extreme)
            exact = left.numpy().astype(np.int64) @ right.numpy().astype(np.int64).T
            assert np.array_equal(integers(build(branch), left, right).numpy().astype(np.int64), exact), shape


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("kernel", ["lstm", "gru", "rnn_tanh"])
def test_every_processor_gives_the_same_layer(branch, kernel, build):
    torch.manual_seed(0)
    gates, states = {"lstm": (4, 2), "gru": (3, 1)}.get(kernel, (1, 1))
    packed = []
    for _ in range(2):
        w_x, w_h = (torch.randint(-127, 128, (gates * 19, size), dtype=torch.int8) for size in (30, 19))
        scales = torch.rand(2, gates * 19) * 0.005
        biases = torch.randn(2, gates * 19)
        packed.append(PackedDirection.of(kernel, (w_x, scales[0]), (w_h, scales[1]), *biases))
    lengths = torch.tensor([1, 4, 0, 6, 4, 3, 6])
    arguments = (packed, torch.randn(7, 6, 30), Steps.of(torch.arange(6) < lengths.unsqueeze(1), 2))
    state = tuple(torch.randn(7, 2, 19) for _ in range(states))
    expected, expected_state = run_int8_layer(int8_library(), kernel, *arguments, state)
    outputs, reached = run_int8_layer(build(branch), kernel, *arguments, state)
    for actual, wanted in zip((outputs, *reached), (expected, *expected_state), strict=True):
        assert torch.allclose(actual, wanted, rtol=0, atol=1e-6)


def test_tiny_rows_are_zeros_and_nan_goes_through():
    left = torch.tensor([[1e-38, 0.0], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0], [-3e38, 3e38]])
    weights = PackedWeights.of(torch.ones(1, 2, dtype=torch.int8), torch.ones(1))
    found = int8_library().linear(left, weights, torch.full((16,), 2.0))
    assert found[:2].tolist() == [[2.0], [2.0]]
    assert found[2:4].isfinite().sum() == 0
    assert found[2].isnan()
    assert found[4] == 2.0
