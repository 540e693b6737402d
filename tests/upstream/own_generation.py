"""Our own stand-in for `GenerationTesterMixin`, which the source distribution of transformers lacks: what the mixin of
that name asks of every model that generates, in the form of its outputs and in that no way of asking changes them.

`tests/models/test_generation.py` says what is written; this says that every language model writes it in every way.
"""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from transformers.generation import GenerateBeamDecoderOnlyOutput, GenerateDecoderOnlyOutput

from hf_rnn.models.state_name import STATE_NAME


STEPS = 5
GREEDY = {"do_sample": False, "max_new_tokens": STEPS}
SAMPLE = {"do_sample": True, "max_new_tokens": STEPS}
BEAMS = {"do_sample": False, "num_beams": 3, "max_new_tokens": STEPS}
EVERYTHING = {
    "return_dict_in_generate": True,
    "output_scores": True,
    "output_logits": True,
    "output_hidden_states": True,
}


class GenerationTester:
    """What transformers finds in place of its own mixin: what stands in for it in every class that generates."""

    def _generate(self, model: Any, inputs: dict[str, Any], **options: Any) -> Any:
        torch.manual_seed(1)
        return model.generate(**inputs, **options)


class StateGenerationTesterMixin(GenerationTester):
    """Adds the tests that are the same of every model that generates with a state, by its `_model_and_inputs`."""

    def _check_same_without_state(self, **options: Any) -> None:
        model, inputs = self._model_and_inputs()
        with_state, without = (self._generate(model, inputs, **options, use_cache=use) for use in (True, False))
        self.assertTrue(torch.equal(with_state, without))
        self.assertGreater(len(with_state.unique(dim=0)), 1)

    def test_greedy_generate_without_state(self) -> None:
        self._check_same_without_state(**GREEDY)

    def test_sample_generate_without_state(self) -> None:
        self._check_same_without_state(**SAMPLE, num_return_sequences=2)

    def test_beam_search_generate_without_state(self) -> None:
        self._check_same_without_state(**BEAMS, num_return_sequences=3)

    def test_beam_sample_generate_without_state(self) -> None:
        self._check_same_without_state(**{**BEAMS, "do_sample": True}, num_return_sequences=2)

    def test_generate_with_logits_processors(self) -> None:
        model, inputs = self._model_and_inputs()
        banned = self._generate(model, inputs, **GREEDY)[0, -STEPS:].tolist()
        found = self._generate(model, inputs, **GREEDY, bad_words_ids=[[token] for token in set(banned)])
        self.assertFalse(set(banned) & set(found[:, -STEPS:].flatten().tolist()))

    def test_generate_after_saving_and_loading(self) -> None:
        model, inputs = self._model_and_inputs()
        model.generation_config.update(num_beams=2, max_new_tokens=STEPS)
        expected = self._generate(model, inputs)
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            loaded = type(model).from_pretrained(folder)
        self.assertEqual(loaded.dtype, torch.float64)
        self.assertTrue(torch.equal(self._generate(loaded, inputs), expected))

    def test_assisted_decoding_is_refused(self) -> None:
        """The state cannot forget tokens that were proposed in vain; transformers says so of `_is_stateful` models."""
        model, inputs = self._model_and_inputs()
        one = {name: value[:1] for name, value in inputs.items()}
        for options in ({"assistant_model": model}, {"prompt_lookup_num_tokens": 2}):
            with self.assertRaisesRegex(ValueError, "assisted generation is not supported with stateful models"):
                self._generate(model, one, **GREEDY, **options)


