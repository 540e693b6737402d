"""What Keras saved is computed here as Keras computed it, and what cannot be taken over is named. No TensorFlow."""

from __future__ import annotations

import builtins
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from hf_rnn import from_keras
from tests.conversion.keras_models import APART, FOLDER, MASKED, MODELS, PROBLEMS


def fixture(name: str) -> tuple[Path, dict[str, Any]]:
    """The file of a model, and what `from_keras` is told beside it."""
    options: dict[str, Any] = {"problem_type": PROBLEMS.get(name)}
    if name not in APART:
        return FOLDER / f"{name}.keras", options
    return FOLDER / f"{name}.weights.h5", options | {"architecture": FOLDER / f"{name}.json"}


def outputs_of(model: Any, inputs: np.ndarray, masking: bool = False) -> np.ndarray:
    """What Keras calls the outputs: probabilities, numbers, or the last output of a backbone.

    Args:
        masking: Whether Keras has a `Masking`, which finds the padding of features.
    """
    if inputs.ndim == 2:
        named = {"input_ids": torch.from_numpy(inputs)}
    else:
        named = {"inputs_embeds": torch.from_numpy(inputs).to(model.dtype)}
    if masking:
        named["attention_mask"] = torch.from_numpy((inputs != 0).any(-1))
    with torch.no_grad():
        found = model(**named)
    if "logits" not in found:
        return found.pooler_output.numpy()
    problem = model.config.problem_type
    if problem == "regression":
        return found.logits.numpy()
    if problem == "multi_label_classification":
        return found.logits.sigmoid().numpy()
    probabilities = found.logits.softmax(-1).numpy()
    return probabilities[..., 1:] if model.config.num_labels == 2 and model.config.single_logit else probabilities


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_those_of_keras(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without_keras(module: str, *args: Any, **kwargs: Any) -> Any:
        assert module.partition(".")[0] not in ("keras", "tensorflow")
        return imported(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_keras)
    path, options = fixture(name)
    model = from_keras(path, **options)
    saved = np.load(FOLDER / f"{name}.npz")
    assert not model.training
    np.testing.assert_allclose(
        outputs_of(model, saved["inputs"], name in MASKED),
        saved["outputs"],
        rtol=0,
        atol=1e-12 if name == "backbone" else 1e-6,
    )
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    np.testing.assert_allclose(outputs_of(again, saved["inputs"], name in MASKED), saved["outputs"], rtol=0, atol=1e-6)


def test_models_and_configurations() -> None:
    made = {name: from_keras(fixture(name)[0], **fixture(name)[1]) for name in MODELS}
    assert {name: type(model).__name__ for name, model in made.items()} == {
        "classifier": "BiLstmForSequenceClassification",
        "tagger": "GruForTokenClassification",
        "series": "GruForSequenceClassification",
        "topics": "ElmanForSequenceClassification",
        "backbone": "LstmModel",
    }
    config = made["classifier"].config
    assert (config.hidden_sizes, config.classifier_hidden_sizes, config.classifier_norm) == ([3, 2], [4], "batch")
    assert (config.embedding_dropout, config.dropout, config.classifier_dropout) == (0.1, 0.3, 0.4)
    assert config.locked_dropout and config.single_logit and config.pad_token_id == 0
    assert made["tagger"].config.pad_token_id is None
    assert not made["tagger"].config.locked_dropout and made["tagger"].config.dropout == 0.2
    assert not made["tagger"].get_input_embeddings().weight.requires_grad
    assert made["series"].config.reset_after is False and made["series"].config.merge == "sum"
    assert made["topics"].config.problem_type == "multi_label_classification"
    assert made["backbone"].dtype == torch.float64


def test_padding_plays_no_part_with_mask_zero() -> None:
    model = from_keras(FOLDER / "classifier.keras")
    texts = ([3, 5, 7], [0, 3, 5, 7], [3, 5, 7, 0, 0], [3, 0, 5, 7])
    logits = [model(torch.tensor([text])).logits for text in texts]
    for found in logits[1:]:
        torch.testing.assert_close(found, logits[0])


def test_what_was_taken_over_goes_on_learning(tmp_path: Path) -> None:
    from_keras(FOLDER / "classifier.keras").save_pretrained(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path).train()
    before = model.classifier.output.weight.clone()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.tensor([[3, 5], [2, 4]]), labels=torch.tensor([0, 1])).loss.backward()
    optimizer.step()
    assert not torch.equal(model.classifier.output.weight, before)


Change = Callable[[list[dict[str, Any]]], None]


def changed(tmp_path: Path, name: str, change: Change) -> Path:
    """A fixture whose description of the layers was changed."""
    path = tmp_path / "changed.keras"
    with zipfile.ZipFile(FOLDER / f"{name}.keras") as before, zipfile.ZipFile(path, "w") as after:
        for member in before.namelist():
            content = before.read(member)
            if member == "config.json":
                described = json.loads(content)
                change(described["config"]["layers"])
                content = json.dumps(described).encode()
            after.writestr(member, content)
    return path


