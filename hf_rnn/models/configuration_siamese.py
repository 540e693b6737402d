"""The configuration of siamese networks: an encoder's configuration, and how its vectors are made and compared."""

# No `from __future__ import annotations` here: `@strict` checks types only where annotations are types, not strings.

import math
from typing import Any, ClassVar, Literal, cast

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from .configuration_checks import PROBLEM_TYPES, OwnFolderMixin, check_positive, refuse_unknown_names
from .configuration_conv import ConvEncoderConfig
from .configuration_rnn import FAMILIES, BiLstmConfig, RecurrentConfig


__all__ = ["OWN_ENCODERS", "SiameseConfig"]


# Encoders whose code is in the folder of this file; transformers knows them only where the package is installed.
OWN_ENCODERS: dict[str, type[RecurrentConfig] | type[ConvEncoderConfig]] = {
    **FAMILIES,
    ConvEncoderConfig.model_type: ConvEncoderConfig,
}


@strict
class SiameseConfig(OwnFolderMixin, PreTrainedConfig):
    r"""A siamese network (Bromley et al. 1993): one encoder, and so one set of weights, reads both inputs.

    Args:
        encoder (`dict` or `PreTrainedConfig`, *optional*, defaults to a `BiLstmConfig()`):
            The configuration of the encoder, that of any AutoModel; a `dict` names its `model_type`.
        pooling (`"pooler"`, `"mean"` or `"first"`, *optional*):
            What stands for an input: the encoder's `pooler_output`; the mean of its `last_hidden_state` over the
            tokens; or the `last_hidden_state` of the first token. By default `"pooler"` for encoders of this package
            and of images, `"mean"` for those of text such as BERT, whose pooler was trained for another purpose.
        projection_size (`int`, *optional*): Features after a linear layer behind the pooling; `None`: no such layer.
        similarity (`"cosine"`, `"dot"`, `"euclidean"` or `"manhattan"`, defaults to `"cosine"`):
            How two vectors are compared; `similarity.pairwise` has the equations.
        threshold (`float`, *optional*): The similarity from which on two inputs are said to be alike.
        threshold_metric (`str`, *optional*): What the threshold was chosen by, such as `"f1"`.
        classifier_hidden_sizes (`list[int]`, *optional*): Widths of dense layers before the label logits.
        classifier_activation (`"relu"`, `"tanh"` or `"gelu"`, defaults to `"relu"`): Their activation.
        classifier_norm (`"batch"` or `"none"`, defaults to `"none"`): Batch normalisation after each of them.
        classifier_dropout (`float`, defaults to 0): Dropout before each dense layer and the output layer.
        composition (`"recurrent"` or `"feed-forward"`, *optional*):
            Makes the classifier read the two texts together: their states are aligned, and what is beside each step is
            composed by a BiLSTM or by a dense layer (see `alignment.py`); and which tokens they share is measured (see
            `overlap.py`). `None`: the classifier knows the two embeddings alone.
        symmetric (`bool`, defaults to `False`):
            Whether the logits are the mean of those of both orders of the pair, for labels that do not depend on it.

    The `classifier_` arguments, `composition` and `symmetric` are for [`SiameseForPairClassification`].

    Raises:
        ValueError: for a name that does not exist, or an `encoder` that is none; the message names the argument.
        StrictDataclassClassValidationError: for a value out of its range; the message names the argument.
        StrictDataclassFieldValidationError: for a value of the wrong type.
    """

    # Makes `save_pretrained` put this file, and those it imports, beside the weights (for `trust_remote_code=True`).
    _auto_class: ClassVar[str | None] = "AutoConfig"
    # By this transformers hands a dtype or an attention implementation on to the encoder.
    sub_configs_defaults: ClassVar[dict[str, Any]] = {"encoder": PreTrainedConfig}
    keys_to_ignore_at_inference: ClassVar[list[str]] = [
        "embeddings",
        "embeddings_b",
        "hidden_states",
        "hidden_states_b",
        "last_hidden_state",
        "last_hidden_state_b",
    ]

    # What `custom_pipelines` are held in; the installed package, which has registered them itself, sets another type.
    pipelines_type: ClassVar[type[dict[str, Any]]] = dict

    # Its own: with its encoder's, a siamese checkpoint would load as the bare encoder.
    model_type = "siamese"

    encoder: dict[str, Any] | PreTrainedConfig | None = None
    pooling: Literal["pooler", "mean", "first"] | None = None
    projection_size: int | None = None
    similarity: Literal["cosine", "dot", "euclidean", "manhattan"] = "cosine"
    threshold: float | int | None = None
    threshold_metric: str | None = None
    classifier_hidden_sizes: list[int] | None = None
    classifier_activation: Literal["relu", "tanh", "gelu"] = "relu"
    classifier_norm: Literal["batch", "none"] = "none"
    classifier_dropout: float | int = 0.0
    composition: Literal["recurrent", "feed-forward"] | None = None
    symmetric: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        # The check reads nothing of a recurrent configuration: it serves any dataclass.
        refuse_unknown_names(self, kwargs)
        if "custom_pipelines" in kwargs:
            kwargs["custom_pipelines"] = self.pipelines_type(kwargs["custom_pipelines"])
        self.encoder = _encoder_config(self.encoder)
        if self.pooling is None:
            of_text = hasattr(self.encoder, "vocab_size") and self.encoder.model_type not in OWN_ENCODERS
            self.pooling = "mean" if of_text else "pooler"
        # transformers' Auto classes walk this list where a configuration may map to a tuple of model classes.
        self.architectures = self.architectures or []
        attention = self.encoder._attn_implementation
        super().__post_init__(**kwargs)
        if "attn_implementation" not in kwargs:
            # transformers has set the encoder's to None, with which a BERT with its weights attends to padding.
            self.encoder._attn_implementation = attention

    @classmethod
    def head_classes(cls) -> dict[str, str]:
        """Auto class → `file.Class` of the models, as `auto_map` in a config.json says it."""
        return {
            "AutoModel": "modeling_siamese.SiameseModel",
            "AutoModelForSequenceClassification": "modeling_siamese.SiameseForPairClassification",
        }

    @classmethod
    def pipelines(cls) -> dict[str, dict[str, Any]]:
        """Task → what transformers has to know of its pipeline, as `custom_pipelines` in a config.json says it."""
        pipeline = {"impl": "pipeline_similarity.SentenceSimilarityPipeline", "pt": ["AutoModel"], "type": "text"}
        return {"sentence-similarity": pipeline}

    @property
    def of_texts(self) -> bool:
        """Whether the encoder reads tokens, and so texts."""
        return getattr(self.encoder, "vocab_size", None) is not None

    def get_text_config(self, *args: Any, **kwargs: Any) -> PreTrainedConfig:
        """The encoder's configuration, where transformers asks for tokens; of an encoder of images this one."""
        encoder = cast(PreTrainedConfig, self.encoder)
        return encoder if hasattr(encoder, "vocab_size") else self

    @property
    def padding(self) -> int | None:
        """The encoder's padding token, if it has one."""
        return getattr(self.encoder, "pad_token_id", None)

    @property
    def pooled_size(self) -> int:
        """Features of the encoder's pooled output."""
        return self._encoder_size("output_size" if self.pooling == "pooler" else "step_size")

    @property
    def state_size(self) -> int:
        """Features of a step of the encoder's `last_hidden_state`."""
        return self._encoder_size("step_size")

    def _encoder_size(self, name: str) -> int:
        # An encoder of this package has a `hidden_size` that is not what comes out.
        names = [name, "hidden_size"]
        for name in names:
            size = getattr(self.encoder, name, None)
            if size is not None:
                return int(size)
        # Stages, as of ResNet and ConvNeXT.
        sizes = getattr(self.encoder, "hidden_sizes", None)
        if sizes:
            return int(sizes[-1])
        raise ValueError(
            f"`encoder` is a {type(self.encoder).__name__}, which says in none of {', '.join(names)} and hidden_sizes "
            "how many features come out."
        )

    @property
    def output_size(self) -> int:
        """Features of an embedding."""
        return self.pooled_size if self.projection_size is None else self.projection_size

    def validate_encoder(self) -> None:
        """The pooling is one that the encoder allows."""
        words = isinstance(self.encoder, RecurrentConfig) and self.encoder.word_vocab_size is not None
        if words and self.pooling != "pooler":
            raise ValueError(
                f"`pooling` is {self.pooling!r}; with an encoder whose steps are words (`word_vocab_size`) it must be "
                "'pooler': give the encoder the pooling."
            )
        if self.composition is not None and not self.of_texts:
            raise ValueError(
                f"`composition` is {self.composition!r}, and the steps of the encoder are images; it must be None, or "
                "the encoder one of tokens."
            )

    def validate_sizes(self) -> None:
        """Every size is a positive whole number, and the dropout a probability below 1."""
        if self.projection_size is not None:
            check_positive("projection_size", self.projection_size)
        for size in self.classifier_hidden_sizes or ():
            check_positive("classifier_hidden_sizes", size)
        if not 0 <= self.classifier_dropout < 1:
            raise ValueError(f"`classifier_dropout` is {self.classifier_dropout}; it must lie in [0, 1).")

    def validate_threshold(self) -> None:
        """The threshold is a number, and a metric goes with it only."""
        if self.threshold is None:
            if self.threshold_metric is not None:
                raise ValueError(f"`threshold_metric` is {self.threshold_metric!r}, which needs a `threshold`.")
        elif isinstance(self.threshold, bool) or not math.isfinite(self.threshold):
            raise ValueError(f"`threshold` is {self.threshold}; it must be a finite number, or None.")

    def validate_labels(self) -> None:
        """There is a label, and `problem_type` is one that exists."""
        check_positive("num_labels", self.num_labels or 0)
        if self.problem_type not in PROBLEM_TYPES:
            raise ValueError(f"`problem_type` is {self.problem_type!r}; it may be one of {PROBLEM_TYPES}.")


def _encoder_config(encoder: dict[str, Any] | PreTrainedConfig | None) -> PreTrainedConfig:
    if encoder is None:
        return BiLstmConfig()
    if isinstance(encoder, dict):
        values = dict(encoder)
        model_type = values.pop("model_type", None)
        if model_type in OWN_ENCODERS:
            return OWN_ENCODERS[model_type](**values)
        if model_type not in CONFIG_MAPPING:
            raise ValueError(
                f"`encoder` has the `model_type` {model_type!r}; it may be one of {', '.join(OWN_ENCODERS)}, or any "
                "that transformers knows."
            )
        encoder = CONFIG_MAPPING[model_type](**values)
    if encoder.model_type == SiameseConfig.model_type:
        raise ValueError("`encoder` is itself siamese; it must be what a siamese network is made of.")
    return encoder
