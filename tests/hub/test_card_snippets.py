"""The usage snippet of a card runs as it stands: for every task on a tiny model, and for every bundled checkpoint.

That of a model of images is run in `test_image_card.py`.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from hf_rnn import list_bundled, with_pair_template
from hf_rnn.bundles import bundled_folders
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.runs.kinds import KINDS
from tests.models.siamese import build_siamese, tokenizer_of_words
from tests.results_document import results_document


LABELS = ["O", "B-PER", "I-PER"]
# Of one type of entity: the snippet then asks for whole entities.
TAGGING = {"test": {"f1": 0.5, "precision_PER": 0.5, "recall_PER": 0.5, "f1_PER": 0.5, "support_PER": 4.0}}


def answers(card: Path) -> list[Any]:
    """What the expressions of the card's one Python snippet give, line by line."""
    (snippet,) = (part.partition("```")[0] for part in card.read_text(encoding="utf-8").split("```python\n")[1:])
    names: dict[str, Any] = {}
    given = []
    for statement in ast.parse(snippet).body:
        if isinstance(statement, ast.Expr):
            given.append(eval(compile(ast.Expression(statement.value), "card", "eval"), names))
        else:
            exec(compile(ast.Module([statement], []), "card", "exec"), names)
    return given


def write_card(model: PreTrainedModel, folder: Path, task: str, **changes: Any) -> Path:
    """The card of `model` in `folder`, where its weights are, too."""
    model.save_pretrained(folder)
    about = {"model__class": type(model).__name__, "model__model_type": model.config.model_type}
    results = results_document(task=task, **{**about, **changes})
    return write_model_card(folder, results, license="mit", language="en", repo_id=str(folder))


def test_a_classifier_of_texts(run_folder: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(run_folder)
    ((answer,),) = answers(write_card(model, run_folder, "text-classification"))
    assert answer["label"] in ("LABEL_0", "LABEL_1") and 0.5 <= answer["score"] <= 1


@pytest.mark.parametrize("model_type", ["bilstm", "bert"])
def test_a_tagger(model_type: str, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(
        [KINDS["token-classification"].example], kind="word", min_frequency=1, show_progress=False
    )
    tokenizer.save_pretrained(tmp_path)
    sizes = {"hidden_size": 8, "vocab_size": len(tokenizer), "id2label": dict(enumerate(LABELS))}
    if model_type == "bert":
        sizes |= {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_config(AutoConfig.for_model(model_type, **sizes))
    with torch.no_grad():
        last = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]
        last.bias.copy_(torch.tensor([0.0, 50.0, 0.0]))
    (entities,) = answers(write_card(model, tmp_path, "token-classification", metrics=TAGGING))
    assert entities and {entity["entity_group"] for entity in entities} == {"PER"}


@pytest.mark.parametrize("auto_class", [AutoModel, AutoModelForSequenceClassification])
def test_a_siamese_network(auto_class: type, tmp_path: Path) -> None:
    with_pair_template(tokenizer_of_words()).save_pretrained(tmp_path)
    model = build_siamese(auto_class, "bilstm")
    similar, *classes = answers(write_card(model, tmp_path, "sentence-similarity"))
    assert similar.keys() == {"score"} and -1 <= similar["score"] <= 1
    if auto_class is AutoModel:
        assert not classes
    else:
        assert classes[0]["label"] in model.config.label2id


def test_a_language_model(tmp_path: Path) -> None:
    prompt = KINDS["text-generation"].example
    tokenizer = train_tokenizer([prompt], kind="character", lowercase=False, show_progress=False)
    tokenizer.save_pretrained(tmp_path)
    config = AutoConfig.for_model("gru", vocab_size=len(tokenizer), embedding_size=4, hidden_size=4)
    ((answer,),) = answers(write_card(AutoModelForCausalLM.from_config(config), tmp_path, "text-generation"))
    assert answer["generated_text"].startswith(prompt) and len(answer["generated_text"]) > len(prompt)


@pytest.mark.parametrize("model_type", ["gru-encoder-decoder", "marian"])
def test_an_encoder_decoder(model_type: str, tmp_path: Path) -> None:
    source = KINDS["sequence-to-sequence"].example
    tokenizer = train_tokenizer([source], kind="word", min_frequency=1, end_of_text=True, show_progress=False)
    tokenizer.save_pretrained(tmp_path)
    special = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    options: dict[str, Any] = {"decoder_start_token_id": tokenizer.eos_token_id, **special}
    if model_type == "marian":
        options |= {"vocab_size": len(tokenizer), "d_model": 8, "encoder_attention_heads": 2, "encoder_layers": 1}
        options |= {"decoder_attention_heads": 2, "decoder_layers": 1, "forced_eos_token_id": None}
    else:
        options |= {part: {"vocab_size": len(tokenizer), "hidden_size": 4} for part in ("encoder", "decoder")}
    torch.manual_seed(0)
    model = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(model_type, **options))
    ((answer,),) = answers(write_card(model, tmp_path, "sequence-to-sequence"))
    words = answer if model_type == "marian" else answer["generated_text"]
    assert set(words.split()) <= set(tokenizer.get_vocab())


@pytest.mark.parametrize("name", list_bundled())
def test_a_bundled_checkpoint(name: str) -> None:
    first, *_ = answers(bundled_folders()[name] / "README.md")
    found = first if isinstance(first, list) else [first]
    assert found and all("score" in one or one["generated_text"] for one in found)
