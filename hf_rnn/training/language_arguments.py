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
    nt_asgd_patience: int | None = field(
        default=None,
        metadata={
            "help": "NT-ASGD: average the weights from the evaluation on that is no better than the best of those "
            "more than this many before it (5 in AWD-LSTM, with `optim` sgd and a constant rate). Default: never."
        },
    )

    def __post_init__(self) -> None:
        if self.block_size < 1:
            raise ValueError(f"`block_size`={self.block_size} must be at least 1.")
        if self.nt_asgd_patience is not None and self.nt_asgd_patience < 1:
            raise ValueError(f"`nt_asgd_patience`={self.nt_asgd_patience} must be at least 1, or absent.")
        if self.nt_asgd_patience is not None and self.weight_average_decay is not None:
            raise ValueError(
                f"`nt_asgd_patience`={self.nt_asgd_patience} and `weight_average_decay`={self.weight_average_decay} "
                "are two averages of the weights; give one."
            )
        # A row is a window, not columns of which some could be dropped. Here it is no argument that a run differs by.
        self.remove_unused_columns = False
        super().__post_init__()


__all__ = ["LanguageTrainingArguments"]
