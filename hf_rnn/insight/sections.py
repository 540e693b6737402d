"""The sections of a report: which insight, how much of the text, what it shows and how to read it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel

from .alignment import alignment_weights, written_text
from .attention import attention_weights
from .contributions.targets import predicted_labels
from .contributions.tokens import token_contributions
from .evaluation import evaluation_mode
from .gradients.text import text_gradient_flow
from .lattice import tag_lattice
from .neighbours import EmbeddingTable, known_words, table_and_words
from .page import Picture, Question, Section, Table
from .reading import read
from .shared import shared_tokens
from .states import gate_activations
from .steps import NotApplicableError, label_names
from .streaming import next_tokens, reading_curve


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["SECTIONS"]


# How many of a text's first tokens are shown.
IN_CONTRIBUTIONS, IN_HEAT_MAPS, IN_FLOW, IN_ATTENTION, IN_LATTICE = 500, 64, 200, 200, 60
# How many tagged words are listed, and of how many contributions are shown.
TAGGED, EXPLAINED = 200, 4
NEIGHBOURS, NEIGHBOURING_WORDS = 6, 12


# What integrated gradients do not say of a classifier that reads pairs together.
OVERLAP_STAYS = (
    "That two texts share a token counts beside its vector, and is in the score without words, too: see What both "
    "texts share."
)


def answer(question: Question) -> Section:
    """Labels and their probabilities, how alike two texts are, or tags."""
    if question.kind == "language model":
        raise NotApplicableError("a language model answers with the next token, which has a section of its own.")
    if question.kind == "tagger":
        return _tags(question)
    if question.kind == "encoder-decoder":
        return _written(question)
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


def _written(question: Question) -> Section:
    found = written_text(question.model, question.tokenizer, question.text)
    return Section(
        "What the model writes for all of the text, the likeliest token each time.",
        "With beams or by drawing, as the model's generation configuration may have it, it may write another.",
        tables=(Table(("read", "written"), ((question.text, found),)),),
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
    if question.kind == "encoder-decoder":
        raise NotApplicableError(
            "an encoder-decoder writes a text, and has no label to which tokens could contribute."
        )
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


def shared(question: Question) -> Section:
    """What a classifier that reads both texts together measures of the tokens that they share."""
    first, second = (*question.texts, "")[:2]
    found = shared_tokens(question.model, question.tokenizer, first, second, label=question.label)
    return Section(
        "How much of the two texts is the same, as the model measures it beside what the tokens mean, and what it "
        "would answer by that alone.",
        "A share goes from 0 to 1, a cosine from -1; weighed, a rare token counts more than a frequent one. The two "
        "scores are far apart where what stands beside what in the two texts says another thing than their words do.",
        tables=(
            Table(("measured", "share"), tuple((name, f"{value:.2f}") for name, value in found.figures.items())),
            Table(
                (f"{found.score_name} of {found.label}", ""),
                (("by what both share alone", f"{found.alone:.4f}"), ("of the model", f"{found.score:.4f}")),
            ),
            Table(
                ("tokens of both", "of the first alone", "of the second alone"), (tuple(map(" ".join, found.tokens)),)
            ),
        ),
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


def alignment(question: Question) -> Section:
    """The attention of each written token to the source."""
    found = alignment_weights(question.model, question.tokenizer, question.text)
    return Section(
        "How much of what each written token is scored from comes from each token of the source, by the weights of "
        "the attention (Bahdanau et al. 2015, figure 3).",
        "A row is a written token, a column one that was read; the darker, the more it counts, and each row adds up "
        "to 1. A state of the encoder also holds what stands around its token.",
        tables=(Table(("written", "looks at most at", "weight"), found.strongest()),),
        pictures=(_picture(found.figure(), f"Heat map of the alignment of {len(found.target)} written tokens."),),
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
    of_encoder = " of the encoder" if question.kind == "encoder-decoder" else ""
    for number, text in enumerate(question.read_texts):
        found = gate_activations(question.model, question.tokenizer, text, max_tokens=IN_HEAT_MAPS)
        totals.append(found.total_tokens)
        of_text = f" of text {number + 1}" if len(question.texts) > 1 else ""
        for layer in found.layers:
            description = f"Heat maps{of_text}: layer {layer.layer + 1}, {layer.direction}."
            pictures.append(_picture(found.figure(layer.layer, layer.direction), description))
    return Section(
        f"Every unit of each layer and direction{of_encoder} computes at every step its gates, its cell state if it "
        "has one, and its hidden state, which is the output.",
        "Each row of pixels is a unit, those that keep their state longest on top; gates go from closed (dark blue) "
        "to open (yellow), and what has a sign from blue through white to red.",
        _notes(totals, IN_HEAT_MAPS),
        pictures=tuple(pictures),
    )


def neighbours(question: Question) -> Section:
    """The words that lie near those of the text."""
    table, asked = table_and_words(question.model, question.tokenizer, question.texts)
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
    known = known_words(words, table)
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
    "What both texts share": shared,
    "Reading curve": curve,
    "Tag lattice": lattice,
    "Next token": following,
    "Attention weights": attention,
    "Alignment with the source": alignment,
    "Gradient flow": flow,
    "Neighbours in the embedding table": neighbours,
    "Gates and states": states,
}
