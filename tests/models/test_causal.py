"""Language models: scores, loss and output layer, whatever the padding; folders, the stock pipeline, refusals."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, pipeline
from transformers.modeling_outputs import CausalLMOutputWithPast

import hf_rnn
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.models.losses import mean_over_tokens, next_token_loss, tokens_to_predict
from hf_rnn.models.state_name import STATE_NAME
from tests.models.common import (
    LAYOUTS,
    ONE_WAY,
    SMALL,
    VOCAB_SIZE,
    WORDS,
    alone,
    assert_close,
    batch_of,
    build,
    build_language_model,
    configure,
    sentences,
)
from tests.models.generation import greedy


TIED = {"tie_word_embeddings": True}
# Tied at one width, and at two widths with a projection between them.
OUTPUTS = {
    "untied": {"hidden_sizes": [4, 3]},
    "tied": {**TIED, "hidden_sizes": [4, 5]},
    "projected": {**TIED, "hidden_sizes": [4, 3]},
    "one-hot": {"one_hot_input": True},
}


def loss_by_hand(model, texts: list[torch.Tensor]) -> torch.Tensor:
    """The mean of -log p(token | those before it) over every token but the first of each text, one at a time."""
    terms = []
    for text in texts:
        for t in range(1, len(text)):
            scores = model(**alone(text[:t])).logits[0, -1]
            terms.append(torch.logsumexp(scores, 0) - scores[text[t]])
    return torch.stack(terms).mean()


def labels_of(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("variant", ONE_WAY)
def test_scores_and_loss_do_not_depend_on_the_padding(variant, output, layout):
    model = build_language_model(variant, **OUTPUTS[output])
    batch, places = batch_of(sentences(), layout)
    outputs = model(**batch, labels=labels_of(batch))
    assert isinstance(outputs, CausalLMOutputWithPast)
    for row, text in enumerate(sentences()):
        own = model(**alone(text)).logits[0]
        assert_close(outputs.logits[row, places[row]], own[: len(text)])
        # Padding that comes last says what comes after the text.
        assert_close(outputs.logits[row, -1], own[-1])
    assert_close(outputs.loss, loss_by_hand(model, sentences()))


def test_the_output_layer_is_what_the_docstring_says():
    model = build_language_model("gru", **OUTPUTS["projected"])
    ids = sentences([4])[0].unsqueeze(0)
    h = model.model(ids).last_hidden_state
    table = model.get_input_embeddings().weight
    assert model.lm_head.weight is table and model.get_output_embeddings() is model.lm_head
    assert_close(model(ids).logits, h @ model.projection.weight.T @ table.T + model.lm_head.bias)
    for output in ("untied", "tied", "one-hot"):
        assert isinstance(build_language_model("gru", **OUTPUTS[output]).projection, torch.nn.Identity)


def test_a_tied_table_starts_as_embeddings():
    """The table does not start as a dense layer: rows have about unit length, and the padding token's is zero."""
    model = AutoModelForCausalLM.from_config(configure("lstm", vocab_size=200, embedding_size=64, **TIED))
    lengths = model.lm_head.weight.norm(dim=1)
    assert lengths[0] == 0 and 0.9 < lengths[1:].mean() < 1.1


def test_both_uses_of_a_tied_table_train_it():
    model = build_language_model("lstm", **OUTPUTS["tied"])
    ids = torch.tensor([[1, 2, 3]])
    model(ids, labels=ids).loss.backward()
    gradient = model.get_input_embeddings().weight.grad
    # Token 1 is read and never predicted; 9 is neither, and its score is pushed down.
    assert gradient[1].abs().max() > 0 and gradient[9].abs().max() > 0


def test_one_hot_equals_an_embedding_of_identity_rows():
    embedding = build_language_model("gru", embedding_size=VOCAB_SIZE)
    embedding.get_input_embeddings().weight.data.copy_(torch.eye(VOCAB_SIZE))
    one_hot = build_language_model("gru", one_hot_input=True)
    one_hot.load_state_dict({name: w for name, w in embedding.state_dict().items() if "word_embeddings" not in name})
    batch, _ = batch_of(sentences(), "holes")
    assert_close(one_hot(**batch).logits, embedding(**batch).logits)


@pytest.mark.parametrize("kept", [1, 3, torch.tensor([0, 4, 2])])
@pytest.mark.parametrize("layout", ["right", "left", None])
def test_logits_to_keep(layout, kept):
    model = build_language_model("lstm")
    batch = batch_of(sentences(), layout)[0] if layout else {"input_ids": torch.stack(sentences([7, 7]))}
    every = model(**batch).logits
    expected = every[:, -kept:] if isinstance(kept, int) else every[:, kept]
    assert_close(model(**batch, logits_to_keep=kept).logits, expected)
    assert torch.equal(model(**batch, logits_to_keep=0).logits, every)


