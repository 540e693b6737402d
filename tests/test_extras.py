"""Extras: what is missing is named with its line of pip, and every use of an optional library is behind that check."""

from __future__ import annotations

import ast
import configparser
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hf_rnn import extras
from hf_rnn.extras import MissingExtraError, require_extra
from tests.missing import pretend


PROJECT = Path(__file__).resolve().parent.parent
# Module → distribution, of those that only extras bring.
OPTIONAL = {
    "sklearn": "scikit-learn",
    "scipy": "scikit-learn",
    "seqeval": "seqeval",
    "pycrfsuite": "python-crfsuite",
    "matplotlib": "matplotlib",
    "PIL": "pillow",
    "jinja2": "jinja2",
    "pandas": "pandas",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "sacrebleu": "sacrebleu",
    "rouge_score": "rouge-score",
    "rapidfuzz": "rapidfuzz",
    "captum": "captum",
    "optuna": "optuna",
    "plotly": "plotly",
    "h5py": "h5py",
    "keras": "keras",
    "tensorflow": "tensorflow-cpu",
}
# File → the file that has checked the extra before it comes to this one.
BEHIND = {
    "hf_rnn/baselines/linear.py": "hf_rnn/cli/baselines/tfidf.py",
    "hf_rnn/baselines/nearest.py": "hf_rnn/tasks/sequence_to_sequence/baseline.py",
    "hf_rnn/baselines/naive_bayes.py": "hf_rnn/cli/baselines/tfidf.py",
    "hf_rnn/baselines/pairs.py": "hf_rnn/tasks/similarity/baseline.py",
    "hf_rnn/baselines/tags.py": "hf_rnn/tasks/token_classification/baseline.py",
    "hf_rnn/baselines/pixels.py": "hf_rnn/benchmark/omniglot.py",
    "hf_rnn/data/readers/series/times.py": "hf_rnn/data/readers/series/reader.py",
    "hf_rnn/baselines/texts.py": "hf_rnn/tasks/text_classification/baseline.py",
    "hf_rnn/hyperparameter_search/on_ray.py": "hf_rnn/hyperparameter_search/plan.py",
    "hf_rnn/hyperparameter_search/optuna_trials.py": "hf_rnn/hyperparameter_search/plan.py",
    "hf_rnn/hyperparameter_search/report.py": "hf_rnn/hyperparameter_search/plan.py",
    "hf_rnn/hyperparameter_search/storage.py": "hf_rnn/hyperparameter_search/plan.py",
    "hf_rnn/tasks/distillation/calibration.py": "hf_rnn/tasks/start.py",
    "hf_rnn/export/graph.py": "hf_rnn/export/onnx_export.py",
    "hf_rnn/export/graph_scan.py": "hf_rnn/export/onnx_export.py",
    "hf_rnn/export/graph_models.py": "hf_rnn/export/onnx_export.py",
}
# It also runs where there is no hf_rnn, and names onnxruntime itself.
ALONE = "hf_rnn/export/runtime.py"


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("hf_rnn", "scripts"):
        for path in sorted((PROJECT / folder).rglob("*.py")):
            yield path.relative_to(PROJECT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def optional_imports(tree: ast.AST) -> set[str]:
    """The optional modules that are imported when the code runs, not for its types alone."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return set()
    names: list[str] = []
    if isinstance(tree, ast.Import):
        names = [alias.name for alias in tree.names]
    elif isinstance(tree, ast.ImportFrom) and not tree.level:
        names = [tree.module or ""]
    found = {name.split(".")[0] for name in names} & OPTIONAL.keys()
    return found.union(*(optional_imports(child) for child in ast.iter_child_nodes(tree)))


def checks(tree: ast.Module) -> list[list[str]]:
    """The extra and the distributions of every call of `require_extra` whose arguments are written out."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    found = [call.args for call in calls if ast.unparse(call.func) == "require_extra"]
    written = ([args[0], *args[2:]] for args in found)
    return [[arg.value for arg in args if isinstance(arg, ast.Constant)] for args in written]


def test_every_optional_import_is_behind_a_check() -> None:
    checked = {name for name, tree in sources() if checks(tree)}
    using = {name: found for name, tree in sources() if (found := optional_imports(tree))}
    # Peers of the benchmark are reported as missing where they are.
    lacking = {name for name in using.keys() - checked if not name.startswith("hf_rnn/benchmark/")}
    # Metrics state their libraries, and their base class checks them.
    of_metrics = {"hf_rnn/metrics/similarity.py", "hf_rnn/metrics/classification.py"}
    assert lacking - of_metrics == BEHIND.keys() | {ALONE}
    assert set(BEHIND.values()) <= checked
    assert len(using) > 15


def test_every_check_names_an_extra_and_its_distributions() -> None:
    found = [check for _, tree in sources() for check in checks(tree)]
    assert len(found) > 20
    for extra, *only in found:
        require_extra(extra, "A test", *only)


def test_the_metadata_and_setup_cfg_state_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def stated() -> dict[str, list[tuple[str, str]]]:
        found = extras._stated()
        assert found is not None
        return {
            extra: sorted((one.name, f"{sorted(one.extras)}{one.specifier}") for one in requirements)
            for extra, requirements in found.items()
        }

    installed = stated()
    monkeypatch.setattr(extras.metadata, "metadata", not_installed)
    assert stated() == installed
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    assert installed.keys() == set(config["options.extras_require"])


def not_installed(name: str) -> None:
    raise metadata.PackageNotFoundError(name)


def test_all_that_is_missing_is_named_with_one_line_of_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, seqeval=None, matplotlib="3.5.1", pandas="3.0.0rc1")
    with pytest.raises(MissingExtraError) as error:
        require_extra("train", "Training")
    assert str(error.value) == (
        "Training needs seqeval>=1.2.2 (not installed), matplotlib>=3.9 (3.5.1 is installed): "
        'pip install "hf_rnn[train]"'
    )
    assert isinstance(error.value, ImportError)


