"""
The tests of transformers that do not run for hf_rnn, each with its reason; reviewed, and held to by `test_models.py`:
no other test may be skipped, and none of these may run.
"""

from __future__ import annotations


BACKBONES = (
    "BiLstmModel",
    "LstmModel",
    "GruModel",
    "ElmanModel",
    "DanModel",
    "SiameseModel",
    "ConvEncoderModel",
)

# (Model classes, test) → why we switch it off: without this it would fail.
SWITCHED_OFF: dict[tuple[tuple[str, ...], str], str] = {
    (BACKBONES, "test_training_overfit"): "a backbone has no loss; each of its heads is trained so",
    (("ConvEncoderModel",), "test_model_get_set_embeddings"): "images have no tokens, and so no table of them",
    (
        ("SiameseForPairClassification",),
        "test_retain_grad_hidden_states_attentions",
    ): "the hidden states of a pair are halves of the encoder's, of which nothing is computed; SiameseModel, with one "
    "input, runs it",
}
