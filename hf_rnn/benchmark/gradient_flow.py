"""Vanishing and exploding gradients shown: five networks learn to remember the first token, clipped and unclipped."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PrinterCallback,
    TrainerCallback,
    set_seed,
)

from ..data.synthetic.first_token import NUM_CLASSES, VOCAB_SIZE, first_token_examples
from ..extras import require_extra
from ..insight.gradients.flow import GradientFlow, gradient_flow
from ..insight.gradients.plots import plot_gradient_comparison
from ..runs.markdown import markdown_table
from ..runs.provenance import provenance
from ..training.arguments import RecurrentTrainingArguments
from ..training.trainer import RecurrentTrainer


__all__ = ["GradientComparisonArguments", "compare_gradient_flow", "comparison_table"]


# The relu starts at the identity, which forgets nothing (Le et al. 2015, https://arxiv.org/abs/1504.00941).
NETWORKS: dict[str, dict[str, Any]] = {
    "Elman tanh": {"model_type": "elman"},
    "Elman relu": {"model_type": "elman", "nonlinearity": "relu", "initializer": "identity"},
    "LSTM, gate bias 1": {"model_type": "lstm", "gate_bias": 1},
    "GRU, gate bias 0": {"model_type": "gru", "gate_bias": 0},
    "GRU, gate bias 3": {"model_type": "gru", "gate_bias": 3},
}
SIZES = {"embedding_size": 16, "hidden_size": 32}
TEST_EXAMPLES = 256
RUNS = ("clipped", "unclipped")
SIGNIFICANT_DIGITS = 5


@dataclass
class GradientComparisonArguments:
    """The task, and how the networks are trained on it."""

    output_dir: str = field(
        default="model_cards/gradient_flow",
        metadata={"help": "Folder to write gradient_flow.json and gradient_flow.png into."},
    )
    sequence_length: int = field(default=50, metadata={"help": "Number of steps from the first token to the answer."})
    max_steps: int = field(default=1000, metadata={"help": "Number of training steps of each network."})
    batch_size: int = field(default=32, metadata={"help": "Number of sequences in a step; none is seen twice."})
    learning_rate: float = field(default=0.05, metadata={"help": "Learning rate of plain gradient descent (SGD)."})
    max_grad_norm: float = field(default=0.5, metadata={"help": "Norm that the gradient is clipped to."})
    seed: int = field(default=0, metadata={"help": "Seed of the weights and the sequences."})

    def __post_init__(self) -> None:
        for name in ("sequence_length", "max_steps", "batch_size", "learning_rate", "max_grad_norm"):
            if getattr(self, name) <= 0:
                raise ValueError(f"`{name}`={getattr(self, name)} must be above 0.")


def compare_gradient_flow(arguments: GradientComparisonArguments) -> dict[str, Any]:
    """Train each of `NETWORKS` with and without clipping, from the same weights on the same sequences, and write
    `gradient_flow.json` and `gradient_flow.png`.

    Plain gradient descent: an optimizer such as Adam divides a gradient by its own size, and hides what clipping does.

    Returns:
        The document in `gradient_flow.json`. A number that is not finite is None there.

    Raises:
        ValueError: an argument is out of range.
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("train", "A comparison of gradient flow", "matplotlib")
    test = first_token_examples(TEST_EXAMPLES, arguments.sequence_length, arguments.seed + 1)
    batch = test.with_format("torch")[:]
    flows: dict[str, dict[str, GradientFlow]] = {when: {} for when in ("initial", *RUNS)}
    networks: dict[str, Any] = {}
    for name, options in NETWORKS.items():
        initial = flows["initial"][name] = gradient_flow(build(options, arguments.seed), batch)
        networks[name] = {"config": {**options, **SIZES}, "initial": {"flow": flow_document(initial)}}
        for run in RUNS:
            model = build(options, arguments.seed)
            history = train(model, arguments, clip=run == "clipped")
            flow = flows[run][name] = gradient_flow(model, batch)
            networks[name][run] = {**history, **answers(model, batch), "flow": flow_document(flow)}
    document = finite(
        {
            "arguments": {name: value for name, value in asdict(arguments).items() if name != "output_dir"},
            "test_examples": TEST_EXAMPLES,
            "networks": networks,
            **provenance(),
        }
    )
    folder = Path(arguments.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gradient_flow.json").write_text(json.dumps(document, allow_nan=False) + "\n")
    plot_gradient_comparison(document, flows, folder / "gradient_flow.png")
    return document


def build(options: dict[str, Any], seed: int) -> PreTrainedModel:
    """The network with its initial weights, which follow from `seed`."""
    set_seed(seed)
    values = {"vocab_size": VOCAB_SIZE, "num_labels": NUM_CLASSES, **SIZES, **options}
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**values))


