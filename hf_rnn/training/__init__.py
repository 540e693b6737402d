"""The Trainers, their arguments, and the techniques that they train with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .arguments import LanguageTrainingArguments as LanguageTrainingArguments
    from .arguments import RecurrentTrainingArguments as RecurrentTrainingArguments
    from .language_model_trainer import LanguageModelTrainer as LanguageModelTrainer
    from .siamese_trainer import SiameseTrainer as SiameseTrainer
    from .trainer import RecurrentTrainer as RecurrentTrainer

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "LanguageTrainingArguments": ".arguments",
        "RecurrentTrainer": ".trainer",
        "RecurrentTrainingArguments": ".arguments",
        "SiameseTrainer": ".siamese_trainer",
        "LanguageModelTrainer": ".language_model_trainer",
    },
    moved=dict.fromkeys(("GradientFlow", "gradient_flow", "plot_gradient_flow"), "hf_rnn.insight"),
)
