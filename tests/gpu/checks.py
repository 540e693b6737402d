"""What has to hold on a GPU, of every head: python -m tests.gpu.checks [NAME ...]

Needs torch and transformers alone; `test_cuda.py` makes tests of it where pytest is. Each check raises an
AssertionError, or returns why it is not made here.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from hf_rnn.models.paths import recurrent_path
from tests.fixtures.every_model import CASES, Inputs, loss_of, scores_of, to


# Largest difference from the reference in float64 on the CPU, as a share of the largest number.
TOLERANCES = {torch.float64: 1e-10, torch.float32: 1e-5}
# Under autocast: some digits of half precision, over a few layers.
HALF = {torch.bfloat16: 0.1, torch.float16: 0.02}
# Cells that cuDNN computes, by the name of a case that has one.
BY_CUDNN = ("bilstm-classes", "lstm-classes", "gru-classes", "elman-tanh-classes", "elman-relu-classes")


def missing() -> str | None:
    """Why nothing can be checked here, or None."""
    return None if torch.cuda.is_available() else "no CUDA device: the checks on a GPU are not run"


def step(name: str, device: str, dtype: torch.dtype, half: torch.dtype | None = None) -> dict[str, torch.Tensor]:
    """The scores, the loss and the gradients of a case, without dropout, as float64 on the CPU; under autocast to
    `half`, if that is given.
    """
    model = CASES[name].make().to(device, dtype)
    inputs = to(CASES[name].inputs(), device, dtype)
    with torch.autocast(torch.device(device).type, dtype=half or torch.bfloat16, enabled=half is not None):
        outputs = model(**inputs)
        loss = loss_of(outputs)
    loss.backward()
    found = {"scores": _without_padding(scores_of(outputs), inputs), "loss": loss}
    found |= {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}
    return {key: value.detach().cpu().double() for key, value in found.items()}


def _without_padding(scores: torch.Tensor, inputs: Inputs) -> torch.Tensor:
    mask = inputs.get("attention_mask")
    return scores[mask.bool()] if mask is not None and mask.shape == scores.shape[:2] else scores


@contextmanager
def without_tf32() -> Iterator[None]:
    """torch lets cuDNN round float32 to TF32, which has three digits."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def exact(name: str, device: str = "cuda") -> str | None:
    """Scores, loss and gradients of a padded batch are those of the equations on the CPU, in both precisions."""
    if "sampled" in name:
        return "what it draws is another generator's on each device"
    with recurrent_path("reference"):
        expected = step(name, "cpu", torch.float64)
    with without_tf32():
        for dtype, tolerance in TOLERANCES.items():
            _compare(step(name, device, dtype), expected, tolerance, str(dtype))
    return None


def half(name: str, device: str = "cuda") -> str | None:
    """Under autocast to either type all is finite, and the loss is about that of float32."""
    if "sampled" in name:
        return "what it draws is another generator's on each device"
    expected = step(name, device, torch.float32)
    for dtype, tolerance in HALF.items():
        found = step(name, device, torch.float32, dtype)
        for key, value in found.items():
            assert value.isfinite().all(), f"{dtype}, {key}: not finite"
        _compare({"loss": found["loss"]}, {"loss": expected["loss"]}, tolerance, str(dtype))
    return None


def _compare(
    found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], tolerance: float, message: str
) -> None:
    assert found.keys() == expected.keys(), message
    for key, value in expected.items():
        assert found[key].shape == value.shape, f"{message}, {key}"
        if value.numel():
            off = (found[key] - value).abs().max().item()
            assert off <= tolerance * max(1.0, value.abs().max().item()), f"{message}, {key}: off by {off}"


def no_wait(name: str, device: str = "cuda") -> str | None:
    """In a training step and an inference the host waits for nothing; torch raises where it does."""
    if CASES[name].looks is not None:
        return CASES[name].looks
    model = CASES[name].make().to(device, torch.float32)
    inputs = to(CASES[name].inputs(), device, torch.float32)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def run() -> None:
        with torch.no_grad():
            model.eval()(**inputs)
        loss_of(model.train()(**inputs)).backward()
        optimizer.step()
        optimizer.zero_grad()

    run()  # what is prepared at first may wait
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return None


