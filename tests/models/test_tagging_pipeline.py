"""The stock pipeline on raw text gives the tags that a model of words has for the same words."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    pipeline,
)

from hf_rnn.data.tokenizers.word_pieces import token_bytes, train_word_pieces, word_start


TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
SENTENCES = [
    ("Maria Souza lives in São Paulo .", "B-PER I-PER O O B-LOC I-LOC O"),
    ("In New York City , O'Brien met Maria Souza .", "O B-LOC I-LOC I-LOC O B-PER O B-PER I-PER O"),
    ("Nobody here is mentioned .", "O O O O O"),
    ("Lima Oslo Lima", "B-LOC B-LOC B-LOC"),
    ("Oslo", "B-LOC"),
]
# Of words and spellings that no vocabulary has.
UNSEEN = ["Ms Przybylski-Müller left Ouagadougou for 東京 .", "xYz-42 Zzyzx !"]
OPTIONS = [
    pytest.param({"crf": True, "label_scheme": "BIOES"}, id="bioes"),
    pytest.param({"crf": True, "label_scheme": "BIO"}, id="bio"),
    pytest.param({}, id="softmax"),
]


def build(
    options: dict[str, object], vocab_size: int = 264, others: str = ""
) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    """A tokenizer of few pieces and a model that knows `SENTENCES` by heart."""
    words = [*(text.split() for text, _ in SENTENCES), others.split()]
    tokenizer = train_word_pieces(words, vocab_size=vocab_size, min_frequency=1, show_progress=False)
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "bilstm",
        vocab_size=len(tokenizer),
        word_vocab_size=3,
        embedding_size=8,
        hidden_size=16,
        char_encoder="cnn",
        char_hidden_size=16,
        casing_features=True,
        id2label=dict(enumerate(TAGS)),
        label2id={tag: index for index, tag in enumerate(TAGS)},
        **options,
    )
    model = AutoModelForTokenClassification.from_config(config)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    model.model.embeddings.set_tokens(
        [token_bytes(token) for token in tokens], [word_start(token) for token in tokens]
    )
    model.model.embeddings.set_words(["maria", "in"])
    overfit(model, tokenizer)
    return tokenizer, model.eval()


def overfit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    batch = tokenizer(
        [text.split() for text, _ in SENTENCES], is_split_into_words=True, padding=True, return_tensors="pt"
    )
    labels = torch.full_like(batch["input_ids"], -100)
    for row, (_, tags) in enumerate(SENTENCES):
        for piece, word in enumerate(batch.word_ids(row)):
            if word is not None:
                labels[row, piece] = TAGS.index(tags.split()[word])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    model.train()
    for _ in range(60):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()


@pytest.fixture(scope="module", params=OPTIONS)
def tagger(request: pytest.FixtureRequest) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    return build(request.param)


def tags_of_words(tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel, text: str) -> list[str]:
    """Tag the words of `text`, given as words, at the first piece of each."""
    encoded = tokenizer(text.split(), is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        best = model(**encoded).logits[0].argmax(1).tolist()
    first = {word: piece for piece, word in reversed(list(enumerate(encoded.word_ids(0))))}
    return [TAGS[best[first[word]]] for word in range(len(text.split()))]


def entities(text: str, tags: list[str]) -> list[tuple[str, str]]:
    """(type, text) of each entity of strict tags in BIO."""
    found: list[tuple[str, str]] = []
    for word, tag in zip(text.split(), tags, strict=True):
        if tag[0] == "B":
            found.append((tag[2:], word))
        elif tag[0] == "I":
            found[-1] = (tag[2:], f"{found[-1][1]} {word}")
    return found


def test_the_model_has_learnt_its_sentences(tagger):
    tokenizer, model = tagger
    for text, tags in SENTENCES:
        assert tags_of_words(tokenizer, model, text) == tags.split()
    # Otherwise nothing would be shown of further pieces.
    assert len(tokenizer("Maria")["input_ids"]) > 2


@pytest.mark.parametrize("text", [text for text, _ in SENTENCES] + UNSEEN)
def test_each_piece_of_raw_text_has_the_tag_of_its_word(tagger, text):
    tokenizer, model = tagger
    tag = pipeline("token-classification", model=model, tokenizer=tokenizer, ignore_labels=[])
    expected = []
    for word, of_word in zip(text.split(), tags_of_words(tokenizer, model, text), strict=True):
        further = of_word.replace("B-", "I-")
        expected += [of_word] + [further] * (len(tokenizer(word)["input_ids"]) - 1)
    assert [piece["entity"] for piece in tag(text)] == expected


@pytest.mark.parametrize("text", [text for text, _ in SENTENCES])
def test_simple_aggregation_gives_the_entities_of_the_tags(tagger, text):
    tokenizer, model = tagger
    tag = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple")
    wanted = entities(text, dict(SENTENCES)[text].split())
    found = tag(text)
    assert [(entity["entity_group"], entity["word"]) for entity in found] == wanted
    assert [text[entity["start"] : entity["end"]].strip() for entity in found] == [words for _, words in wanted]


@pytest.fixture(scope="module", params=OPTIONS)
def tagger_of_larger_pieces(request: pytest.FixtureRequest) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    """A pipeline finds the words where no first character is cut into pieces."""
    return build(request.param, 600, "( ) , . Ġorġ Borg City")


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize("strategy", ["first", "average", "max"])
@pytest.mark.parametrize(
    "text",
    [
        *(text for text, _ in SENTENCES),
        "Maria Souza lives in São Paulo.",
        "In New York City, O'Brien met Maria Souza.",
        "Maria Souza (São Paulo) met Ġorġ Borg.",
    ],
)
def test_aggregation_by_word_keeps_the_text_of_an_entity(tagger_of_larger_pieces, text, strategy):
    tokenizer, model = tagger_of_larger_pieces
    tag = pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=strategy, ignore_labels=[]
    )
    found = tag(text)
    assert found
    for entity in found:
        assert entity["word"] == text[entity["start"] : entity["end"]]
    # Nothing is ignored, so that the entities are the whole text.
    assert "".join(entity["word"] for entity in found).replace(" ", "") == text.replace(" ", "")
