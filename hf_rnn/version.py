"""The version of hf_rnn, read by setup.cfg and by every results.json."""

__version__ = "0.1.0"
