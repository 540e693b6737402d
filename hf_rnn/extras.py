"""Whether an extra of this package is installed, asked before anything that needs it begins.

An extra is what `pip install "hf_rnn[NAME]"` installs besides the package. `setup.cfg` states which distributions that
is, and the metadata of the installed package repeat it: nothing is listed here a second time.
"""

from __future__ import annotations

import configparser
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


__all__ = ["MissingExtraError", "require_extra"]


PACKAGE = "hf_rnn"
# The extras are stated here in a checkout that was never installed.
SETUP_FILE = Path(__file__).resolve().parent.parent / "setup.cfg"
# Distributions that bring the modules of another one, under the same names.
STAND_INS = {"onnxruntime": ("onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")}

# An extra that was found to be installed stays so while the process lives; metrics ask at every evaluation.
_found: set[tuple[str, ...]] = set()


class MissingExtraError(ImportError):
    """A package that an extra brings is not installed, or is too old; the message names all of it, and the line of
    pip.
    """


def require_extra(extra: str, wanted_by: str, *only: str) -> None:
    """Raise unless the distributions of an extra are installed, each of a version in its range.

    In a checkout that was never installed, `setup.cfg` beside the package tells what an extra is. Where there is
    neither that nor the package's metadata, as in a copy of the package inside of another project, nothing is known of
    extras: nothing is checked, and Python's own error names the first module that cannot be imported.

    Args:
        extra: Its name, such as `"train"`.
        wanted_by: What needs it, as the message begins, such as `"Training"`.
        only: The distributions of the extra that are needed, such as `"matplotlib"`. Default: all of them.

    Raises:
        MissingExtraError: a distribution is not installed, or its version is out of range.
        ValueError: there is no such extra, or it has no distribution of a name in `only`.
    """
    if (extra, *only) in _found:
        return
    stated = _stated()
    if stated is None:
        return
    requirements = _requirements(extra, stated)
    unknown = sorted(set(only) - requirements.keys())
    if unknown:
        raise ValueError(f"`only` names {unknown[0]!r}; the extra {extra!r} has {', '.join(requirements)}.")
    lacks = [_lack(requirements[name]) for name in only or requirements]
    missing = [lack for lack in lacks if lack is not None]
    if missing:
        raise MissingExtraError(f'{wanted_by} needs {", ".join(missing)}: pip install "{PACKAGE}[{extra}]"')
    _found.add((extra, *only))


def _stated() -> dict[str, list[Requirement]] | None:
    """Read what each extra of this package was stated to install; None where nothing tells."""
    try:
        described = metadata.metadata(PACKAGE)
    except metadata.PackageNotFoundError:
        return _stated_in(SETUP_FILE) if SETUP_FILE.is_file() else None
    of_package = [Requirement(line) for line in metadata.requires(PACKAGE) or []]
    extras = described.get_all("Provides-Extra") or []
    return {extra: [one for one in of_package if _is_of(extra, one)] for extra in extras}


def _is_of(extra: str, requirement: Requirement) -> bool:
    # A requirement that is installed without any extra has no marker, or one that is true without.
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _stated_in(path: Path) -> dict[str, list[Requirement]]:
    config = configparser.ConfigParser()
    config.read(path, encoding="utf-8")
    stated = {}
    for extra, lines in config["options.extras_require"].items():
        requirements = [Requirement(line) for line in lines.splitlines() if line]
        stated[extra] = [one for one in requirements if one.marker is None or one.marker.evaluate()]
    return stated


def _requirements(extra: str, stated: dict[str, list[Requirement]]) -> dict[str, Requirement]:
    """The distributions of an extra, with those of the extras that it includes, by name."""
    if extra not in stated:
        raise ValueError(f"`extra`={extra!r} must be one of {', '.join(stated)}.")
    found: dict[str, Requirement] = {}
    for requirement in stated[extra]:
        if canonicalize_name(requirement.name) == canonicalize_name(PACKAGE):
            for included in sorted(requirement.extras):
                found |= _requirements(included, stated)
        else:
            found[requirement.name] = requirement
    return found


def _lack(requirement: Requirement) -> str | None:
    """Say what is wrong with the installed distribution; None if nothing is."""
    wanted = f"{requirement.name}{requirement.specifier}"
    for name in (requirement.name, *STAND_INS.get(requirement.name, ())):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        in_range = requirement.specifier.contains(version, prereleases=True)
        return None if in_range else f"{wanted} ({version} is installed)"
    return f"{wanted} (not installed)"
