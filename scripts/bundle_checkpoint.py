"""Make a bundled checkpoint of a finished run: float16 on disk, at most 6 MB, with its card.

    python scripts/bundle_checkpoint.py runs/imdb_bilstm --name bilstm-imdb --eval_file imdb/test.parquet

With `--eval_file` the rounded model itself is measured, through a stock pipeline, and the card has those figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from hf_rnn.data.readers import DataArguments, load_text_classification
from hf_rnn.hub.bundled import DTYPES, PRETRAINED, make_bundle
from hf_rnn.training.metrics import ClassificationMetric
from hf_rnn.training.prediction import predict_texts


def measure(folder: Path, data: DataArguments, split: str) -> Mapping[str, Mapping[str, float]]:
    """The figures of a text classifier on the rows of `data`, reported as those of `split`."""
    from transformers import pipeline

    classifier = pipeline("text-classification", model=str(folder))
    label2id = {str(label): int(index) for label, index in (classifier.model.config.label2id or {}).items()}
    rows = load_text_classification(data, label2id=label2id).splits["train"]
    answers = predict_texts(classifier, rows["text"], truncation=True)
    figures = ClassificationMetric().compute(
        predictions=[label2id[answer["label"]] for answer in answers],
        references=rows["label"],
        num_labels=len(label2id),
    )
    return {split: figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_folder", type=Path, help="what a training script wrote")
    parser.add_argument("--name", required=True, help="of the checkpoint, such as bilstm-imdb")
    parser.add_argument("--output_folder", type=Path, default=PRETRAINED, help="where its folder goes")
    parser.add_argument("--dtype", choices=DTYPES, default="float16", help="of the weights on disk")
    parser.add_argument("--license", default="apache-2.0", help="of the weights, as the Hub spells it")
    parser.add_argument("--language", default="en", help="of the training text")
    parser.add_argument("--dataset_license_note", help="what the terms of the data mean for the weights")
    parser.add_argument("--eval_file", help="rows to measure the rounded model on")
    parser.add_argument("--eval_split", default="test", help="which split those rows are")
    parser.add_argument("--text_column_names", help="of --eval_file")
    parser.add_argument("--label_column_name", default="label", help="of --eval_file")
    arguments = parser.parse_args()
    data = arguments.eval_file and DataArguments(
        train_file=arguments.eval_file,
        text_column_names=arguments.text_column_names,
        label_column_name=arguments.label_column_name,
    )
    folder = make_bundle(
        arguments.run_folder,
        arguments.output_folder / arguments.name,
        dtype=arguments.dtype,
        measure=(lambda staged: measure(staged, data, arguments.eval_split)) if data else None,
        license=arguments.license,
        language=arguments.language,
        dataset_license_note=arguments.dataset_license_note,
    )
    print(f"Wrote {folder}: {(folder / 'model.safetensors').stat().st_size / 1e6:.2f} MB of weights.")


if __name__ == "__main__":
    main()
