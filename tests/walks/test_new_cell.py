"""A contributor adds a cell by the steps of CONTRIBUTING.md, and everything there is works with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.walks.checkout import Checkout, named_files


CELL = '''class TRnnCell(Cell):
    r"""
    The strongly typed network T-RNN (Balduzzi & Ghifary 2016, https://arxiv.org/abs/1602.02218), without W_h:

        f_t = σ(W_xf x_t + b_f)
        c_t = W_xc x_t + b_c
        h_t = f_t ∗ h_{t-1} + (1 − f_t) ∗ c_t
    """

    num_gates = 2
    gate_names = ("forget", "candidate")

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        f, candidate = projected.chunk(2, dim=1)
        return torch.sigmoid(f), candidate

    def step(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        f, candidate = self.gates(projected, weights, state)
        return (f * state[0] + (1 - f) * candidate,)


'''
CONFIG = '''@strict
class TRnnConfig(RecurrentConfig):
    """A T-RNN, one-directional by default; the arguments are those of [`RecurrentConfig`]."""

    model_type = "trnn"
    cell: ClassVar[str] = "trnn"
    recurrent_weights: ClassVar[bool] = False


'''
MODELS = "".join(
    f"class TRnn{head}({base}):\n    config: TRnnConfig\n\n\n"
    for head, base in {
        "Model": "RecurrentModel",
        "ForSequenceClassification": "RecurrentForSequenceClassification",
        "ForTokenClassification": "RecurrentForTokenClassification",
        "ForCausalLM": "RecurrentForCausalLM",
    }.items()
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    copy = Checkout(tmp_path_factory.mktemp("checkout"))
    cells, configurations, models = (
        f"hf_rnn/models/{name}.py" for name in ("cells", "configuration_rnn", "modeling_rnn")
    )
    copy.insert(cells, "CELLS: dict", CELL)
    copy.insert(cells, '    "min_gru": MinGruCell,\n', '    "trnn": TRnnCell,\n')
    copy.insert(cells, '    "MinGruCell",\n', '    "TRnnCell",\n')
    copy.insert(configurations, "FAMILIES: dict", CONFIG)
    copy.insert(configurations, "DanConfig)\n}", "TRnnConfig, ")
    copy.insert(configurations, '    "RecurrentConfig",\n]', '    "TRnnConfig",\n')
    copy.insert(models, "class DanModel(RecurrentModel):", MODELS)
    copy.insert(models, "    RecurrentConfig,\n)", "    TRnnConfig,\n")
    names = ("Model", "ForSequenceClassification", "ForTokenClassification", "ForCausalLM")
    copy.insert(models, '    "RecurrentForCausalLM",\n', "".join(f'    "TRnn{name}",\n' for name in names))
    return copy


def test_no_more_than_three_files_are_touched_and_the_steps_name_them(checkout: Checkout) -> None:
    assert len(checkout.changed) <= 3
    assert checkout.added == []
    assert set(checkout.changed) == named_files("Adding a cell")


def test_it_trains_a_classifier_and_shows_its_gates(checkout: Checkout) -> None:
    checkout.run(
        """
from pathlib import Path
import numpy as np
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from hf_rnn.insight.states import gate_activations
from tests.tasks import small_runs

files = small_runs.write_reviews(Path("reviews"))
small = {"embedding_size": 8, "hidden_size": 8, "pooling": "max"}
results = small_runs.run(
    Path("classifier"), model_type="trnn", tokenizer_kind="word", num_train_epochs=16, learning_rate=0.03,
    config_overrides=small, load_best_model_at_end=False, **files
)
assert results["model"]["class"] == "TRnnForSequenceClassification", results["model"]
assert results["metrics"]["train"]["accuracy"] > 0.9, results["metrics"]
model = AutoModelForSequenceClassification.from_pretrained("classifier")
assert not [name for name, _ in model.named_parameters() if "_hh_" in name]
layer = gate_activations(model, AutoTokenizer.from_pretrained("classifier"), "a good film").layers[0]
f, candidate = layer.gates["forget"], layer.gates["candidate"]
hidden = np.zeros_like(f[0])
for step in range(len(f)):
    hidden = f[step] * hidden + (1 - f[step]) * candidate[step]
    assert np.allclose(hidden, layer.hidden[step], atol=1e-6)
"""
    )


def test_it_writes_text(checkout: Checkout) -> None:
    checkout.run(
        """
from pathlib import Path
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from tests.tasks import small_language_runs as runs

file = runs.write_text(Path("text"))
runs.run(Path("writer"), model_type="trnn", train_file=file, validation_split_percentage=20, do_predict=False)
model = AutoModelForCausalLM.from_pretrained("writer")
prompt = AutoTokenizer.from_pretrained("writer")("the film", return_tensors="pt")
cached = model.generate(**prompt, max_new_tokens=12, do_sample=False)
whole = model.generate(**prompt, max_new_tokens=12, do_sample=False, use_cache=False)
assert torch.equal(cached, whole)
"""
    )


@pytest.mark.slow
def test_a_siamese_network_of_it_answers_the_same_without_the_package(checkout: Checkout) -> None:
    checkout.run(
        """
from pathlib import Path
from hf_rnn.hub.model_card import write_model_card
from hf_rnn.hub.staging import stage
from hf_rnn.runs.results import read_results
from tests.tasks import small_similarity_runs as runs

files = runs.write_questions(Path("questions"))
results = runs.run(Path("siamese"), model_type="trnn", **files)
assert results["model"]["config"]["encoder"]["model_type"] == "trnn", results["model"]
write_model_card("siamese", read_results("siamese/results.json"), license="mit", language="en")
staged = stage("siamese", "staged", repo_id="ana/siamese")
assert {"cells.py", "modeling_rnn.py", "modeling_conv.py", "pipeline_similarity.py"} <= staged.files().keys()
"""
    )


@pytest.mark.slow
def test_it_is_searched(checkout: Checkout) -> None:
    checkout.run(
        """
from pathlib import Path
from hf_rnn.hyperparameter_search.run import run_search
from tests.hyperparameter_search import search_runs
from tests.tasks import small_language_runs, small_runs

files = small_runs.write_reviews(Path("searched"))
search = search_runs.prepare(Path("search"), model_type="trnn", n_trials=2, **files)
assert run_search(search)["trials"]["finished"] == 2
# What it has not is not searched.
file = small_language_runs.write_text(Path("searched"))
language = search_runs.prepare(
    Path("language"), task="language-modeling", model_type="trnn", train_file=file, validation_split_percentage=20,
    search_space=None, tokenizer_kind="character", block_size=30,
)
assert "dropout" in language.space.to_json() and "weight_dropout" not in language.space.to_json()
"""
    )


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (
            "hf_rnn.TRnnConfig(weight_dropout=0.3)",
            "`weight_dropout` is 0.3; a trnn has no recurrent weights W_h to drop entries of, so it must be 0.",
        ),
        (
            "write_graph(hf_rnn.TRnnForSequenceClassification(hf_rnn.TRnnConfig(vocab_size=9)).eval())",
            "`model` has layers of TRnnCell, which no operator of ONNX computes",
        ),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(checkout: Checkout, attempt: str, message: str, tmp_path: Path) -> None:
    checkout.run(
        f"""
import sys
import hf_rnn
from hf_rnn.export.graph_models import build_graph as write_graph
try:
    {attempt}
except Exception as error:
    assert sys.argv[1] in str(error), error
else:
    raise AssertionError("nothing was refused")
""",
        message,
    )
