"""Measures how fast a language model writes: one text, one thread, the likeliest token each time."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.generation.streamers import BaseStreamer

from ..bundles import PREFIX, checkpoint_folder
from ..extras import MissingExtraError, require_extra
from ..kernels.threads import computing_threads
from ..models.configuration_rnn import RecurrentConfig
from ..progress import without_weight_bars
from ..runs.describe import describe_model
from ..runs.kinds import KINDS
from ..runs.markdown import markdown_table
from .document import (
    ONE_THREAD,
    Document,
    cautions,
    describe_origin,
    other_load_cores,
    read_measured,
    write_document,
)


__all__ = [
    "GenerationArguments",
    "forward_loop",
    "generation_tables",
    "load_language_model",
    "measure_generation",
    "position_figures",
    "read_generation",
    "token_seconds",
]


SCHEMA_VERSION = 1
PROMPT: str = KINDS["text-generation"].example
POSITIONS = (10, 100, 1_000, 10_000)
# Tokens whose median is the time of the last of them; of half the position where that is less.
WINDOW = 100
LABELS = {
    "generate": "`generate()`",
    "forward": "`forward()` in a bare loop",
    "onnx": "ONNX Runtime, `TextGenerator`",
}
METHOD = (
    "One process, one thread, one text, the likeliest token each time; the end of a text does not stop it. Each round "
    "asks all ways in turn for the same number of tokens after the same prompt; rates are medians over the rounds, in "
    "whose time the prompt is read, too. Characters are those of the text that the tokens are decoded to. The time of "
    "a token is from the one before it to itself, as a streamer of `generate()` sees them in one long text a round: "
    "the median over as many tokens before it as `window` says, itself included, and of these over the rounds."
)


@dataclass(frozen=True)
class Effort:
    """The amount that is measured.

    Attributes:
        rounds: That count, after one of `warm_up` tokens that does not.
        tokens: The tokens of a round.
        long_text: Tokens of each round's text whose tokens are timed one by one.
        warm_up: Tokens before anything counts.
    """

    rounds: int
    tokens: int
    long_text: int
    warm_up: int


FULL = Effort(rounds=5, tokens=1_000, long_text=10_000, warm_up=100)
QUICK = Effort(rounds=1, tokens=20, long_text=100, warm_up=2)


@dataclass
class GenerationArguments:
    """The language model that is measured, and the file of the figures."""

    model: str = field(metadata={"help": "Language model to measure: the folder of a recurrent one, or bundled:NAME."})
    output: str = field(default="model_cards/benchmarks/generation.json", metadata={"help": "JSON file to write."})
    quick: bool = field(
        default=False, metadata={"help": "Show on a few tokens that it works; the figures mean nothing."}
    )

    def __post_init__(self) -> None:
        if Path(self.output).suffix != ".json":
            raise ValueError(f"`output`={self.output!r} must be the name of a .json file.")


def measure_generation(arguments: GenerationArguments) -> Document:
    """Measure, and write `arguments.output`.

    Returns:
        The document in it.

    Raises:
        ValueError: `model` is not the folder of a recurrent language model, or not that of a bundled one.
    """
    effort = QUICK if arguments.quick else FULL
    # The kernels are built before the model is loaded, where they can be.
    origin = describe_origin()
    folder, model = load_language_model(arguments.model)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(PROMPT, return_tensors="pt")["input_ids"]
    load_before = other_load_cores()
    with computing_threads(model, ONE_THREAD), tempfile.TemporaryDirectory() as temporary:
        ways, reason = _ways(model, ids, folder, Path(temporary))
        seconds = _rounds(ways, effort)
        per_token = [token_seconds(model, ids, effort.long_text) for _ in range(effort.rounds)]
        new = model.generate(ids, max_new_tokens=effort.tokens, do_sample=False)[0, ids.shape[1] :]  # type: ignore[operator]
    characters = len(tokenizer.decode(new, skip_special_tokens=True)) / effort.tokens
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "quick": arguments.quick,
        **origin,
        "other_load_cores": {"before": load_before, "after": other_load_cores()},
        "threads": ONE_THREAD,
        "model": {"name": folder.resolve().name, **describe_model(model, folder)},
        "prompt": PROMPT,
        "method": METHOD,
        "effort": asdict(effort),
        "characters_per_token": characters,
        "ways": {key: _rates(seconds[key], effort.tokens, characters) for key in seconds},
        "milliseconds_per_token": position_figures(per_token),
    }
    if reason is not None:
        document["ways"]["onnx"] = {"status": "missing", "reason": reason}
    write_document(document, Path(arguments.output))
    return document


def read_generation(path: Path) -> Document:
    """Read what `measure_generation` wrote.

    Raises:
        ValueError: it is of another version, or a quick run, which measures nothing.
    """
    return read_measured(path, SCHEMA_VERSION)


def load_language_model(name: str) -> tuple[Path, PreTrainedModel]:
    """Folder and model of a checkpoint, which no token ends a text of.

    Raises:
        ValueError: as `measure_generation`.
    """
    folder = Path(checkpoint_folder(name, "model"))
    if not (folder / "config.json").is_file():
        raise ValueError(f"`model`={name!r} must be the folder of a checkpoint, or {PREFIX}NAME.")
    config = AutoConfig.from_pretrained(folder)
    architectures = config.architectures or ["model without a head"]
    if not isinstance(config, RecurrentConfig) or not architectures[0].endswith("ForCausalLM"):
        raise ValueError(f"`model`={name!r} must be a recurrent language model; it is a {architectures[0]}.")
    with without_weight_bars():
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder)
    generation: Any = model.generation_config
    generation.eos_token_id = None
    return folder, model.eval()


def _ways(
    model: PreTrainedModel, ids: torch.Tensor, folder: Path, temporary: Path
) -> tuple[dict[str, Callable[[int], Any]], str | None]:
    # Each way writes so many tokens after the prompt; the text says why there is no ONNX Runtime, where there is none.
    from ..export.onnx_export import export_onnx

    ways: dict[str, Callable[[int], Any]] = {
        "generate": lambda count: model.generate(ids, max_new_tokens=count, do_sample=False),  # type: ignore[operator]
        "forward": lambda count: forward_loop(model, ids, count),
    }
    try:
        require_extra("export", "ONNX Runtime")
    except MissingExtraError as error:
        return ways, str(error)
    from ..export.runtime import load

    writer = load(export_onnx(folder, temporary / "onnx"), threads=ONE_THREAD)
    writer.settings["eos_token_ids"] = []
    return {**ways, "onnx": lambda count: writer(PROMPT, max_new_tokens=count)}, None


@torch.no_grad()
def forward_loop(model: PreTrainedModel, ids: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` likeliest tokens after `ids` (1, time), (count): what `generate` takes beside this is its own."""
    state, read, new = None, ids, []
    for _ in range(count):
        outputs = model(input_ids=read, cache=state, use_cache=True, logits_to_keep=1)
        state, read = outputs.cache, outputs.logits[:, -1].argmax(dim=-1, keepdim=True)
        new.append(read[0])
    return torch.cat(new)


