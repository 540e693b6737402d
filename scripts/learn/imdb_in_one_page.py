#!/usr/bin/env python
"""Film reviews, positive or negative, in one page: data, tokenizer, a bidirectional LSTM, training, test, two
sentences.

    python scripts/learn/imdb_in_one_page.py                                    # stanfordnlp/imdb of the Hub
    python scripts/learn/imdb_in_one_page.py --train_file train.parquet --test_file test.parquet
    python scripts/learn/imdb_in_one_page.py --synthetic                        # invented reviews, in seconds

Críticas de filmes em uma página: dados, tokenizador, uma LSTM bidirecional, treino, teste, duas frases.
"""

from __future__ import annotations

import argparse

import datasets
from bilingual import command_line, speaker
from transformers import AutoConfig, AutoModelForSequenceClassification, pipeline, set_seed

from hf_rnn.data.synthetic.reviews import synthetic_reviews
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.metrics.classification import metrics_for
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer


SENTENCES = ["The plot is dull, but the film is wonderful.", "Although the acting is great, the film is awful."]


def load(arguments: argparse.Namespace) -> datasets.DatasetDict:
    """`train`, `validation` and `test`, with the columns `text` and `label`."""
    if arguments.synthetic:
        return synthetic_reviews(train=1500, validation=200, test=200)
    files = {"train": arguments.train_file, "test": arguments.test_file}
    local = arguments.train_file is not None
    data = datasets.load_dataset("parquet", data_files=files) if local else datasets.load_dataset("stanfordnlp/imdb")
    # The best epoch is chosen on a tenth of the training data; the test split is read once.
    parts = data["train"].train_test_split(test_size=0.1, seed=0)
    return datasets.DatasetDict(train=parts["train"], validation=parts["test"], test=data["test"])


def main() -> None:
    parser = command_line(__doc__)
    for split in ("train", "test"):
        parser.add_argument(f"--{split}_file", help="parquet: text, label (0, 1)")
    parser.add_argument("--synthetic", action="store_true", help="invented reviews / críticas inventadas")
    parser.add_argument("--output_dir", default="runs/imdb_in_one_page", help="(default: %(default)s)")
    arguments = parser.parse_args()
    if bool(arguments.train_file) != bool(arguments.test_file):
        parser.error("`--train_file`, `--test_file`: both or none / os dois ou nenhum")
    say = speaker(arguments.lang)
    set_seed(0)
    data = load(arguments)
    tokenizer = train_tokenizer(data["train"]["text"], strip_html=True, show_progress=False)
    data = data.map(lambda rows: tokenizer(rows["text"], truncation=True, max_length=300), batched=True)
    names = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
    sizes = {"vocab_size": len(tokenizer), "embedding_size": 64, "hidden_size": 64, "pooling": "max"}
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model("bilstm", **sizes, **names))
    say("{} reviews, {} parameters", "{} críticas, {} parâmetros", len(data["train"]), model.num_parameters())
    epochs, learning_rate = (8, 5e-3) if arguments.synthetic else (3, 2e-3)
    settings = RecurrentTrainingArguments(arguments.output_dir, num_train_epochs=epochs, learning_rate=learning_rate)
    settings.select_by("accuracy")
    trainer = RecurrentTrainer(  # transformers' Trainer, with batches of texts of similar length
        model,
        settings,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        compute_metrics=metrics_for("single_label_classification", 2),
    )
    trainer.train()
    say("Accuracy on test: {:.3f}", "Acurácia no teste: {:.3f}", trainer.evaluate(data["test"])["eval_accuracy"])
    answers = pipeline("text-classification", model, tokenizer=tokenizer)(SENTENCES)
    for text, answer in zip(SENTENCES, answers, strict=True):
        print(f"  {answer['label']} {answer['score']:.3f}  {text}")


if __name__ == "__main__":
    main()
