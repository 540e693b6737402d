"""The sections of a report: which insight, how much of the text, what it shows and how to read it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.modeling_siamese import SiamesePreTrainedModel
from .attention import attention_weights
from .contributions.targets import predicted_labels
from .contributions.tokens import token_contributions
from .evaluation import evaluation_mode
from .gradients.text import text_gradient_flow
from .lattice import tag_lattice
from .neighbours import EmbeddingTable, embedding_table, one_token_words
from .reading import read
from .states import gate_activations
from .steps import NotApplicableError, label_names, read_text
from .streaming import next_tokens, reading_curve


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["SECTIONS", "Picture", "Question", "Section", "Table"]


# How many of a text's first tokens are shown.
IN_CONTRIBUTIONS, IN_HEAT_MAPS, IN_FLOW, IN_ATTENTION, IN_LATTICE = 500, 64, 200, 200, 60
# How many tagged words are listed, and of how many contributions are shown.
TAGGED, EXPLAINED = 200, 4
NEIGHBOURS, NEIGHBOURING_WORDS = 6, 12


@dataclass(frozen=True)
class Picture:
    """A figure as PNG, with what it is in words."""

    png: bytes
    description: str


@dataclass(frozen=True)
class Table:
    """Rows of cells below a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """Attributes:
    shows: One sentence: what is shown.
    reading: One sentence: how to read it.
    note: What of the text is shown, where it is not all.
    tables, pictures, markup: The contents; markup is HTML that is escaped already.
    """

    shows: str
    reading: str
    note: str = ""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    markup: str = ""


