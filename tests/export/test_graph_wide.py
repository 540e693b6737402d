"""Graphs of classifiers with a wide part, beside the models themselves."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from hf_rnn.export.graph import OPSETS
from hf_rnn.export.graph_models import build_graph
from tests.models.test_wide import TEXTS, batch_of, build


@pytest.mark.parametrize(
    "options", [{}, {"wide_ngrams": 3, "wide_characters": 0}, {"labels": 2, "single_logit": True}, {"labels": 1}]
)
@pytest.mark.parametrize("left", [False, True])
@torch.no_grad()
def test_a_graph_gives_the_models_logits(options: dict, left: bool) -> None:
    model = build(**options).float()
    for opset in (OPSETS[0], OPSETS[-1]):
        session = onnxruntime.InferenceSession(build_graph(model, opset).SerializeToString())
        for texts, width in ((TEXTS, 11), ([[]], 1), ([[4] * 300], 300)):
            ids, mask = batch_of(texts, width, left)
            (logits,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
            np.testing.assert_allclose(logits, model(ids, mask).logits.numpy(), rtol=1e-5, atol=1e-4)
    # What is compared is not the network alone.
    ids, mask = batch_of(TEXTS, 11)
    assert model.wide(ids, mask.bool()).abs().max() > 0.1
