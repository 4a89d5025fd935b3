"""One small world of keys for all tests of this folder; tests that change it make their own."""

from datetime import UTC, datetime

import pytest

from certs.trust import TrustMaterial
from tests.certs.pki import TestPki, make_pki

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    """Do not revoke or issue for known names here."""
    return make_pki(tmp_path_factory.mktemp("pki"), now=NOW)


@pytest.fixture(scope="session")
def trust(pki: TestPki) -> TrustMaterial:
    """Fresh trust of that world."""
    return pki.trust()
