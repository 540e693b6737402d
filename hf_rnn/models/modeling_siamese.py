"""Siamese networks: one encoder reads two inputs, texts or images, and their vectors are compared.

input a ┐
        ├ one encoder → pooling → (projection) → embeddings a, b → similarity, or a classifier of the pair
input b ┘
"""

# No `from __future__ import annotations` here: transformers reads `config: SiameseConfig` as a type, not a string.

import inspect
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers import initialization as init
from transformers.utils import can_return_tuple

from .cell import Cell
from .configuration_siamese import SiameseConfig
from .encoder_pooling import pool, spread_words
from .encoding import encode
from .heads import DenseStack
from .losses import classification_loss
from .new_encoder import new_encoder
from .overlap import Overlap
from .pair_inputs import checked_inputs, split_by_type, stack
from .placed import PlacedMixin
from .search import semantic_search
from .sentence_encoder import write_module_files
from .siamese_outputs import SiameseOutput, SiamesePairClassifierOutput
from .similarity import pairwise
from .together import ReadTogether, beside, embedding_features, together_size
from .tracing import recorded, shape_of
from .weight_files import DamagedWeightsMixin


if TYPE_CHECKING:
    # transformers copies what a model's file imports: by these lines the encoders and the pipeline go with the model.
    # An encoder is imported when a network is built with it. To import the pipeline takes as long as transformers.
    from .modeling_conv import ConvEncoderModel  # noqa: F401
    from .modeling_rnn import RecurrentModel  # noqa: F401
    from .pipeline_similarity import SentenceSimilarityPipeline  # noqa: F401


__all__ = [
    "SiameseForPairClassification",
    "SiameseModel",
    "SiameseOutput",
    "SiamesePairClassifierOutput",
    "SiamesePreTrainedModel",
]


# Arguments of `from_pretrained` that say where a model is; its tokenizer is there, too.
PLACE = ("revision", "subfolder", "token", "cache_dir", "local_files_only")


class SiamesePreTrainedModel(DamagedWeightsMixin, PlacedMixin, PreTrainedModel):
    """Initialisation, loading and what transformers wants to know of a siamese network."""

    config: SiameseConfig
    config_class = SiameseConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Xavier dense layers; the encoder initialises its own."""
        if isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, Cell | Overlap):
            module.initialize()
        else:
            super()._init_weights(module)

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        """Save as transformers does, with the models' code in the folder. Every Auto class can load it by that, and of
        texts it is also one for our pipeline and for `sentence_transformers`.
        """
        of_texts = self.config.of_texts
        self.config.auto_map = self.config.head_classes()
        self.config.custom_pipelines = self.config.pipelines_type(self.config.pipelines() if of_texts else {})
        saved = super().save_pretrained(save_directory, *args, **kwargs)
        if of_texts and kwargs.get("is_main_process", True):
            write_module_files(save_directory, self.config.similarity)
        return saved

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load as transformers does; `encode` then looks for the tokenizer in the same place and revision."""
        found = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        # With `output_loading_info=True` the model comes with a report.
        model = found[0] if isinstance(found, tuple) else found
        cast(Any, model.base_model).place = {name: kwargs[name] for name in PLACE if kwargs.get(name) is not None}
        return found

    @classmethod
    def from_encoder(cls, model: PreTrainedModel, **values: Any) -> Self:
        """A siamese network over `model`, which becomes its `encoder`, weights and all; of a model with a head, its
        backbone. `values` are those of [`SiameseConfig`], without `encoder`.
        """
        encoder = cast(PreTrainedModel, model.base_model)
        siamese = cls(SiameseConfig(encoder=encoder.config, **values), encoder).train(model.training)
        return siamese.to(encoder.device, encoder.dtype)

    def _encoder(self) -> PreTrainedModel:
        return cast(PreTrainedModel, cast(Any, getattr(self, self.base_model_prefix, self)).encoder)

    def get_input_embeddings(self) -> Any:
        return self._encoder().get_input_embeddings()

    def set_input_embeddings(self, value: Any) -> None:
        self._encoder().set_input_embeddings(value)

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> Any:
        """Resize the table as transformers does; the number of tokens is in the encoder's configuration."""
        table = self._encoder().resize_token_embeddings(*args, **kwargs)
        self.vocab_size = table.num_embeddings
        for module in self.modules():
            if isinstance(module, Overlap):
                module.resize(table.num_embeddings)
        return table


