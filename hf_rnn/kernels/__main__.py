"""Build the compiled kernels for this machine: python -m hf_rnn.kernels"""

from __future__ import annotations

import sys

from .build import KernelBuildError, build


def main() -> None:
    try:
        print(f"The kernels are built: {build()}. hf_rnn uses them from now on; HF_RNN_KERNELS=0 turns them off.")
    except KernelBuildError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
