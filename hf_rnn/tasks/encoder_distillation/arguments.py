"""The arguments of the distillation of an encoder."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..word_vectors import VectorSources


__all__ = ["EncoderDistillationArguments"]


@dataclass
class EncoderDistillationArguments:
    """The sentences, the teacher, the sizes of the student and the length of its training."""

    output_dir: str = field(metadata={"help": "Folder to write the encoder into, with a record of how it was made."})
    texts: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Sources of sentences: a .txt file, a .parquet with a column text or with pairs of texts, or the "
            "folder of WordNet's data files. Each may end in a colon and the most sentences to take: book.txt:20000."
        },
    )
    teacher: str = field(
        default="sentence-transformers/all-MiniLM-L6-v2",
        metadata={
            "help": "Encoder to learn from, or siamese network around one: a Hub id or a folder. Default: "
            "sentence-transformers/all-MiniLM-L6-v2."
        },
    )
    teacher_id: str | None = field(
        default=None, metadata={"help": "Hub id of `teacher`, if that is a folder. Default: none."}
    )
    teacher_prefix: str = field(
        default="",
        metadata={"help": "Text to put before each text for the teacher, such as 'query: ' for E5. Default: none."},
    )
    centre_vectors: bool = field(
        default=False,
        metadata={
            "help": "Subtract the mean of the teacher's vectors from each. This helps if they all point one way, as "
            "those of E5 do. Default: off."
        },
    )
    word_vectors: str | None = field(
        default=None,
        metadata={
            "help": "Word vectors to use beside the teacher's, such as glove-6b-50d. Default: only the teacher's."
        },
    )
    keep_projection: bool = field(
        default=False,
        metadata={
            "help": "Write a siamese network that keeps the map into the teacher's space, so that it compares texts "
            "as the teacher does. Default: off, and only the encoder is written."
        },
    )
    piece_vocab_size: int = field(default=6000, metadata={"help": "Number of pieces of the tokenizer."})
    word_vocab_size: int = field(default=20_000, metadata={"help": "Number of words that have a vector."})
    embedding_size: int = field(default=96, metadata={"help": "Size of a word's vector."})
    hidden_size: int = field(default=192, metadata={"help": "Units of each direction of the BiLSTM."})
    state_size: int = field(
        default=64, metadata={"help": "Number of principal components of the teacher's states that are learnt."}
    )
    state_weight: float = field(
        default=0.1, metadata={"help": "Weight of the loss of the states beside that of the sentence."}
    )
    similarity_weight: float = field(
        default=5.0, metadata={"help": "Weight of the loss of the similarities of a batch's sentences."}
    )
    num_train_epochs: float = field(default=3, metadata={"help": "Number of passes over the sentences."})
    batch_size: int = field(default=256, metadata={"help": "Number of sentences in a training batch."})
    learning_rate: float = field(default=3e-3, metadata={"help": "Highest learning rate; it falls along a cosine."})
    seed: int = field(default=0, metadata={"help": "Seed for the choice of sentences, the weights and the order."})

    def __post_init__(self) -> None:
        if not self.texts:
            raise ValueError("`texts` is empty; it must name at least one source of sentences.")
        if self.word_vectors is not None and VectorSources.of(self.word_vectors, None).are_made:
            raise ValueError(
                f"`word_vectors`={self.word_vectors!r} must be one file or package of vectors; what an encoder says "
                "of words comes from `teacher`."
            )
        least = {"piece_vocab_size": 300, "word_vocab_size": 2, "embedding_size": 1, "hidden_size": 1, "state_size": 1}
        for name, smallest in {**least, "batch_size": 2}.items():
            if (value := getattr(self, name)) < smallest:
                raise ValueError(f"`{name}`={value} must be at least {smallest}.")
        for name in ("num_train_epochs", "learning_rate"):
            if (value := getattr(self, name)) <= 0:
                raise ValueError(f"`{name}`={value} must be above 0.")
