"""Train a small language model on streams, in one process or as one of several; the first saves the weights."""

from __future__ import annotations

import os
import sys

import torch

from hf_rnn.training.language_arguments import LanguageTrainingArguments
from hf_rnn.training.stream_trainer import StreamTrainer
from tests.training.test_stream_trainer import language_model, streams, text, weights


def main(folder: str) -> None:
    arguments = LanguageTrainingArguments(
        output_dir=folder,
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
        per_device_train_batch_size=4 // int(os.environ.get("WORLD_SIZE", "1")),
        num_train_epochs=2,
        optim="sgd",
        learning_rate=0.3,
        lr_scheduler_type="constant",
        max_grad_norm=0.0,
        block_size=7,
        random_windows=True,
        use_cpu=True,
        disable_tqdm=True,
    )
    held_out = streams(text(50, seed=1), characters=50)
    trainer = StreamTrainer(
        model=language_model(), args=arguments, train_dataset=streams(text(161), 4), eval_dataset=held_out
    )
    trainer.train()
    loss = trainer.evaluate()["eval_loss"]
    if arguments.process_index == 0:
        torch.save({"weights": weights(trainer.accelerator.unwrap_model(trainer.model)), "loss": loss}, f"{folder}.pt")


if __name__ == "__main__":
    main(sys.argv[1])
