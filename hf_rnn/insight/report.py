"""All insights that apply to a model and a text, on one page of HTML that needs nothing from elsewhere."""

from __future__ import annotations

import base64
import platform
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..extras import require_extra
from ..runs.foreign import starts_with
from ..version import __version__
from .contributions.targets import refuse_steps
from .page import Question, Section
from .sections import SECTIONS
from .steps import NotApplicableError


__all__ = ["Report", "explain", "is_page"]


LIBRARIES = ("torch", "transformers", "captum", "matplotlib")
# How many characters of a long text the head of the page repeats.
SHOWN_CHARACTERS = 1000


@dataclass(frozen=True)
class Report:
    """Attributes:
    name: The model's.
    model_class: Such as BiLstmForSequenceClassification.
    parameters: How many it has.
    texts: The text, or the two of a pair.
    tokens: How many the tokenizer makes of each text.
    unknown: How many of these are its unknown token.
    sections: What applies, by its title.
    left_out: Title of what does not apply → why.
    date: When the report was made, ISO 8601, UTC.
    versions: Library → version.
    """

    name: str
    model_class: str
    parameters: int
    texts: tuple[str, ...]
    tokens: tuple[int, ...]
    unknown: tuple[int, ...]
    sections: dict[str, Section]
    left_out: dict[str, str]
    date: str
    versions: dict[str, str]

    def html(self) -> str:
        """The page: figures within, neither scripts nor anything that is loaded from elsewhere; for light and dark.

        Raises:
            MissingExtraError: jinja2 is not installed.
        """
        require_extra("insight", "A report", "jinja2")
        import jinja2

        environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["base64"] = lambda content: base64.b64encode(content).decode()
        template = resources.files(__package__).joinpath("templates", "report.html.jinja").read_text(encoding="utf-8")
        return environment.from_string(template).render(report=self, shown_characters=SHOWN_CHARACTERS)

    def write(self, path: str | Path) -> Path:
        """Write the page to `path`, UTF-8; missing folders are made."""
        path = Path(path)
        page = self.html()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
        return path


def is_page(path: Path) -> bool:
    """Whether a file is a page that `Report.write` wrote, of this release or of one before."""
    return any(starts_with(path, mark) for mark in (b'name="generator" content="hf_rnn"', b" explained</title>"))


def explain(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    text_pair: str | None = None,
    *,
    label: str | None = None,
    name: str | None = None,
    progress: bool = False,
) -> Report:
    """Everything that can be shown of `model` reading `text`.

    Of a long text the answer, the reading curve and the next tokens are those of all of it; of the other sections
    each says how many of its first tokens it shows, read as a text of their own.

    Args:
        model: A classifier, tagger, siamese network, language model or encoder-decoder.
        text_pair: The second text, for those that read pairs.
        label: Which label contributions and gradients are of; None: the one that the model answers.
        name: The model's, on the page; None: its class.
        progress: Whether a bar is shown, on standard error.

    Raises:
        ValueError: a text is no string or has no token but special ones, `text_pair` is missing or too much, or
            `label` is none of the model's.
        MissingExtraError: a library of the extra `insight` is not installed.
    """
    require_extra("insight", "Explaining a model")
    from tqdm.auto import tqdm

    refuse_steps(model)
    question = Question(model, tokenizer, text, text_pair, label)
    counts = [_tokens(tokenizer, given) for given in question.texts]
    sections, left_out = {}, {}
    for title, make in tqdm(SECTIONS.items(), desc="Insights", disable=not progress):
        try:
            sections[title] = make(question)
        except NotApplicableError as reason:
            left_out[title] = str(reason)
    return Report(
        name or type(model).__name__,
        type(model).__name__,
        model.num_parameters(),
        question.texts,
        tuple(number for number, _ in counts),
        tuple(unknown for _, unknown in counts),
        sections,
        left_out,
        datetime.now(UTC).isoformat(timespec="seconds"),
        _versions(),
    )


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, int]:
    # All tokens but special ones, and the unknown ones of them.
    ids: Any = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return len(ids), 0 if tokenizer.unk_token_id is None else Counter(ids)[tokenizer.unk_token_id]


def _versions() -> dict[str, str]:
    found = {"hf_rnn": __version__, "Python": platform.python_version()}
    return found | {library: metadata.version(library) for library in LIBRARIES}
