"""Trust is read again when its files change, and never goes back."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from broker.material import CurrentMaterial, load_keys
from certs.chain import Purpose
from certs.trust import decide
from schemas.reasons import ReasonCode, Refused
from tests.broker.exchange_files import write_exchange
from tests.certs.pki import BAC_GIANG, make_pki


def _touch(path: Path, seconds: int) -> None:
    """A later time of change, however coarse the file system's clock is."""
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + seconds * 10**9))


def test_a_revocation_counts_without_a_restart_and_an_older_list_never_takes_it_back(tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "pki")
    settings = write_exchange(tmp_path / "exchange", pki)
    material = CurrentMaterial(settings, load_keys(settings))
    signing = pki.facility(BAC_GIANG).signing.certificate

    def judge() -> str:
        trust = material.current().trust
        moment = pki.now + timedelta(minutes=2)
        decision = decide(signing, (), trust, now=moment, signed_at=moment, owner=BAC_GIANG, purpose=Purpose.SIGNING)
        return decision.facility

    assert judge() == BAC_GIANG
    old = settings.keys.crl.read_bytes()
    pki.revoke(signing)
    settings.keys.crl.write_bytes(pki.authority.crl(pki.now + timedelta(minutes=1)))
    _touch(settings.keys.crl, 10)
    with pytest.raises(Refused) as refused:
        judge()
    assert refused.value.reason is ReasonCode.CERTIFICATE_REVOKED

    settings.keys.crl.write_bytes(old)
    _touch(settings.keys.crl, 20)
    with pytest.raises(Refused) as again:
        judge()
    assert again.value.reason is ReasonCode.CERTIFICATE_REVOKED


def test_a_list_that_cannot_be_read_leaves_the_old_trust_standing(tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "pki")
    settings = write_exchange(tmp_path / "exchange", pki)
    material = CurrentMaterial(settings, load_keys(settings))
    before = material.current().trust
    settings.keys.crl.write_bytes(b"not a list")
    _touch(settings.keys.crl, 10)
    assert material.current().trust is before
