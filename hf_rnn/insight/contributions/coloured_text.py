"""Contributions drawn as coloured text: blue speaks for the label, orange against it, and the deeper the more."""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...extras import require_extra


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure


__all__ = ["coloured_figure", "coloured_html", "segments"]


# Told apart with any kind of colour vision (Okabe & Ito 2008).
FOR, AGAINST = (0, 114, 178), (230, 159, 0)
# The opacity of the largest contribution: the text must stay readable on a light page and on a dark one.
DEEPEST = 0.65

# The figure: characters of a piece that is broken for want of a space, tokens that are drawn, and inches.
LONGEST_PIECE = 60
MAX_DRAWN = 1000
WIDTH, MARGIN, LINE, FONT_SIZE = 9.0, 0.15, 0.27, 11
CAPTION_CHARACTERS = 115

Segment = tuple[str, float | None]


class Contributed(Protocol):
    """The part of `tokens.Contributions` that is drawn."""

    @property
    def texts(self) -> tuple[str, ...]: ...

    @property
    def tokens(self) -> tuple[str, ...]: ...

    @property
    def text_index(self) -> np.ndarray: ...

    @property
    def spans(self) -> np.ndarray: ...

    @property
    def values(self) -> np.ndarray: ...

    @property
    def target(self) -> str: ...

    @property
    def score_name(self) -> str: ...

    @property
    def score(self) -> float: ...

    @property
    def baseline_score(self) -> float: ...

    @property
    def completeness_error(self) -> float: ...

    @property
    def word(self) -> int | None: ...

    @property
    def cut(self) -> bool: ...


def segments(text: str, spans: np.ndarray, values: np.ndarray) -> list[Segment]:
    """All of `text` in pieces, in its order, each with its contribution; None: what no token stands for, such as
    spaces.

    Tokens that share characters, such as the bytes of one, make one piece, whose contribution is their sum.
    """
    found: list[Segment] = []
    place = 0
    for start, end, value in _merged(spans, values):
        if start > place:
            found.append((text[place:start], None))
        found.append((text[start:end], value))
        place = end
    return [*found, (text[place:], None)] if place < len(text) else found


def _merged(spans: np.ndarray, values: np.ndarray) -> list[tuple[int, int, float]]:
    merged: list[tuple[int, int, float]] = []
    for (start, end), value in sorted(zip(spans.tolist(), values.tolist(), strict=True)):
        if merged and (start < merged[-1][1] or (start, end) == merged[-1][:2]):
            before = merged.pop()
            start, end, value = before[0], max(end, before[1]), before[2] + value
        merged.append((start, end, value))
    return merged


def coloured_html(contributions: Contributed) -> str:
    """A `<figure>` with a paragraph for each text, a legend, and the figures in words.

    It needs no style sheet, no script and nothing from elsewhere, and is readable on a light page and on a dark one.
    Each token has its contribution as its `title`, too. Texts are escaped, and run from the right where their letters
    do.
    """
    largest = _largest(contributions)
    paragraphs = [
        f'<p dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.8">{body}</p>'
        for body in ("".join(_spans(part, largest)) for part in _texts(contributions))
    ]
    steps = ", ".join(map(_rgba, (-1.0, 0.0, 1.0)))
    box = "display: inline-block; width: 8em; height: 1em; vertical-align: middle"
    bar = f'<span aria-hidden="true" style="{box}; background: linear-gradient(to right, {steps})"></span>'
    legend = f"against {-largest:+.2g} {bar} {largest:+.2g} for."
    caption = f'<figcaption dir="ltr">{legend} {html.escape(_caption(contributions))}</figcaption>'
    return f'<figure class="contributions">{"".join(paragraphs)}{caption}</figure>'


def _spans(part: list[Segment], largest: float) -> Iterator[str]:
    for piece, value in part:
        if value is None:
            yield html.escape(piece)
        else:
            # A token is not isolated from its neighbours: letters join, and words keep their order, across it.
            colour = _rgba(value / largest)
            yield f'<span title="{value:+.3g}" style="background: {colour}">{html.escape(piece)}</span>'


def _rgba(share: float) -> str:
    red, green, blue = FOR if share > 0 else AGAINST
    return f"rgba({red}, {green}, {blue}, {DEEPEST * abs(share):.3f})"


def _largest(contributions: Contributed) -> float:
    # 1 where nothing contributes: then nothing is coloured.
    drawn = [abs(value) for part in _texts(contributions) for _, value in part if value is not None]
    return max(drawn, default=0.0) or 1.0


def _texts(contributions: Contributed) -> list[list[Segment]]:
    parts = []
    for index, text in enumerate(contributions.texts):
        own = contributions.text_index == index
        parts.append(segments(text, contributions.spans[own], contributions.values[own]))
    return parts


def _caption(contributions: Contributed) -> str:
    score = f"{contributions.score_name} of {contributions.target}"
    if contributions.score_name == "similarity":
        score = f"{contributions.target} similarity"
    elif contributions.word is not None:
        score += f" at “{contributions.tokens[contributions.word]}”"
    caption = (
        f"{score}: {contributions.score:.3f}; without the text {contributions.baseline_score:.3f}. "
        f"The contributions add up to {contributions.values.sum():+.3f}, "
        f"{100 * contributions.completeness_error:.2g} % off."
    )
    return caption + (" The end of the text was not read." if contributions.cut else "")


