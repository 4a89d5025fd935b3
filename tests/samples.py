"""Where samples lie: our own synthetic exports in the repository, third-party ones beside it."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
XML13 = TESTS / "data" / "xml13"


def shared_samples() -> Path:
    """The folder of third-party samples beside the repository; the test is skipped where it is absent."""
    folder = TESTS.parent.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip(f"third-party samples are not on this machine: {folder}")
    return folder
