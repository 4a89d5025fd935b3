"""Days that certificates have left, and the operator's numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.api.certificates import certificate_ends
from broker.api.overview import facility_answer
from broker.queries.views import FacilityView
from certs.directory import countersign, entry_certificates, sign_entry
from schemas.times import iso
from schemas.tokens.directory import DirectoryEntry, FacilityCode
from tests.certs.pki import BAC_GIANG, TestPki, make_pki

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return make_pki(tmp_path_factory.mktemp("pki"), facilities=(BAC_GIANG,), now=NOW)


@pytest.fixture(scope="module")
def countersigned(pki: TestPki) -> str:
    """A directory entry as it is stored."""
    party = pki.facility(BAC_GIANG)
    entry = DirectoryEntry(
        facility=BAC_GIANG,
        version=1,
        at=iso(NOW),
        name="BVĐK tỉnh Bắc Giang (thử nghiệm)",
        codes=(FacilityCode(code=BAC_GIANG, valid_from="2020-01-01"),),
        signing_certificates=entry_certificates([party.signing.certificate]),
        encryption_certificates=entry_certificates([party.encryption.certificate]),
    )
    return countersign(sign_entry(entry, party.signing), "demo", pki.exchange.signing.token_key, now=NOW)


def _view(directory: str | None) -> FacilityView:
    return FacilityView(BAC_GIANG, None, "active", 3, "1", directory, None, 0, 0, 0, None)


def test_days_left_are_those_of_the_certificates(pki: TestPki, countersigned: str) -> None:
    party = pki.facility(BAC_GIANG)
    for now in (NOW, NOW + timedelta(days=100)):
        answer = facility_answer(_view(countersigned), now)
        days = {each.purpose: each.days_left for each in answer.certificates}
        assert days == {
            "signing": (party.signing.certificate.not_valid_after_utc - now).days,
            "encryption": (party.encryption.certificate.not_valid_after_utc - now).days,
        }
    ended = party.signing.certificate.not_valid_after_utc + timedelta(hours=1)
    assert facility_answer(_view(countersigned), ended).certificates[0].days_left == -1


@pytest.mark.parametrize("stored", [None, "", "x", "a.b.c", "..", "e30.e30.e30", "ễ.ễ.ễ"])
def test_an_entry_that_cannot_be_read_shows_nothing_and_breaks_nothing(stored: str | None) -> None:
    assert facility_answer(_view(stored), NOW).certificates == []
    assert stored is None or certificate_ends(stored) == ()