class DivergingTrainer(RecurrentTrainer):
    """Goes on to the end of the step whose loss is no number: where it is, and what it leaves, is looked for here."""

    def _require_finite(self, what: str, value: float, step: int) -> None:
        """Any number will do."""


class StopWhenDiverged(TrainerCallback):
    """Ends a run whose loss is no number any more."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """See `TrainerCallback.on_log`."""
        if logs and not math.isfinite(logs.get("loss", 0.0)):
            control.should_training_stop = True


def train(model: PreTrainedModel, arguments: GradientComparisonArguments, clip: bool) -> dict[str, Any]:
    """Give each step's loss and gradient norm before clipping, and the step where the loss overflowed."""
    sequences = first_token_examples(
        arguments.max_steps * arguments.batch_size, arguments.sequence_length, arguments.seed
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = RecurrentTrainingArguments(
            output_dir=folder,
            max_steps=arguments.max_steps,
            per_device_train_batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            optim="sgd",
            lr_scheduler_type="constant",
            max_grad_norm=arguments.max_grad_norm if clip else 0.0,
            seed=arguments.seed,
            bucket_by_length=False,
            logging_steps=1,
            logging_nan_inf_filter=False,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = DivergingTrainer(model, settings, train_dataset=sequences, callbacks=[StopWhenDiverged()])
        # A thousand lines of numbers; they go to the file.
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    steps = [row for row in trainer.state.log_history if "loss" in row]
    return {
        "loss": [row["loss"] for row in steps],
        "gradient_norm": [row["grad_norm"] for row in steps],
        "diverged_at_step": next((row["step"] for row in steps if not math.isfinite(row["loss"])), None),
    }


@torch.no_grad()
def answers(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> dict[str, float | None]:
    """The accuracy on the test sequences; None for a network that has no answers any more."""
    logits = model.eval()(**batch).logits
    if not logits.isfinite().all():
        return {"accuracy": None}
    return {"accuracy": float((logits.argmax(1) == batch["labels"]).double().mean())}


def flow_document(flow: GradientFlow) -> dict[str, Any]:
    """Means over the sequences, one number a step, of networks with one layer and one direction."""
    document = {"loss": flow.loss, "gradient_norm": flow.total_norm, "hidden": flow.hidden_mean[0, 0].tolist()}
    return document if flow.cell_mean is None else {**document, "cell": flow.cell_mean[0, 0].tolist()}


def finite(value: Any) -> Any:
    """`value` as JSON holds it: rounded, and None for what is not a finite number."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    return value


def comparison_table(document: dict[str, Any]) -> str:
    """The comparison in a few columns, as Markdown."""
    lines = [
        [
            "Network",
            "Gradient at the first step ÷ at the last, untrained",
            "Accuracy, clipped",
            "Largest gradient norm",
            "Accuracy, not clipped",
            "Largest gradient norm",
        ],
        ["---", *["---:"] * 5],
    ]
    for name, network in document["networks"].items():
        hidden = network["initial"]["flow"]["hidden"]
        cells = [name, f"{hidden[0] / hidden[-1]:.1e}"]
        for run in RUNS:
            of_run = network[run]
            stopped = f"overflow at step {of_run['diverged_at_step']}"
            cells.append(stopped if of_run["accuracy"] is None else f"{of_run['accuracy']:.3f}")
            norms = [norm for norm in of_run["gradient_norm"] if norm is not None]
            cells.append(f"{max(norms):.2g}")
        lines.append(cells)
    return markdown_table(lines).rstrip("\n")
