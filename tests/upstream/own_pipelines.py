"""Our own stand-in for `PipelineTesterMixin`, which needs files that the source distribution of transformers lacks:
every model in the stock pipeline of its task, or in ours for similarity, alone and in batches, in memory and from a
folder.
"""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast, pipeline

from hf_rnn import with_pair_template
from hf_rnn.data.tokenizers.training import train_tokenizer


TEXTS = ["a fine film", "dull , dull , dull", "not a bad film at all", "fine"]
# The end of a model class's name → its task, the longest first.
TASKS = {
    "ForPairClassification": "text-classification",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForCausalLM": "text-generation",
    "SiameseModel": "sentence-similarity",
    "Model": "feature-extraction",
}


class OwnPipelineTesterMixin:
    """Adds tests to a test class of `ModelTesterMixin` for a model that reads texts."""

    def _task(self) -> str:
        name = self.all_model_classes[0].__name__
        return next(task for end, task in TASKS.items() if name.endswith(end))

    def _tokenizer(self) -> PreTrainedTokenizerFast:
        size = self.model_tester.vocab_size
        tokenizer = train_tokenizer(TEXTS, kind="word", vocab_size=size, min_frequency=1, show_progress=False)
        pairs = self.all_model_classes[0].__name__.endswith("PairClassification")
        return with_pair_template(tokenizer) if pairs else tokenizer

    def _inputs(self) -> list[Any]:
        name = self.all_model_classes[0].__name__
        if name.endswith("PairClassification"):
            return [{"text": a, "text_pair": b} for a, b in zip(TEXTS, TEXTS[1:], strict=False)]
        if self._task() == "sentence-similarity":
            return [{"source_sentence": text, "sentences": TEXTS[1:]} for text in TEXTS]
        return TEXTS

    def _pipeline(self, model: Any = None, **options: Any) -> Any:
        if model is None:
            config, _ = self.model_tester.prepare_config_and_inputs_for_common()
            model = self.all_model_classes[0](config).eval()
        return pipeline(self._task(), model=model, tokenizer=self._tokenizer(), **options)

    def _options(self, pipe: Any) -> dict[str, Any]:
        if self._task() == "text-classification":
            return {"top_k": None}
        if self._task() == "token-classification":
            # By default it leaves out the label "O".
            return {"ignore_labels": []}
        if self._task() == "text-generation":
            # No token that the text would not show: the special ones, and those that the tokenizer does not have.
            unseen = [0, 1, *range(len(pipe.tokenizer), self.model_tester.vocab_size)]
            return {"max_new_tokens": 4, "do_sample": False, "suppress_tokens": unseen}
        return {}

    def _answers(self, pipe: Any, **options: Any) -> list[Any]:
        return pipe(self._inputs(), **self._options(pipe), **options)

    def _check_close(self, found: Any, expected: Any, tolerance: float) -> None:
        # Answers are lists and dictionaries of numbers and words.
        if isinstance(expected, dict):
            self.assertEqual(found.keys(), expected.keys())
            found, expected = list(found.values()), list(expected.values())
        if isinstance(expected, list):
            self.assertEqual(len(found), len(expected))
            for one, other in zip(found, expected, strict=True):
                self._check_close(one, other, tolerance)
        elif isinstance(expected, str | int) or expected is None:
            self.assertEqual(found, expected)
        else:
            self.assertAlmostEqual(float(found), float(expected), delta=tolerance)

    def _check_answer(self, pipe: Any, given: Any, answer: Any) -> None:
        labels = set(pipe.model.config.id2label.values())
        match self._task():
            case "text-classification":
                self.assertEqual({entry["label"] for entry in answer}, labels)
                self.assertAlmostEqual(sum(entry["score"] for entry in answer), 1, delta=0.01)
                self.assertEqual(answer, sorted(answer, key=lambda entry: -entry["score"]))
            case "token-classification":
                self.assertEqual(len(answer), len(pipe.tokenizer.tokenize(given)))
                for entry in answer:
                    self.assertIn(entry["entity"], labels)
                    self.assertEqual(given[entry["start"] : entry["end"]], entry["word"])
            case "text-generation":
                self.assertTrue(answer[0]["generated_text"].startswith(given))
                self.assertGreater(len(answer[0]["generated_text"]), len(given))
            case "feature-extraction":
                vectors = torch.tensor(answer)
                self.assertEqual(vectors.shape[:2], (1, len(pipe.tokenizer.tokenize(given))))
                self.assertTrue(vectors.isfinite().all())
            case "sentence-similarity":
                self.assertEqual(len(answer), len(given["sentences"]))

    def test_pipeline_answers(self) -> None:
        pipe = self._pipeline()
        answers = self._answers(pipe)
        self.assertEqual(len(answers), len(self._inputs()))
        for given, answer in zip(self._inputs(), answers, strict=True):
            self._check_answer(pipe, given, answer)

    def test_pipeline_batches(self) -> None:
        pipe = self._pipeline()
        alone, batched = self._answers(pipe), self._answers(pipe, batch_size=3)
        if self._task() == "feature-extraction":
            # The stock pipeline leaves the padding in its answers.
            batched = [[answer[0][: len(own[0])]] for answer, own in zip(batched, alone, strict=True)]
        self._check_close(batched, alone, 1e-5)

    def test_pipeline_of_one_input(self) -> None:
        pipe = self._pipeline()
        alone = [pipe(given, **self._options(pipe)) for given in self._inputs()]
        self._check_close(alone, self._answers(pipe), 1e-5)

    def test_pipeline_from_a_folder(self) -> None:
        pipe = self._pipeline()
        with tempfile.TemporaryDirectory() as folder:
            pipe.save_pretrained(folder)
            loaded = pipeline(self._task(), model=folder)
        self.assertIs(type(loaded.model), type(pipe.model))
        self._check_close(self._answers(loaded), self._answers(pipe), 1e-5)

    def test_pipeline_in_half_precision(self) -> None:
        """The answers have the same form, as in stock tests named `_fp16`; nearly equal labels may change places."""
        config, _ = self.model_tester.prepare_config_and_inputs_for_common()
        pipe = self._pipeline(self.all_model_classes[0](config).eval().to(torch.bfloat16))
        answers = self._answers(pipe)
        self.assertEqual(len(answers), len(self._inputs()))
        for given, answer in zip(self._inputs(), answers, strict=True):
            self._check_answer(pipe, given, answer)


__all__ = ["OwnPipelineTesterMixin"]