def setting(place: int, name: str, value: Any, inside: bool = False) -> Change:
    """The change of a setting of a layer, or of both layers inside of a Bidirectional."""

    def change(layers: list[dict[str, Any]]) -> None:
        config = layers[place]["config"]
        targets = [config[part]["config"] for part in ("layer", "backward_layer")] if inside else [config]
        for target in targets:
            assert name in target
            target[name] = value

    return change


def added(place: int, kind: str, **config: Any) -> Change:
    return lambda layers: layers.insert(place, {"class_name": kind, "config": {"name": "new", **config}})


def without(place: int) -> Change:
    return lambda layers: layers.__delitem__(place)


# Layers of the classifier: 0 input, 1 embedding, 2 dropout, 3 BiLSTM, 4 dropout, 5 BiLSTM, 6 dropout, 7 dense, 8 norm,
# 9 dense.
REFUSED: list[tuple[Change, str]] = [
    (setting(3, "recurrent_activation", "hard_sigmoid", True), "`recurrent_activation`='hard_sigmoid'.*be 'sigmoid'"),
    (
        setting(3, "activation", "relu", True),
        r"`bidirectional\w*/forward_layer` \(LSTM\).*`activation`='relu'.*'tanh'",
    ),
    (setting(3, "stateful", True, True), "`stateful`=True.*must be False"),
    (setting(5, "return_state", True, True), "`return_state`=True.*must be False"),
    (setting(3, "merge_mode", "mul"), "`merge_mode`='mul'.*must be 'concat' or 'sum'"),
    (setting(5, "merge_mode", "sum"), "`merge_mode`='sum'.*must be 'concat' as that of `bidirectional"),
    (setting(9, "activation", "relu"), "`activation`='relu'.*'softmax' or 'sigmoid' or 'linear'"),
    (setting(9, "activation", "softmax"), "`units`=1.*at least 2 with a softmax"),
    (setting(9, "activation", "linear"), "no activation.*`problem_type` must be one of single_label"),
    (setting(7, "activation", "selu"), "`activation`='selu'.*'relu' or 'tanh' or 'gelu'"),
    (setting(8, "axis", 0), "`axis`=0.*must be -1"),
    (setting(8, "renorm", True), "`renorm`=True"),
    (added(2, "TextVectorization"), "`new` \\(TextVectorization\\).*Embedding or a Masking at the start"),
    (added(3, "Lambda"), "`new` \\(Lambda\\) cannot be taken over before"),
    (added(5, "LayerNormalization"), "`new` \\(LayerNormalization\\) cannot be taken over before"),
    (added(6, "Flatten"), "`new` \\(Flatten\\) cannot be taken over where it stands"),
    (added(7, "Dropout", rate=0.5), "`new` \\(Dropout\\) cannot be taken over where it stands"),
    (lambda layers: layers.__delitem__(slice(2, 7)), "no recurrent layer, only `words` \\(Embedding\\)"),
    (setting(1, "output_dim", 5), r"Layer `words`.*shape \(12, 4\).*must be \(12, 5\)"),
    (setting(3, "units", 4, True), r"`kernel` has shape \(4, 12\) in the file; it must be \(4, 16\)"),
    (setting(9, "use_bias", False), "has 2 weights in the file; it must have 1"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_cannot_be_taken_over_is_named(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_keras(changed(tmp_path, "classifier", change), inference_only=True)


L2 = {"module": "keras.regularizers", "class_name": "L2", "config": {"l2": 0.01}}
ONLY_IN_TRAINING: list[tuple[Change, str]] = [
    (setting(3, "dropout", 0.2, True), "`dropout`=0.2.*0 behind the dropout of"),
    (setting(3, "recurrent_dropout", 0.2, True), "`recurrent_dropout`=0.2.*must be 0"),
    (setting(3, "kernel_regularizer", L2, True), "`kernel_regularizer`='L2'.*must be None"),
    (setting(1, "embeddings_constraint", {"class_name": "UnitNorm"}), "`embeddings_constraint`='UnitNorm'"),
    (added(9, "Dropout", rate=0.5), r"`new` \(Dropout\) has `rate`=0.5.*each Dense layer but the last"),
    (added(2, "GaussianNoise", stddev=0.1), "`class`='GaussianNoise'.*Dropout or SpatialDropout1D"),
    (added(5, "Dropout", rate=0.3, noise_shape=[None, 1, None]), r"`noise_shape`=\[None, 1, None\]"),
    (lambda layers: layers.insert(4, layers.pop(6)), "`rate`=0.3.*0 behind the dropout of"),
]


@pytest.mark.parametrize(
    ("change", "message"), ONLY_IN_TRAINING, ids=[message[:40] for _, message in ONLY_IN_TRAINING]
)
def test_what_only_training_uses_is_named_or_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Change, message: str
) -> None:
    path = changed(tmp_path, "classifier", change)
    with pytest.raises(ValueError, match=message + ".*Only training uses it: `inference_only=True`"):
        from_keras(path)
    with caplog.at_level(logging.WARNING, logger="hf_rnn"):
        model = from_keras(path, inference_only=True)
    assert "Left out, as `inference_only` is True" in caplog.text
    saved = np.load(FOLDER / "classifier.npz")
    np.testing.assert_allclose(outputs_of(model, saved["inputs"]), saved["outputs"], rtol=0, atol=1e-6)


def test_settings_in_common_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`reset_after`=False.*must be True as that of `gru"):
        from_keras(changed(tmp_path, "tagger", setting(5, "reset_after", False)))
    with pytest.raises(ValueError, match="`problem_type` is 'regression', and Layer `time_distributed"):
        from_keras(FOLDER / "tagger.keras", problem_type="regression")
    with pytest.raises(ValueError, match="`problem_type` is 'ranking'"):
        from_keras(FOLDER / "series.keras", problem_type="ranking")
    with pytest.raises(ValueError, match="for a model without a Dense layer it must be None"):
        from_keras(FOLDER / "backbone.keras", problem_type="regression")


def test_a_pooling_that_looks_at_the_padding_is_refused(tmp_path: Path) -> None:
    def largest(layers: list[dict[str, Any]]) -> None:
        layers[3]["class_name"] = "GlobalMaxPooling1D"

    with pytest.raises(ValueError, match=r"\(GlobalMaxPooling1D\) looks at the padding that `masking\w*` masks"):
        from_keras(changed(tmp_path, "series", largest), problem_type="regression")


def test_a_model_that_is_no_chain_is_refused(tmp_path: Path) -> None:
    def branched(layers: list[dict[str, Any]]) -> None:
        # The last layer reads the embedding in place of what stands before it.
        node = json.dumps(layers[1]["inbound_nodes"]).replace(layers[0]["name"], layers[1]["name"])
        layers[6]["inbound_nodes"] = json.loads(node)

    def twice(layers: list[dict[str, Any]]) -> None:
        layers[6]["inbound_nodes"] *= 2

    with pytest.raises(ValueError, match="is no chain: `embedding\\w*` is read by"):
        from_keras(changed(tmp_path, "tagger", branched))
    with pytest.raises(ValueError, match="is no chain: `time_distributed\\w*` must have the output of one layer"):
        from_keras(changed(tmp_path, "tagger", twice))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.h5", b"", "must be a .keras or a .weights.h5 file of Keras 3"),
        ("model.keras", b"no archive", "must be a zip archive of `config.json`"),
        ("model.weights.h5", b"no HDF5", "has no weights that can be read"),
    ],
)
def test_files_that_are_something_else_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    architecture = FOLDER / "topics.json" if name.endswith(".weights.h5") else None
    with pytest.raises(ValueError, match=message):
        from_keras(path, architecture=architecture)


