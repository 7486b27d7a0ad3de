"""Versions of what is installed here."""

import importlib.metadata


def installed(package: str) -> str | None:
    """Return a distribution's version; ``None`` when it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
