"""This library's models: trained by its Trainer, asked as `from_pretrained` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..network import DENSE, DROPOUT, FEATURES, UNITS, VOCABULARY, common_weights
from ..texts import TOKENIZER_FOLDER, Text, bucketed_batches, pad
from .base import AskedPeer, Epochs, Job, TrainedPeer


if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ....training.trainer import RecurrentTrainer

# More than are ever asked for.
ENDLESS_EPOCHS = 10_000
# Trainer's own defaults, which the bare loop repeats.
LEARNING_RATE, LARGEST_GRADIENT = 1e-3, 1.0


def our_name(name: str) -> str:
    """The name in our models of a parameter in `common_weights`."""
    layer, _, parameter = name.rpartition(".")
    if layer == "embedding":
        return f"model.embeddings.word_embeddings.{parameter}"
    if layer == "dense":
        return f"classifier.dense.1.{parameter}"
    return f"model.{layer}.cell.{parameter}" if layer.startswith("layers") else f"classifier.{name}"


class OurNetwork(TrainedPeer, AskedPeer):
    """Args:
    cell: `lstm` or `gru`.
    bf16: Train under bfloat16 autocast; answer with weights of that type.
    locked_dropout: One mask for all steps, our default; else a fresh one each step.
    path: See `hf_rnn.models.paths.recurrent_path`; None for the fastest.
    bare_loop: Train by a hand-written loop instead of the Trainer.
    """

    buckets = True

    def __init__(
        self,
        job: Job,
        cell: str = "lstm",
        bf16: bool = False,
        locked_dropout: bool = True,
        path: str | None = None,
        bare_loop: bool = False,
    ) -> None:
        super().__init__(job)
        self.cell, self.bf16, self.locked_dropout, self.bare_loop = cell, bf16, locked_dropout, bare_loop
        self.path = path

    def build(self) -> PreTrainedModel:
        """The network, initialised as our models are."""
        from transformers import AutoModelForSequenceClassification

        from ....models.configuration_rnn import BiLstmConfig, GruConfig

        family = BiLstmConfig if self.cell == "lstm" else GruConfig
        config = family(
            vocab_size=VOCABULARY,
            embedding_size=FEATURES,
            hidden_sizes=list(UNITS),
            bidirectional=True,
            dropout=DROPOUT,
            locked_dropout=self.locked_dropout,
            classifier_hidden_sizes=[DENSE],
            single_logit=True,
        )
        return AutoModelForSequenceClassification.from_config(config)

    def train(self, epochs: Epochs) -> None:
        from transformers import set_seed

        from ....models.paths import recurrent_path

        set_seed(0)
        with recurrent_path(self.path):
            if self.bare_loop:
                self._train_by_hand(epochs)
            else:
                self._trainer(epochs).train()

    def _trainer(self, epochs: Epochs) -> RecurrentTrainer:
        from datasets import Dataset
        from transformers import AutoTokenizer, TrainerCallback

        from ....training.arguments import RecurrentTrainingArguments
        from ....training.trainer import RecurrentTrainer

        class Pace(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                control.should_training_stop = not epochs.next()

            on_epoch_end = on_train_begin

        arguments = RecurrentTrainingArguments(
            output_dir=str(self.folder),
            per_device_train_batch_size=self.job.batch_size,
            num_train_epochs=ENDLESS_EPOCHS,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            use_cpu=True,
            bf16=self.bf16,
            disable_tqdm=True,
        )
        texts = self.sample.texts
        columns = {
            "input_ids": [text.ids.tolist() for text in texts],
            "length": self.sample.lengths.tolist(),
            "labels": self.sample.labels.tolist(),
        }
        tokenizer = AutoTokenizer.from_pretrained(Path(self.job.folder) / TOKENIZER_FOLDER)
        return RecurrentTrainer(
            self.build(),
            arguments,
            train_dataset=Dataset.from_dict(columns),
            processing_class=tokenizer,
            callbacks=[Pace()],
        )

    def _train_by_hand(self, epochs: Epochs) -> None:
        """The same steps as the Trainer's, and nothing else."""
        import torch

        from ....kernels.threads import computing_threads
        from ....training.techniques.denormals import flushed_denormals

        model = self.build().train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0, fused=True)
        texts, labels = self.sample.texts, torch.tensor(self.sample.labels, dtype=torch.long)
        generator = np.random.default_rng(0)
        with computing_threads(model), flushed_denormals():
            while epochs.next():
                for rows in bucketed_batches(self.sample.lengths, self.job.batch_size, generator):
                    ids = torch.from_numpy(pad([texts[row] for row in rows]))
                    loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels[rows]).loss
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
                    optimizer.step()
                    optimizer.zero_grad()

    def prepare(self) -> list[Path]:
        import torch

        model = self.build()
        weights = common_weights(self.cell).items()
        model.load_state_dict({our_name(name): torch.from_numpy(weight) for name, weight in weights})
        if self.bf16:
            model.bfloat16()
        model.save_pretrained(self.folder)
        return [self.folder / "config.json", self.folder / "model.safetensors"]

    def load(self) -> None:
        from transformers import AutoModelForSequenceClassification

        from ....kernels.threads import computing_threads
        from ....models.paths import recurrent_path

        self.model = AutoModelForSequenceClassification.from_pretrained(self.folder, dtype="auto").eval()
        # The settings hold until `close`; those of `hf_rnn.predict_texts` hold for as long as it predicts.
        self.settings = ExitStack()
        self.settings.enter_context(computing_threads(self.model))
        self.settings.enter_context(recurrent_path(self.path))

    def close(self) -> None:
        self.settings.close()

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        import torch

        ids = torch.from_numpy(pad(texts))
        return {"input_ids": ids, "attention_mask": (ids != 0).long()}

    def answer(self, inputs: Any) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return self.model(**inputs).logits[:, 1].float().numpy()