def _rounds(ways: dict[str, Callable[[int], Any]], effort: Effort) -> dict[str, list[float]]:
    """Seconds of each way in each round."""
    for write in ways.values():
        write(effort.warm_up)
    seconds: dict[str, list[float]] = {key: [] for key in ways}
    for _ in range(effort.rounds):
        for key, write in ways.items():
            start = time.perf_counter()
            write(effort.tokens)
            seconds[key].append(time.perf_counter() - start)
    return seconds


class _Clock(BaseStreamer):
    """Notes the time at which the prompt was given, and the time of each token after it."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is left to be shown."""


def token_seconds(model: PreTrainedModel, ids: torch.Tensor, count: int) -> list[float]:
    """Seconds that each of `count` tokens took; the first has the prompt in it."""
    clock = _Clock()
    model.generate(ids, max_new_tokens=count, do_sample=False, streamer=clock)  # type: ignore[operator]
    return [after - before for before, after in zip(clock.times[:-1], clock.times[1:], strict=True)]


def position_figures(rounds: Sequence[Sequence[float]]) -> dict[str, dict[str, float]]:
    """Position, of `POSITIONS` those that were reached → `milliseconds`, the median over the `rounds` of the medians
    over the `window` up to it.
    """
    figures = {}
    for position in (position for position in POSITIONS if position <= len(rounds[0])):
        window = min(WINDOW, position // 2)
        medians = [statistics.median(seconds[position - window : position]) for seconds in rounds]
        figures[str(position)] = {"milliseconds": 1000 * statistics.median(medians), "window": window}
    return figures


def _rates(seconds: Sequence[float], tokens: int, characters_per_token: float) -> dict[str, Any]:
    rate = tokens / statistics.median(seconds)
    return {
        "status": "measured",
        "tokens_per_second": rate,
        "characters_per_second": rate * characters_per_token,
        "repeats_seconds": list(seconds),
    }


def generation_tables(document: Document) -> str:
    """Write in Markdown where it was measured, tokens and characters a second, and milliseconds at the positions."""
    rows = [["One text, one thread", "Tokens a second", "Characters a second"], ["---", "---:", "---:"]]
    for key, way in document["ways"].items():
        figures = ("tokens_per_second", "characters_per_second")
        measured = way["status"] == "measured"
        cells = [f"{way[name]:,.0f}" for name in figures] if measured else [f"missing: {way['reason']}", ""]
        rows.append([LABELS[key], *cells])
    positions = document["milliseconds_per_token"]
    headings = [f"{int(position):,}th token" for position in positions]
    times = [f"{figures['milliseconds']:.3f} ms" for figures in positions.values()]
    each = [["", *headings], ["---", *["---:"] * len(headings)], [LABELS["generate"], *times]]
    return f"{markdown_table(rows)}\n{markdown_table(each)}\n{_conditions(document)}"


def _conditions(document: Document) -> str:
    model = document["model"]
    return (
        f"{cautions(document)}`{model['name']}`, {model['parameters']:,} parameters; {document['machine']['cpu']}; "
        f"medians of {document['effort']['rounds']} rounds of {document['effort']['tokens']:,} tokens. "
        f"{document['date'][:10]}.\n"
    )
