"""This library's encoder-decoder: trained by its Trainer, asked by `generate` as `from_pretrained` gives it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..peers.base import Epochs, TrainedPeer
from ..peers.peer_ours import ENDLESS_EPOCHS
from .base import SENTENCE, WritingPeer
from .network import (
    DECODER,
    EMBEDDING_DROPOUT,
    ENCODER,
    END,
    FEATURES,
    LEARNING_RATE,
    OUTPUT_DROPOUT,
    PADDING,
    READOUT,
    UNKNOWN,
    VOCABULARY,
    common_weights,
)


if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Where the parameters of `network.shapes` are in our models.
PLACES = {
    "source_embedding": "model.encoder.network.embeddings.word_embeddings",
    "target_embedding": "model.decoder.embeddings.word_embeddings",
    "encoder": "model.encoder.network.layers.0.cell",
    "decoder": "model.decoder.layers.0.cell",
    "bridge.h": "model.encoder.bridge.layers.0.0",
    "bridge.c": "model.encoder.bridge.layers.0.1",
    "keys": "model.encoder.key_layer",
    "readout": "model.decoder.readout",
    "output": "lm_head",
}


def our_name(name: str) -> str:
    """The name in our models of a parameter in `common_weights`."""
    place, _, parameter = name.rpartition(".")
    return f"{PLACES[place]}.{parameter}"


def common_model(cell: str, fed: bool) -> PreTrainedModel:
    """Our model with the weights that all peers write with."""
    import torch

    model = new_model(cell, fed)
    weights = common_weights(cell, fed).items()
    model.load_state_dict({our_name(name): torch.from_numpy(weight) for name, weight in weights})
    return model.eval()


def new_model(cell: str, fed: bool) -> PreTrainedModel:
    """The network, initialised as our models are."""
    from ....kernels.loading import load
    from ....models import modeling_seq2seq

    # The process that exports it has no Auto classes of ours; with these comes the compiled path, here by hand.
    load()
    family = {"lstm": modeling_seq2seq.LstmForSeq2SeqLM, "gru": modeling_seq2seq.GruForSeq2SeqLM}[cell]
    part = {
        "model_type": cell,
        "vocab_size": VOCABULARY,
        "embedding_size": FEATURES,
        "embedding_dropout": EMBEDDING_DROPOUT,
        "dropout": OUTPUT_DROPOUT,
        "pad_token_id": PADDING,
        "eos_token_id": END,
    }
    config_class: Any = family.config_class
    config = config_class(
        encoder={**part, "hidden_size": ENCODER, "bidirectional": True},
        decoder={**part, "hidden_size": DECODER},
        attention="general",
        input_feeding="attended" if fed else None,
        readout_size=READOUT,
        pad_token_id=PADDING,
        eos_token_id=END,
        decoder_start_token_id=END,
    )
    model: PreTrainedModel = family(config)
    return model


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are as many as the network's, which the Trainer pads with and an export writes."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = {PADDING: "[PAD]", UNKNOWN: "[UNK]", END: "[END]"}
    vocabulary = {names.get(index, f"w{index}"): index for index in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, names[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=names[PADDING],
        unk_token=names[UNKNOWN],
        eos_token=names[END],
        model_input_names=["input_ids", "attention_mask"],
    )


class OurSequences(WritingPeer, TrainedPeer):
    """`hf-rnn train sequence-to-sequence` without its reading of files."""

    def train(self, epochs: Epochs) -> None:
        from datasets import Dataset
        from transformers import TrainerCallback, set_seed

        from ....data.batches.sequences import SOURCE_LENGTHS, SequenceCollator
        from ....training.arguments import RecurrentTrainingArguments
        from ....training.sequence_trainer import SequenceTrainer

        class Pace(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                control.should_training_stop = not epochs.next()

            on_epoch_end = on_train_begin

        set_seed(0)
        arguments = RecurrentTrainingArguments(
            output_dir=str(self.folder),
            per_device_train_batch_size=self.job.batch_size,
            num_train_epochs=ENDLESS_EPOCHS,
            learning_rate=LEARNING_RATE,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            use_cpu=True,
            disable_tqdm=True,
        )
        sources, targets = [text.ids for text in self.sample.texts], self.targets
        rows = {
            "input_ids": [ids.tolist() for ids in sources],
            "labels": [ids.tolist() for ids in targets],
            "length": [len(b) * SOURCE_LENGTHS + len(a) for a, b in zip(sources, targets, strict=True)],
        }
        tokenizer = word_tokenizer()
        SequenceTrainer(
            new_model(self.cell, self.fed),
            arguments,
            train_dataset=Dataset.from_dict(rows),
            processing_class=tokenizer,
            data_collator=SequenceCollator(tokenizer),
            callbacks=[Pace()],
        ).train()

    def prepare(self) -> list[Path]:
        common_model(self.cell, self.fed).save_pretrained(self.folder)
        return [self.folder / "config.json", self.folder / "model.safetensors"]

    def load(self) -> None:
        from transformers import AutoModelForSeq2SeqLM

        from ....kernels.threads import computing_threads

        self.model = AutoModelForSeq2SeqLM.from_pretrained(self.folder).eval()
        # It holds until `close`.
        self.settings = ExitStack()
        self.settings.enter_context(computing_threads(self.model, self.job.threads))

    def close(self) -> None:
        self.settings.close()

    def write(self, sources: np.ndarray) -> Any:
        import torch

        ids = torch.from_numpy(sources)
        mask = (ids != PADDING).long()
        written = self.model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=SENTENCE)
        # The first token is the one that it begins with.
        return written[:, 1:]