def test_chunks_equal_the_whole():
    model = build_language_model("lstm", **OUTPUTS["projected"])
    batch, _ = batch_of(sentences(), "left")
    parts = [{name: value[:, columns] for name, value in batch.items()} for columns in (slice(5), slice(5, None))]
    first = model(**parts[0], use_cache=True)
    second = model(**parts[1], cache=first.cache)
    assert_close(torch.cat([first.logits, second.logits], dim=1), model(**batch).logits)


def test_what_else_a_forward_pass_returns():
    model = build_language_model("gru", hidden_sizes=[4, 3])
    batch, _ = batch_of(sentences(), "right")
    outputs = model(**batch, labels=labels_of(batch), use_cache=True, output_hidden_states=True)
    assert list(outputs) == ["loss", "logits", STATE_NAME, "hidden_states"]
    assert outputs.cache.get_seq_length() == 7 and len(outputs.hidden_states) == 3
    assert list(model(**batch)) == ["logits"]
    assert model(**batch, return_dict=False)[0].shape == (6, 7, VOCAB_SIZE)


def test_accumulated_losses_add_up_to_that_of_the_whole_batch():
    model = build_language_model("lstm")
    batch, _ = batch_of(sentences(), "left")
    labels = labels_of(batch)
    # The first token of each of the texts that have one is not predicted.
    predicted = int((labels != -100).sum()) - 5
    halves = [
        model(**{name: value[rows] for name, value in batch.items()}, labels=labels[rows], num_items_in_batch=items)
        for rows, items in ((slice(2), predicted), (slice(2, None), torch.tensor(predicted)))
    ]
    assert_close(halves[0].loss + halves[1].loss, model(**batch, labels=labels).loss)


def test_loss_of_given_probabilities():
    """The right tokens have the probabilities 0.7, 0.6 and 0.9; what comes after the last one is not asked."""
    given = torch.tensor([[0.7, 0.1, 0.2], [0.3, 0.6, 0.1], [0.05, 0.05, 0.9], [0.2, 0.3, 0.5]])
    labels, mask = torch.tensor([[2, 0, 1, 2]]), torch.ones(1, 4, dtype=torch.bool)
    wanted = -(torch.tensor([0.7, 0.6, 0.9]).log()).mean()
    assert wanted.item() == pytest.approx(0.3243, abs=1e-4)
    logits = given.log().unsqueeze(0)
    targets = tokens_to_predict(labels.shape, 3, mask, labels, None)
    assert_close(mean_over_tokens(next_token_loss(logits, targets), targets), wanted)
    nothing = torch.full((1, 4), -100)
    assert mean_over_tokens(next_token_loss(logits, nothing), nothing) == 0
    empty = torch.zeros(2, 0, dtype=torch.long)
    nothing = tokens_to_predict(empty.shape, 3, mask.new_ones(2, 0), empty, None)
    assert mean_over_tokens(next_token_loss(torch.zeros(2, 0, 3), nothing), nothing) == 0


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (torch.tensor([[1, VOCAB_SIZE, 2]]), {}, r"`labels` holds 13; with `vocab_size=13` it must be .* \[0, 13\)"),
        (torch.tensor([[1, -1, 2]]), {}, "`labels` holds -1"),
        (torch.tensor([[1, 0.5, 2]]), {}, "`labels` holds 0.5"),
        (torch.tensor([[1, 2]]), {}, r"`labels` has shape \(1, 2\); it must be \(1, 3\)"),
        (torch.tensor([[1, 2, 3]]), {"logits_to_keep": 2}, r"`labels` has shape \(1, 3\).*`logits_to_keep` 0"),
    ],
)
def test_labels_that_do_not_fit(labels, options, message):
    with pytest.raises(ValueError, match=message):
        build_language_model("gru")(torch.tensor([[3, 4, 5]]), labels=labels, **options)


