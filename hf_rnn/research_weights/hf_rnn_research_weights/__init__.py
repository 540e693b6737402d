"""Bundled checkpoints of hf_rnn that are not free for every use; `hf_rnn.bundled` finds them by their names."""
