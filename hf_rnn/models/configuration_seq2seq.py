"""Configurations of recurrent encoder-decoders: that of the encoder, that of the decoder, and what joins them."""

# No `from __future__ import annotations` here: `@strict` checks types only where annotations are types, not strings.

from typing import Any, ClassVar, Literal, cast

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .configuration_checks import OwnFolderMixin, check_positive, refuse_unknown_names
from .configuration_rnn import FAMILIES, GruConfig, LstmConfig, RecurrentConfig


__all__ = [
    "ENCODER_DECODERS",
    "GruEncoderDecoderConfig",
    "LstmEncoderDecoderConfig",
    "RecurrentEncoderDecoderConfig",
]


MODELING_FILE = "modeling_seq2seq"


@strict
class RecurrentEncoderDecoderConfig(OwnFolderMixin, PreTrainedConfig):
    r"""The configuration that the encoder-decoders share. Use one of the subclasses, which say what a decoder is where
    nothing else is said: [`LstmEncoderDecoderConfig`], [`GruEncoderDecoderConfig`].

    Args:
        encoder (`dict` or `RecurrentConfig`, *optional*):
            The configuration of the encoder, of any family; a `dict` names its `model_type`, or has that of the
            decoder. By default a bidirectional one. A `DanConfig`, which has no recurrence, gives its pooled vector to
            the bridge; with `vocab_size=None` and no layers the source is vectors as they are given (`inputs_embeds`).
        decoder (`dict` or `RecurrentConfig`, *optional*):
            That of the decoder: one direction, a vocabulary. Its `dropout` stands before the output layer, too.
        attention (`"additive"`, `"dot"`, `"general"`, *optional*, defaults to `"general"`):
            How a state of the decoder is compared with those of the encoder, see `attention.py`; `None`: not at all,
            the decoder knows what the bridge gives it (Sutskever et al. 2014, https://arxiv.org/abs/1409.3215).
        attention_size (`int`, *optional*): Units of the additive comparison; by default those of the decoder.
        input_feeding (`"attended"` or `"context"`, *optional*):
            What the decoder reads beside each token. `"attended"`: the attended state of the step before (Luong et
            al. 2015, https://aclanthology.org/D15-1166). `"context"`: what is attended to from the state before the
            step (Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473). `None`: the token alone; the recurrence is
            then computed for all steps at once, which is faster.
        context_at_each_step (`bool`, defaults to `False`):
            Without attention, let the decoder and the output layer read the encoder's pooled state at each step, by
            default its last one (Cho et al. 2014, https://aclanthology.org/D14-1179).
        bridge (`"dense"`, `"copy"` or `"none"`, defaults to `"dense"`):
            What the decoder starts from: a learnt layer over the encoder's final states, or over its pooled vector
            where there are none; these states themselves, whose shapes must then be the decoder's; or zeros.
        readout_size (`int`, *optional*):
            Units of the attended state tanh(W [context; state]), from which tokens are scored; by default those of
            the decoder, or its embedding's where the two are tied.
        tie_word_embeddings (`bool`, defaults to `False`):
            Whether the output layer is the table of the decoder's embeddings (Press & Wolf 2017,
            https://aclanthology.org/E17-2025).
        share_embeddings (`bool`, defaults to `False`):
            Whether encoder and decoder have one table of embeddings; for a vocabulary that they have together.
        sampled_softmax (`int`, *optional*):
            In training, how many tokens the right one is compared with (see `sampled_softmax.py`); `None`: all.
        scheduled_sampling (`float`, defaults to 0):
            In training, the probability with which the decoder reads what it would have written itself in place of a
            token of the target (Bengio et al. 2015, https://arxiv.org/abs/1506.03099); a step at a time.
        pad_token_id (`int`, *optional*, defaults to 0): Stands for "no token" on both sides.
        decoder_start_token_id (`int`, *optional*): What the decoder reads first.
        prefix (`str`, *optional*):
            What stood before each source in training; the pipeline "text2text-generation" puts it there again.

    Raises:
        ValueError: for a name that does not exist, an encoder or a decoder that is none, or parts that do not fit
            together; the message names the argument.
        StrictDataclassFieldValidationError: for a value of the wrong type.
    """

    _auto_class: ClassVar[str | None] = "AutoConfig"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {"encoder": PreTrainedConfig, "decoder": PreTrainedConfig}
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["cache", "past_key_values"]
    # What `custom_pipelines` are held in; the installed package, which has registered them itself, sets another type.
    pipelines_type: ClassVar[type[dict[str, Any]]] = dict
    # The family of a decoder whose configuration names none.
    family: ClassVar[type[RecurrentConfig]] = LstmConfig
    # A language model may be trained with less; the head of `save_pretrained` asks every recurrent configuration.
    causal_obstacle: ClassVar[str | None] = None
    series_obstacle: ClassVar[str | None] = "it writes texts"

    is_encoder_decoder: bool = True
    encoder: dict[str, Any] | PreTrainedConfig | None = None
    decoder: dict[str, Any] | PreTrainedConfig | None = None
    attention: Literal["additive", "dot", "general"] | None = "general"
    attention_size: int | None = None
    input_feeding: Literal["attended", "context"] | None = None
    context_at_each_step: bool = False
    bridge: Literal["dense", "copy", "none"] = "dense"
    readout_size: int | None = None
    tie_word_embeddings: bool = False
    share_embeddings: bool = False
    sampled_softmax: int | None = None
    scheduled_sampling: float | int = 0.0
    pad_token_id: int | None = 0
    decoder_start_token_id: int | None = None
    prefix: str | None = None
    use_cache: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_unknown_names(self, kwargs)
        if "custom_pipelines" in kwargs:
            kwargs["custom_pipelines"] = self.pipelines_type(kwargs["custom_pipelines"])
        self.encoder = _part("encoder", self.encoder, self.family, {"bidirectional": True})
        self.decoder = _part("decoder", self.decoder, self.family, {})
        # transformers' Auto classes walk this list where a configuration may map to a tuple of model classes.
        self.architectures = self.architectures or []
        super().__post_init__(**kwargs)

    @classmethod
    def head_classes(cls) -> dict[str, str]:
        """Auto class → `file.Class` of the models, as `auto_map` in a config.json says it."""
        family = cls.family.__name__.removesuffix("Config")
        return {
            "AutoModel": f"{MODELING_FILE}.{family}EncoderDecoder",
            "AutoModelForSeq2SeqLM": f"{MODELING_FILE}.{family}ForSeq2SeqLM",
        }

    @classmethod
    def pipelines(cls) -> dict[str, dict[str, Any]]:
        """Task → what transformers has to know of its pipeline, as `custom_pipelines` in a config.json says it."""
        pipeline = {
            "impl": "pipeline_text2text.Text2TextGenerationPipeline",
            "pt": ["AutoModelForSeq2SeqLM"],
            "type": "text",
        }
        return {"text2text-generation": pipeline}

    @property
    def reads(self) -> RecurrentConfig:
        """The encoder's configuration."""
        return cast(RecurrentConfig, self.encoder)

    @property
    def writes(self) -> RecurrentConfig:
        """The decoder's configuration."""
        return cast(RecurrentConfig, self.decoder)

    @property
    def vocab_size(self) -> int:
        """Tokens to choose from."""
        return cast(int, self.writes.vocab_size)

    @vocab_size.setter
    def vocab_size(self, value: int) -> None:
        for part in (self.writes, self.reads) if self.share_embeddings else (self.writes,):
            part.vocab_size = value

    @property
    def hidden_size(self) -> int:
        """Features of the decoder's states."""
        return self.writes.step_size

    @property
    def num_hidden_layers(self) -> int:
        """Layers of the decoder."""
        return len(self.writes.layer_sizes)

    @property
    def attends(self) -> bool:
        return self.attention is not None

    @property
    def compared_size(self) -> int:
        """Features of the encoder's states as the attention compares them."""
        return self.attention_size or self.writes.step_size if self.attention == "additive" else self.writes.step_size

    @property
    def attended_size(self) -> int:
        """Features of what tokens are scored from."""
        if self.tie_word_embeddings:
            return self.writes.embedding_size
        return self.readout_size or self.writes.step_size

    @property
    def fed_size(self) -> int:
        """Features that the decoder reads beside each token."""
        if self.input_feeding == "attended":
            return self.attended_size
        if self.input_feeding == "context":
            return self.reads.step_size
        return self.reads.output_size if self.context_at_each_step else 0

    @property
    def stepwise(self) -> bool:
        """Whether the decoder is computed a step at a time: what it reads depends on the step before."""
        return self.input_feeding is not None

    @property
    def final_sizes(self) -> list[int]:
        """Features of what the bridge reads: of each layer's final state, all directions beside each other; of an
        encoder without a recurrence those of its pooled vector.
        """
        if self.reads.cell == "none":
            return [self.reads.output_size]
        return [self.reads.num_directions * size for size in self.reads.layer_sizes]

    def validate_parts(self) -> None:
        """The encoder reads steps, the decoder can predict what comes next."""
        if self.reads.word_vocab_size is not None or self.reads.wide_buckets is not None:
            raise ValueError("`encoder` has `word_vocab_size` or `wide_buckets`; both must be None: steps are tokens.")
        if self.writes.causal_obstacle is not None:
            raise ValueError(f"`decoder` cannot write with this configuration: {self.writes.causal_obstacle}.")
        if self.stepwise and self.writes.weight_dropout:
            raise ValueError(
                f"`decoder` has `weight_dropout`={self.writes.weight_dropout}; it must be 0 with `input_feeding`, "
                "which computes a step at a time."
            )

    def validate_joints(self) -> None:
        """What joins the two fits both."""
        if self.input_feeding is not None and self.attention is None:
            raise ValueError(f"`input_feeding` is {self.input_feeding!r}, which needs an `attention`; that is None.")
        if self.context_at_each_step and self.attention is not None:
            raise ValueError(
                f"`context_at_each_step` is True; it must be False with `attention`={self.attention!r}, which finds a "
                "context for each step."
            )
        if self.attention == "dot" and self.reads.step_size != self.writes.step_size:
            raise ValueError(
                f"`attention` is 'dot', which needs states of one width; the encoder's have {self.reads.step_size} "
                f"features, the decoder's {self.writes.step_size}. 'general' and 'additive' learn to compare them."
            )
        for name in ("attention_size", "readout_size", "sampled_softmax"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        if self.attention_size is not None and self.attention != "additive":
            raise ValueError(f"`attention_size` is {self.attention_size}, which needs `attention` to be 'additive'.")
        if self.readout_size is not None and self.tie_word_embeddings:
            raise ValueError(
                f"`readout_size` is {self.readout_size}; it must be None with `tie_word_embeddings`: what tokens are "
                "scored from is as wide as their embeddings."
            )
        if not 0 <= self.scheduled_sampling <= 1:
            raise ValueError(f"`scheduled_sampling` is {self.scheduled_sampling}; it must lie in [0, 1].")

    def validate_embeddings(self) -> None:
        """Tables that are one have one shape."""
        tied = self.share_embeddings or self.tie_word_embeddings
        if tied and self.writes.one_hot_input:
            raise ValueError("`decoder` has `one_hot_input`, and no table of embeddings that could be shared or tied.")
        own, other = ((each.vocab_size, each.embedding_size) for each in (self.reads, self.writes))
        if self.share_embeddings and (own != other or self.reads.one_hot_input):
            raise ValueError(
                f"`share_embeddings` is True; the tables must then have one shape: the encoder's is {own}, the "
                f"decoder's {other} (tokens, features)."
            )

    def validate_bridge(self) -> None:
        """States that are copied have the decoder's shapes."""
        if self.bridge != "copy":
            return
        given = [(self.reads.cell, size) for size in self.final_sizes]
        wanted = [(self.writes.cell, size) for size in self.writes.layer_sizes]
        if given != wanted:
            raise ValueError(
                f"`bridge` is 'copy', which needs layers of the same cell and width; the encoder's are {given}, the "
                f"decoder's {wanted} (cell, units of all directions). 'dense' learns to bring them together."
            )

    def validate_tokens(self) -> None:
        """Special tokens are in the vocabulary."""
        for name in ("decoder_start_token_id", "pad_token_id"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < self.vocab_size:
                raise ValueError(f"`{name}` is {value}; it must lie in [0, vocab_size) = [0, {self.vocab_size}).")


def _part(
    name: str, given: dict[str, Any] | PreTrainedConfig | None, family: type[RecurrentConfig], defaults: dict[str, Any]
) -> RecurrentConfig:
    if isinstance(given, RecurrentConfig):
        return given
    if isinstance(given, PreTrainedConfig):
        raise ValueError(
            f"`{name}` is a {type(given).__name__}; it must be the configuration of a recurrent family: "
            f"{', '.join(config.__name__ for config in FAMILIES.values())}."
        )
    values = dict(given or {})
    model_type = values.pop("model_type", family.model_type)
    if model_type not in FAMILIES:
        raise ValueError(f"`{name}` has the `model_type` {model_type!r}; it must be one of {', '.join(FAMILIES)}.")
    return FAMILIES[model_type](**({} if "model_type" in (given or {}) else defaults) | values)


@strict
class LstmEncoderDecoderConfig(RecurrentEncoderDecoderConfig):
    """An encoder-decoder of LSTMs by default; the arguments are those of [`RecurrentEncoderDecoderConfig`]."""

    model_type = "lstm-encoder-decoder"


@strict
class GruEncoderDecoderConfig(RecurrentEncoderDecoderConfig):
    """An encoder-decoder of GRUs by default; the arguments are those of [`RecurrentEncoderDecoderConfig`]."""

    model_type = "gru-encoder-decoder"
    family: ClassVar[type[RecurrentConfig]] = GruConfig


ENCODER_DECODERS: dict[str, type[RecurrentEncoderDecoderConfig]] = {
    config.model_type: config for config in (LstmEncoderDecoderConfig, GruEncoderDecoderConfig)
}
