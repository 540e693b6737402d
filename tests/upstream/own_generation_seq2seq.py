"""Our own stand-in for `GenerationTesterMixin` where a source is read and a target is written; `own_generation.py` has
it for language models.

`tests/models/test_seq2seq_generation.py` says what is written; this says that every encoder-decoder writes it
in every way.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.generation import GenerateBeamEncoderDecoderOutput, GenerateEncoderDecoderOutput

from hf_rnn.models.state_name import STATE_NAME
from tests.upstream.own_generation import BEAMS, EVERYTHING, GREEDY, SAMPLE, STEPS, StateGenerationTesterMixin


class OwnEncoderDecoderGenerationTesterMixin(StateGenerationTesterMixin):
    """Adds tests to a test class of `ModelTesterMixin` for an encoder-decoder that generates."""

    def _model_and_inputs(self) -> tuple[Any, dict[str, torch.Tensor]]:
        # float64, so that a tie between two tokens is no matter of rounding; the second source is padded.
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        model = self.all_model_classes[0](config).double().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += torch.randn_like(parameter)
        return model, {name: inputs[name] for name in ("input_ids", "attention_mask")}

    def _check_form(self, outputs: Any, kind: type, rows: int) -> None:
        tester = self.model_tester
        self.assertIsInstance(outputs, kind)
        self.assertEqual(outputs.sequences.shape, (rows, 1 + STEPS))
        self.assertTrue((outputs.sequences[:, 0] == 1).all())
        for scores in (outputs.scores, outputs.logits):
            self.assertEqual([step.shape[1:] for step in scores], [(tester.vocab_size,)] * STEPS)
        for states in outputs.decoder_hidden_states:
            self.assertEqual([state.shape[1] for state in states], [1] * tester.expected_num_hidden_layers)
        self.assertEqual(len(outputs.encoder_hidden_states), tester.expected_num_hidden_layers)
        self.assertEqual(outputs.encoder_hidden_states[0].shape[1], tester.encoder_seq_length)
        self.assertEqual(outputs[STATE_NAME].get_seq_length(), STEPS)

    def test_greedy_generate(self) -> None:
        model, inputs = self._model_and_inputs()
        found = self._generate(model, inputs, **GREEDY)
        outputs = self._generate(model, inputs, **GREEDY, **EVERYTHING)
        self.assertTrue(torch.equal(outputs.sequences, found))
        self._check_form(outputs, GenerateEncoderDecoderOutput, len(found))
        self.assertTrue(torch.equal(torch.stack(outputs.logits, 1).argmax(2), found[:, 1:]))

    def test_greedy_generate_is_the_argmax_of_a_forward_pass(self) -> None:
        model, inputs = self._model_and_inputs()
        found = self._generate(model, inputs, **GREEDY)
        with torch.no_grad():
            scores = model(**inputs, decoder_input_ids=found[:, :-1]).logits
        self.assertTrue(torch.equal(scores.argmax(2), found[:, 1:]))

    def test_sample_generate(self) -> None:
        model, inputs = self._model_and_inputs()
        outputs = self._generate(model, inputs, **SAMPLE, **EVERYTHING)
        self._check_form(outputs, GenerateEncoderDecoderOutput, 3)
        self.assertTrue(torch.equal(outputs.sequences, self._generate(model, inputs, **SAMPLE)))

    def test_sample_generate_several_sequences(self) -> None:
        model, inputs = self._model_and_inputs()
        found = self._generate(model, inputs, **SAMPLE, num_return_sequences=4)
        self.assertEqual(found.shape[0], 12)
        self.assertGreater(len(found[:4].unique(dim=0)), 1)

    def test_beam_search_generate(self) -> None:
        model, inputs = self._model_and_inputs()
        outputs = self._generate(model, inputs, **BEAMS, **EVERYTHING, num_return_sequences=2)
        self._check_form(outputs, GenerateBeamEncoderDecoderOutput, 6)
        scores = outputs.sequences_scores.view(3, 2)
        self.assertTrue((scores[:, 0] >= scores[:, 1]).all())

    def test_beam_search_scores_are_those_of_the_targets(self) -> None:
        model, inputs = self._model_and_inputs()
        outputs = self._generate(model, inputs, **BEAMS, **EVERYTHING)
        with torch.no_grad():
            every = model(**inputs, decoder_input_ids=outputs.sequences[:, :-1]).logits.log_softmax(2)
        written = every.gather(2, outputs.sequences[:, 1:, None]).sum((1, 2))
        torch.testing.assert_close(outputs.sequences_scores.double() * STEPS, written, rtol=1e-4, atol=1e-4)

    def test_generate_from_encoder_outputs(self) -> None:
        model, inputs = self._model_and_inputs()
        with torch.no_grad():
            read = model.get_encoder()(**inputs)
        for options in (GREEDY, SAMPLE, BEAMS):
            given = {"encoder_outputs": read, "attention_mask": inputs["attention_mask"]}
            expected = self._generate(model, inputs, **options)
            self.assertTrue(torch.equal(self._generate(model, given, **options), expected))

    def test_generate_from_inputs_embeds(self) -> None:
        model, inputs = self._model_and_inputs()
        table = model.get_encoder().network.get_input_embeddings()
        embedded = {"inputs_embeds": table(inputs["input_ids"]), "attention_mask": inputs["attention_mask"]}
        for options in (GREEDY, BEAMS):
            expected = self._generate(model, inputs, **options)
            self.assertTrue(torch.equal(self._generate(model, embedded, **options), expected))

    def test_generate_continue_from_decoder_input_ids(self) -> None:
        model, inputs = self._model_and_inputs()
        whole = self._generate(model, inputs, **GREEDY)
        for steps in (1, 3):
            for use_cache in (True, False):
                options = {"do_sample": False, "max_new_tokens": STEPS - steps, "use_cache": use_cache}
                again = self._generate(model, inputs, decoder_input_ids=whole[:, : 1 + steps], **options)
                self.assertTrue(torch.equal(again, whole))

    def test_padding_compatibility(self) -> None:
        model, inputs = self._model_and_inputs()
        zeros, tokens = torch.zeros(3, 4, dtype=torch.long), torch.randint(1, 9, (3, 4))
        for order in ((0, 1), (1, 0)):
            parts = ((tokens, inputs["input_ids"]), (zeros, inputs["attention_mask"]))
            ids, mask = (torch.cat([part[place] for place in order], 1) for part in parts)
            for options in (GREEDY, BEAMS):
                found = self._generate(model, {"input_ids": ids, "attention_mask": mask}, **options)
                self.assertTrue(torch.equal(found, self._generate(model, inputs, **options)))

    def test_generate_ends_at_the_end_of_a_target(self) -> None:
        model, inputs = self._model_and_inputs()
        longest = self._generate(model, inputs, **GREEDY)[:, 1:].tolist()
        end = longest[0][1]
        found = self._generate(model, inputs, **GREEDY, eos_token_id=end)
        for row, target in zip(found[:, 1:].tolist(), longest, strict=True):
            kept = target.index(end) + 1 if end in target else STEPS
            # It stops when every target has ended.
            self.assertEqual(row, (target[:kept] + [0] * (STEPS - kept))[: len(row)])


__all__ = ["OwnEncoderDecoderGenerationTesterMixin"]
