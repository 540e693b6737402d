"""Coloured text: whole, escaped, and readable from either side."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from hf_rnn.insight.contributions.coloured_text import (
    AGAINST,
    DEEPEST,
    FOR,
    coloured_figure,
    coloured_html,
    segments,
)
from hf_rnn.insight.contributions.tokens import Contributions


def contributions(*texts: str, values: list[float] | None = None, **options) -> Contributions:
    """Give each word of `texts` a contribution; by default 1, −1, 2, −2 …"""
    words = [(index, match) for index, text in enumerate(texts) for match in re.finditer(r"\S+", text)]
    given = [(-1) ** number * (1 + number // 2) for number in range(len(words))] if values is None else values
    fields = {"target": "good", "score_name": "log-odds", "score": 1.5, "baseline_score": 0.25}
    return Contributions(
        texts=texts,
        tokens=tuple(match.group() for _, match in words),
        text_index=np.array([index for index, _ in words], dtype=int),
        spans=np.array([match.span() for _, match in words], dtype=int).reshape(-1, 2),
        values=np.array(given, dtype=float),
        completeness_error=0.002,
        num_steps=50,
        **{**fields, **options},
    )


class Parsed(HTMLParser):
    """The tags of a page, each with its attributes and what is written in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.found.append((tag, dict(attributes), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for _, _, texts in self.found[-1:]:
            texts.append(data)


HOSTILE = 'a <script>alert("1")</script> & \'b\' <img src=x onerror=alert(1)> &lt; "\n tail '


def test_what_is_not_of_a_token_is_kept() -> None:
    pieces = segments(" ab  c\n", np.array([[1, 3], [5, 6]]), np.array([2.0, -1.0]))
    assert pieces == [(" ", None), ("ab", 2.0), ("  ", None), ("c", -1.0), ("\n", None)]


def test_tokens_that_share_characters_are_one_piece() -> None:
    # Four bytes of an emoji, and a token that reaches into the next character.
    spans = np.array([[0, 1], [0, 1], [0, 1], [2, 4], [3, 5], [5, 6]])
    values = np.array([1.0, 2.0, -0.5, 1.0, 1.0, 4.0])
    assert segments("😀 abcd", spans, values) == [("😀", 2.5), (" ", None), ("abc", 2.0), ("d", 4.0)]


def test_html_has_the_very_text_and_nothing_in_it_is_markup() -> None:
    page = coloured_html(contributions(HOSTILE, "other"))
    parsed = Parsed(page)
    assert {tag for tag, _, _ in parsed.found} == {"figure", "p", "span", "figcaption"}
    assert html.unescape(re.sub("<[^>]*>", "", page.split("</p>")[0])) == HOSTILE
    assert [attributes["dir"] for tag, attributes, _ in parsed.found if tag == "p"] == ["auto", "auto"]


def test_html_escapes_what_no_token_stands_for() -> None:
    found = contributions("<b> film")
    only = replace(found, spans=found.spans[1:], values=found.values[1:], text_index=found.text_index[1:])
    page = coloured_html(only)
    assert "<b>" not in page and "&lt;b&gt;" in page


def test_html_has_every_number_in_a_title_and_in_a_colour() -> None:
    parsed = Parsed(coloured_html(contributions("yes no maybe", values=[2, -1, 0])))
    tokens = {"".join(texts).strip(): attributes for tag, attributes, texts in parsed.found if "title" in attributes}
    assert {name: attributes["title"] for name, attributes in tokens.items()} == {
        "yes": "+2",
        "no": "-1",
        "maybe": "+0",
    }
    colours = {name: re.findall(r"-?[\d.]+", str(attributes["style"])) for name, attributes in tokens.items()}
    assert [float(number) for number in colours["yes"]] == [*FOR, DEEPEST]
    assert [float(number) for number in colours["no"]] == [*AGAINST, DEEPEST / 2]
    assert float(colours["maybe"][3]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "log-odds of good: 1.500; without the text 0.250. The contributions add up to +0.000, 0.2 % off."),
        ({"word": 1}, "log-odds of good at “film”: 1.500"),
        ({"score_name": "similarity", "target": "cosine"}, "cosine similarity: 1.500"),
        ({"target": "<i>"}, "log-odds of &lt;i&gt;"),
        ({"cut": True}, "The end of the text was not read."),
    ],
)
def test_the_caption(options: dict[str, object], said: str) -> None:
    assert said in coloured_html(contributions("a film", **options))


def drawn(figure) -> list[tuple[str, float, float]]:
    """Each word with its place, in the order of the lines; and the caption."""
    return [(text.get_text(), *text.get_position()) for text in figure.axes[0].texts]


def test_lines_are_filled_and_no_longer_than_the_picture() -> None:
    text = "word " * 200 + "x" * 500 + "\nlast"
    figure = coloured_figure(contributions(text))
    words = [item for item in drawn(figure) if item[0].strip() in ("word", "last") or set(item[0]) == {"x"}]
    assert sum(name == "word" for name, _, _ in words) == 200
    assert "".join(name for name, _, _ in words if set(name) == {"x"}) == "x" * 500
    renderer = figure.canvas.get_renderer()
    for item in figure.axes[0].texts:
        box = item.get_window_extent(renderer)
        assert 0 <= box.x0 and box.x1 <= figure.bbox.width, item.get_text()
        assert 0 <= box.y0 and box.y1 <= figure.bbox.height
    assert max(x for name, x, _ in words) > 7
    last = words[-1]
    assert last[0] == "last" and last[1] == pytest.approx(0.15) and last[2] > words[-2][2]


def test_text_from_the_right_runs_from_the_right() -> None:
    left, right = (drawn(coloured_figure(contributions(text))) for text in ("aa bb", "אא בב"))
    assert left[0][1] < left[2][1] and left[0][1] < 1
    assert right[0][1] > right[2][1] and right[0][1] > 8


def test_boxes_have_the_colours_of_the_values() -> None:
    boxes = list(coloured_figure(contributions("yes no", values=[2, -1])).axes[0].patches)[:2]
    assert all(isinstance(box, Rectangle) for box in boxes)
    np.testing.assert_allclose(boxes[0].get_facecolor(), [*np.array(FOR) / 255, DEEPEST])
    np.testing.assert_allclose(boxes[1].get_facecolor(), [*np.array(AGAINST) / 255, DEEPEST / 2])


@pytest.mark.filterwarnings("error")
def test_any_text_can_be_drawn_and_saved() -> None:
    figure = coloured_figure(contributions("$5 \\alpha_1 映画 👍🏽 e\u0301\x00\t|", "", values=[0] * 6))
    assert [name for name, _, _ in drawn(figure)[:3]] == ["$5", " ", "\\alpha_1"]
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    assert stream.getvalue().startswith(b"\x89PNG")


def test_of_a_long_text_the_beginning_is_drawn() -> None:
    figure = coloured_figure(contributions("a " * 700, "b " * 700))
    names = [name for name, _, _ in drawn(figure)]
    assert (names.count("a"), names.count("b")) == (700, 300)
    assert "Drawn are the first 1,000 of 1,400 tokens." in " ".join(names[-2:])
