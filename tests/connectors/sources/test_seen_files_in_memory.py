"""The memory that lasts as long as the process keeps the contract."""

import pytest

from connectors.sources.seen_files import SeenFiles, SeenFilesInMemory
from tests.connectors.sources.contract_seen_files import SeenFilesContract


@pytest.fixture
def seen() -> SeenFiles:
    return SeenFilesInMemory()


class TestInMemory(SeenFilesContract):
    pass