def test_what_is_not_needed_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, seqeval=None)
    require_extra("train", "A plot", "matplotlib")
    with pytest.raises(MissingExtraError, match="A plot needs seqeval"):
        require_extra("train", "A plot", "matplotlib", "seqeval")


def test_an_extra_has_what_it_includes(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, scikit_learn=None, plotly=None)
    with pytest.raises(MissingExtraError, match=r'scikit-learn.*plotly.*pip install "hf_rnn\[search\]"'):
        require_extra("search", "A search")


def test_what_was_installed_meanwhile_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        pretend(patched, captum=None)
        with pytest.raises(MissingExtraError):
            require_extra("insight", "A test")
    require_extra("insight", "A test")


def test_requirements_of_other_systems_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = metadata.requires("hf_rnn") or []

    def require_on(system: str) -> None:
        more = Requirement(f'winrt>=1; sys_platform == "{system}" and extra == "train"')
        monkeypatch.setattr(extras.metadata, "requires", lambda name: [*stated, str(more)])
        monkeypatch.setattr(extras, "_found", set())
        require_extra("train", "Training")

    require_on("no system")
    with pytest.raises(MissingExtraError, match="winrt>=1"):
        require_on(sys.platform)


def test_the_build_for_a_gpu_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, onnxruntime=None, onnxruntime_gpu="1.23.2")
    require_extra("export", "ONNX export")
    pretend(monkeypatch, onnxruntime=None, onnxruntime_gpu="1.2.0")
    with pytest.raises(MissingExtraError, match=r"onnxruntime>=1.23 \(1.2.0 is installed\)"):
        require_extra("export", "ONNX export")


def test_where_nothing_tells_nothing_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, captum=None)
    monkeypatch.setattr(extras.metadata, "metadata", not_installed)
    with pytest.raises(MissingExtraError, match="captum"):
        require_extra("insight", "Explaining a model")
    monkeypatch.setattr(extras, "SETUP_FILE", tmp_path / "setup.cfg")
    require_extra("insight", "Explaining a model")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["trian"], r"`extra`='trian' must be one of train, export"),
        (["export", "onxx"], "`only` names 'onxx'; the extra 'export' has onnx, onnxruntime"),
    ],
)
def test_names_that_do_not_exist_are_refused(names: list[str], message: str) -> None:
    extra, *only = names
    with pytest.raises(ValueError, match=message):
        require_extra(extra, "A test", *only)