def coloured_figure(contributions: Contributed) -> Figure:
    """The text in lines, each token on its colour, above a legend and the figures in words.

    Text whose first letter is written from the right runs from the right, word by word. A character that matplotlib's
    font does not have is drawn as □. Of a long text the first 1,000 tokens are drawn, and the caption says so.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("insight", "A text in colours", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 1.0))
    lines = _Lines(FigureCanvasAgg(figure).get_renderer())
    left, total = MAX_DRAWN, len(contributions.values)
    for part in _texts(contributions):
        shown = part[: _index_after(part, left)]
        left -= sum(value is not None for _, value in shown)
        lines.add_text(shown)
    caption = _caption(contributions)
    if total > MAX_DRAWN:
        caption += f" Drawn are the first {MAX_DRAWN:,} of {total:,} tokens."
    captions = textwrap.wrap(caption, CAPTION_CHARACTERS)
    figure.set_size_inches(WIDTH, 2 * MARGIN + LINE * (lines.count + 2 + len(captions)))
    height = figure.get_figheight()
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    largest = _largest(contributions)
    lines.draw(axes, largest)
    _draw_legend(axes, largest, MARGIN + LINE * (lines.count + 0.7), captions)
    return figure


def _index_after(part: Sequence[Segment], tokens: int) -> int:
    """The index in `part` after which it has had `tokens` tokens."""
    for index, (_, value) in enumerate(part):
        if value is not None:
            tokens -= 1
        if tokens < 0:
            return index
    return len(part)


class _Lines:
    """Pieces of text laid out in lines of the figure's width; measures are inches."""

    def __init__(self, renderer: RendererAgg) -> None:
        from matplotlib.font_manager import FontProperties, findfont, get_font

        self.renderer = renderer
        self.properties = FontProperties(size=FONT_SIZE)
        self.font = get_font(findfont(self.properties))
        self.count = 0
        self.placed: list[tuple[str, float | None, float, float, int]] = []

    def add_text(self, part: Sequence[Segment]) -> None:
        """Lay out a text below what there is."""
        if self.count:
            self._break()
        self.x, self.from_right = 0.0, _from_right("".join(piece for piece, _ in part))
        for piece, value in part:
            for line, between in enumerate(piece.split("\n")):
                if line:
                    self._break()
                for chunk in re.findall(rf"\s+|\S{{1,{LONGEST_PIECE}}}", between):
                    self._add(self._drawable(chunk), value)
        self._break()

    def _add(self, chunk: str, value: float | None) -> None:
        width = self._width(chunk)
        if self.x + width > WIDTH - 2 * MARGIN and self.x:
            self._break()
        if chunk.isspace() and not self.x:
            return
        x = WIDTH - MARGIN - self.x - width if self.from_right else MARGIN + self.x
        self.placed.append((chunk, value, x, width, self.count))
        self.x += width

    def _break(self) -> None:
        self.count, self.x = self.count + 1, 0.0

    def _width(self, chunk: str) -> float:
        width, _, _ = self.renderer.get_text_width_height_descent(chunk, self.properties, ismath=False)
        return float(width) / self.renderer.dpi

    def _drawable(self, chunk: str) -> str:
        if chunk.isspace():
            return " "
        known = [self.font.get_char_index(ord(character)) != 0 for character in chunk]
        # A character without a width of its own, such as an accent or the joiner of an emoji, goes with what it
        # belongs to.
        shown = ("" if unicodedata.category(character) in ("Mn", "Cf") else "□" for character in chunk)
        return "".join(c if found else other for c, found, other in zip(chunk, known, shown, strict=True))

    def draw(self, axes: Axes, largest: float) -> None:
        """Colours, and the text upon them."""
        for chunk, value, x, width, line in self.placed:
            y = MARGIN + LINE * line
            if value is not None:
                _draw_box(axes, x, y, width, value / largest)
            axes.text(x, y + LINE / 2, chunk, fontproperties=self.properties, va="center_baseline", parse_math=False)


def _from_right(text: str) -> bool:
    # The first character that has a direction decides, as in a paragraph with dir="auto".
    strong = (unicodedata.bidirectional(character) for character in text)
    return next((direction for direction in strong if direction in ("L", "R", "AL")), "L") != "L"


def _draw_box(axes: Axes, x: float, y: float, width: float, share: float) -> None:
    from matplotlib.patches import Rectangle

    colour = [level / 255 for level in (FOR if share > 0 else AGAINST)]
    axes.add_patch(Rectangle((x, y + 0.02), width, LINE - 0.04, color=(*colour, DEEPEST * abs(share)), linewidth=0))


def _draw_legend(axes: Axes, largest: float, y: float, captions: list[str]) -> None:
    boxes, width = 41, 1.6
    axes.text(MARGIN, y + LINE / 2, f"against {-largest:+.2g}", va="center_baseline", fontsize="small")
    for box in range(boxes):
        _draw_box(axes, MARGIN + 0.95 + box * width / boxes, y, width / boxes, 2 * box / (boxes - 1) - 1)
    axes.text(MARGIN + 1.02 + width, y + LINE / 2, f"{largest:+.2g} for", va="center_baseline", fontsize="small")
    for line, caption in enumerate(captions, start=1):
        axes.text(MARGIN, y + (line + 0.5) * LINE, caption, va="center_baseline", fontsize="small", parse_math=False)
