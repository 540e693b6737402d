"""The gradient flow of a text is that of a batch of it, with the right labels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from hf_rnn.insight.gradients.flow import gradient_flow
from hf_rnn.insight.gradients.text import text_gradient_flow
from hf_rnn.insight.steps import NotApplicableError
from hf_rnn.models.modeling_siamese import SiameseForPairClassification, SiameseModel
from tests.insight.small import TEXT, tokenizer
from tests.models.common import build, build_language_model, build_tagger


def ids_of(text: str) -> torch.Tensor:
    return tokenizer()(text, return_tensors="pt").input_ids


def answer(model: nn.Module) -> int:
    return int(model(ids_of(TEXT)).logits.argmax())


def labels(kind: str, model: nn.Module, label: str | None) -> tuple[torch.Tensor, str]:
    if kind == "classifier":
        chosen = answer(model) if label is None else model.config.label2id[label]
        return torch.tensor([chosen]), f"label LABEL_{chosen}"
    if kind == "tagger":
        return model(ids_of(TEXT)).logits.argmax(2), "the tags that the model answers"
    return ids_of(TEXT), "the tokens of the text"


@pytest.mark.parametrize(
    ("kind", "label"), [("classifier", None), ("classifier", "LABEL_1"), ("tagger", None), ("language", None)]
)
def test_it_is_that_of_a_batch(kind: str, label: str | None) -> None:
    make: dict[str, Any] = {"classifier": build, "tagger": build_tagger, "language": build_language_model}
    model = make[kind]("lstm", num_hidden_layers=2)
    found = text_gradient_flow(model, tokenizer(), TEXT, label=label)
    own, loss_of = labels(kind, model, label)
    expected = gradient_flow(model, {"input_ids": ids_of(TEXT), "labels": own})
    assert (found.loss_of, found.flow.loss) == (loss_of, pytest.approx(expected.loss))
    torch.testing.assert_close(found.flow.hidden, expected.hidden)
    assert len(found.steps[0]) == expected.hidden.shape[3]
    assert len(found.figure().axes) == 2


def test_both_texts_of_a_pair() -> None:
    torch.manual_seed(0)
    model = SiameseForPairClassification.from_encoder(build("bilstm", head=False), num_labels=2)
    found = text_gradient_flow(model, tokenizer(), TEXT, text_pair="a c e")
    assert [len(steps) for steps in found.steps] == [8, 3]
    assert found.flow.hidden.shape == (1, 2, 2, 8)
    above, below = found.figure().axes
    # Without the padding of the shorter text.
    assert [len(axes.lines[0].get_ydata()) for axes in (above, below)] == [8, 3]
    with pytest.raises(ValueError, match="`text_pair` is None; a classifier of pairs needs a second text"):
        text_gradient_flow(model, tokenizer(), TEXT)
    with pytest.raises(ValueError, match="`text_pair`='' has no token"):
        text_gradient_flow(model, tokenizer(), TEXT, text_pair="")


def test_refusals() -> None:
    with pytest.raises(ValueError, match="`label`='x' must be one of LABEL_0, LABEL_1, LABEL_2"):
        text_gradient_flow(build("lstm"), tokenizer(), TEXT, label="x")
    with pytest.raises(ValueError, match="`label`='O' was given to a LstmForTokenClassification"):
        text_gradient_flow(build_tagger("lstm"), tokenizer(), TEXT, label="O")
    with pytest.raises(ValueError, match="`text_pair`='a' was given to a LstmForSequenceClassification"):
        text_gradient_flow(build("lstm"), tokenizer(), TEXT, text_pair="a")
    with pytest.raises(ValueError, match="`text` has one token"):
        text_gradient_flow(build_language_model("lstm"), tokenizer(), "a")
    for model in (build("dan"), build("lstm", problem_type="regression")):
        with pytest.raises(NotApplicableError):
            text_gradient_flow(model, tokenizer(), TEXT)
    with pytest.raises(NotApplicableError, match="SiameseModel, which has no loss of a text"):
        text_gradient_flow(SiameseModel.from_encoder(build("gru", head=False)), tokenizer(), TEXT)
