"""The models of a comparison: from what the user names to folders that load, checked before anything is measured."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...bundles import PREFIX, checkpoint_folder
from ...data.readers.files import expand_path
from ...inference.pipelines import label_names
from ...progress import without_weight_bars
from ...runs.describe import CHECKPOINT_FILES, checkpoint_size
from ...runs.folder import RESULTS_FILE
from ...runs.kinds import find_kind
from ...runs.results import read_results
from ...tasks.test_set import TestSet
from .libraries.table import LIBRARIES, library_of


if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase


__all__ = [
    "Candidate",
    "auto_class",
    "build_random",
    "check",
    "fit_to_test",
    "resolve",
    "size_on_disk",
    "stored_dtype",
    "training_facts",
]


RANDOM = "random:"
# The user may name a checkpoint: NAME=CHECKPOINT.
NAMED = re.compile(r"([\w.-]+)=(.+)")
# google-bert/bert-base-cased (Devlin et al. 2019) has these values where `BertConfig()`, which is bert-base-uncased,
# has others.
KNOWN_CONFIGS: dict[str, dict[str, Any]] = {"bert-base-cased": {"model_type": "bert", "vocab_size": 28996}}
# How safetensors names them → how torch does.
DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}


@dataclass(frozen=True)
class Candidate:
    """A model that is compared.

    Attributes:
        name: In tables: what the user calls it, or else the last part of what was given.
        folder: Where `from_pretrained` finds it; of another library, its file or folder.
        random: Whether it has random weights, so that its quality means nothing.
        tokenizer: Whose tokenizer it has, where it is not its own.
        library: The key in `LIBRARIES` of the library that it is of; None: transformers.
        types: How its entity types are read (see `MeasuredLibrary.read_types`); None: as they are.
    """

    name: str
    folder: Path
    random: bool = False
    tokenizer: str | None = None
    library: str | None = None
    types: Mapping[str, str | None] | None = None


def resolve(models: Sequence[str], baseline: str | None) -> list[Candidate]:
    """The checkpoints among `models`, and the places of the random ones, whose folders do not exist yet.

    Args:
        models: Those of `CompareArguments`. A folder here with an equals sign in its name begins with `./`.

    Raises:
        ValueError: there is no such checkpoint, two have one name, or none has that of `baseline`.
        MissingLibraryError: a model is of a library that is not installed.
    """
    candidates = []
    for given in models:
        named = NAMED.fullmatch(given)
        name, model = named.groups() if named else (None, given)
        library, random = library_of(model), model.startswith(RANDOM)
        if library is not None:
            source = model.removeprefix(f"{library.key}:")
            folder = library.find(source)
        else:
            source = model.removeprefix(RANDOM).removesuffix("/config.json")
            folder = Path(source) if random and source in KNOWN_CONFIGS else find(source, weights=not random)
        last = Path(source.removeprefix(PREFIX)).resolve().name
        candidates.append(Candidate(name or last, folder, random, library=None if library is None else library.key))
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"`models` names two models {name!r}; the last parts of their names must differ, or NAME=CHECKPOINT "
                "be given."
            )
    if baseline is not None and baseline not in names:
        raise ValueError(f"`baseline`={baseline!r} must be the name of one of the models: {', '.join(names)}.")
    return candidates


def find(model: str, weights: bool = True) -> Path:
    """The folder of a checkpoint; that of the Hub is downloaded, without its `weights` where they are not wanted.

    Raises:
        ValueError: there is none.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    path = expand_path(checkpoint_folder(model, "models"))
    if path.exists():
        return path.resolve()
    try:
        return Path(
            snapshot_download(
                model,
                allow_patterns=[*CHECKPOINT_FILES, RESULTS_FILE],
                ignore_patterns=None if weights else "*.safetensors",
            )
        )
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise ValueError(
            f"`models` names {model!r}, which is neither a folder nor {PREFIX}NAME nor a repository of the Hub that "
            f"can be reached or is in the cache ({type(error).__name__})."
        ) from error