REFUSED = {
    "bidirectional": ({"bidirectional": True}, "LstmForCausalLM .*: `bidirectional` is True; it must be False"),
    "no vocabulary": ({"vocab_size": None}, "`vocab_size` is None; it must be the number of tokens"),
    "words": (WORDS, "`word_vocab_size` is 4; it must be None"),
    "tied one-hot": ({"one_hot_input": True, **TIED}, "`tie_word_embeddings` is True; it must be False with"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_configurations_that_cannot_predict(case, tmp_path):
    options, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        AutoModelForCausalLM.from_config(configure("lstm", **options))
    # A classifier of that configuration does not offer a language model to those who load its folder.
    build("lstm", **options).save_pretrained(tmp_path)
    auto_map = AutoConfig.from_pretrained(tmp_path).auto_map
    assert "AutoModelForCausalLM" not in auto_map and "AutoModelForSequenceClassification" in auto_map


@pytest.mark.parametrize("variant", ["bilstm", "dan"])
def test_families_without_a_language_model(variant):
    config = configure(variant)
    with pytest.raises(ValueError, match=f"Unrecognized configuration class .*{type(config).__name__}"):
        AutoModelForCausalLM.from_config(config)
    message = "`bidirectional` is True" if variant == "bilstm" else "without a recurrence"
    with pytest.raises(ValueError, match=message):
        hf_rnn.LstmForCausalLM(config)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("variant", ["lstm", "gru", "elman-tanh"])
def test_round_trip(variant, output, tmp_path):
    model = build_language_model(variant, **OUTPUTS[output])
    assert type(model).__name__ == {"lstm": "Lstm", "gru": "Gru"}.get(variant, "Elman") + "ForCausalLM"
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(loaded) is type(model)
    if output != "one-hot":
        tied = loaded.lm_head.weight is loaded.get_input_embeddings().weight
        assert tied == (output != "untied")
    batch, _ = batch_of(sentences(), "left")
    assert_close(loaded(**batch).logits, model(**batch).logits)


def test_a_classifier_starts_from_a_language_model(tmp_path):
    model = build_language_model("lstm", **OUTPUTS["projected"])
    model.save_pretrained(tmp_path)
    classifier = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    batch, _ = batch_of(sentences(), "right")
    wanted = model.model(**batch).pooler_output
    assert torch.equal(classifier.model(**batch).pooler_output, wanted)


@pytest.mark.parametrize("output", ["untied", "projected"])
def test_after_resizing_there_are_new_tokens_to_read_and_to_write(output):
    model = build_language_model("gru", **OUTPUTS[output])
    ids = torch.tensor([[3, 4, 5]])
    old = model(ids).logits
    model.resize_token_embeddings(VOCAB_SIZE + 2)
    assert_close(model(ids).logits[..., :VOCAB_SIZE], old)
    assert model(torch.tensor([[VOCAB_SIZE + 1]])).logits.shape == (1, 1, VOCAB_SIZE + 2)
    assert (model.lm_head.weight is model.get_input_embeddings().weight) == (output == "projected")


TEXTS = ["the cat sat on the mat .", "a dog sat on the cat .", "the dog is not a cat ."]


@pytest.mark.parametrize(("kind", "vocab_size"), [("word", 30), ("bpe", 270), ("character", 40)])
def test_the_stock_pipeline_writes(kind, vocab_size, tmp_path):
    tokenizer = train_tokenizer(TEXTS, kind=kind, vocab_size=vocab_size, min_frequency=1, show_progress=False)
    model = build_language_model("gru", vocab_size=len(tokenizer)).float()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    write = pipeline("text-generation", model=str(tmp_path))
    prompts = ["the cat", "a dog sat on", "the"]
    options = {"max_new_tokens": 5, "do_sample": False}
    # The padding of a batch of unequal prompts is no part of them.
    for batch_size in (1, 3):
        answers = write(prompts, batch_size=batch_size, return_tensors=True, **options)
        for prompt, (answer,) in zip(prompts, answers, strict=True):
            ids = tokenizer(prompt)["input_ids"]
            assert answer["generated_token_ids"][-5:] == greedy(model, ids, 5)[0]
    (answer,) = write("the cat", **options)
    assert answer["generated_text"].startswith("the cat")
    with pytest.raises(ValueError, match="no prompt, and `bos_token_id` is None; .* a text that has one"):
        write("", **options)


def test_it_learns_a_sentence():
    """Characters, one-hot, in a second: 'tenha um bom dia' from 'tenha'."""
    torch.manual_seed(0)
    texts = ["oi como voce esta", "eu estou bem", "tenha um bom dia"]
    letters = sorted(set("".join(texts)))
    ids = {letter: number for number, letter in enumerate(letters, start=1)}
    width = max(map(len, texts))
    batch = torch.tensor([[ids[letter] for letter in text] + [0] * (width - len(text)) for text in texts])
    options = {**SMALL, "vocab_size": len(letters) + 1, "hidden_size": 12, "one_hot_input": True}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("elman", **options))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        loss = model(batch, labels=batch.masked_fill(batch == 0, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    prompt = torch.tensor([[ids[letter] for letter in "tenha"]])
    found = model.generate(prompt, max_new_tokens=11, do_sample=False)[0]
    assert "".join(letters[number - 1] for number in found.tolist()) == "tenha um bom dia"
