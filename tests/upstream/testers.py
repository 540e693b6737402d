"""What transformers calls a model tester: a tiny configuration of a model class, and inputs for it.

The attributes are those that the mixins read. `hidden_size` is the width of `hidden_states`, which they compare with:
the width of all of them, so the embeddings are as wide as a layer's output.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from hf_rnn import ConvEncoderConfig, SiameseConfig
from hf_rnn.models.configuration_seq2seq import ENCODER_DECODERS


Inputs = dict[str, torch.Tensor]

# A name → a model class, and what its configuration has besides.
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "Crf": ("GruForTokenClassification", {"crf": True}),
    "Bioes": (
        "BiLstmForTokenClassification",
        {"crf": True, "label_scheme": "BIOES", "id2label": {0: "O", 1: "B-A", 2: "I-A"}},
    ),
    "Tied": ("LstmForCausalLM", {"tie_word_embeddings": True}),
    "Jordan": ("ElmanForCausalLM", {"recurrence": "output_to_hidden"}),
    "ResetBefore": ("GruModel", {"reset_after": False, "bidirectional": True, "merge": "sum", "pooling": "attention"}),
    "DenseHead": (
        "LstmForSequenceClassification",
        {"pooling": "mean_max", "classifier_hidden_sizes": [6], "weight_dropout": 0.1},
    ),
    "FedContext": ("GruForSeq2SeqLM", {"attention": "additive", "input_feeding": "context", "bridge": "none"}),
    "FedAttended": ("LstmForSeq2SeqLM", {"attention": "dot", "input_feeding": "attended", "bridge": "copy"}),
    "OneContext": ("LstmForSeq2SeqLM", {"attention": None, "context_at_each_step": True}),
    "OneVector": ("GruEncoderDecoder", {"attention": None}),
    "TiedWords": ("GruForSeq2SeqLM", {"tie_word_embeddings": True}),
    "SharedWords": ("LstmForSeq2SeqLM", {"tie_word_embeddings": True, "share_embeddings": True}),
}


def random_ids(batch_size: int, seq_length: int, vocab_size: int) -> torch.Tensor:
    """(batch, time) tokens; no padding."""
    return torch.randint(1, vocab_size, (batch_size, seq_length))


class RecurrentTester:
    """Args:
    model_type: The family.
    model_class: The class that is tested.
    options: What the configuration has besides.
    """

    has_text_modality = True
    common_properties = ("hidden_size", "num_hidden_layers")
    # What `ConfigTester` sets.
    config_values: dict[str, Any] = {"hidden_size": 37}

    batch_size = 3
    seq_length = 7
    vocab_size = 29
    num_hidden_layers = 2
    num_labels = 3
    is_training = True

    def __init__(self, model_type: str, model_class: type[PreTrainedModel], **options: Any) -> None:
        self.model_type = model_type
        self.options = options
        self.hidden_size = 16 if model_type == "bilstm" else 8
        causal = model_class.__name__.endswith("ForCausalLM")
        self.causal_lm_class = model_class if causal else None
        self.sequence_classification_class = None if causal else model_class
        # A Dan has no layers but dense ones, behind the pooling.
        self.expected_num_hidden_layers = 1 if model_type == "dan" else self.num_hidden_layers + 1

    def get_config(self) -> PreTrainedConfig:
        values = {
            "vocab_size": self.vocab_size,
            "embedding_size": self.hidden_size,
            "hidden_size": 8,
            "num_hidden_layers": self.num_hidden_layers,
        }
        if "id2label" not in self.options:
            values["num_labels"] = self.num_labels
        return AutoConfig.for_model(self.model_type, **{**values, **self.options})

    def prepare_config_and_inputs_for_common(self) -> tuple[PreTrainedConfig, Inputs]:
        ids = random_ids(self.batch_size, self.seq_length, self.vocab_size)
        mask = torch.ones_like(ids)
        mask[1, -2:] = 0
        return self.get_config(), {"input_ids": ids, "attention_mask": mask}


class SiameseTester(RecurrentTester):
    """Pairs of texts, the second longer: it is read as long as both, and the mixins look at the first."""

    has_text_modality = False
    common_properties = ("encoder",)
    config_values = {"projection_size": 3}
    encoder_seq_length = RecurrentTester.seq_length + 2

    def __init__(self, model_type: str, model_class: type[PreTrainedModel], **options: Any) -> None:
        super().__init__("bilstm", model_class, **options)

    def get_config(self) -> PreTrainedConfig:
        encoder = RecurrentTester("bilstm", PreTrainedModel).get_config()
        return SiameseConfig(encoder=encoder, num_labels=self.num_labels, projection_size=6)

    def prepare_config_and_inputs_for_common(self) -> tuple[PreTrainedConfig, Inputs]:
        config, inputs = super().prepare_config_and_inputs_for_common()
        # The mixin takes fifteen tokens away, and puts others in place of those in `input_ids` only.
        ids = random_ids(self.batch_size, self.encoder_seq_length, self.vocab_size - 15)
        return config, {**inputs, "input_ids_b": ids, "attention_mask_b": torch.ones_like(ids)}


class ConvEncoderTester:
    """Grey images."""

    batch_size = 3
    num_hidden_layers = 2
    expected_num_hidden_layers = 2
    # Height and width of the maps.
    seq_length = hidden_size = 4
    is_training = True
    has_text_modality = False
    common_properties = ("hidden_sizes",)
    config_values = {"output_size": 3}

    def __init__(self, model_type: str, model_class: type[PreTrainedModel]) -> None:
        self.sequence_classification_class = model_class

    def get_config(self) -> PreTrainedConfig:
        sizes = {"hidden_sizes": [3, 4], "kernel_sizes": [3, 3], "pool_sizes": [2, 1]}
        return ConvEncoderConfig(image_size=8, output_size=5, **sizes)

    def prepare_config_and_inputs_for_common(self) -> tuple[PreTrainedConfig, Inputs]:
        config = self.get_config()
        images = torch.rand(self.batch_size, config.num_channels, config.image_size, config.image_size)
        return config, {"pixel_values": images}


class EncoderDecoderTester:
    """Sources of nine tokens and targets of seven; the encoder, of two directions, is as wide as the decoder."""

    # transformers asks for a `vocab_size`, which is the decoder's; `common_properties` names it.
    has_text_modality = False
    common_properties = ("hidden_size", "num_hidden_layers", "vocab_size", "encoder", "decoder")
    config_values: dict[str, Any] = {"attention": "additive", "attention_size": 37}

    batch_size = 3
    seq_length = decoder_seq_length = 7
    encoder_seq_length = 9
    vocab_size = 29
    hidden_size = 8
    num_hidden_layers = 2
    expected_num_hidden_layers = num_hidden_layers + 1
    is_training = True

    def __init__(self, model_type: str, model_class: type[PreTrainedModel], **options: Any) -> None:
        self.model_type = model_type
        self.options = options

    def get_config(self) -> PreTrainedConfig:
        family = ENCODER_DECODERS[self.model_type].family.model_type
        values = {
            "model_type": family,
            "vocab_size": self.vocab_size,
            "embedding_size": self.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
        }
        return AutoConfig.for_model(
            self.model_type,
            encoder={**values, "hidden_size": self.hidden_size // 2, "bidirectional": True},
            decoder={**values, "hidden_size": self.hidden_size},
            decoder_start_token_id=1,
            **self.options,
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[PreTrainedConfig, Inputs]:
        ids = random_ids(self.batch_size, self.encoder_seq_length, self.vocab_size)
        mask = torch.ones_like(ids)
        mask[1, -2:] = 0
        targets = random_ids(self.batch_size, self.seq_length, self.vocab_size)
        return self.get_config(), {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": targets}
