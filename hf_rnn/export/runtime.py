#!/usr/bin/env python
"""Run what `hf_rnn.export.export_onnx` wrote, by numpy, tokenizers and onnxruntime alone: no torch, no transformers.

It lies beside the graph, with `runtime_scores.py` and `runtime_search.py`, and needs nothing else of the package:

    python runtime.py FOLDER "a text" "another"

    from runtime import load
    load(FOLDER)("a text")

Answers are those of the pipelines of transformers (and, for similarity, of hf_rnn's).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer


if __package__:
    from .runtime_scores import FUNCTIONS, SIMILARITIES, max_marginals, softmax, unit_length
    from .runtime_search import Writing, decoding, write_tokens
else:  # The three files lie beside a graph.
    from runtime_scores import FUNCTIONS, SIMILARITIES, max_marginals, softmax, unit_length  # type: ignore
    from runtime_search import Writing, decoding, write_tokens  # type: ignore


SETTINGS_FILE = "runtime.json"
VERSION = 1  # of `runtime.json`; another version has other fields
BATCH_SIZE = 32


def graph_file(name: str, int8: bool = False) -> str:
    """The file of one of `Model.graphs`."""
    return f"{name}_int8.onnx" if int8 else f"{name}.onnx"


class Model:
    """A tokenizer and a graph, or several.

    Args:
        folder: What `export_onnx` wrote.
        settings: Its `runtime.json`.
        int8: Whether to run the graph whose weights are of 8 bits.
        threads: The threads of one operator; 0: as many as there are cores.
    """

    graphs: tuple[str, ...] = ("model",)

    def __init__(self, folder: str | Path, settings: dict[str, Any], int8: bool = False, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ImportError("A graph needs onnxruntime, which is not installed: pip install onnxruntime") from error
        self.settings = settings
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.sessions = []
        for path in (Path(folder) / graph_file(name, int8) for name in self.graphs):
            if not path.is_file():
                raise ValueError(f"`folder`={str(folder)!r} has no {path.name}; export the model with it.")
            self.sessions.append(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
        self.session = self.sessions[0]
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.encode_special_tokens = settings["split_special_tokens"]
        if settings["max_length"] is not None:
            self.tokenizer.enable_truncation(settings["max_length"], direction=settings["truncation_side"])

    def encode_texts(self, texts: Sequence[str]) -> list[Encoding]:
        """The tokens of each text, behind the model's prefix if it has one; a ValueError names what is no string."""
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(f"`texts` has {text!r} at {index}, where a string must stand.")
        return self.tokenizer.encode_batch([self.settings.get("prefix", "") + text for text in texts])

    def run(self, *sides: Sequence[Sequence[int]]) -> list[list[np.ndarray]]:
        """What the graph says of the token ids of texts, or of the first and the second texts of pairs: for each row
        its part of every output, (…) without the batch.
        """
        found: list[list[np.ndarray]] = [[]] * len(sides[0])
        for chosen, given in self.batches(*sides):
            for index, *outputs in zip(chosen, *self.session.run(None, given), strict=True):
                found[index] = outputs
        return found

    def batches(self, *sides: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
        """Rows of similar length, padded on the right: which ones, and the inputs of the graph."""
        order = sorted(range(len(sides[0])), key=lambda index: [len(rows[index]) for rows in sides], reverse=True)
        for start in range(0, len(order), BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            given: dict[str, np.ndarray] = {}
            for suffix, rows in zip(("", "_b"), sides, strict=False):
                lengths = np.array([[len(rows[index])] for index in chosen])
                mask = (np.arange(max(1, lengths.max())) < lengths).astype(np.int64)
                ids = np.zeros_like(mask)
                ids[mask == 1] = [token for index in chosen for token in rows[index]]
                given |= {f"input_ids{suffix}": ids, f"attention_mask{suffix}": mask}
            yield chosen, given


def sides_of(pairs: Sequence[dict[str, str]]) -> list[Sequence[str]]:
    """The first and the second texts of pairs `{"text": …, "text_pair": …}`."""
    for index, pair in enumerate(pairs):
        if not isinstance(pair, dict) or set(pair) != {"text", "text_pair"}:
            raise ValueError(f"`pairs` has {pair!r} at {index}; it must be {{'text': …, 'text_pair': …}}.")
    return [[pair[name] for pair in pairs] for name in ("text", "text_pair")]


class TextClassifier(Model):
    """Labels of texts, as the pipeline "text-classification" gives them."""

    # The texts that the graph reads side by side.
    sides_of: Any = staticmethod(lambda texts: [texts])

    def __call__(self, texts: Any, top_k: int | None = 1) -> Any:
        """Args:
            texts: A text, or several; of a `PairClassifier` `{"text": …, "text_pair": …}`, or several.
            top_k: How many labels to answer, the best first; None: all of them.

        Returns:
            For each text a list of `{"label": …, "score": …}`, for a single one that list alone; with `top_k=1` the
            dictionary in place of the list.
        """
        if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"`top_k`={top_k!r} must be a whole number from 1, or None.")
        one = isinstance(texts, str | dict)
        answers = [self._answer(scores, top_k) for scores in self.scores([texts] if one else texts)]
        return answers[0] if one else answers

    def scores(self, texts: Sequence[Any]) -> np.ndarray:
        """(texts, labels): probabilities, or what a regression answers."""
        return FUNCTIONS[self.settings["function"]](self.logits(texts))

    def logits(self, texts: Sequence[Any]) -> np.ndarray:
        """(texts, labels)."""
        rows = self.run(*([encoding.ids for encoding in self.encode_texts(side)] for side in self.sides_of(texts)))
        return np.array([row[0] for row in rows]).reshape(len(rows), len(self.settings["labels"]))

    def _answer(self, scores: np.ndarray, top_k: int | None) -> Any:
        best = np.argsort(-scores, kind="stable")[:top_k]
        answers = [{"label": self.settings["labels"][index], "score": float(scores[index])} for index in best]
        return answers[0] if top_k == 1 else answers


class PairClassifier(TextClassifier):
    """Labels or scores of pairs of texts, as the pipeline "text-classification" gives them."""

    sides_of = staticmethod(sides_of)


class Tagger(Model):
    """Entities in texts, as the pipeline "token-classification" gives them with `aggregation_strategy="simple"`."""

    def __call__(self, texts: str | Sequence[str]) -> Any:
        """Returns:
        For each text a list of `{"entity_group": …, "score": …, "word": …, "start": …, "end": …}`, for a single
        one that list alone; `start` and `end` are characters of the text.
        """
        given = [texts] if isinstance(texts, str) else texts
        encodings = self.encode_texts(given)
        found = self.scores([encoding.ids for encoding in encodings])
        answers = [self._entities(*row) for row in zip(given, encodings, found, strict=True)]
        return answers[0] if isinstance(texts, str) else answers

    def scores(self, rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Compute the scores (tokens, labels) of each of `rows` of token ids.

        They are the model's logits; with a CRF the best path through each label, less the best of all. Their argmax
        is the Viterbi path.
        """
        answers = self.run(rows)
        return [self._scores(answer[0], answer[1][: len(row)]) for answer, row in zip(answers, rows, strict=True)]

    def _scores(self, emissions: np.ndarray, steps: np.ndarray) -> np.ndarray:
        # The emissions are (steps, states), and `steps` says which step each token (tokens) belongs to.
        if len(steps) == 0:
            return np.zeros((0, len(self.settings["labels"])), dtype=np.float32)
        of_states = emissions[: steps[-1] + 1]
        if self.settings["transitions"] is not None:
            of_states = max_marginals(of_states, **self.settings["transitions"])
        of_first = self._best_of(of_states, self.settings["states"])
        of_others = self._best_of(of_first, self.settings["inside"])
        begins = np.diff(steps, prepend=-1) > 0
        return np.where(begins[:, None], of_first[steps], of_others[steps])

    def _best_of(self, scores: np.ndarray, targets: list[int]) -> np.ndarray:
        # (steps, sources) to (steps, labels): the best of the sources that lead to each label by `targets`.
        best = np.full((len(scores), len(self.settings["labels"])), self.settings["forbidden"], dtype=scores.dtype)
        for source, target in enumerate(targets):
            best[:, target] = np.maximum(best[:, target], scores[:, source])
        return best

    def _entities(self, text: str, encoding: Encoding, scores: np.ndarray) -> list[dict[str, Any]]:
        probabilities = softmax(scores).max(axis=1)
        groups: list[list[int]] = []
        names = [self.settings["labels"][index] for index in scores.argmax(axis=1)]
        tokens = [index for index, special in enumerate(encoding.special_tokens_mask) if not special]
        for index in tokens:
            # Adjacent tokens of one type are joined, unless the later begins an entity of its own.
            if groups and not names[index].startswith("B-") and _type(names[index]) == _type(names[groups[-1][-1]]):
                groups[-1].append(index)
            else:
                groups.append([index])
        return [
            {
                "entity_group": _entity(names[group[0]]),
                "score": float(np.mean(probabilities[group])),
                "word": self._spell(text, encoding, group),
                "start": encoding.offsets[group[0]][0],
                "end": encoding.offsets[group[-1]][1],
            }
            for group in groups
            if _entity(names[group[0]]) != "O"
        ]

    def _spell(self, text: str, encoding: Encoding, group: list[int]) -> str:
        # An unknown token is written as it stands in the text, as the pipeline does, then `convert_tokens_to_string`
        # joins them.
        unknown = self.settings["unk_token_id"]
        tokens = [
            text[slice(*encoding.offsets[index])] if encoding.ids[index] == unknown else encoding.tokens[index]
            for index in group
        ]
        decoder = self.tokenizer.decoder
        return " ".join(tokens) if decoder is None else decoder.decode(tokens)


class SentenceEncoder(Model):
    """Vectors of texts, and how alike texts are, as hf_rnn's pipeline "sentence-similarity" answers."""

    def __call__(self, pairs: dict[str, str] | Sequence[dict[str, str]]) -> Any:
        """Args:
            pairs: `{"text": …, "text_pair": …}`, or several.

        Returns:
            For each `{"score": …}` and, if the model has a threshold, `"alike"`: whether the score is at least that.
        """
        sides = sides_of([pairs] if isinstance(pairs, dict) else list(pairs))
        texts = list(dict.fromkeys([*sides[0], *sides[1]]))
        row_of = {text: row for row, text in enumerate(texts)}
        vectors = self.encode(texts)
        a, b = (vectors[[row_of[text] for text in side]] for side in sides)
        answers: list[dict[str, Any]] = []
        for score in SIMILARITIES[self.settings["similarity"]](a, b):
            answers.append({"score": float(score)})
            if self.settings["threshold"] is not None:
                answers[-1]["alike"] = bool(score >= np.float32(self.settings["threshold"]))
        return answers[0] if isinstance(pairs, dict) else answers

    def encode(self, texts: str | Sequence[str], normalize: bool = False) -> np.ndarray:
        """Vectors (texts, features), for a single text (features); with `normalize` divided by their lengths, the zero
        vector staying what it is.
        """
        if isinstance(texts, str):
            return self.encode([texts], normalize)[0]
        rows = self.run([encoding.ids for encoding in self.encode_texts(texts)])
        vectors = np.array([row[0] for row in rows], dtype=np.float32).reshape(len(rows), -1)
        return unit_length(vectors) if normalize else vectors


class TextGenerator(Model):
    """Texts that go on, as the pipeline "text-generation" of transformers writes them."""

    def __call__(self, texts: Any, max_new_tokens: int = 256, temperature: float = 0, seed: int | None = None) -> Any:
        """Give for each text `[{"generated_text": …}]`, its beginning included; for a single text that list alone.

        Args:
            texts: A text, or several, each the beginning of one.
            max_new_tokens: After how many tokens to stop, where the model does not end the text before.
            temperature: 0: the likeliest token each time; above it one is drawn, by softmax(logits / temperature).
            seed: The seed of what is drawn, a whole number; None: something else each time.
        """
        if not isinstance(max_new_tokens, int) or max_new_tokens < 1:
            raise ValueError(f"`max_new_tokens`={max_new_tokens!r} must be a whole number from 1.")
        if not 0 <= temperature < np.inf:
            raise ValueError(f"`temperature`={temperature!r} must be a number from 0.")
        random, answers, begin = np.random.default_rng(seed), [], self.settings["bos_token_id"]
        given = [texts] if isinstance(texts, str) else texts
        for text, encoding in zip(given, self.encode_texts(given), strict=True):
            if not encoding.ids and begin is None:
                raise ValueError(f"`texts` has {text!r}, which has no token; this model needs one to go on from.")
            ids = encoding.ids or [begin]
            written = ids + self._write(ids, max_new_tokens, temperature, random)
            answers.append([{"generated_text": text + self.tokenizer.decode(written[len(encoding.ids) :])}])
        return answers[0] if isinstance(texts, str) else answers

    def step(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Read token ids (batch, time) from a state, as it gave it before; None: from zeros, where a text begins.
        Gives the scores of the token after each step (batch, time, tokens), and the state after the last.
        """
        if state is None:
            parts = self.session.get_inputs()[2:]
            state = {part.name: np.zeros((len(ids), part.shape[1]), dtype=np.float32) for part in parts}
        logits, *reached = self.session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), **state})
        return logits, dict(zip(state, reached, strict=True))

    def _write(self, ids: list[int], count: int, temperature: float, random: Any) -> list[int]:
        new: list[int] = []
        state = None
        while len(new) < count and not (new and new[-1] in self.settings["eos_token_ids"]):
            logits, state = self.step(np.array([new[-1:] or ids]), state)
            scores = logits[0, -1].astype(np.float64)
            drawn = random.choice(len(scores), p=softmax(scores / temperature)) if temperature > 0 else scores.argmax()
            new.append(int(drawn))
        return new


class SequenceWriter(Model):
    """A text for each text, as hf_rnn's pipeline "text2text-generation" writes it."""

    graphs = ("encoder", "decoder")

    def __call__(
        self,
        texts: str | Sequence[str],
        num_beams: int | None = None,
        length_penalty: float | None = None,
        max_new_tokens: int | None = None,
    ) -> list[dict[str, str]]:
        """Give for each text `{"generated_text": …}`; for a single text a list of that one. `runtime_search.Writing`
        says what the options mean; None: as the model's generation configuration has it.
        """
        given = {"num_beams": num_beams, "length_penalty": length_penalty, "max_new_tokens": max_new_tokens}
        writing = Writing.of(self.settings["writing"], given)
        rows = [encoding.ids for encoding in self.encode_texts([texts] if isinstance(texts, str) else texts)]
        answers: list[dict[str, str]] = [{}] * len(rows)
        for chosen, sources in self.batches(rows):
            step = decoding(self.sessions, sources, writing.num_beams)
            for index, tokens in zip(chosen, write_tokens(step, len(chosen), writing), strict=True):
                text = self.tokenizer.decode([writing.start_token_id, *tokens], skip_special_tokens=True)
                answers[index] = {"generated_text": text.strip()}
        return answers


def _type(label: str) -> str:
    return label[2:] if label[:2] in ("B-", "I-") else label


def _entity(label: str) -> str:
    return label.split("-", 1)[-1]


TASKS: dict[str, type[Model]] = {
    "text-classification": TextClassifier,
    "pair-classification": PairClassifier,
    "token-classification": Tagger,
    "text-generation": TextGenerator,
    "text2text-generation": SequenceWriter,
    "sentence-similarity": SentenceEncoder,
}


def load(folder: str | Path, int8: bool = False, threads: int = 1) -> Any:
    """The model in `folder`, of one of the classes in `TASKS`, whose arguments these are.

    Raises:
        ValueError: for a folder that `export_onnx` did not write, or not with that graph.
        ImportError: onnxruntime is not installed.
    """
    path = Path(folder) / SETTINGS_FILE
    if not path.is_file():
        raise ValueError(f"`folder`={str(folder)!r} has no {SETTINGS_FILE}; it must be one that export_onnx wrote.")
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings.get("version") != VERSION:
        raise ValueError(
            f"{path} is of version {settings.get('version')!r}; this runtime reads version {VERSION}: use the one "
            "that lies beside it."
        )
    return TASKS[settings["task"]](folder, settings, int8, threads)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run an exported model; an answer a line, as JSON.")
    parser.add_argument("folder", type=Path, help="what export_onnx wrote")
    parser.add_argument("texts", nargs="+", help="texts; of a model of pairs all are beside the first")
    parser.add_argument("--int8", action="store_true", help="run the graph whose weights are of 8 bits")
    arguments = parser.parse_args()
    try:
        model = load(arguments.folder, arguments.int8)
    except (ImportError, ValueError) as error:
        parser.error(str(error))
    first, *others = texts = arguments.texts
    if isinstance(model, SentenceEncoder | PairClassifier):
        if not others:
            parser.error("`texts` has one text; a model of pairs compares two or more.")
        texts = [{"text": first, "text_pair": other} for other in others]
    for answer in model(texts):
        print(json.dumps(answer, ensure_ascii=False))


if __name__ == "__main__":
    main()
