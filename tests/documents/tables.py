"""What the commands of the documents need beside themselves: to be small, to find a run, or to be left out."""

from __future__ import annotations


# How a command begins → what is appended, so that it ends in seconds on the data of `tiny.py`.
SMALLER = {
    "hf-rnn train text-classification": "--max_steps 2",
    "hf-rnn train token-classification": "--max_steps 2",
    "hf-rnn train sentence-similarity": "--max_steps 2",
    "hf-rnn train one-shot": "--max_steps 2",
    "hf-rnn train imdb_bilstm": "--max_steps 2",
    "hf-rnn train imdb_lm_forward": "--max_steps 2 --validation_split_size 4 --block_size 4",
    "hf-rnn train imdb_lm_backward": "--max_steps 2 --validation_split_size 4 --block_size 4",
    "hf-rnn train conll2003_bert": "--max_steps 2",
    "hf-rnn train language-modeling": "--max_steps 2 --block_size 8 --per_device_train_batch_size 4",
    "hf-rnn train sequence-to-sequence": "--max_steps 2 --max_target_length 8",
    "hf-rnn train time-series": "--max_steps 2",
    "hf-rnn distill": "--max_steps 2",
    "python scripts/baseline_tfidf.py": "--validation_split_size 8",
    "hf-rnn search hf_rnn/recipes/search/classic_seven_synthetic.json": (
        "--n_trials 2 --n_random_trials 1 --num_train_epochs 1 --max_train_samples 24"
    ),
    "hf-rnn search": (
        "--n_trials 2 --n_random_trials 1 --num_train_epochs 1 --validation_split_size 8 --max_train_samples 24"
    ),
    "python scripts/plot_gradient_flow.py": "--max_steps 2",
    "hf-rnn compare": "--quick",
    "torchrun": "--max_steps 2",
    # The page gives it in place of `torchrun`, and a run that has ended is not written over.
    "accelerate launch": "--max_steps 2 --output_dir runs/by_accelerate",
}

# Page → commands whose runs its own commands take further.
BEFORE = {
    "docs/comparing-checkpoints.md": ("hf-rnn train conll2003_bert --model_name_or_path tiny_bert",),
    "docs/onnx.md": ("hf-rnn train imdb_bilstm",),
    "docs/publishing.md": ("hf-rnn train imdb_bilstm",),
    "docs/search.md": (
        "hf-rnn train text-classification reviews.csv --output_dir runs/a",
        "hf-rnn train text-classification reviews.csv --output_dir runs/b",
    ),
    "docs/writing.md": (
        "hf-rnn train imdb_lm_forward --output_dir forward_model",
        "hf-rnn train imdb_lm_backward --output_dir backward_model",
    ),
}
# Page → the corpus whose test split is its `test.parquet`.
TEST_FILE = {
    "docs/comparing-checkpoints.md": "conll2003/test.parquet",
    "docs/onnx.md": "imdb/test.parquet",
}

# Those whose commands start processes of their own, or train several models.
SLOW_PAGES = (
    "docs/comparing-checkpoints.md",
    "docs/distilling.md",
    "docs/distributed.md",
    "docs/publishing.md",
    "docs/search.md",
)

INSTALLING = "installing needs a network; tests/installed does it from the wheel"
MAKING = "a target that makes an environment and runs for minutes; those who work on hf_rnn run it"
MACHINES = "it needs several machines; tests/training/test_distributed.py starts several launchers on one"
OMNIGLOT = "it wants Omniglot; tests/tasks/one_shot and tests/benchmark/test_omniglot.py have drawings of their own"
QUORA = "it wants MiniLM and Quora; tests/tasks/encoder_distillation and tests/cli/test_distill.py do it small"
LIBRARIES = "the library is in no extra; tests/benchmark/comparison/libraries runs it, or a stand-in for it"
# How a command begins → why no test runs it.
NOT_RUN = {
    "pip install torch": INSTALLING,
    'pip install "hf_rnn[train] @': INSTALLING,
    'pip install "hf_rnn-0.1.0': INSTALLING,
    'pip install "hf_rnn[search]"': INSTALLING,
    'pip install "ray[tune]"': INSTALLING,
    "hf-rnn search RECIPE.json --backend ray": "Ray is in no extra and not installed",
    "hf-rnn train quora_minilm": QUORA,
    "python scripts/distil_encoder.py hf_rnn/recipes/distillation/bilstm_quora_en.json": QUORA,
    "hf-rnn train quora_siamese": QUORA,
    "hf-rnn train omniglot_small": OMNIGLOT,
    "python scripts/measure_omniglot.py --runs corpora": OMNIGLOT,
    "hf-rnn compare --task text-classification --models bundled:bilstm-imdb fasttext:": LIBRARIES,
    "hf-rnn compare --task token-classification --models bundled:bilstm-crf-conll2003 spacy:": LIBRARIES,
    "hf-rnn compare --task sentence-similarity --models runs/quora_siamese model2vec:": LIBRARIES,
    "python scripts/train_libraries.py": LIBRARIES,
    "make demo": "tests/scripts/test_demo.py runs what it does after installing",
    "make test": MAKING,
    "make test-all": MAKING,
    "make sanitize": "tests/kernels/test_sanitized.py runs a few of its tests",
    "make style": MAKING,
    "make quality": MAKING,
    "make dist": MAKING,
    "python -m tests.released.examples": "a release runs it once; tests/released/test_released.py loads what it wrote",
    "torchrun --nnodes 2": MACHINES,
    "accelerate launch --multi_gpu --num_machines 2": MACHINES,
}