def test_arguments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no file"):
        from_keras(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="`source` is a int; it must be a Keras model"):
        from_keras(3)
    with pytest.raises(ValueError, match="`architecture` is None; a .weights.h5 file has weights and no layers"):
        from_keras(FOLDER / "topics.weights.h5")
    with pytest.raises(ValueError, match="`architecture` must be JSON"):
        from_keras(FOLDER / "topics.weights.h5", architecture="{no JSON")
    with pytest.raises(ValueError, match="`architecture` is given with a .keras file"):
        from_keras(FOLDER / "backbone.keras", architecture="{}")
    with pytest.raises(ValueError, match="is a Model; it must be a Sequential"):
        from_keras(FOLDER / "topics.weights.h5", architecture={"class_name": "Model"})


def test_weights_outside_of_the_file_are_not_read(tmp_path: Path) -> None:
    """A stranger's file could otherwise have any file of the reader's disk in a model that goes back."""
    (tmp_path / "secret.bin").write_bytes(np.arange(48, dtype=np.float32).tobytes())
    path = tmp_path / "changed.weights.h5"
    path.write_bytes((FOLDER / "topics.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file["layers/embedding/vars/0"]
        outside = [(str(tmp_path / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("layers/embedding/vars/0", (12, 4), dtype="float32", external=outside)
    with pytest.raises(ValueError, match="`layers/embedding/vars/0` is kept in another file"):
        from_keras(path, architecture=FOLDER / "topics.json")
    with h5py.File(path, "r+") as file:
        del file["layers/embedding/vars/0"]
        file["layers/embedding/vars/0"] = h5py.ExternalLink(str(FOLDER / "topics.weights.h5"), "layers/dense/vars/0")
    with pytest.raises(ValueError, match="Layer `embedding.*has 0 weights in the file; it must have 1"):
        from_keras(path, architecture=FOLDER / "topics.json")


def test_weights_of_another_type_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "changed.weights.h5"
    path.write_bytes((FOLDER / "topics.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        table = file["layers/embedding/vars/0"][()]
        del file["layers/embedding/vars/0"]
        file["layers/embedding/vars/0"] = table.astype("int8")
    with pytest.raises(ValueError, match="is of type int8; it must be one of float32, float64"):
        from_keras(path, architecture=FOLDER / "topics.json")
    with h5py.File(path, "r+") as file:
        del file["layers/embedding/vars/0"]
        file["layers/embedding/vars/0"] = table.astype("float64")
    with pytest.raises(ValueError, match="of the types float32, float64; they must be of one"):
        from_keras(path, architecture=FOLDER / "topics.json")
