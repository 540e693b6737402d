"""Training arguments of language models."""

from __future__ import annotations

from dataclasses import dataclass, field

from .arguments import RecurrentTrainingArguments


@dataclass
class LanguageTrainingArguments(RecurrentTrainingArguments):
    """As for other models, and the windows of truncated back-propagation through time."""

    per_device_train_batch_size: int = field(default=32, metadata={"help": "Streams that are read side by side."})
    per_device_eval_batch_size: int = field(
        default=1,
        metadata={
            "help": "The same for evaluation while it trains. 1: the whole text in one stream; more are read sooner, "
            "and the first tokens of each are predicted without those before them."
        },
    )
    block_size: int = field(
        default=70, metadata={"help": "Steps of a window: back-propagation through time is truncated there."}
    )
    random_windows: bool = field(
        default=False, metadata={"help": "End windows at random places, from half to one and a half of `block_size`."}
    )

    def __post_init__(self) -> None:
        if self.block_size < 1:
            raise ValueError(f"`block_size`={self.block_size} must be at least 1.")
        super().__post_init__()


__all__ = ["LanguageTrainingArguments"]