def read_config(candidate: Candidate) -> PreTrainedConfig:
    """The configuration of a model.

    Raises:
        ValueError: it cannot be read; the message names the model.
    """
    from transformers import AutoConfig

    known = KNOWN_CONFIGS.get(str(candidate.folder)) if candidate.random else None
    if known is not None:
        return AutoConfig.for_model(**known)
    try:
        return AutoConfig.from_pretrained(candidate.folder)
    except (OSError, ValueError) as error:
        raise ValueError(f"`models`: the configuration of {candidate.name!r} cannot be read: {error}") from error


def auto_class(task: str) -> Any:
    """The Auto class of `task`."""
    import transformers

    return getattr(transformers, find_kind(task).auto_class)


def check_class(candidate: Candidate, config: PreTrainedConfig, task: str) -> None:
    """Raises:
    ValueError: the checkpoint is of a class that does another task; the message names the model.
    """
    architecture = (config.architectures or ["none"])[0]
    kind = find_kind(task)
    if kind.inputs != "pair":
        fits = architecture.endswith(tuple(kind.heads))
        wanted = " or ".join(f"a …{ending}" for ending in kind.heads)
    else:
        siamese = config.model_type == "siamese"
        fits = cast(Any, config).of_texts if siamese else architecture.endswith("Model")
        wanted = "a siamese network of texts, or an encoder such as BertModel"
    if not fits:
        raise ValueError(f"`models`: {candidate.name!r} is a {architecture}; `task`={task!r} takes {wanted}.")


def check(candidates: Sequence[Candidate], task: str) -> list[str] | None:
    """Refuse what cannot be measured: a missing configuration, other tasks, missing weights or tokenizers, labels that
    differ from model to model.

    Returns:
        The labels of the models, in order of the first one's ids, where those of transformers come first; None where
        all have random weights, and of similarities, which have no labels.

    Raises:
        ValueError: names the model and what is wrong with it.
    """
    labels: dict[str, list[str]] = {}
    for candidate in sorted(candidates, key=lambda candidate: candidate.library is not None):
        if candidate.library is None:
            names = check_checkpoint(candidate, task)
        else:
            names = check_library(candidate, task)
        if names is not None:
            labels[candidate.name] = names
    first = next(iter(labels), None)
    for name, names in labels.items():
        if first is not None and set(names) != set(labels[first]):
            raise ValueError(
                f"`models`: {name!r} has the labels {', '.join(names)}; {first!r} has {', '.join(labels[first])}."
            )
    return None if first is None else labels[first]


def check_checkpoint(candidate: Candidate, task: str) -> list[str] | None:
    """The labels of a checkpoint of transformers, if it has any that count; it is refused as [`check`] says."""
    from transformers import AutoTokenizer

    config = read_config(candidate)
    if candidate.random:
        return None
    check_class(candidate, config, task)
    try:
        checkpoint_size(candidate.folder)
        tokenizer = AutoTokenizer.from_pretrained(candidate.folder)
    except (OSError, ValueError) as error:
        raise ValueError(f"`models`: {candidate.name!r} cannot be loaded: {error}") from error
    if find_kind(task).inputs == "tokens" and not tokenizer.is_fast:
        raise ValueError(f"`models`: {candidate.name!r} has no fast tokenizer, which tagging needs.")
    return None if find_kind(task).inputs == "pair" else label_names(config)


def check_library(candidate: Candidate, task: str) -> list[str] | None:
    """The classes of another library's model, if it has any; it is refused as [`check`] says."""
    library = LIBRARIES[str(candidate.library)]
    if task != library.task:
        raise ValueError(
            f"`models`: {candidate.name!r} is a model of {library.title}, which is compared in {library.task}; "
            f"`task`={task!r}."
        )
    return library.labels(candidate.folder)


def fit_to_test(candidates: Sequence[Candidate], test: TestSet) -> list[Candidate]:
    """The candidates, those of other libraries with the entity types by which they are read on `test`.

    Raises:
        ValueError: a model of another library has no answer to such a test set.
    """
    return [
        candidate
        if candidate.library is None
        else replace(candidate, types=LIBRARIES[candidate.library].read_types(candidate.folder, test))
        for candidate in candidates
    ]


