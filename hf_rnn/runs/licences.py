"""The names of licences on the Hub."""

from __future__ import annotations


__all__ = ["OTHER", "check_licence"]


# The Hub calls every licence by this name that it has no identifier of.
OTHER = "other"


def check_licence(license: str | None, license_name: str | None, license_link: str | None) -> None:
    """Raises:
    ValueError: `license_name` or `license_link` is missing where `license` is `"other"`, or given where it is not.
    """
    for argument, value in (("license_name", license_name), ("license_link", license_link)):
        if license == OTHER and not value:
            raise ValueError(f"`{argument}`={value!r} must be given, since `license` is {OTHER!r}.")
        if license != OTHER and value is not None:
            raise ValueError(f"`{argument}`={value!r} is for `license` {OTHER!r}; `license` is {license!r}.")
