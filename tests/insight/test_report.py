"""The page: what is on it for which model, that it is whole and well formed, and texts that are bad."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import torch

from hf_rnn.insight import sections
from hf_rnn.insight.report import Report, explain
from hf_rnn.models.modeling_siamese import SiameseForPairClassification, SiameseModel
from tests.insight.small import TEXT, tokenizer
from tests.missing import pretend
from tests.models.common import build, build_language_model, build_tagger


VOID = {"meta", "img", "br", "hr", "link", "input"}
OF_RECURRENCE = {"Gates and states", "Neighbours in the embedding table"}


class Page(HTMLParser):
    """Every element is closed in the right order; ids, links, pictures and attributes are kept."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if "href" in named else []
        self.sources += [named["src"]] if "src" in named else []
        if tag == "img":
            assert named["alt"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page_of(report: Report) -> Page:
    html = report.html()
    page = Page(html)
    # Nothing is loaded from elsewhere, and every entry of the contents leads somewhere.
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not re.search(r"<script|<link|@import|url\(|https?://", html)
    assert len(set(page.ids)) == len(page.ids)
    assert [link.removeprefix("#") for link in page.links] == page.ids
    return page


def pair_classifier() -> SiameseForPairClassification:
    torch.manual_seed(0)
    return SiameseForPairClassification.from_encoder(build("bilstm", head=False), num_labels=2).eval()


MODELS = {
    "streaming": (lambda: build("lstm"), {"Answer", "Contributions of tokens", "Reading curve", "Gradient flow"}),
    "attention": (
        lambda: build("bilstm", pooling="attention"),
        {"Answer", "Contributions of tokens", "Attention weights", "Gradient flow"},
    ),
    "crf": (
        lambda: build_tagger("bilstm", words=False),
        {"Answer", "Contributions of tokens", "Tag lattice", "Gradient flow"},
    ),
    "softmax": (
        lambda: build_tagger("gru", "softmax", words=False),
        {"Answer", "Contributions of tokens", "Gradient flow"},
    ),
    "language": (lambda: build_language_model("gru"), {"Next token", "Gradient flow"}),
    "pairs": (pair_classifier, {"Answer", "Contributions of tokens", "Gradient flow"}),
    "similarity": (
        lambda: SiameseModel.from_encoder(build("gru", head=False)),
        {"Answer", "Contributions of tokens"},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_applies_is_on_the_page(name: str) -> None:
    make, expected = MODELS[name]
    pair = "a c e" if name in ("pairs", "similarity") else None
    report = explain(make(), tokenizer(), TEXT, pair, name="mine")
    assert set(report.sections) == expected | OF_RECURRENCE
    assert set(report.left_out) == set(sections.SECTIONS) - set(report.sections)
    page = page_of(report)
    written = "".join(page.text)
    for title, section in report.sections.items():
        assert title in written and section.shows in written and section.reading in written
    for reason in report.left_out.values():
        assert reason in written
    assert "mine explained" in written and report.date in written and f"torch {torch.__version__}" in written


def test_a_bag_of_words_says_what_it_lacks() -> None:
    report = explain(build("dan", pooling="mean"), tokenizer(), TEXT)
    assert set(report.sections) == {"Answer", "Contributions of tokens", "Neighbours in the embedding table"}
    assert report.left_out["Gates and states"] == "`model` is of type 'dan', which has no recurrence."


def test_what_the_answer_says() -> None:
    model = build("lstm", id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1})
    report = explain(model, tokenizer(), TEXT)
    with torch.no_grad():
        shares = model(tokenizer()(TEXT, return_tensors="pt").input_ids).logits[0].softmax(0)
    (table,) = report.sections["Answer"].tables
    assert dict(table.rows) == {"bad": f"{shares[0]:.4f}", "good": f"{shares[1]:.4f}"}
    assert table.rows[0][1] >= table.rows[1][1]
    for label in ("bad", "good"):
        about = explain(model, tokenizer(), TEXT, label=label).sections
        assert f"log-odds of {label}" in about["Contributions of tokens"].markup
        assert f"label {label}" in about["Gradient flow"].shows


def test_the_tags_of_the_answer_are_those_of_the_lattice() -> None:
    model = build_tagger("bilstm", words=False)
    report = explain(model, tokenizer(), TEXT)
    found = [(word, tag) for word, tag in report.sections["Answer"].tables[0].rows]
    lattice = sections.tag_lattice(model, tokenizer(), TEXT)
    expected = [(word, tag) for word, tag in zip(lattice.words, lattice.tags, strict=True) if tag != "O"]
    assert found == expected != []


def test_what_is_in_a_text_is_no_markup() -> None:
    html = explain(build("lstm"), tokenizer(), "a <script>alert(1)</script> & b", name="<b>x</b>").html()
    assert "<script" not in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>" not in html


def test_a_text_of_100_000_characters_has_bounded_sections() -> None:
    text = "a c e d b " * 10_000
    report = explain(build("lstm"), tokenizer(), text)
    assert (report.tokens, len(text)) == ((50_000,), 100_000)
    notes = {title: section.note for title, section in report.sections.items() if section.note}
    for title, shown in (("Contributions of tokens", 500), ("Gradient flow", 200), ("Gates and states", 64)):
        assert (
            notes.pop(title)
            == f"The text has 50,000 tokens; shown are the first {shown}, read as a text of their own."
        )
    assert notes == {}
    # Those read all of it.
    assert {"Answer", "Reading curve"} < set(report.sections)
    assert len(report.html()) < 3_000_000


def test_a_text_of_nothing_but_emoji() -> None:
    report = explain(build("lstm"), tokenizer(), "😀 🤖 👩‍🚀")
    assert report.unknown == report.tokens == (3,)
    assert "of which the model does not know 3" in "".join(page_of(report).text).replace("\n", " ")
    # The vector of an unknown token is no word's.
    assert "all are unknown" in report.left_out["Neighbours in the embedding table"]
    assert {"Answer", "Contributions of tokens", "Gates and states"} < set(report.sections)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("",), "`text`='' has no token"),
        (("  ",), "`text`='  ' has no token"),
        ((None,), "`text` is None; it must be a string"),
        (("a", "b"), "`text_pair`='b': a LstmForSequenceClassification reads one text"),
    ],
)
def test_bad_texts(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain(build("lstm"), tokenizer(), *arguments)


def test_bad_labels_and_models() -> None:
    with pytest.raises(ValueError, match="`label`='x' must be one of LABEL_0, LABEL_1, LABEL_2"):
        explain(build("lstm"), tokenizer(), TEXT, label="x")
    with pytest.raises(ValueError, match="`label`='O': a tagger has no label of a text"):
        explain(build_tagger("lstm"), tokenizer(), TEXT, label="O")
    with pytest.raises(ValueError, match="`text_pair` is None; a SiameseForPairClassification compares two texts"):
        explain(pair_classifier(), tokenizer(), TEXT)
    with pytest.raises(ValueError, match="`text_pair`='' has no token"):
        explain(pair_classifier(), tokenizer(), TEXT, "")
    with pytest.raises(ValueError, match="`model` is a RecurrentModel|`model` is a LstmModel"):
        explain(build("lstm", head=False), tokenizer(), TEXT)


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    report = explain(build_language_model("lstm"), tokenizer(), TEXT)
    pretend(monkeypatch, jinja2=None)
    with pytest.raises(ImportError, match=r'A report needs jinja2.*: pip install "hf_rnn\[insight\]"'):
        report.html()
    pretend(monkeypatch, matplotlib=None, captum=None)
    with pytest.raises(ImportError, match=r"Explaining a model needs captum.*, matplotlib.*: pip install"):
        explain(build_language_model("lstm"), tokenizer(), "")
