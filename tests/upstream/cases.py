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
from hf_rnn.registration import MODELS
from tests.upstream import suite
from tests.upstream.own_generation import OwnGenerationTesterMixin
from tests.upstream.own_pipelines import OwnPipelineTesterMixin
from tests.upstream.skips import SWITCHED_OFF
from tests.upstream.testers import OPTIONS, ConvEncoderTester, Inputs, RecurrentTester, SiameseTester


ModelTesterMixin = suite.load("test_modeling_common").ModelTesterMixin
TrainingTesterMixin = suite.load("test_training_mixin").TrainingTesterMixin
ConfigTester = suite.load("test_configuration_common").ConfigTester

# The mixins look at these names to know what a class is, and what labels it takes.
NAMES = {
    "AutoModel": "MODEL_MAPPING_NAMES",
    "AutoModelForSequenceClassification": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
    "AutoModelForTokenClassification": "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES",
    "AutoModelForCausalLM": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
}


class OwnConfigTester(ConfigTester):
    """Tests what `ConfigTester` does, but for the configuration of an encoder inside that of a siamese network."""

    def create_and_test_config_from_and_save_pretrained_composite(self) -> None:
        """transformers takes the one out of the folder of the other. Ours refuses: a model would be loaded by the same
        call, with the right configuration and random weights. The encoder comes with the network, which is tested.
        """
        if not self.config_class.sub_configs:
            super().create_and_test_config_from_and_save_pretrained_composite()
            return
        config = self.parent.model_tester.get_config()
        with tempfile.TemporaryDirectory() as folder:
            config.save_pretrained(folder)
            loaded = self.config_class.from_pretrained(folder)
            self.parent.assertIs(type(loaded.encoder), type(config.encoder))
            self.parent.assertEqual(loaded.encoder.to_dict(), config.encoder.to_dict())
            with self.parent.assertRaisesRegex(ValueError, "which has a model of type 'siamese'"):
                type(config.encoder).from_pretrained(folder)


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


class ConvEncoderTestCase(EncoderTestCase):
    """Images have no tokens."""

    test_resize_embeddings = False


def _test_class(name: str, config_class: type[PreTrainedConfig], auto_class: str, model: str, **options: Any) -> type:
    model_class = getattr(hf_rnn, model)
    testers = {"siamese": SiameseTester, "conv-encoder": ConvEncoderTester}
    tester = testers.get(config_class.model_type, RecurrentTester)(config_class.model_type, model_class, **options)
    mixins: list[type] = [
        {"siamese": SiameseTestCase, "conv-encoder": ConvEncoderTestCase}.get(
            config_class.model_type, HfRnnTestCase if model_class.can_generate() else EncoderTestCase
        )
    ]
    if model_class.can_generate():
        mixins.append(OwnGenerationTesterMixin)
    if tester.has_text_modality or config_class.model_type == "siamese":
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
        for auto_class, file_and_class in heads.items():
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