@dataclass(frozen=True)
class Question:
    """The question to a model: its answer to a text, or to a pair of them, and why.

    Raises:
        ValueError: a text is no string or has no token but special ones; `text_pair` is missing or too much; `label`
            is none of the model's; `model` has no head.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    text: str
    text_pair: str | None = None
    label: str | None = None
    texts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        kind = self.kind
        if self.of_pairs and self.text_pair is None:
            raise ValueError(f"`text_pair` is None; a {type(self.model).__name__} compares two texts.")
        if not self.of_pairs and self.text_pair is not None:
            raise ValueError(f"`text_pair`={self.text_pair!r}: a {type(self.model).__name__} reads one text.")
        texts = (self.text,) if self.text_pair is None else (self.text, self.text_pair)
        object.__setattr__(self, "texts", texts)
        for name, given in zip(("text", "text_pair"), texts, strict=False):
            read_text(self.model, self.tokenizer, given, max_tokens=1, name=name)
            if not self.tokenizer(given, add_special_tokens=False, verbose=False)["input_ids"]:
                raise ValueError(f"`{name}`={given!r} has no token but special ones; there is nothing to explain.")
        if self.label is not None and kind != "classifier":
            raise ValueError(f"`label`={self.label!r}: a {kind} has no label of a text; it must be None.")
        names = label_names(self.model)
        if self.label is not None and self.label not in names:
            raise ValueError(f"`label`={self.label!r} must be one of {', '.join(names)}.")

    @property
    def of_pairs(self) -> bool:
        """Whether the model compares two texts."""
        return isinstance(self.model, SiamesePreTrainedModel)

    @property
    def kind(self) -> str:
        """The kind of model: "classifier", "tagger", "language model" or "siamese network", which has no labels."""
        name = type(self.model).__name__
        if name.endswith("ForTokenClassification"):
            return "tagger"
        if self.model.can_generate():
            return "language model"
        if name.endswith("Classification"):
            return "classifier"
        if self.of_pairs:
            return "siamese network"
        raise ValueError(f"`model` is a {name}; it must be a classifier, tagger, language model or siamese network.")

    def inputs(self) -> dict[str, torch.Tensor]:
        """The inputs that `model` reads, of all of the texts."""
        batch: dict[str, torch.Tensor] = {}
        for suffix, given in zip(("", "_b"), self.texts, strict=False):
            read = read_text(self.model, self.tokenizer, given)
            batch |= {f"{name}{suffix}": value for name, value in read.inputs.items()}
        return batch


# What integrated gradients do not say of a classifier that reads pairs together.
OVERLAP_STAYS = "That two texts share a token counts beside its vector: it is in the score without words, too."


def answer(question: Question) -> Section:
    """Labels and their probabilities, how alike two texts are, or tags."""
    if question.kind == "language model":
        raise NotApplicableError("a language model answers with the next token, which has a section of its own.")
    if question.kind == "tagger":
        return _tags(question)
    with torch.no_grad(), evaluation_mode(question.model):
        output: Any = question.model(**question.inputs())
    tables, similarities = [], output.get("similarities")
    if question.kind == "siamese network":
        similarities = output.logits
    else:
        tables.append(_probabilities(question.model, output.logits[0]))
    if similarities is not None:
        name = question.model.config.similarity
        tables.append(Table(("similarity", ""), ((name, f"{float(similarities[0]):.4f}"),)))
    return Section(
        "The model's answer to all of the text.",
        "Probabilities are the model's own; they are no measure of how often it is right.",
        tables=tuple(tables),
    )


def _tags(question: Question) -> Section:
    found = _tagged(question, question.text)
    shown = tuple((word, tag) for _, word, tag in found[:TAGGED])
    return Section(
        "The words that the model tags with anything but O, of all of the text.",
        "B begins an entity, I goes on with it; what comes after the dash is its type." if shown else "There is none.",
        f"Of {len(found):,} tagged words the first {TAGGED:,} are listed." if len(found) > TAGGED else "",
        tables=(Table(("word", "tag"), shown),) if shown else (),
    )


def _tagged(question: Question, text: str) -> list[tuple[int, str, str]]:
    """Number, word and tag of the words of `text` that have one."""
    reading = read(question.model, question.tokenizer, text)
    with torch.no_grad(), evaluation_mode(question.model):
        logits = question.model(**reading.inputs).logits[0]
    names = label_names(question.model)
    tags = [names[label] for label in predicted_labels(reading, logits)]
    ends = [*reading.words[1:], len(reading.spans)]
    words = [
        text[reading.spans[start][0] : reading.spans[end - 1][1]]
        for start, end in zip(reading.words, ends, strict=True)
    ]
    return [(number, word, tag) for number, (word, tag) in enumerate(zip(words, tags, strict=True)) if tag != "O"]


def _probabilities(model: PreTrainedModel, logits: torch.Tensor) -> Table:
    names, problem = label_names(model), model.config.problem_type
    if problem == "regression" or len(logits) == 1:
        return Table(
            ("output", "value"), tuple(zip(names, (f"{value:.4f}" for value in logits.tolist()), strict=True))
        )
    shares = logits.sigmoid() if problem == "multi_label_classification" else logits.softmax(0)
    order = shares.argsort(descending=True).tolist()
    return Table(("label", "probability"), tuple((names[index], f"{float(shares[index]):.4f}") for index in order))


def contributions(question: Question) -> Section:
    """Integrated gradients as coloured text."""
    if question.kind == "language model":
        raise NotApplicableError("a language model has no label of its text, to which tokens could contribute.")
    first, note = _first_characters(question, IN_CONTRIBUTIONS)
    pair = first[1] if len(first) > 1 else None
    targets: list[Any] = [question.label]
    if question.kind == "tagger":
        # The first word of each entity; where there is none, what the first word of all is tagged with.
        targets = [number for number, _, tag in _tagged(question, first[0]) if not tag.startswith("I-")] or [0]
        if len(targets) > EXPLAINED:
            note = f"{note} Of {len(targets):,} entities the first {EXPLAINED} are explained.".strip()
    found = [
        token_contributions(question.model, question.tokenizer, first[0], text_pair=pair, target=target)
        for target in targets[:EXPLAINED]
    ]
    return Section(
        "How much each token adds to the score of the label below, or takes from it, by integrated gradients "
        "(Sundararajan et al. 2017).",
        "Blue speaks for the label, orange against it; the numbers, also shown where the pointer rests on a token, "
        "add up to the score less that of a text without words.",
        note if getattr(question.model, "together", None) is None else f"{note} {OVERLAP_STAYS}".strip(),
        markup="".join(each.html() for each in found),
    )


def _first_characters(question: Question, tokens: int) -> tuple[list[str], str]:
    # The texts up to the last character of so many tokens.
    first, notes = [], []
    for text in question.texts:
        encoded: Any = question.tokenizer(text, return_offsets_mapping=True, verbose=False)
        spans = encoded["offset_mapping"]
        first.append(text if len(spans) <= tokens else text[: max(end for _, end in spans[:tokens])])
        notes.append(_note(len(spans), tokens))
    return first, " ".join(filter(None, notes))


def lattice(question: Question) -> Section:
    """The tags of a CRF."""
    found = tag_lattice(question.model, question.tokenizer, question.text, max_tokens=IN_LATTICE)
    return Section(
        "Each word has a probability for every state of the conditional random field, given the whole sentence (its "
        "marginals); the line is the most probable path of all.",
        "The darker a field, the surer the model is; where the line leaves the darkest field of a word, the rules or "
        "the transitions spoke against it.",
        _note(found.total_tokens, IN_LATTICE),
        pictures=(_picture(found.figure(), f"Tag lattice; the tags along the path are {' '.join(found.tags)}."),),
    )


def curve(question: Question) -> Section:
    """The class probabilities while reading."""
    found = reading_curve(question.model, question.tokenizer, question.text)
    last = ", ".join(f"{name} {share:.3f}" for name, share in zip(found.labels, found.probabilities[-1], strict=True))
    return Section(
        "The model's probabilities after each token, as it reads from left to right with nothing but its state kept.",
        "A jump stands at the token that changed the model's mind; the right end is its answer to the whole text.",
        pictures=(_picture(found.figure(), f"Probabilities by token; at the end {last}."),),
    )


def following(question: Question) -> Section:
    """The tokens that a language model would go on with."""
    found = next_tokens(question.model, question.tokenizer, question.text)
    return Section(
        "The most probable tokens after the end of the text, all of which was read.",
        "The longer a bar, the surer the model is of this token; ␣ is a space and ↵ the end of a line.",
        pictures=(_picture(found.figure(), "Next tokens: " + ", ".join(map(repr, found.tokens)) + "."),),
    )


def attention(question: Question) -> Section:
    """The weights of attention pooling."""
    found = [attention_weights(question.model, question.tokenizer, text, IN_ATTENTION) for text in question.texts]
    return Section(
        "How much of the vector that is classified comes from each step, by the weights of the attention pooling.",
        "The dashed line is where all bars would end if every step counted alike; a step's vector also holds what was "
        "read around it.",
        _notes([weights.total_tokens for weights in found], IN_ATTENTION),
        pictures=tuple(
            _picture(
                weights.figure(), f"Attention weights; the largest at {weights.steps[weights.weights.argmax()]!r}."
            )
            for weights in found
        ),
    )


def flow(question: Question) -> Section:
    """The reach of gradients back through time."""
    found = text_gradient_flow(
        question.model,
        question.tokenizer,
        question.text,
        text_pair=question.text_pair,
        label=question.label,
        max_tokens=IN_FLOW,
    )
    totals = [len(question.tokenizer(text, verbose=False)["input_ids"]) for text in question.texts]
    return Section(
        f"The norm of the loss's gradient at each step's hidden state (and cell state, of an LSTM), for the loss of "
        f"{found.loss_of}.",
        "What the model learns from a step vanishes where the line falls, by many powers of ten, and explodes where "
        "it rises; the scale is logarithmic, and a backward direction (dashed) reads from the right.",
        _notes(totals, IN_FLOW),
        pictures=(_picture(found.figure(), "Norms of gradients by step."),),
    )


def states(question: Question) -> Section:
    """Gates and states of every layer and direction."""
    pictures, totals = [], []
    for number, text in enumerate(question.texts):
        found = gate_activations(question.model, question.tokenizer, text, max_tokens=IN_HEAT_MAPS)
        totals.append(found.total_tokens)
        of_text = f" of text {number + 1}" if len(question.texts) > 1 else ""
        for layer in found.layers:
            description = f"Heat maps{of_text}: layer {layer.layer + 1}, {layer.direction}."
            pictures.append(_picture(found.figure(layer.layer, layer.direction), description))
    return Section(
        "Every unit of each layer and direction computes at every step its gates, its cell state if it has one, "
        "and its hidden state, which is the output.",
        "Each row of pixels is a unit, those that keep their state longest on top; gates go from closed (dark blue) "
        "to open (yellow), and what has a sign from blue through white to red.",
        _notes(totals, IN_HEAT_MAPS),
        pictures=tuple(pictures),
    )


def neighbours(question: Question) -> Section:
    """The words that lie near those of the text."""
    model, tokenizer = question.model, question.tokenizer
    reads = [read_text(model, tokenizer, text, max_tokens=1000) for text in question.texts]
    if getattr(getattr(model.config, "encoder", model.config), "word_vocab_size", None) is not None:
        asked = [step for read in reads for step in read.steps]
        table = embedding_table(model, tokenizer, [*asked, *one_token_words(model)])
    else:
        table = embedding_table(model, tokenizer)
        ids = [number for read in reads for number in read.inputs["input_ids"][0].tolist()]
        asked = [str(token) for token in tokenizer.convert_ids_to_tokens(ids)]
    chosen = _telling(asked, table)
    if not chosen:
        raise NotApplicableError("no token of the text has a vector of its own: all are unknown to the model.")
    rows = []
    for word in chosen:
        near = table.nearest(word, NEIGHBOURS)
        found = zip(near.words, near.similarities, strict=True)
        rows.append((word, ", ".join(f"{other} ({cosine:.2f})" for other, cosine in found)))
    return Section(
        f"The longest words of the text, up to {NEIGHBOURING_WORDS}, stand beside those whose vectors point most "
        "nearly the same way, with their cosine.",
        "Words that stand together are alike to the model before it has read any context; a cosine of 1 is the same "
        "direction.",
        tables=(Table(("word", "nearest words (cosine)"), tuple(rows)),),
    )


def _telling(words: Sequence[str], table: EmbeddingTable) -> list[str]:
    """The longest words with a vector, in the order of the text."""
    known = [
        word
        for word in dict.fromkeys(words)
        if word in table.rows and not table.is_zero[table.rows[word]] and any(map(str.isalnum, word))
    ]
    longest = set(sorted(known, key=len, reverse=True)[:NEIGHBOURING_WORDS])
    return [word for word in known if word in longest]


def _picture(figure: Figure, description: str) -> Picture:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return Picture(content.getvalue(), description)


def _note(total: int, shown: int) -> str:
    if total <= shown:
        return ""
    return f"The text has {total:,} tokens; shown are the first {shown:,}, read as a text of their own."


def _notes(totals: Sequence[int], shown: int) -> str:
    return " ".join(filter(None, (_note(total, shown) for total in totals)))


# The sections have the order of the page.
SECTIONS: dict[str, Callable[[Question], Section]] = {
    "Answer": answer,
    "Contributions of tokens": contributions,
    "Reading curve": curve,
    "Tag lattice": lattice,
    "Next token": following,
    "Attention weights": attention,
    "Gradient flow": flow,
    "Neighbours in the embedding table": neighbours,
    "Gates and states": states,
}
