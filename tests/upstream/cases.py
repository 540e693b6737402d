"""A test class of transformers' mixins for every model class of hf_rnn, and for some with what a configuration adds.

`test_models.py` runs them whole. A single test, to look into it:

    python -m unittest tests.upstream.cases.LstmForCausalLMTest.test_save_load
"""

from __future__ import annotations

import copy
import tempfile
import unittest
from typing import Any
from unittest import mock

import torch
from transformers import PreTrainedConfig, set_seed
from transformers.models.auto import modeling_auto

import hf_rnn
from hf_rnn.models.configuration_seq2seq import ENCODER_DECODERS
from hf_rnn.registration import MODELS
from tests.upstream import suite
from tests.upstream.own_generation import OwnGenerationTesterMixin
from tests.upstream.own_generation_seq2seq import OwnEncoderDecoderGenerationTesterMixin
from tests.upstream.own_pipelines import OwnPipelineTesterMixin
from tests.upstream.skips import SWITCHED_OFF
from tests.upstream.testers import (
    OPTIONS,
    ConvEncoderTester,
    EncoderDecoderTester,
    Inputs,
    RecurrentTester,
    SiameseTester,
)


ModelTesterMixin = suite.load("test_modeling_common").ModelTesterMixin
TrainingTesterMixin = suite.load("test_training_mixin").TrainingTesterMixin
ConfigTester = suite.load("test_configuration_common").ConfigTester

# The mixins look at these names to know what a class is, and what labels it takes.
NAMES = {
    "AutoModel": "MODEL_MAPPING_NAMES",
    "AutoModelForSequenceClassification": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
    "AutoModelForTokenClassification": "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES",
    "AutoModelForCausalLM": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "AutoModelForSeq2SeqLM": "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
}


class OwnConfigTester(ConfigTester):
    """Tests what `ConfigTester` does, but for the configurations that are inside another."""

    def create_and_test_config_from_and_save_pretrained_composite(self) -> None:
        """transformers takes the one out of the folder of the other. Ours refuses: a model would be loaded by the same
        call, with the right configuration and random weights. The parts come with the network, which is tested.
        """
        if not self.config_class.sub_configs:
            super().create_and_test_config_from_and_save_pretrained_composite()
            return
        config = self.parent.model_tester.get_config()
        with tempfile.TemporaryDirectory() as folder:
            config.save_pretrained(folder)
            loaded = self.config_class.from_pretrained(folder)
            for name in self.config_class.sub_configs:
                part = getattr(config, name)
                self.parent.assertIs(type(getattr(loaded, name)), type(part))
                self.parent.assertEqual(getattr(loaded, name).to_dict(), part.to_dict())
                with self.parent.assertRaisesRegex(ValueError, f"which has a model of type '{config.model_type}'"):
                    type(part).from_pretrained(folder)


class HfRnnTestCase(ModelTesterMixin, TrainingTesterMixin):
    """What the test classes have in common."""

    auto_class: str
    model_type: str
    has_attentions = False
    # Else all missing weights are only tested of files whose copyright is of 2023 or later.
    test_can_init_all_missing_weights_before_2023 = True
    # A recurrence of eight units learns the mixin's text more slowly than a transformer: 300 steps of 1e-3.
    training_overfit_learning_rate = 1e-2
    training_overfit_steps = 400

    def setUp(self) -> None:
        name = self._testMethodName
        if name in self.switched_off():
            self.skipTest(self.switched_off()[name])
        names = getattr(modeling_auto, NAMES[self.auto_class])
        self.enterContext(mock.patch.dict(names, {self.model_type: self.all_model_classes[0].__name__}))
        set_seed(0)

    @classmethod
    def kinds(cls) -> set[str]:
        """What `skips.NOT_OF_THIS_KIND` goes by."""
        model = cls.all_model_classes[0]
        found = {"language model" if model.can_generate() else "encoder", cls.model_type}
        return found | {f"{cls.model_type} backbone"} if cls.auto_class == "AutoModel" else found

    @classmethod
    def switched_off(cls) -> dict[str, str]:
        """Test → why it is not run for this class."""
        model = cls.all_model_classes[0].__name__
        return {name: reason for (classes, name), reason in SWITCHED_OFF.items() if model in classes}

    def test_config(self) -> None:
        """The configuration passes the common tests of transformers, whose assertions are in `ConfigTester`."""
        tester = self.model_tester
        OwnConfigTester(
            self,
            config_class=type(tester.get_config()),
            has_text_modality=tester.has_text_modality,
            common_properties=list(tester.common_properties),
            **tester.config_values,
        ).run_common_tests()


class EncoderTestCase(HfRnnTestCase):
    """`test_training_overfit` assumes a causal language model: it hands the tokens themselves over as labels. Here the
    labels are of the head, which is to learn them by the mixin's loop to the mixin's thresholds.
    """

    def _create_text_training_batch(self, batch_size: int, seq_length: int, vocab_size: int) -> Inputs:
        ids = super()._create_text_training_batch(batch_size, seq_length, vocab_size)["input_ids"]
        # The mixin's rows are equal; the second has other tokens, and another label.
        ids[1] += 9
        if "TokenClassification" in self.all_model_classes[0].__name__:
            return {"input_ids": ids, "labels": ids % self.model_tester.num_labels}
        return {"input_ids": ids, "labels": torch.arange(batch_size)}