@without_weight_bars()
def build_random(
    candidate: Candidate, others: Sequence[Candidate], task: str, names: Sequence[str], folder: Path
) -> Candidate:
    """A checkpoint of random weights in `folder`, saved like any other so that size and loading are those of a real
    one.

    Args:
        candidate: One with `random`.
        others: Checkpoints whose tokenizer it may borrow where its configuration comes without one.
        names: The names of its labels.

    Raises:
        ValueError: it has no tokenizer and none can be borrowed, or nothing does the task with its configuration.
    """
    import torch

    config = read_config(candidate)
    vocab_size = getattr(config.get_text_config(), "vocab_size", None)
    if vocab_size is None:
        raise ValueError(f"`models`: {candidate.name!r} has no `vocab_size`; it must be a model of texts.")
    config.id2label, config.label2id = dict(enumerate(names)), {name: i for i, name in enumerate(names)}
    own = (candidate.folder / "tokenizer.json").is_file()
    lenders = [Candidate(candidate.name, candidate.folder)] if own else others
    for lender in lenders:
        tokenizer = fitting_tokenizer(lender.folder, vocab_size)
        if tokenizer is not None:
            break
    else:
        raise ValueError(
            f"`models`: {candidate.name!r} comes without a tokenizer, and none of the others' fits its "
            f"{vocab_size} entries; compare it with a checkpoint that has a WordPiece tokenizer."
        )
    torch.manual_seed(0)
    model = auto_class(task).from_config(config)
    model.save_pretrained(folder / candidate.name)
    tokenizer.save_pretrained(folder / candidate.name)
    return Candidate(candidate.name, folder / candidate.name, random=True, tokenizer=None if own else lender.name)


def fitting_tokenizer(folder: Path, vocab_size: int) -> PreTrainedTokenizerBase | None:
    """The tokenizer in `folder`, none of whose ids reaches `vocab_size`.

    A WordPiece vocabulary (Schuster and Nakajima 2012) that is larger is cut; words that lose their entry become
    several pieces. It is sorted by how frequent entries are, so few do. Another that is larger gives None.
    """
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if len(tokenizer) <= vocab_size:
        return tokenizer
    state = json.loads(tokenizer.backend_tokenizer.to_str()) if tokenizer.is_fast else {"model": {}}
    if state["model"].get("type") != "WordPiece" or max(tokenizer.all_special_ids) >= vocab_size:
        return None
    state["model"]["vocab"] = {piece: i for piece, i in state["model"]["vocab"].items() if i < vocab_size}
    state["added_tokens"] = [token for token in state["added_tokens"] if token["id"] < vocab_size]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        **tokenizer.special_tokens_map,
    )


def stored_dtype(folder: Path) -> str:
    """The type of the weights on disk, which may be smaller than the one they are loaded in: of most, if mixed."""
    from safetensors import safe_open

    counts: Counter[str] = Counter()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # a file of weights cannot be iterated itself
                weight = file.get_slice(name)
                counts[weight.get_dtype()] += math.prod(weight.get_shape())
    dtype = counts.most_common(1)[0][0]
    return DTYPES.get(dtype, dtype)


def size_on_disk(candidate: Candidate) -> int:
    """Bytes of what loading it needs; of another library's model, of its file or folder."""
    if candidate.library is not None:
        return LIBRARIES[candidate.library].size_bytes(candidate.folder)
    return checkpoint_size(candidate.folder)


def training_facts(candidate: Candidate) -> dict[str, Any] | None:
    """`minutes`, `epochs` and `seeds` of the training, from the checkpoint's own results; None where it has none."""
    if candidate.library is not None:
        training = LIBRARIES[candidate.library].training(candidate.folder)
        return None if training is None else {name: training[name] for name in ("minutes", "epochs", "seeds")}
    path = candidate.folder / RESULTS_FILE
    if candidate.random or not path.is_file():
        return None
    results = read_results(path)
    training = results["training"]
    return {"minutes": training["minutes"], "epochs": training["epochs"], "seeds": results["seeds"]}
