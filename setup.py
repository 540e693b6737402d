"""What setup.cfg cannot say: on a package index README's links begin with the address of the repository.

That address stands in CITATION.cff, as `repository-code`, and nowhere else.
"""

from __future__ import annotations

import re
import runpy
import warnings
from pathlib import Path
from urllib.parse import urlsplit

from setuptools import setup


ROOT = Path(__file__).resolve().parent
# A block of code, in which nothing is a link.
BLOCK = r"(?P<block>^```.*?^```$)"
# A link or a picture whose target is a file of the repository.
LINK = r"(?P<text>(?P<picture>!?)\[[^\]\n]*\])\((?P<path>[\w.][^):\s]*)\)"


def repository() -> str:
    """The address of the repository, without a slash at its end."""
    (found,) = re.findall(
        r"^repository-code: (\S+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE
    )
    return found.rstrip("/")


def absolute(markdown: str, address: str, revision: str) -> str:
    """`markdown` with links to the files of `revision` of the repository, in place of relative ones."""

    def replaced(match: re.Match[str]) -> str:
        if match["block"]:
            return match["block"]
        kind = "raw" if match["picture"] else "blob"
        return f"{match['text']}({address}/{kind}/{revision}/{match['path']})"

    return re.sub(f"{BLOCK}|{LINK}", replaced, markdown, flags=re.MULTILINE | re.DOTALL)


def main() -> None:
    address = repository()
    if urlsplit(address).netloc.endswith(".example"):
        warnings.warn(f"`repository-code` in CITATION.cff is {address}, which nobody can reach.", stacklevel=2)
    revision = "v" + runpy.run_path(str(ROOT / "hf_rnn" / "version.py"))["__version__"]
    files = f"{address}/blob/{revision}"
    setup(
        long_description=absolute((ROOT / "README.md").read_text(encoding="utf-8"), address, revision),
        project_urls={
            "Repository": address,
            "Issues": f"{address}/issues",
            "Documentation": f"{files}/README.md",
            "Changelog": f"{files}/CHANGELOG.md",
        },
    )


if __name__ == "__main__":
    main()