class SiameseTestCase(EncoderTestCase):
    """A pair has two inputs, and `SiameseConfig` no vocabulary of its own."""

    def test_training_overfit(self) -> None:
        """The network learns its batch by heart: the mixin asserts that the loss falls."""
        tester = self.model_tester
        with mock.patch.object(hf_rnn.SiameseConfig, "vocab_size", tester.vocab_size, create=True):
            super().test_training_overfit()

    def _create_text_training_batch(self, batch_size: int, seq_length: int, vocab_size: int) -> Inputs:
        batch = super()._create_text_training_batch(batch_size, seq_length, vocab_size)
        return {**batch, "input_ids_b": batch["input_ids"][:1].repeat(batch_size, 1)}

    def _prepare_config_and_inputs_for_retain_grad_hidden_states_attentions(self) -> Any:
        # Of a pair, the hidden states are halves of what the encoder has computed: nothing is computed of them.
        config, inputs = super()._prepare_config_and_inputs_for_retain_grad_hidden_states_attentions()
        return config, {name: value for name, value in inputs.items() if not name.endswith("_b")}


class EncoderDecoderTestCase(HfRnnTestCase):
    """Source and target are two inputs, with a vocabulary each."""

    is_encoder_decoder = True
    # The source is the first token; at 64 tokens a decoder that is computed a step at a time takes a minute.
    training_overfit_seq_length = 12
    training_overfit_learning_rate = 2e-2

    @classmethod
    def kinds(cls) -> set[str]:
        found = {"encoder-decoder", cls.model_type}
        return found | {"encoder-decoder backbone"} if cls.auto_class == "AutoModel" else found

    def _create_text_training_batch(self, batch_size: int, seq_length: int, vocab_size: int) -> Inputs:
        # The mixin lets the model write its whole text from the first token of it, which is the source and, in the
        # tester's configuration, what every target begins with.
        ids = super()._create_text_training_batch(batch_size, seq_length, vocab_size)["input_ids"]
        mask = torch.zeros_like(ids)
        mask[:, 0] = 1
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "decoder_input_ids": ids[:, :-1],
            "labels": ids[:, 1:].contiguous(),
        }

    def test_resize_tokens_embeddings(self) -> None:
        """The mixin reads new tokens on both sides, which asserts that both tables grow where they are one."""
        with mock.patch.dict(self.model_tester.options, share_embeddings=True):
            super().test_resize_tokens_embeddings()

    def test_inputs_embeds_matches_input_ids(self) -> None:
        """The mixin looks up source and target in one table, and asserts that nothing else is read."""
        with mock.patch.dict(self.model_tester.options, share_embeddings=True):
            super().test_inputs_embeds_matches_input_ids()


class ConvEncoderTestCase(EncoderTestCase):
    """Images have no tokens."""

    test_resize_embeddings = False


def _tester(model_type: str) -> Any:
    """The tester of a model of this type."""
    if model_type in ENCODER_DECODERS:
        return EncoderDecoderTester
    return {"siamese": SiameseTester, "conv-encoder": ConvEncoderTester}.get(model_type, RecurrentTester)


def _test_case(model_type: str, writes: bool) -> type:
    """What the test class of a model of this type derives from; `writes`: the model generates."""
    if model_type in ENCODER_DECODERS:
        return EncoderDecoderTestCase
    plain = HfRnnTestCase if writes else EncoderTestCase
    return {"siamese": SiameseTestCase, "conv-encoder": ConvEncoderTestCase}.get(model_type, plain)


def _test_class(name: str, config_class: type[PreTrainedConfig], auto_class: str, model: str, **options: Any) -> type:
    model_class, model_type = getattr(hf_rnn, model), config_class.model_type
    writes = model_class.can_generate()
    tester = _tester(model_type)(model_type, model_class, **options)
    mixins: list[type] = [_test_case(model_type, writes)]
    if writes:
        both = model_type in ENCODER_DECODERS
        mixins.append(OwnEncoderDecoderGenerationTesterMixin if both else OwnGenerationTesterMixin)
    # transformers has no pipeline for encoder-decoders of texts any more.
    if tester.has_text_modality or model_type == "siamese":
        mixins.append(OwnPipelineTesterMixin)
    content = {
        "all_model_classes": (model_class,),
        "auto_class": auto_class,
        "model_type": config_class.model_type,
        "model_tester": tester,
        "__module__": __name__,
    }
    return type(name, (*mixins, unittest.TestCase), content)


def _test_classes() -> dict[str, type]:
    found = {}
    for config_class, heads in MODELS.items():
        # The mixins hand every model tokens or images; models of time series read values: tests/models/test_series.py.
        read_tokens = {auto_class: name for auto_class, name in heads.items() if auto_class in NAMES}
        for auto_class, file_and_class in read_tokens.items():
            model = file_and_class.split(".")[1]
            found[f"{model}Test"] = _test_class(f"{model}Test", config_class, auto_class, model)
    for addition, (model, options) in OPTIONS.items():
        plain = found[f"{model}Test"]
        name = f"{addition}{model}Test"
        config_class = type(plain.model_tester.get_config())
        found[name] = _test_class(name, config_class, plain.auto_class, model, **copy.deepcopy(options))
    return found


CASES = _test_classes()
globals().update(CASES)

__all__ = ["CASES", *CASES]
