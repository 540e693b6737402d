"""Measures the peers: every round asks each peer in turn for the same work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm.auto import tqdm

from ..document import ONE_THREAD, Record
from .lineup import Lineup
from .peers.table import PeerSpec
from .texts import MAX_TOKENS


# The lengths of a text that is answered alone.
ALONE_TOKENS = (16, 50)
PRODUCTS = PeerSpec("products", "matrix products", f"{__package__}.products:Products")


@dataclass(frozen=True)
class Effort:
    """The amount that is measured.

    Attributes:
        texts: The number of texts in the sample; one epoch of training, one pass of answers.
        fitted: Texts that TF-IDF is fitted on; None for the whole training split.
        batch_size: Texts of a batch.
        warm_up: Epochs before the first that counts.
        repeats: Rounds that count.
        curve_repeats: The same for the curves.
        calls: Answers to one text in a round.
        cold_starts: Starts from nothing to the first answer.
        lengths: Tokens of one text.
        batch_sizes: Texts of `MAX_TOKENS` tokens that are answered together.
    """

    texts: int
    fitted: int | None
    batch_size: int
    warm_up: int
    repeats: int
    curve_repeats: int
    calls: int
    cold_starts: int
    lengths: Sequence[int]
    batch_sizes: Sequence[int]


Stage = Callable[[Sequence[PeerSpec], Path, int | None, Effort], dict[str, Record]]

FULL = Effort(
    texts=640,
    fitted=None,
    batch_size=64,
    warm_up=3,
    repeats=5,
    curve_repeats=3,
    calls=40,
    cold_starts=3,
    lengths=tuple(2**power for power in range(6, 14)),
    batch_sizes=tuple(2**power for power in range(8)),
)
QUICK = Effort(
    texts=16,
    fitted=200,
    batch_size=8,
    warm_up=1,
    repeats=2,
    curve_repeats=1,
    calls=3,
    cold_starts=1,
    lengths=(64, 1024),
    batch_sizes=(1, 4),
)


@dataclass
class RoundArguments:
    """The threads and the rounds of a benchmark of speed."""

    threads: int | None = field(
        default=None,
        metadata={
            "help": "Number of CPU threads for training and for batches; a single text is given one. "
            "Default: as each library chooses by itself."
        },
    )
    repeats: int | None = field(
        default=None, metadata={"help": f"Number of rounds that count. Default: {FULL.repeats}."}
    )
    quick: bool = field(
        default=False, metadata={"help": "Show in a minute or two that the main peers work; the figures mean nothing."}
    )

    def __post_init__(self) -> None:
        for name in ("threads", "repeats"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}`={value} must be at least 1.")


def measure_training(
    peers: Sequence[PeerSpec], folder: Path, threads: int | None, effort: Effort
) -> tuple[dict[str, Record], list[dict[str, dict[str, float]]]]:
    """Returns:
    For each peer `seconds` of every epoch that counts, `warm_up_seconds` of those before, `texts` of an epoch and
    `peak_memory_mb`, or `error`; and the machine's rates in matrix products, measured in the same rounds.
    """
    rounds, rates = [], []
    with (
        Lineup(peers, "train", folder, effort.batch_size, threads) as line,
        Lineup([PRODUCTS], "multiply", folder, effort.batch_size, threads) as machine,
    ):
        for _ in tqdm(range(effort.warm_up + effort.repeats), desc="training"):
            rounds.append(line.ask(do="epoch"))
            rates += [answer["rates"] for answer in machine.ask(do="product").values()]
        ends = line.end()
    records = {}
    for key, end in ends.items():
        seconds = [answers[key]["seconds"] for answers in rounds]
        records[key] = {
            "seconds": seconds[effort.warm_up :],
            "warm_up_seconds": seconds[: effort.warm_up],
            "texts": effort.texts,
            "peak_memory_mb": end["peak_memory_mb"],
        }
    return with_failures(records, line.failures), rates[effort.warm_up :]


def measure_inference(
    peers: Sequence[PeerSpec], folder: Path, threads: int | None, effort: Effort
) -> dict[str, Record]:
    """Returns:
    For each peer what `measure_batches` and `measure_alone` say, and `size_bytes`; or `error`.
    """
    with Lineup(peers, "prepare", folder, effort.batch_size, threads) as line:
        sizes: dict[str, Record] = {key: {"size_bytes": first["size_bytes"]} for key, first in line.ready.items()}
        records = with_failures(sizes, line.failures)
    stages: tuple[tuple[Stage, int | None], ...] = ((measure_batches, threads), (measure_alone, ONE_THREAD))
    for stage, stage_threads in stages:
        able = [peer for peer in peers if "error" not in records[peer.key]]
        for key, record in stage(able, folder, stage_threads, effort).items():
            records[key] = record if "error" in record else records[key] | record
    return records


def measure_batches(peers: Sequence[PeerSpec], folder: Path, threads: int | None, effort: Effort) -> dict[str, Record]:
    """Returns:
    For each peer `seconds` of every pass over `texts` texts, `peak_memory_mb`, `first_answer` (a logit) and, of
    peers with curves, `by_batch_size`: texts → milliseconds of every round.
    """
    with Lineup(peers, "answer", folder, effort.batch_size, threads) as line:
        check_answers(peers, line)
        line.ask(do="pass")
        rounds = [line.ask(do="pass") for _ in tqdm(range(effort.repeats), desc="batches")]
        sizes = [
            (peer.key, size, MAX_TOKENS)
            for peer in peers
            for size in effort.batch_sizes
            if peer.curves and size * peer.every <= max(effort.batch_sizes)
        ]
        curves = measure_curves(line, sizes, effort.curve_repeats)
        ends = line.end()
    records: dict[str, Record] = {
        key: {
            "seconds": [answers[key]["seconds"] for answers in rounds],
            "texts": rounds[0][key]["texts"],
            "peak_memory_mb": end["peak_memory_mb"],
            "first_answer": line.ready[key]["first_answer"],
        }
        for key, end in ends.items()
    }
    for (key, size, _), milliseconds in curves.items():
        if key in records:
            records[key].setdefault("by_batch_size", {})[str(size)] = milliseconds
    return with_failures(records, line.failures)


def measure_alone(peers: Sequence[PeerSpec], folder: Path, threads: int | None, effort: Effort) -> dict[str, Record]:
    """Returns:
    For each peer `alone`: tokens → the milliseconds of every call, a list for each round; `cold_start_seconds` of
    every start; and, of peers with curves, `by_length`: tokens → milliseconds of every round.
    """
    with Lineup(peers, "answer", folder, effort.batch_size, threads, together=False) as line:
        starts = [line.ready]
        rounds = []
        for _ in tqdm(range(1 + effort.repeats), desc="one text"):
            calls = {n: line.ask(do="batch", size=1, tokens=n, count=effort.calls) for n in ALONE_TOKENS}
            rounds.append(calls)
        lengths = [
            (peer.key, 1, tokens)
            for peer in peers
            for tokens in effort.lengths
            if peer.curves and tokens <= (peer.max_tokens or tokens)
        ]
        curves = measure_curves(line, lengths, effort.curve_repeats)
        ends = line.end()
    for _ in tqdm(range(effort.cold_starts - 1), desc="cold starts"):
        able = [peer for peer in peers if peer.key not in line.failures]
        with Lineup(able, "answer", folder, effort.batch_size, threads, together=False) as cold:
            starts.append(cold.ready)
        line.failures |= cold.failures
    records: dict[str, Record] = {
        key: {
            "alone": {str(n): [calls[n][key]["milliseconds"] for calls in rounds[1:]] for n in ALONE_TOKENS},
            "cold_start_seconds": [ready[key]["start_seconds"] for ready in starts],
        }
        for key in ends
        if key not in line.failures
    }
    for (key, _, tokens), milliseconds in curves.items():
        if key in records:
            records[key].setdefault("by_length", {})[str(tokens)] = milliseconds
    return with_failures(records, line.failures)


def measure_curves(
    line: Lineup, points: Iterable[tuple[str, int, int]], repeats: int
) -> dict[tuple[str, int, int], list[float]]:
    """Milliseconds of each of `repeats` rounds at each point (peer, texts, tokens); a round before them warms up."""
    # The peers side by side at each point.
    ordered = sorted(points, key=lambda point: point[1:])
    measured: dict[tuple[str, int, int], list[float]] = {point: [] for point in ordered}
    for _ in tqdm(range(1 + repeats), desc="curves"):
        for key, size, tokens in ordered:
            for answer in line.ask(only=[key], do="batch", size=size, tokens=tokens, count=1).values():
                measured[key, size, tokens] += answer["milliseconds"]
    return {point: milliseconds[1:] for point, milliseconds in measured.items()}


def check_answers(peers: Sequence[PeerSpec], line: Lineup) -> None:
    """Fail the peers that should give the same answer to the first text, and give another."""
    firsts = {peer.key: line.ready[peer.key]["first_answer"] for peer in peers if peer.key in line.ready}
    tolerances = {peer.key: peer.tolerance for peer in peers}
    common = {key: limit for key in firsts if (limit := tolerances[key]) is not None}
    if not common:
        return
    reference = min(common, key=lambda key: common[key])
    for key, tolerance in common.items():
        if abs(firsts[key] - firsts[reference]) > tolerance:
            line.fail(
                key,
                f"computes another network: its first answer is {firsts[key]:.6f}, "
                f"that of {reference} {firsts[reference]:.6f}",
            )


def with_failures(records: dict[str, Record], failures: dict[str, str]) -> dict[str, Record]:
    """`records`, where a peer that failed on the way has nothing but its `error`."""
    return records | {key: {"error": error} for key, error in failures.items()}