class _Names(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen = set[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def cudnn(name: str, device: str = "cuda") -> str | None:
    """The layers of a cell that cuDNN knows are computed by it, in training and inference."""
    if name not in BY_CUDNN:
        return "asked of one head for each cell that cuDNN has"
    model = CASES[name].make().to(device, torch.float32)
    inputs = to(CASES[name].inputs(), device, torch.float32)
    for training in (False, True):
        with _Names() as names, torch.set_grad_enabled(training):
            model.train(training)(**inputs)
        assert "_cudnn_rnn" in names.seen, sorted(names.seen)
    return None


def compiled(name: str, device: str = "cuda") -> str | None:
    """`torch.compile` (`--torch_compile`) gives the same scores."""
    if name not in BY_CUDNN:
        return "asked of one head for each cell that cuDNN has"
    try:
        import triton  # noqa: F401
    except ImportError:
        return "triton, which torch.compile needs on a GPU, is not installed"
    model = CASES[name].make().to(device, torch.float32)
    inputs = to(CASES[name].inputs(), device, torch.float32)
    with torch.no_grad(), without_tf32():
        expected = scores_of(model(**inputs))
        found = scores_of(torch.compile(model)(**inputs))
    _compare({"scores": found.double()}, {"scores": expected.double()}, 1e-4, "compiled")
    return None


def parallel(name: str, device: str = "cuda") -> str | None:
    """`nn.DataParallel` over all GPUs, as the Trainer uses it, gives the scores and gradients of one."""
    if name not in BY_CUDNN:
        return "asked of one head for each cell that cuDNN has"
    if torch.cuda.device_count() < 2:
        return "there is one GPU alone"
    found = []
    for wrap in (lambda model: model, nn.DataParallel):
        model = CASES[name].make().to(device)
        inputs = {key: value for key, value in to(CASES[name].inputs(), device).items() if key != "labels"}
        scores = scores_of(wrap(model)(**inputs))
        scores.square().sum().backward()
        grads = {key: weight.grad for key, weight in model.named_parameters() if weight.grad is not None}
        found.append({"scores": scores.detach(), **grads})
    _compare(found[1], found[0], 1e-10, "DataParallel")
    return None


def resumed(name: str, device: str = "cuda") -> str | None:
    """Training that is saved, loaded and gone on with ends as training without a break, its dropout included."""
    whole, saved = _Run(name, device), _Run(name, device)
    torch.manual_seed(1)
    whole.steps(4)
    torch.manual_seed(1)
    saved.steps(2)
    state = saved.state()
    resumed_run = _Run(name, device)
    resumed_run.load(state)
    resumed_run.steps(2)
    _compare(resumed_run.weights(), whole.weights(), 1e-10, "resumed")
    return None


class _Run:
    def __init__(self, name: str, device: str) -> None:
        self.model = CASES[name].make().to(device).train()
        self.inputs = to(CASES[name].inputs(), device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), 1e-3)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.optimizer.zero_grad()
            loss_of(self.model(**self.inputs)).backward()
            self.optimizer.step()

    def weights(self) -> dict[str, torch.Tensor]:
        return {key: value.detach().cpu() for key, value in self.model.named_parameters()}

    def state(self) -> dict[str, Any]:
        random = torch.random.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        parts = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        return {"random": random, **{key: _copied(part) for key, part in parts.items()}}

    def load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.random.set_rng_state(state["random"][0])
        if state["random"][1]:
            torch.cuda.set_rng_state_all(state["random"][1])


def _copied(part: Any) -> Any:
    if isinstance(part, torch.Tensor):
        return part.detach().cpu().clone()
    if isinstance(part, dict):
        return {key: _copied(value) for key, value in part.items()}
    return [_copied(value) for value in part] if isinstance(part, list) else part


CHECKS: dict[str, Callable[..., str | None]] = {
    check.__name__: check for check in (exact, half, no_wait, cudnn, compiled, parallel, resumed)
}


def main(wanted: list[str]) -> int:
    """Make the checks, all or those of `wanted`, and print a line for each that fails, or that no case had."""
    why = missing()
    if why is not None:
        print(f"{why}.")
        return 0
    failed = 0
    for kind in wanted or CHECKS:
        started, reasons, passed = time.perf_counter(), set[str](), 0
        for name in CASES:
            try:
                reason = CHECKS[kind](name)
            except Exception:
                failed += 1
                print(f"FAILED {kind}[{name}]\n{traceback.format_exc()}")
                continue
            passed += reason is None
            reasons |= {reason} if reason else set()
        print(f"{kind}: {passed} passed in {time.perf_counter() - started:.0f} s; not made: {sorted(reasons)}")
    print(f"{failed} failed.")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
