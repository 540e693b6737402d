"""The process of one compared model: reads commands, a JSON object a line, from standard input and answers each with
one.

    {"do": "load"}                       load model and tokenizer anew           → {"seconds"}
    {"do": "latency", "start", "stop"}   answer these texts one by one           → {"milliseconds": […]}
    {"do": "throughput"}                 answer the texts of throughput together → {"seconds", "texts", "tokens"}
    {"do": "memory"}                     → {"import_mb", "peak_mb"}
    {"do": "predict", "inputs"}          logits, tags for lists of tokens, or the similarities of pairs
                                                                                 → {"predictions": […]}
    {"do": "end"}

The first line comes without being asked, when the model is loaded: {"model_class", "model_type", "parameters"} and, of
a siamese network or a classifier of several labels that has one, {"threshold"}; of another library's model, {"dtype",
"version"}. A line with `error` says why there will be no other. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import gc
import time
from contextlib import AbstractContextManager
from typing import Any

from ...runs.kinds import find_kind
from ..workers.child import Channel, commands, serve_parent
from .libraries.table import LIBRARIES
from .measured import BATCH_SIZE, Measured


class MeasuredModel(Measured):
    """A checkpoint as its users run it: in the stock pipeline of its task.

    Args:
        folder: The folder of the checkpoint.
        task: The name of the task; of a `MeasuredEncoder`, that of a task of pairs.
        texts: A JSON file of `latency` and `throughput`, lists of what the model answers.
    """

    pipeline: Any = None

    def import_libraries(self) -> None:
        """Import all, and make the network once on a device that has no memory."""
        import torch
        from transformers import AutoConfig, AutoTokenizer, pipeline  # noqa: F401

        from ...inference import tagging  # noqa: F401
        from ...inference.prediction import predict_texts  # noqa: F401
        from ...models.modeling_siamese import SiameseModel  # noqa: F401
        from .checkpoints import auto_class

        self.auto_model = auto_class(self.kind.name)
        with torch.device("meta"):
            self.auto_model.from_config(AutoConfig.from_pretrained(self.folder))

    def load(self) -> dict[str, float]:
        """Seconds that model and tokenizer took; the pipeline around them is not counted."""
        from transformers import AutoTokenizer

        from ...inference.pipelines import make_pipeline

        # One at a time in memory.
        self.pipeline = None
        gc.collect()
        start = time.perf_counter()
        tokenizer = AutoTokenizer.from_pretrained(self.folder)
        model = self.from_pretrained()
        seconds = time.perf_counter() - start
        self.pipeline = make_pipeline(self.kind.pipeline_name, model, tokenizer)
        return {"seconds": seconds}

    def from_pretrained(self) -> Any:
        """The model in the folder."""
        from ...progress import without_weight_bars

        with without_weight_bars():
            return self.auto_model.from_pretrained(self.folder)

    def describe(self) -> dict[str, Any]:
        """Class, type and parameters; the threshold of the labels where the model has one."""
        model = self.pipeline.model
        found = {
            "model_class": type(model).__name__,
            "model_type": model.config.model_type,
            "parameters": model.num_parameters(),
        }
        threshold = getattr(model.config, "label_threshold", None)
        return found if threshold is None else found | {"threshold": threshold}

    def one_thread(self) -> AbstractContextManager[Any]:
        """Inside the block torch and the kernels compute on one thread."""
        from ...kernels.threads import computing_threads

        return computing_threads(self.pipeline.model, 1)

    def answer(self, text: Any) -> None:
        """One text alone."""
        self.pipeline(text)

    def answer_all(self, texts: list[Any]) -> None:
        """Many texts in batches."""
        from ...inference.prediction import predict_texts

        predict_texts(self.pipeline, texts, batch_size=BATCH_SIZE, progress=False)

    def count(self, text: Any) -> int:
        """The tokens of a text, special ones included."""
        # A pipeline of tags reads a long text in windows, and so all of it; one of labels cuts it.
        limit = None if self.kind.inputs == "tokens" else self._limit
        parts = text if isinstance(text, dict) else {"text": text}
        ids = self.pipeline.tokenizer(**parts, truncation=limit is not None, max_length=limit, verbose=False)
        return len(ids["input_ids"])

    @property
    def _limit(self) -> int | None:
        from ...inference.pipelines import text_limit

        return text_limit(self.pipeline.tokenizer, self.pipeline.model.config)

    def predict(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """Give the pipeline's logits of each text as {label: logit}; of each list of tokens, a tag for every token."""
        from ...inference.prediction import predict_texts

        if self.kind.inputs == "tokens":
            return {"predictions": self._tags(inputs)}
        answers = predict_texts(
            self.pipeline, inputs, batch_size=BATCH_SIZE, progress=False, top_k=None, function_to_apply="none"
        )
        return {"predictions": [{row["label"]: row["score"] for row in answer} for answer in answers]}

    def _tags(self, sentences: list[list[str]]) -> list[list[str]]:
        from ...inference.tagging import tag_sentences

        # The reference tags stay with the parent.
        return tag_sentences(self.pipeline.model, self.pipeline.tokenizer, sentences, BATCH_SIZE)


class MeasuredEncoder(MeasuredModel):
    """A siamese network as its users run it: it encodes texts, and the similarity of its vectors compares them. Of a
    classifier of pairs, the siamese network in it; of an encoder, one over it with the pooling that `SiameseConfig`
    has by default (of a BERT, the mean over the tokens) and the cosine.
    """

    def from_pretrained(self) -> Any:
        """The siamese network in the folder, or over the encoder there."""
        from ...inference.pipelines import siamese_of

        return siamese_of(super().from_pretrained())

    def describe(self) -> dict[str, Any]:
        """Describe the network as any model is described, but with the encoder's type, and with the threshold."""
        config = self.pipeline.model.config
        return super().describe() | {"model_type": config.encoder.model_type, "threshold": config.threshold}

    def answer(self, text: Any) -> None:
        """The vector of one text."""
        self.pipeline.model.encode(text, self.pipeline.tokenizer)

    def answer_all(self, texts: list[Any]) -> None:
        """The vectors of many texts."""
        from ...kernels.threads import computing_threads

        with computing_threads(self.pipeline.model):
            self.pipeline.model.encode(texts, self.pipeline.tokenizer, batch_size=BATCH_SIZE)

    def predict(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """The similarity of each pair, by the model's own measure."""
        from ...kernels.threads import computing_threads

        with computing_threads(self.pipeline.model):
            return {"predictions": [answer["score"] for answer in self.pipeline(inputs, batch_size=BATCH_SIZE)]}


def serve(model: Measured, channel: Channel) -> None:
    """Do what is asked for."""
    model.load()
    channel.send(**model.describe())
    for command in commands(channel):
        channel.send(**getattr(model, command.pop("do"))(**command))
    channel.send()


def measured_class(task: str, library: str | None) -> type[Measured]:
    """The class that measures the models of a task, or those of another library than transformers."""
    if library is not None:
        return LIBRARIES[library]
    return MeasuredEncoder if find_kind(task).inputs == "pair" else MeasuredModel


def main() -> None:
    """Serve the model that the last argument describes, in JSON: its folder, the task, the file of texts, and the key
    of its library, which is null for transformers.
    """

    def start(model: dict[str, str], channel: Channel) -> None:
        measured = measured_class(model["task"], model.pop("library"))
        serve(measured(**model), channel)

    serve_parent(start)


if __name__ == "__main__":
    main()
