"""Build the compiled kernels for this machine: python -m hf_rnn.kernels"""

from __future__ import annotations

import sys

from .build import KernelBuildError, build
from .loading import load, wanted


def main() -> None:
    try:
        path = build()
    except KernelBuildError as error:
        sys.exit(f"{error}\n{error.output}".strip())
    if wanted() and not load():
        sys.exit(1)  # `load` has said why
    print(f"The kernels are built: {path}. hf_rnn uses them from now on; HF_RNN_KERNELS=0 turns them off.")


if __name__ == "__main__":
    main()
