"""The authority in one folder: nothing leaves it that it does not remember."""

import json
import multiprocessing
import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import register
from certs.authority import Authority, Issued
from certs.issuing import BACKDATED
from certs.profiles import RULES, CertProfile
from certs.requests import make_request
from certs.revocation import read_crl
from schemas.reasons import ReasonCode, Refused
from tests.certs.conftest import NOW
from tests.certs.forge import DAY

COMPROMISED = x509.ReasonFlags.key_compromise


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.init(tmp_path / "ca", "Lien Vien test", now=NOW)


def reason(act: Any) -> ReasonCode:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.reason


def issue(authority: Authority, name: str = "24001", profile: CertProfile = CertProfile.SIGN) -> x509.Certificate:
    return authority.issue(make_request(name, profile).pem, profile, name, now=NOW)


def extension(certificate: x509.Certificate, kind: Any) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


# --- the folder ------------------------------------------------------------------------------------------------


def test_what_init_leaves(authority: Authority) -> None:
    folder = authority.folder
    assert {path.name for path in folder.iterdir()} == {"ca.key", "ca.pem", "crl.pem", "issued.jsonl", "lock"}
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    root = authority.certificate
    assert root.subject == root.issuer
    assert extension(root, x509.BasicConstraints) == x509.BasicConstraints(True, 0)
    usage = extension(root, x509.KeyUsage)
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    root.verify_directly_issued_by(root)


def test_a_second_init_overwrites_nothing(authority: Authority) -> None:
    before = {path.name: path.read_bytes() for path in authority.folder.iterdir()}
    assert reason(lambda: Authority.init(authority.folder, "other", now=NOW)) is ReasonCode.AUTHORITY_EXISTS
    assert {path.name: path.read_bytes() for path in authority.folder.iterdir()} == before


def test_opened_again(authority: Authority) -> None:
    issue(authority)
    again = Authority.open(authority.folder)
    assert again.certificate == authority.certificate
    assert [entry.name for entry in again.issued()] == ["24001"]
    assert issue(again, "01901")


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
@pytest.mark.parametrize("content", [None, b"", b"rubbish"])
def test_a_damaged_folder(authority: Authority, name: str, content: bytes | None) -> None:
    path = authority.folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    assert reason(lambda: Authority.open(authority.folder)) is ReasonCode.AUTHORITY_UNREADABLE


def test_a_key_that_others_may_read(authority: Authority) -> None:
    (authority.folder / "ca.key").chmod(0o640)
    assert reason(lambda: Authority.open(authority.folder)) is ReasonCode.KEY_FILE_UNSAFE


def test_a_key_of_another_authority(authority: Authority, tmp_path: Path) -> None:
    other = Authority.init(tmp_path / "other", "other", now=NOW)
    (authority.folder / "ca.key").write_bytes((other.folder / "ca.key").read_bytes())
    assert reason(lambda: Authority.open(authority.folder)) is ReasonCode.AUTHORITY_UNREADABLE


# --- certificates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", list(CertProfile))
def test_what_a_certificate_says(authority: Authority, profile: CertProfile) -> None:
    rules = RULES[profile]
    name = "24001" if rules.of_facility else "exchange"
    request = make_request(name, profile)
    certificate = authority.issue(request.pem, profile, name, now=NOW)
    certificate.verify_directly_issued_by(authority.certificate)
    assert certificate.public_key() == request.key.public_key()
    assert certificate.subject == x509.load_pem_x509_csr(request.pem).subject
    assert extension(certificate, x509.BasicConstraints) == x509.BasicConstraints(False, None)
    assert set(extension(certificate, x509.ExtendedKeyUsage)) == set(rules.usages)
    usage = extension(certificate, x509.KeyUsage)
    assert usage.digital_signature != usage.key_agreement
    assert usage.key_agreement == (profile in (CertProfile.ENC, CertProfile.EXCHANGE_ENC))
    assert not usage.key_cert_sign
    assert certificate.not_valid_before_utc == NOW - BACKDATED
    assert certificate.not_valid_after_utc == NOW + rules.lifetime
    assert certificate.serial_number.bit_length() <= 159  # RFC 5280 section 4.1.2.2: at most 20 octets
    serves = ExtendedKeyUsageOID.SERVER_AUTH in rules.usages
    assert serves == rules.takes_hosts == (profile in (CertProfile.BROKER, CertProfile.PLATFORM))


