"""`python -m hf_rnn.cli` is the console command `hf-rnn`."""

from __future__ import annotations

from hf_rnn_command import main


if __name__ == "__main__":
    main()
