"""Encoder-decoders beside what a user would write instead: the peers of `scripts/benchmark_sequences.py`."""
