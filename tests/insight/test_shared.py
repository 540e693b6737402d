"""What two texts share to a classifier that reads them together."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from hf_rnn import SiameseForPairClassification
from hf_rnn.insight import NotApplicableError, explain, shared_tokens, token_contributions
from hf_rnn.insight.shared import FIGURES
from hf_rnn.models.together import NUM_SHARED
from tests.models.siamese import build_siamese, tokenizer_of_words


FIRST, SECOND = "a fine film , a film", "not a good film"


def built(**options: object) -> SiameseForPairClassification:
    values = {"composition": "recurrent", "num_labels": 2, **options}
    model = build_siamese(AutoModelForSequenceClassification, "bilstm", **values)
    if model.together is not None:
        model.together.overlap.count([[2, 3, 4], [2, 5], [6]])
    return model


@pytest.mark.parametrize("symmetric", [False, True])
def test_what_is_shared_and_its_score_by_hand(symmetric: bool) -> None:
    model, tokenizer = built(symmetric=symmetric), tokenizer_of_words()
    found = shared_tokens(model, tokenizer, FIRST, SECOND, label="LABEL_1")
    assert found.tokens == (("a", "film"), ("fine", ","), ("not", "good"))
    assert len(found.figures) == len(FIGURES) == NUM_SHARED
    ids = [tokenizer(text)["input_ids"] for text in (FIRST, SECOND)]
    idf = [[float(model.together.overlap.idf[token]) for token in side] for side in ids]
    by_hand = [4 / 6, 2 / 4, 0.0, 0.0, 2 / 6, 0.0, 0 / 7, 4 / 6, 0, 0]
    by_hand[2] = sum(idf[0][place] for place in (0, 2, 4, 5)) / sum(idf[0])
    by_hand[3] = sum(idf[1][place] for place in (1, 3)) / sum(idf[1])
    both = idf[1][1] + idf[1][3]
    by_hand[5] = both / (idf[0][0] + idf[0][1] + idf[0][2] + idf[0][3] + idf[1][0] + idf[1][2])
    with torch.no_grad():
        u, v = (model.model(torch.tensor([side])).embeddings[0] for side in ids)
    by_hand.append(float(u @ v / (u.norm() * v.norm())))
    assert list(found.figures.values()) == pytest.approx(by_hand, abs=1e-6)
    spread = torch.tensor([[4 * value - 2 for value in by_hand]])
    orders = [spread, spread[:, [1, 0, 3, 2, 4, 5, 6, 7, 8, 9, 10]]][: 1 + symmetric]
    with torch.no_grad():
        logits = sum(model.together.wide(order) for order in orders)[0] / len(orders)
    assert found.alone == pytest.approx(float(logits[1] - logits[0]), abs=1e-4)
    with torch.no_grad():
        whole = model(*(torch.tensor([side]) for side in ids[:1]), input_ids_b=torch.tensor([ids[1]])).logits[0]
    assert found.score == pytest.approx(float(whole[1] - whole[0]), abs=1e-4)
    assert (found.label, found.score_name) == ("LABEL_1", "log-odds")


def test_the_page_of_a_classifier_that_reads_pairs_together() -> None:
    model, tokenizer = built(num_labels=1, problem_type="regression", id2label={0: "score"}), tokenizer_of_words()
    report = explain(model, tokenizer, FIRST, SECOND)
    assert {"Answer", "Contributions of tokens", "What both texts share", "Gates and states"} <= set(report.sections)
    figures, scores, tokens = report.sections["What both texts share"].tables
    assert ("both are the same", "0.00") in figures.rows
    found = shared_tokens(model, tokenizer, FIRST, SECOND)
    assert scores.header[0] == "number of score" and scores.rows[0][1] == f"{found.alone:.4f}"
    assert tokens.rows == (("a film", "fine ,", "not good"),)
    assert "see What both texts share" in report.sections["Contributions of tokens"].note


def test_contributions_add_up_to_the_score_less_that_without_words() -> None:
    model, tokenizer = built().double(), tokenizer_of_words()
    found = token_contributions(model, tokenizer, FIRST, text_pair=SECOND, target="LABEL_1")
    assert found.score == pytest.approx(shared_tokens(model, tokenizer, FIRST, SECOND, label="LABEL_1").score)
    assert found.values.sum() == pytest.approx(found.score - found.baseline_score, rel=0.02)


def test_other_models_are_refused_by_name() -> None:
    with pytest.raises(NotApplicableError, match="it must be a classifier that reads pairs together"):
        shared_tokens(built(composition=None), tokenizer_of_words(), FIRST, SECOND)
