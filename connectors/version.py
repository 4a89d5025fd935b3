"""Which version of this software wrote a message."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _version() -> str:
    try:
        return version("lienvien")
    except PackageNotFoundError:  # run from a plain copy of the sources
        return "0"


SOFTWARE_VERSION: Final = _version()
