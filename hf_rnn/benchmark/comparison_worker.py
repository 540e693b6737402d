"""
The process of one compared model: reads commands, a JSON object a line, from standard input and answers each with one.

    {"do": "load"}                       load model and tokenizer anew           → {"seconds"}
    {"do": "latency", "start", "stop"}   answer these texts one by one           → {"milliseconds": […]}
    {"do": "throughput"}                 answer the texts of throughput together → {"seconds", "texts", "tokens"}
    {"do": "memory"}                     → {"import_mb", "peak_mb"}
    {"do": "predict", "inputs"}          logits, or tags for lists of tokens     → {"predictions": […]}
    {"do": "end"}

The first line comes without being asked, when the model is loaded: {"model_class", "model_type", "parameters"}. A line
with `error` says why there will be no other. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path
from typing import Any

from .worker import Channel, commands, peak_memory_mb, serve_parent


# Of texts that are answered together.
BATCH_SIZE = 32


class MeasuredModel:
    """
    A checkpoint as its users run it: in the stock pipeline of `task`.

    Args:
        folder: Of the checkpoint.
        task: `text-classification` or `token-classification`.
        texts: A JSON file of `latency` and `throughput`, lists of what the pipeline reads.
    """

    def __init__(self, folder: str, task: str, texts: str) -> None:
        import torch
        import transformers
        from transformers import AutoConfig, AutoTokenizer, pipeline  # noqa: F401

        from ..training.prediction import predict_texts  # noqa: F401
        from .comparison_checkpoints import HEADS

        self.folder, self.task = folder, task
        self.auto_model = getattr(transformers, "AutoModel" + HEADS[task])
        # All that will be imported is imported now, so that it is no memory of the model.
        with torch.device("meta"):
            self.auto_model.from_config(AutoConfig.from_pretrained(folder))
        self.texts: dict[str, list[Any]] = json.loads(Path(texts).read_text(encoding="utf-8"))
        self.import_mb = peak_memory_mb()
        self.pipeline: Any = None

    def load(self) -> dict[str, float]:
        """Seconds that model and tokenizer took; the pipeline around them is not counted."""
        from transformers import AutoTokenizer

        # One at a time in memory.
        self.pipeline = None
        gc.collect()
        start = time.perf_counter()
        tokenizer = AutoTokenizer.from_pretrained(self.folder)
        model = self.auto_model.from_pretrained(self.folder)
        seconds = time.perf_counter() - start
        self.pipeline = make_pipeline(self.task, model, tokenizer)
        return {"seconds": seconds}

    def describe(self) -> dict[str, Any]:
        """Class, type and parameters."""
        model = self.pipeline.model
        return {
            "model_class": type(model).__name__,
            "model_type": model.config.model_type,
            "parameters": model.num_parameters(),
        }

    def latency(self, start: int, stop: int) -> dict[str, list[float]]:
        """Milliseconds from the raw text to the answer, of each text alone, on one thread."""
        from ..training.threads import computing_threads

        milliseconds = []
        with computing_threads(self.pipeline.model, 1):
            for text in self.texts["latency"][start:stop]:
                begin = time.perf_counter()
                self.pipeline(text)
                milliseconds.append(1000 * (time.perf_counter() - begin))
        return {"milliseconds": milliseconds}

    def throughput(self) -> dict[str, float]:
        """Seconds for all texts in batches of similar length; `tokens` are the model's own, special ones included."""
        from ..training.prediction import predict_texts

        texts = self.texts["throughput"]
        begin = time.perf_counter()
        predict_texts(self.pipeline, texts, batch_size=BATCH_SIZE, progress=False)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "texts": len(texts), "tokens": sum(map(self._count, texts))}

    def _count(self, text: Any) -> int:
        # A pipeline of tags reads a long text in windows, and so all of it; one of labels cuts it.
        limit = None if self.task == "token-classification" else self._limit
        parts = text if isinstance(text, dict) else {"text": text}
        ids = self.pipeline.tokenizer(**parts, truncation=limit is not None, max_length=limit, verbose=False)
        return len(ids["input_ids"])

    @property
    def _limit(self) -> int | None:
        from .comparison_checkpoints import text_limit

        return text_limit(self.pipeline.tokenizer, self.pipeline.model.config)

    def memory(self) -> dict[str, float]:
        """The most memory this process had held when everything was imported, and until now, in MB of 10⁶ bytes."""
        return {"import_mb": self.import_mb, "peak_mb": peak_memory_mb()}

    def predict(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """
        Of texts: logits as {label: logit}, from the pipeline. Of lists of tokens: a tag for each token.
        """
        from ..training.prediction import predict_texts

        if self.task == "token-classification":
            return {"predictions": self._tags(inputs)}
        answers = predict_texts(
            self.pipeline, inputs, batch_size=BATCH_SIZE, progress=False, top_k=None, function_to_apply="none"
        )
        return {"predictions": [{row["label"]: row["score"] for row in answer} for answer in answers]}

    def _tags(self, sentences: list[list[str]]) -> list[list[str]]:
        from datasets import Dataset, Features, List, Value

        from ..data.alignment import token_predictions, tokenize_tagged
        from .comparison_checkpoints import label_names

        names = label_names(self.pipeline.model.config)
        # The reference tags stay with the parent: any tag will do here.
        dataset = Dataset.from_dict(
            {"tokens": sentences, "tags": [[0] * len(tokens) for tokens in sentences]},
            features=Features({"tokens": List(Value("string")), "tags": List(Value("int64"))}),
        )
        tokenizer = self.pipeline.tokenizer
        tokenized = tokenize_tagged(dataset, tokenizer, max_length=self._limit, label_names=names)
        predicted = label_ids(self.pipeline.model, tokenizer, list(tokenized["input_ids"]))
        rows = token_predictions(predicted, tokenized, dataset, label_names=names)
        return [[names[tag] for tag in row] for row in rows]


def make_pipeline(task: str, model: Any, tokenizer: Any) -> Any:
    """The stock pipeline, which reads a text longer than the model's limit in windows (tags) or cuts it (labels)."""
    from transformers import pipeline

    from .comparison_checkpoints import text_limit

    limit = text_limit(tokenizer, model.config)
    options: dict[str, Any] = {"aggregation_strategy": "simple"} if task == "token-classification" else {}
    if limit is not None:
        tokenizer.model_max_length = limit
        options |= {"stride": limit // 4} if task == "token-classification" else {"truncation": True}
    return pipeline(task, model=model, tokenizer=tokenizer, device="cpu", **options)  # type: ignore[call-overload]


def label_ids(model: Any, tokenizer: Any, rows: list[list[int]]) -> list[list[int]]:
    """The best label of every token, for `rows` of token ids (special ones included); padding is as good as none."""
    import torch

    from ..training.threads import computing_threads

    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    found: list[list[int]] = [[] for _ in rows]
    with torch.inference_mode(), computing_threads(model):
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            padded = tokenizer.pad(
                {"input_ids": [rows[index] for index in batch]}, padding_side="right", return_tensors="pt"
            )
            best = model(**padded).logits.argmax(dim=-1).tolist()
            for index, labels in zip(batch, best, strict=True):
                found[index] = labels[: len(rows[index])]
    return found


def serve(model: MeasuredModel, channel: Channel) -> None:
    """Do what is asked for."""
    model.load()
    channel.send(**model.describe())
    for command in commands(channel):
        channel.send(**getattr(model, command.pop("do"))(**command))
    channel.send()


def main() -> None:
    """Serve the model that the last argument describes, in JSON: its folder, the task, the file of texts."""
    serve_parent(lambda model, channel: serve(MeasuredModel(**model), channel))


if __name__ == "__main__":
    main()