def test_signing_and_encryption_certificates_cannot_be_a_client(authority: Authority) -> None:
    for profile in (CertProfile.SIGN, CertProfile.ENC):
        usages = extension(issue(authority, "24001", profile), x509.ExtendedKeyUsage)
        assert ExtendedKeyUsageOID.CLIENT_AUTH not in usages
        assert ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usages


def test_hosts_of_a_server(authority: Authority) -> None:
    hosts = ["truc.moh.gov.vn", "10.0.0.5"]
    request = make_request("broker-1", CertProfile.BROKER, 1, hosts)
    certificate = authority.issue(request.pem, CertProfile.BROKER, "broker-1", now=NOW, hosts=hosts)
    names = extension(certificate, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "truc.moh.gov.vn"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "10.0.0.5"]
    assert reason(lambda: authority.issue(request.pem, CertProfile.BROKER, "broker-1", now=NOW)) is (
        ReasonCode.REQUEST_NAMES_DIFFER
    )


def test_never_longer_than_the_authority(tmp_path: Path) -> None:
    short = Authority.init(tmp_path / "ca", "short", now=NOW, lifetime=30 * DAY)
    assert issue(short).not_valid_after_utc == NOW + 30 * DAY
    request = make_request("24001", CertProfile.SIGN).pem
    late = NOW + 31 * DAY
    assert reason(lambda: short.issue(request, CertProfile.SIGN, "24001", now=late)) is ReasonCode.CERTIFICATE_EXPIRED
    in_time = short.issue(request, CertProfile.SIGN, "24001", now=NOW + 29 * DAY, lifetime=timedelta(hours=2))
    assert in_time.not_valid_after_utc == NOW + 29 * DAY + timedelta(hours=2)


def test_the_same_request_gets_the_same_answer(authority: Authority) -> None:
    request = make_request("24001", CertProfile.SIGN).pem
    first = authority.issue(request, CertProfile.SIGN, "24001", now=NOW)
    assert authority.issue(request, CertProfile.SIGN, "24001", now=NOW + DAY) == first
    assert len(authority.issued()) == 1


def test_a_key_serves_one_purpose(authority: Authority) -> None:
    from certs.profiles import Holder
    from certs.requests import build_request

    request = make_request("24001", CertProfile.SIGN)
    authority.issue(request.pem, CertProfile.SIGN, "24001", now=NOW)
    for holder in (
        Holder(CertProfile.ENC, "24001"),
        Holder(CertProfile.TLS, "24001"),
        Holder(CertProfile.SIGN, "01901"),
        Holder(CertProfile.SIGN, "24001", 2),
    ):
        again = build_request(request.key, holder)
        assert (
            reason(
                lambda: authority.issue(again, holder.profile, holder.name, now=NOW, generation=holder.generation)  # noqa: B023
            )
            is ReasonCode.KEY_ALREADY_CERTIFIED
        )


def test_a_revoked_or_expired_key_stays_so(authority: Authority) -> None:
    request = make_request("24001", CertProfile.SIGN).pem
    certificate = authority.issue(request, CertProfile.SIGN, "24001", now=NOW)
    late = certificate.not_valid_after_utc
    assert reason(lambda: authority.issue(request, CertProfile.SIGN, "24001", now=late)) is (
        ReasonCode.KEY_ALREADY_CERTIFIED
    )
    authority.revoke(certificate.serial_number, COMPROMISED, NOW)
    assert reason(lambda: authority.issue(request, CertProfile.SIGN, "24001", now=NOW)) is (
        ReasonCode.KEY_ALREADY_CERTIFIED
    )


def test_a_refused_request_leaves_no_trace(authority: Authority) -> None:
    before = (authority.folder / "issued.jsonl").read_bytes()
    request = make_request("24001", CertProfile.SIGN).pem
    assert reason(lambda: authority.issue(request, CertProfile.SIGN, "01901", now=NOW)) is (
        ReasonCode.REQUEST_NAMES_DIFFER
    )
    assert (authority.folder / "issued.jsonl").read_bytes() == before


# --- revocation ------------------------------------------------------------------------------------------------


def current(authority: Authority) -> Any:
    return read_crl((authority.folder / "crl.pem").read_bytes(), [authority.certificate])


def test_lists_are_numbered(authority: Authority) -> None:
    assert current(authority).number == 1
    authority.crl(NOW)
    Authority.open(authority.folder).crl(NOW + DAY, timedelta(hours=12))
    found = current(authority)
    assert (found.number, found.this_update, found.next_update) == (3, NOW + DAY, NOW + 1.5 * DAY)