class OwnGenerationTesterMixin(StateGenerationTesterMixin):
    """Adds tests to a test class of `ModelTesterMixin` for a model that generates."""

    def _model_and_inputs(self) -> tuple[Any, dict[str, torch.Tensor]]:
        # float64, so that a tie between two tokens is no matter of rounding; the second text is padded on the left.
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        model = self.all_model_classes[0](config).double().eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.5 * torch.randn_like(parameter)
        return model, {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"].flip(1)}

    def _check_form(self, outputs: Any, kind: type, rows: int) -> None:
        vocab_size, layers = self.model_tester.vocab_size, self.model_tester.expected_num_hidden_layers
        self.assertIsInstance(outputs, kind)
        self.assertEqual(outputs.sequences.shape, (rows, self.model_tester.seq_length + STEPS))
        for scores in (outputs.scores, outputs.logits):
            self.assertEqual([step.shape[1:] for step in scores], [(vocab_size,)] * STEPS)
        self.assertEqual([len(step) for step in outputs.hidden_states], [layers] * STEPS)
        self.assertEqual(
            [step[0].shape[1] for step in outputs.hidden_states], [self.model_tester.seq_length] + [1] * 4
        )
        self.assertEqual(outputs[STATE_NAME].get_seq_length(), self.model_tester.seq_length + STEPS - 1)

    def test_greedy_generate(self) -> None:
        model, inputs = self._model_and_inputs()
        found = self._generate(model, inputs, **GREEDY)
        self.assertTrue(torch.equal(found[:, : self.model_tester.seq_length], inputs["input_ids"]))
        outputs = self._generate(model, inputs, **GREEDY, **EVERYTHING)
        self.assertTrue(torch.equal(outputs.sequences, found))
        self._check_form(outputs, GenerateDecoderOnlyOutput, len(found))
        self.assertTrue(torch.equal(torch.stack(outputs.logits, 1).argmax(2), found[:, -STEPS:]))

    def test_sample_generate(self) -> None:
        model, inputs = self._model_and_inputs()
        outputs = self._generate(model, inputs, **SAMPLE, **EVERYTHING)
        self._check_form(outputs, GenerateDecoderOnlyOutput, 3)
        self.assertTrue(torch.equal(outputs.sequences, self._generate(model, inputs, **SAMPLE)))

    def test_sample_generate_several_sequences(self) -> None:
        model, inputs = self._model_and_inputs()
        found = self._generate(model, inputs, **SAMPLE, num_return_sequences=4)
        self.assertEqual(found.shape[0], 12)
        self.assertTrue(
            torch.equal(found[:, : self.model_tester.seq_length], inputs["input_ids"].repeat_interleave(4, 0))
        )
        self.assertGreater(len(found[:4].unique(dim=0)), 1)

    def test_beam_search_generate(self) -> None:
        model, inputs = self._model_and_inputs()
        outputs = self._generate(model, inputs, **BEAMS, **EVERYTHING, num_return_sequences=2)
        self._check_form(outputs, GenerateBeamDecoderOnlyOutput, 6)
        scores = outputs.sequences_scores.view(3, 2)
        self.assertTrue((scores[:, 0] >= scores[:, 1]).all())

    def test_beam_search_scores_are_those_of_the_texts(self) -> None:
        model, inputs = self._model_and_inputs()
        outputs = self._generate(model, inputs, **BEAMS, **EVERYTHING)
        mask = torch.cat([inputs["attention_mask"], torch.ones(3, STEPS, dtype=torch.long)], 1)
        with torch.no_grad():
            every = model(outputs.sequences, mask).logits[:, -STEPS - 1 : -1].log_softmax(2)
        written = every.gather(2, outputs.sequences[:, -STEPS:, None]).sum((1, 2))
        torch.testing.assert_close(outputs.sequences_scores.double() * STEPS, written, rtol=1e-4, atol=1e-4)

    def test_generate_from_inputs_embeds(self) -> None:
        model, inputs = self._model_and_inputs()
        embedded = {
            "inputs_embeds": model.get_input_embeddings()(inputs["input_ids"]),
            "attention_mask": inputs["attention_mask"],
        }
        for options in (GREEDY, BEAMS):
            expected = self._generate(model, inputs, **options)[:, -STEPS:]
            self.assertTrue(torch.equal(self._generate(model, embedded, **options), expected))
            self.assertTrue(
                torch.equal(self._generate(model, {**inputs, **embedded}, **options)[:, -STEPS:], expected)
            )

    def _continued(self, model: Any, whole: torch.Tensor, outputs: Any, mask: torch.Tensor, steps: int) -> None:
        longer = torch.cat([mask, torch.ones(3, steps, dtype=torch.long)], 1)
        again = {"attention_mask": longer, "cache": outputs[STATE_NAME], "max_new_tokens": STEPS - steps}
        self.assertTrue(torch.equal(model.generate(outputs.sequences, do_sample=False, **again), whole))

    def test_generate_continue_from_past_key_values(self) -> None:
        """The text goes on as if it had been written at once, which `_continued` asserts."""
        model, inputs = self._model_and_inputs()
        whole = self._generate(model, inputs, **GREEDY)
        for steps in (1, 3):
            options = {"do_sample": False, "max_new_tokens": steps, "return_dict_in_generate": True}
            self._continued(model, whole, model.generate(**inputs, **options), inputs["attention_mask"], steps)

    def test_left_padding_compatibility(self) -> None:
        model, inputs = self._model_and_inputs()
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        wider = {
            "input_ids": torch.cat([torch.randint(1, 9, (3, 4)), ids], 1),
            "attention_mask": torch.cat([torch.zeros(3, 4, dtype=torch.long), mask], 1),
        }
        with torch.no_grad():
            torch.testing.assert_close(model(**wider).logits[:, -1], model(**inputs).logits[:, -1])
        for options in (GREEDY, BEAMS):
            expected = self._generate(model, inputs, **options)[:, -STEPS:]
            self.assertTrue(torch.equal(self._generate(model, wider, **options)[:, -STEPS:], expected))

    def test_generate_without_input_ids(self) -> None:
        model, _ = self._model_and_inputs()
        found = model.generate(bos_token_id=3, **GREEDY)
        self.assertTrue(torch.equal(found, model.generate(torch.tensor([[3]]), **GREEDY)))

    def test_generate_with_a_chunked_prompt(self) -> None:
        model, inputs = self._model_and_inputs()
        expected = self._generate(model, inputs, **GREEDY)
        self.assertTrue(torch.equal(self._generate(model, inputs, **GREEDY, prefill_chunk_size=3), expected))

    def test_generate_ends_at_the_end_of_a_text(self) -> None:
        model, inputs = self._model_and_inputs()
        longest = self._generate(model, inputs, **GREEDY)[:, -STEPS:].tolist()
        end = longest[0][1]
        found = self._generate(model, inputs, **GREEDY, eos_token_id=end, pad_token_id=0)
        for row, text in zip(found[:, self.model_tester.seq_length :].tolist(), longest, strict=True):
            kept = text.index(end) + 1 if end in text else STEPS
            # It stops when every text has ended.
            self.assertEqual(row, (text[:kept] + [0] * (STEPS - kept))[: len(row)])


__all__ = ["GenerationTester", "OwnGenerationTesterMixin", "StateGenerationTesterMixin"]