class SiameseModel(SiamesePreTrainedModel):
    """One encoder for both inputs, and the similarity of their vectors.

    To take the encoder out of a checkpoint: `SiameseModel.from_pretrained(folder).encoder`.

    Args:
        config: The configuration.
        encoder: An encoder with its weights, of `config.encoder`; by default a new one.
    """

    _auto_class = "AutoModel"
    # The classifier of a `SiameseForPairClassification`, whose folder is one of this model, too.
    _keys_to_ignore_on_load_unexpected = [r"^dense\.", r"^output\.", r"^together\."]

    def __init__(self, config: SiameseConfig, encoder: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        config.validate()
        self.encoder = new_encoder(cast(PreTrainedConfig, config.encoder)) if encoder is None else encoder
        # One object: what changes one of them, as a resized table of tokens does, changes what is saved.
        config.encoder = self.encoder.config
        size = config.projection_size
        self.projection = None if size is None else nn.Linear(config.pooled_size, size)
        self.tokenizer: PreTrainedTokenizerBase | None = None
        self.place: dict[str, Any] = {}
        self._takes_token_types = "token_type_ids" in inspect.signature(self.encoder.forward).parameters
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        input_ids_b: torch.Tensor | None = None,
        attention_mask_b: torch.Tensor | None = None,
        token_type_ids_b: torch.Tensor | None = None,
        pixel_values_b: torch.Tensor | None = None,
        output_hidden_states: bool | list[int] | None = None,
    ) -> SiameseOutput:
        """Embed one input, or two and compare them: the second has the names of the first with `_b`.

        Both inputs of a pair go through the encoder as one batch, padded to the longer.

        Args:
            input_ids: (batch, time), or
            pixel_values: (batch, channels, height, width).
            attention_mask: (batch, time), 1 at a token and 0 at padding. By default every token counts that is not
                the encoder's `pad_token_id`.
            token_type_ids: (batch, time), for an encoder that takes them; for another it may hold zeros only.
            output_hidden_states: Whether the encoder's are wanted, or which; by default the configurations say it.

        Raises:
            ValueError: if not exactly one kind of input is given, or shapes do not fit.
        """
        first = self._inputs("", input_ids, attention_mask, token_type_ids, pixel_values)
        if input_ids_b is None and pixel_values_b is None:
            return self._embed(first, output_hidden_states)
        second = self._inputs("_b", input_ids_b, attention_mask_b, token_type_ids_b, pixel_values_b)
        pair: Any = self._embed_pair(first, second, output_hidden_states)
        pair.logits = pairwise(pair.embeddings, pair.embeddings_b, self.config.similarity)
        return cast(SiameseOutput, pair)

    def _inputs(self, suffix: str, *given: torch.Tensor | None) -> dict[str, torch.Tensor]:
        return checked_inputs(suffix, self.config.padding, self._takes_token_types, *given)

    def _embed(self, inputs: dict[str, torch.Tensor], states: bool | list[int] | None) -> SiameseOutput:
        states = self.config.output_hidden_states if states is None else states
        # Where they are not wanted here, the encoder's own configuration may still want them.
        options = {"output_hidden_states": states} if states else {}
        outputs = self.encoder(**inputs, **options, return_dict=True)
        if self.config.composition is not None:
            spread_words(outputs, self.encoder, inputs, self.config.padding)
        pooled = pool(outputs, inputs.get("attention_mask"), str(self.config.pooling))
        embeddings = pooled if self.projection is None else self.projection(pooled)
        steps = None if self.config.composition is None else outputs.last_hidden_state
        return SiameseOutput(
            embeddings=embeddings, hidden_states=outputs.get("hidden_states"), last_hidden_state=steps
        )

    def _embed_pair(
        self, first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], states: bool | list[int] | None
    ) -> SiameseOutput:
        if first.keys() != second.keys():
            raise ValueError(
                f"A pair must be of one kind; it has {', '.join(first)} and, as `_b`, {', '.join(second)}."
            )
        kind = next(iter(first))
        rows, others = (shape_of(inputs[kind])[0] for inputs in (first, second))
        if rows != others:
            raise ValueError(f"`{kind}_b` has {others} rows; it must have those of `{kind}`, {rows}.")
        # Recorded, texts too: the width of both would be a choice between two.
        if recorded() or (kind == "pixel_values" and first[kind].shape != second[kind].shape):
            a, b = self._embed(first, states), self._embed(second, states)
            return SiameseOutput(**a, **{name + "_b": value for name, value in b.items()})
        padding = {"input_ids": self.config.padding or 0}
        joined = {name: stack(first[name], second[name], padding.get(name, 0)) for name in first}
        both: Any = self._embed(joined, states)
        pair = SiameseOutput(None, *both.embeddings.split(rows))
        if both.hidden_states is not None:
            # None where only some were wanted.
            halves = [(None, None) if layer is None else layer.split(rows) for layer in both.hidden_states]
            pair.hidden_states, pair.hidden_states_b = zip(*halves, strict=True)
        if both.last_hidden_state is not None:
            pair.last_hidden_state, pair.last_hidden_state_b = both.last_hidden_state.split(rows)
        return pair

    def encode(
        self,
        inputs: str | Iterable[str] | torch.Tensor,
        tokenizer: PreTrainedTokenizerBase | None = None,
        batch_size: int = 64,
        progress: bool = False,
        normalize: bool = False,
    ) -> torch.Tensor:
        """The embeddings of many inputs, computed without gradients in batches of similar length; see
        `encoding.encode`.
        """
        return encode(self, inputs, tokenizer, batch_size, progress, normalize)

    def similarity(self, a: Any, b: Any, tokenizer: PreTrainedTokenizerBase | None = None) -> torch.Tensor:
        """How alike `a` and `b` are, by `config.similarity`.

        Args:
            a, b: A text or vector (features), several texts or vectors (batch, features), equally many of each; or one
                of `a` and several of `b`, or the other way round.
            tokenizer: As for [`encode`].

        Returns:
            A number (), or (batch) of them if either of `a` and `b` is several.

        Raises:
            ValueError: if their numbers differ.
        """
        a, b = (x if isinstance(x, torch.Tensor) else self.encode(x, tokenizer) for x in (a, b))
        rows, others = torch.atleast_2d(a), torch.atleast_2d(b)
        if a.dim() == b.dim() == 2 and len(a) != len(b):
            raise ValueError(f"`b` has {len(b)} rows; it must have those of `a`, {len(a)}, or be one vector.")
        rows, others = torch.broadcast_tensors(rows, others)
        found = pairwise(rows, others, self.config.similarity)
        return found.squeeze(0) if a.dim() == b.dim() == 1 else found

    def search(
        self, queries: Any, corpus: Any, tokenizer: PreTrainedTokenizerBase | None = None, top_k: int = 10
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The `top_k` of a corpus most alike to each query, by `config.similarity`; see `search.semantic_search`.

        Args:
            queries, corpus: Texts, or vectors (number, features) as [`encode`] makes them; or a single query.
            tokenizer: As for [`encode`].

        Returns:
            Their similarities and their positions in `corpus`, each (queries, `top_k`), the most alike first.
        """
        a, b = (x if isinstance(x, torch.Tensor) else self.encode(x, tokenizer) for x in (queries, corpus))
        return semantic_search(torch.atleast_2d(a), b, top_k, self.config.similarity)

    def predict(
        self, pairs: Iterable[tuple[str, str]], tokenizer: PreTrainedTokenizerBase | None = None, batch_size: int = 64
    ) -> list[bool]:
        """Whether the two texts of each pair are alike: their similarity is at least `config.threshold`.

        Raises:
            ValueError: if `config.threshold` is None, or a pair is not two texts.
        """
        if self.config.threshold is None:
            raise ValueError("`config.threshold` is None; `predict` needs a number, chosen on data with labels.")
        pairs = list(pairs)
        for index, pair in enumerate(pairs):
            if isinstance(pair, str) or len(pair) != 2:
                raise ValueError(f"`pairs` has {pair!r} at {index}; a pair must be two texts.")
        vectors = self.encode([text for pair in pairs for text in pair], tokenizer, batch_size)
        found = pairwise(vectors[0::2], vectors[1::2], self.config.similarity)
        return cast(list[bool], (found >= self.config.threshold).tolist())


class SiameseForPairClassification(SiamesePreTrainedModel):
    """A label or a score for a pair: (u, v, |u − v|, u ∗ v) → dense layers → a logit for each label (Conneau et al.
    2017, https://aclanthology.org/D17-1070), where u and v are the embeddings of the pair. With `config.composition`
    it reads the two texts together: the features of `together.ReadTogether` are beside those four.

    Args:
        config, encoder: As of [`SiameseModel`].
    """

    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config: SiameseConfig, encoder: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = SiameseModel(config, encoder)
        sizes = list(config.classifier_hidden_sizes or [])
        input_size = 4 * config.output_size + together_size(config)
        # The stack reads nothing but `classifier_…` of a configuration.
        self.dense = DenseStack(cast(Any, config), input_size, sizes)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.output = nn.Linear(sizes[-1] if sizes else input_size, config.num_labels or 1)
        self.together = None if config.composition is None else ReadTogether(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        input_ids_b: torch.Tensor | None = None,
        attention_mask_b: torch.Tensor | None = None,
        pixel_values_b: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        output_hidden_states: bool | list[int] | None = None,
    ) -> SiamesePairClassifierOutput:
        """Classify pairs: two inputs, the second by the names with `_b`; or both texts in one sequence, as a tokenizer
        of `hf_rnn.with_pair_template` and so the stock pipeline for text classification makes it.

        Args:
            token_type_ids: (batch, time), where there is no second input: 0 at the tokens of the first text, 1 at
                those of the second. A text with no token is the empty text.
            labels: As for a recurrent classifier: `losses.classification_loss`.
            num_items_in_batch: Labels in the whole accumulated batch, by which the summed loss is divided.

        The other arguments are those of [`SiameseModel`].

        Raises:
            ValueError: if there is no second input and nothing that tells two texts apart, or shapes do not fit.
        """
        if input_ids is not None and input_ids_b is None:
            if token_type_ids is None:
                raise ValueError(
                    "`token_type_ids` is None; without `input_ids_b` it must tell the two texts of each sequence "
                    "apart (see `hf_rnn.with_pair_template`)."
                )
            first = self.model._inputs("", input_ids, attention_mask, None, pixel_values)
            parts = split_by_type(first["input_ids"], first["attention_mask"], token_type_ids)
            input_ids, attention_mask, input_ids_b, attention_mask_b = parts
        outputs = self.model(
            input_ids,
            attention_mask,
            pixel_values=pixel_values,
            input_ids_b=input_ids_b,
            attention_mask_b=attention_mask_b,
            pixel_values_b=pixel_values_b,
            output_hidden_states=output_hidden_states,
        )
        u, v = outputs.embeddings, outputs.embeddings_b
        if v is None:
            raise ValueError("`pixel_values_b` is None; a pair has two images.")
        orders = list(embedding_features(u, v))
        if self.together is not None:
            sides = [(input_ids, attention_mask), (input_ids_b, attention_mask_b)]
            states = (outputs.last_hidden_state, outputs.last_hidden_state_b)
            orders = list(map(beside, orders, self.together(states, sides, (u, v))))
        orders = orders if self.config.symmetric else orders[:1]
        rows = torch.cat(orders)
        logits = self.output(self.dropout(self.dense(rows)))
        if self.together is not None:
            logits = logits + self.together.of_shared(rows)
        logits = logits.unflatten(0, (len(orders), u.shape[0])).mean(0)
        loss = None
        if labels is not None:
            loss = classification_loss(logits, labels, self.config.problem_type, num_items_in_batch)
        return SiamesePairClassifierOutput(
            loss=loss,
            logits=logits,
            similarities=outputs.logits,
            embeddings=u,
            embeddings_b=v,
            hidden_states=outputs.hidden_states,
            hidden_states_b=outputs.hidden_states_b,
        )
