"""The configuration that all recurrent families share; the families are in `configuration_rnn.py`."""

# No `from __future__ import annotations` here: `@strict` checks types only where annotations are types, not strings.

from typing import Any, ClassVar, Literal, Self

from huggingface_hub.dataclasses import strict

from .configuration_checks import (
    OwnFolderMixin,
    check_labels,
    check_pooling,
    check_regularisation,
    check_sizes,
    check_words,
    refuse_unknown_names,
)
from .configuration_series import SeriesConfig


__all__ = ["HEADS", "RecurrentConfig"]


# Auto class → what its class is called after the family's prefix.
HEADS = {
    "AutoModel": "Model",
    "AutoModelForSequenceClassification": "ForSequenceClassification",
    "AutoModelForTokenClassification": "ForTokenClassification",
    "AutoModelForCausalLM": "ForCausalLM",
    "AutoModelForTimeSeriesPrediction": "ForTimeSeriesPrediction",
}
MODELING_FILE = "modeling_rnn"
# Features of a word's capitals and digits, see `word_embeddings.casing`.
NUM_CASING_FEATURES = 6


@strict
class RecurrentConfig(OwnFolderMixin, SeriesConfig):
    r"""The configuration that all families share. Use one of the subclasses: [`BiLstmConfig`], [`LstmConfig`],
    [`GruConfig`], [`ElmanConfig`], [`MinGruConfig`], [`MinLstmConfig`], [`DanConfig`].

    Args:
        vocab_size (`int`, *optional*, defaults to 20000):
            Rows of the embedding table. `None`: no vocabulary, the model takes real-valued `inputs_embeds`
            (batch, time, embedding_size) only.
        embedding_size (`int`, defaults to 128): Features of an embedded token, or of `inputs_embeds`.
        one_hot_input (`bool`, defaults to `False`):
            Feed one-hot vectors of length `vocab_size` instead of embeddings; for small vocabularies (characters).
        hidden_size (`int`, defaults to 128): Units per direction, as torch and Keras count them.
        num_hidden_layers (`int`, defaults to 1): Stacked layers.
        hidden_sizes (`list[int]`, *optional*):
            Units per direction of each layer, where they differ; overrides `hidden_size` and `num_hidden_layers`.
        bidirectional (`bool`): Whether each layer reads both ways. `True` for BiLstm, else `False` by default.
        merge (`"concat"` or `"sum"`, defaults to `"concat"`): How the two directions are joined.
        word_dropout (`float`, defaults to 0): Probability that a token's whole vector is zeroed in training.
        word_type_dropout (`float`, defaults to 0):
            Probability that the vector of a token of the vocabulary is zeroed wherever it occurs in the batch, see
            `embeddings.TypeDropout`; `inputs_embeds` stay as they are.
        embedding_dropout (`float`, defaults to 0): Dropout on the embedded tokens.
        dropout (`float`, defaults to 0): Dropout between layers.
        weight_dropout (`float`, defaults to 0): Dropout of the recurrent weights W_h, see `Cell.drawn_weights`.
        locked_dropout (`bool`, defaults to `True`):
            One dropout mask for all the steps of a sequence (Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287)
            instead of a fresh one each step.
        pooling (`str`, defaults to `"last"`):
            `"last"` (each direction's own final state, concatenated), `"mean"`, `"max"`, `"mean_max"` (both,
            concatenated) or `"attention"` (a learnt softmax over the steps).
        classifier_hidden_sizes (`list[int]`, *optional*): Widths of dense layers before the output layer.
        classifier_activation (`"relu"`, `"tanh"` or `"gelu"`, defaults to `"relu"`): Their activation.
        classifier_norm (`"batch"` or `"none"`, defaults to `"none"`): Batch normalisation after each of them.
        classifier_dropout (`float`, *optional*):
            Dropout before each dense layer, or before the output layer if there is none (in a language model by one
            mask for all the steps, with `locked_dropout`); `None` means `dropout`.
        activation_penalty (`float`, defaults to 0):
            Of a language model: weight of the squared outputs in the loss of training, see `losses.penalties`.
        temporal_activation_penalty (`float`, defaults to 0):
            Of a language model: weight of the squared differences between the outputs of successive steps.
        single_logit (`bool`, defaults to `False`):
            Two labels from one output unit z: the logits are [0, z], so that their softmax is the sigmoid of z and
            their cross-entropy the binary cross-entropy of z.
        label_threshold (`float`, *optional*): Probability from which on a text of several labels has one; else 0.5.
        word_vocab_size (`int`, *optional*):
            Makes the steps words: `vocab_size` is then the number of pieces of an open-vocabulary tokenizer, words are
            rebuilt from them, and this many rows, one of them for unknown words, are in the table of word vectors of
            `embedding_size`. `None`: every token is a step. See `word_embeddings.WordEmbeddings`.
        word_aliases (`int`, defaults to 0): Further words, each of which shares the row of a word that has its own.
        max_token_bytes (`int`, defaults to 16): Bytes of the longest piece, for the table of their spelling.
        char_encoder (`"cnn"` or `"lstm"`, *optional*): What reads a word's spelling, if anything does.
        char_embedding_size (`int`, defaults to 32): Features of a byte.
        char_hidden_size (`int`, defaults to 64): Filters of the `"cnn"`, or units per direction of the `"lstm"`.
        casing_features (`bool`, defaults to `False`): Whether a word's capitals and digits are features of their own.
        sampled_softmax (`int`, *optional*):
            In training, how many tokens a language model compares the right one with (see `sampled_softmax.py`), for
            large vocabularies; `None`: all.
        crf (`bool`, defaults to `False`):
            Whether a token classifier scores whole sequences of labels by a conditional random field.
        label_scheme (`"BIO"` or `"BIOES"`, *optional*):
            What a CRF may put after what, for labels such as B-PER and I-PER. With `"BIOES"` it also tells the last
            word of an entity and entities of one word apart, inside; the labels that go in and out remain BIO.
            `None`: any label may follow any other.
        wide_buckets (`int`, *optional*):
            Gives a classifier of texts a linear model over n-grams, with so many rows of weights (`wide.WidePart`).
        wide_ngrams (`int`, defaults to 2): Words of its longest n-grams of words.
        wide_characters (`int`, defaults to 5): Bytes of its longest n-grams of characters; 0 for none of these.
        pad_token_id (`int`, *optional*, defaults to 0): Token that stands for "no token".
        use_cache (`bool`, defaults to `False`): Whether to return the state, a `RecurrentCache`, by default.
        tie_word_embeddings (`bool`, defaults to `False`):
            Whether the output layer of a language model is the embedding table, see `RecurrentForCausalLM`.

    The fields of models of time series are those of [`SeriesConfig`].

    Raises:
        ValueError: for a name that does not exist, or a value out of its range; the message names the argument.
        StrictDataclassFieldValidationError: for a value of the wrong type.
    """

    # Makes `save_pretrained` put this file, and those it imports, beside the weights (for `trust_remote_code=True`).
    _auto_class: ClassVar[str | None] = "AutoConfig"
    # What gives a family its layers: its row in `cells.CELLS`, or "none" for no recurrence.
    cell: ClassVar[str] = "lstm"
    # Whether its layers have W_h and b_h, what the state before is multiplied by and what is added.
    recurrent_weights: ClassVar[bool] = True
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["cache", "past_key_values", "hidden_states", "emissions"]

    vocab_size: int | None = 20000
    embedding_size: int = 128
    one_hot_input: bool = False
    hidden_size: int = 128
    num_hidden_layers: int = 1
    hidden_sizes: list[int] | None = None
    bidirectional: bool = False
    merge: Literal["concat", "sum"] = "concat"
    word_dropout: float | int = 0.0
    word_type_dropout: float | int = 0.0
    embedding_dropout: float | int = 0.0
    dropout: float | int = 0.0
    weight_dropout: float | int = 0.0
    locked_dropout: bool = True
    pooling: Literal["last", "mean", "max", "mean_max", "attention"] = "last"
    classifier_hidden_sizes: list[int] | None = None
    classifier_activation: Literal["relu", "tanh", "gelu"] = "relu"
    classifier_norm: Literal["batch", "none"] = "none"
    classifier_dropout: float | int | None = None
    activation_penalty: float | int = 0.0
    temporal_activation_penalty: float | int = 0.0
    single_logit: bool = False
    label_threshold: float | int | None = None
    word_vocab_size: int | None = None
    word_aliases: int = 0
    max_token_bytes: int = 16
    char_encoder: Literal["cnn", "lstm"] | None = None
    char_embedding_size: int = 32
    char_hidden_size: int = 64
    casing_features: bool = False
    sampled_softmax: int | None = None
    crf: bool = False
    label_scheme: Literal["BIO", "BIOES"] | None = None
    wide_buckets: int | None = None
    wide_ngrams: int = 2
    wide_characters: int = 5
    pad_token_id: int | None = 0
    use_cache: bool = False
    tie_word_embeddings: bool = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # Before the fields are set: `@strict` would say only what else there is.
        check_pooling(kwargs.get("pooling"))
        return super().__new__(cls)

    def __post_init__(self, **kwargs: Any) -> None:
        refuse_unknown_names(self, kwargs)
        # transformers' Auto classes walk this list where a configuration may map to a tuple of model classes.
        self.architectures = self.architectures or []
        super().__post_init__(**kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "hidden_sizes" and value is not None:
            # Kept equal, also when set after loading: transformers reads `num_hidden_layers`, our code `layer_sizes`.
            self.num_hidden_layers = len(value)

    @classmethod
    def head_classes(cls) -> dict[str, str]:
        """Auto class → `file.Class` of the family's models, as `auto_map` in a config.json says it."""
        family = cls.__name__.removesuffix("Config")
        heads = dict(HEADS)
        if cls.cell == "none" or cls.bidirectional:
            del heads["AutoModelForCausalLM"]
        if cls.cell == "none":
            del heads["AutoModelForTimeSeriesPrediction"]
        return {auto_class: f"{MODELING_FILE}.{family}{head}" for auto_class, head in heads.items()}

    @property
    def layer_sizes(self) -> list[int]:
        """Units per direction of every layer."""
        if self.hidden_sizes is not None:
            return list(self.hidden_sizes)
        return [self.hidden_size] * self.num_hidden_layers

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def input_size(self) -> int:
        """Features of a step as the first layer sees it."""
        if self.one_hot_input and self.vocab_size is not None:
            return self.vocab_size
        spelling = {None: 0, "cnn": self.char_hidden_size, "lstm": 2 * self.char_hidden_size}[self.char_encoder]
        return self.embedding_size + spelling + NUM_CASING_FEATURES * self.casing_features

    @property
    def causal_obstacle(self) -> str | None:
        """Say what keeps a language model from having this configuration; None: nothing does."""
        if self.cell == "none":
            return "without a recurrence no step knows of those before it"
        if self.bidirectional:
            return "`bidirectional` is True; it must be False, as what comes next is to be predicted"
        if self.vocab_size is None:
            return "`vocab_size` is None; it must be the number of tokens to choose from"
        if self.word_vocab_size is not None:
            return f"`word_vocab_size` is {self.word_vocab_size}; it must be None, as the steps must be tokens"
        if self.tie_word_embeddings and self.one_hot_input:
            return "`tie_word_embeddings` is True; it must be False with `one_hot_input`, which has no embeddings"
        return None

    def layer_output_size(self, index: int) -> int:
        """Features of a step after layer `index` (0 is the first), both directions merged."""
        joined = self.num_directions if self.merge == "concat" else 1
        return self.layer_sizes[index] * joined

    @property
    def step_size(self) -> int:
        """Features of `last_hidden_state` (batch, time, step_size)."""
        if self.cell == "none" or not self.layer_sizes:
            return self.input_size
        return self.layer_output_size(len(self.layer_sizes) - 1)

    @property
    def num_hidden_states(self) -> int:
        """Entries of `hidden_states`: the embeddings and what each recurrent layer makes of them."""
        return 1 if self.cell == "none" else 1 + len(self.layer_sizes)

    @property
    def output_size(self) -> int:
        """Features of `pooler_output` (batch, output_size)."""
        if self.cell == "none" and self.layer_sizes:
            return self.layer_sizes[-1]
        return self.step_size * (2 if self.pooling == "mean_max" else 1)

    def validate_sizes(self) -> None:
        """Every size is a positive whole number."""
        check_sizes(self)

    def validate_words(self) -> None:
        """Words are made of pieces, and only words have a spelling and capitals."""
        check_words(self)

    def validate_regularisation(self) -> None:
        """Every dropout is a probability and has something to drop; no penalty is a reward; n-grams have a size."""
        check_regularisation(self)

    def validate_labels(self) -> None:
        """There is a label, `problem_type` is one that exists, and `single_logit` is for two exclusive labels."""
        check_labels(self)