def test_revoked(authority: Authority) -> None:
    kept, gone = issue(authority, "24001"), issue(authority, "01901")
    entry = authority.revoke(gone.serial_number, COMPROMISED, NOW + DAY)
    assert isinstance(entry, Issued)
    assert (entry.revoked_at, entry.revoked_for) == (NOW + DAY, COMPROMISED)
    assert dict(current(authority).since) == {}
    pem = authority.crl(NOW + DAY)
    assert dict(current(authority).since) == {gone.serial_number: NOW + DAY}
    assert kept.serial_number not in current(authority).since
    (listed,) = x509.load_pem_x509_crl(pem)
    assert listed.extensions.get_extension_for_class(x509.CRLReason).value.reason is COMPROMISED


def test_an_unspecified_reason_is_left_out(authority: Authority) -> None:
    authority.revoke(issue(authority).serial_number, x509.ReasonFlags.unspecified, NOW)
    (listed,) = x509.load_pem_x509_crl(authority.crl(NOW))
    assert len(listed.extensions) == 0


def test_the_first_revocation_stands(authority: Authority) -> None:
    serial = issue(authority).serial_number
    authority.revoke(serial, COMPROMISED, NOW)
    again = authority.revoke(serial, x509.ReasonFlags.superseded, NOW + DAY)
    assert (again.revoked_at, again.revoked_for) == (NOW, COMPROMISED)


def test_an_unknown_serial(authority: Authority) -> None:
    assert reason(lambda: authority.revoke(12345, COMPROMISED, NOW)) is ReasonCode.SERIAL_UNKNOWN


# --- the register ----------------------------------------------------------------------------------------------


def test_a_line_for_everything(authority: Authority) -> None:
    certificate = issue(authority)
    authority.revoke(certificate.serial_number, COMPROMISED, NOW)
    lines = [json.loads(line) for line in (authority.folder / "issued.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["crl", "issued", "revoked"]
    assert x509.load_pem_x509_certificate(lines[1]["certificate"].encode()) == certificate
    assert "PRIVATE" not in (authority.folder / "issued.jsonl").read_text()


def test_a_torn_last_line_was_never_acted_upon(authority: Authority) -> None:
    issue(authority)
    path = authority.folder / "issued.jsonl"
    whole = path.read_bytes()
    for cut in (1, 20, len(whole.splitlines()[-1]) - 1):
        path.write_bytes(whole + whole.splitlines()[-1][:cut])
        assert len(authority.issued()) == 1
        issue(authority, "01901")
        assert [entry.name for entry in authority.issued()] == ["24001", "01901"]
        assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    "line",
    [b"rubbish", b"[]", b"{}", b'{"event":1}', b'{"event":"issued"}', b'{"event":"issued","serial":"zz"}', b"\xff"],
)
def test_a_damaged_line_is_named(authority: Authority, line: bytes) -> None:
    issue(authority)
    path = authority.folder / "issued.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(Refused) as refused:
        authority.issued()
    assert refused.value.reason is ReasonCode.AUTHORITY_UNREADABLE
    assert refused.value.where.startswith("issued.jsonl")


def test_a_line_is_on_the_disk_before_the_certificate_leaves(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    request = make_request("24001", CertProfile.SIGN).pem
    with pytest.raises(OSError, match="No space"):
        authority.issue(request, CertProfile.SIGN, "24001", now=NOW)


def test_a_list_is_whole_or_the_old_one(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (authority.folder / "crl.pem").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(register, "replace_file", full)
    with pytest.raises(OSError, match="No space"):
        authority.crl(NOW)
    assert (authority.folder / "crl.pem").read_bytes() == before
    monkeypatch.undo()
    authority.crl(NOW)
    assert current(authority).number == 3  # a number that may have been used is never used again


def _issue_many(folder: str, first: int) -> None:
    authority = Authority.open(Path(folder))
    for number in range(first, first + 5):
        issue(authority, f"{number:05d}")
        authority.crl(NOW)


def test_two_commands_at_once(authority: Authority) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_issue_many, args=(str(authority.folder), first)) for first in (100, 200, 300)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    issued = authority.issued()
    assert len(issued) == len({entry.serial for entry in issued}) == 15
    numbers = [
        entry["number"] for entry in register.entries(authority.folder / "issued.jsonl") if entry["event"] == "crl"
    ]
    assert numbers == list(range(1, 17))
