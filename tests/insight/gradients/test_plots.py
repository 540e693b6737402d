"""Gradient flow as pictures: every line is there, on a logarithmic scale, without a display."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from hf_rnn.insight import plot_gradient_flow
from hf_rnn.insight.gradients.flow import GradientFlow
from hf_rnn.insight.gradients.plots import draw_gradient_flow


def flow(layers: int, directions: int, cell: bool = False, scale: float = 1.0) -> GradientFlow:
    """Two sequences of three steps, the second without the last; each layer and direction has norms of its own."""
    hidden = scale * (1 + torch.arange(layers * directions * 6).double().view(layers, directions, 2, 3))
    hidden[..., 1, 2] = math.nan
    return GradientFlow(0.5, hidden, 10 * hidden if cell else None, {"weight": 1.0})


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []
    savefig = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), savefig(self, *a, **k))[1])
    return figures


def test_a_line_for_each_model_and_direction_a_panel_for_each_layer(tmp_path: Path, drawn: list[Figure]) -> None:
    flows = {"one": flow(1, 1), "two": flow(2, 2, cell=True)}
    path = plot_gradient_flow(flows, tmp_path / "plots" / "flow.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    first, second = drawn[0].axes
    assert (first.get_yscale(), first.get_xlabel()) == ("log", "step $t$")
    assert "h_t" in first.get_ylabel()
    assert (first.get_title(), second.get_title()) == ("layer 1", "layer 2")
    of_first = {line.get_label(): line for line in first.lines}
    assert list(of_first["one"].get_xdata()) == [1, 2, 3]
    assert list(of_first["one"].get_ydata()) == [2.5, 3.5, 3.0]
    assert list(of_first["two, backward"].get_ydata()) == [8.5, 9.5, 9.0]
    assert "two, $c_t$" in of_first
    dotted = [list(line.get_ydata()) for line in first.lines if line.get_linestyle() == ":" and len(line.get_xdata())]
    assert dotted == [[25.0, 35.0, 30.0], [85.0, 95.0, 90.0]]
    of_second = {line.get_label(): line for line in second.lines}
    assert "one" not in of_second
    assert list(of_second["two"].get_ydata()) == [14.5, 15.5, 15.0]
    assert of_second["two"].get_color() == of_first["two"].get_color() != of_first["one"].get_color()


def test_zero_and_infinity_are_gaps() -> None:
    axes = Figure().subplots()
    gone = flow(1, 1)
    gone.hidden[..., 0], gone.hidden[..., 1] = 0, math.inf
    draw_gradient_flow(axes, {"gone": gone})
    shown = axes.lines[0].get_ydata()
    assert torch.as_tensor(shown).isnan().tolist() == [True, True, False]


def test_no_flow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`flows` is empty"):
        plot_gradient_flow({}, tmp_path / "flow.png")


def test_matplotlib_comes_with_the_first_picture() -> None:
    code = (
        "import sys, hf_rnn\n"
        "hf_rnn.training.plot_gradient_flow\n"
        "from hf_rnn.benchmark import gradient_flow\n"
        "print('matplotlib' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
