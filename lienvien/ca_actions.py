"""What ``lienvien ca`` does once it is told; apart from its options, so that ``--help`` loads no cryptography."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.x509 import ReasonFlags

from certs.authority import AUTHORITY_LIFETIME, CRL_LIFETIME, Authority, Issued
from certs.keys import write_certificates
from certs.profiles import CertProfile
from schemas.reasons import ReasonCode, Refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: for a program, and for a person."""

    facts: Mapping[str, Any]
    text: str


def init(folder: Path, name: str, days: int | None, now: datetime) -> Outcome:
    """Make an authority. Raises Refused(AUTHORITY_EXISTS)."""
    lifetime = timedelta(days=days) if days else AUTHORITY_LIFETIME
    authority = Authority.init(folder, name, now=now, lifetime=lifetime)
    files = {"certificate": str(folder / "ca.pem"), "crl": str(folder / "crl.pem")}
    return Outcome(
        {**files, "not_after": authority.certificate.not_valid_after_utc.isoformat()},
        f"Đã tạo nơi cấp chứng thư / authority made: {folder}\n"
        f"Giữ kín tệp / keep secret: {folder / 'ca.key'}\n"
        f"Trao cho mọi nơi / give to everybody: {files['certificate']}, {files['crl']}",
    )


def issue(
    folder: Path,
    request: Path,
    profile: str,
    name: str,
    *,
    generation: int,
    hosts: Sequence[str],
    days: int | None,
    out: Path | None,
    now: datetime,
) -> Outcome:
    """Answer a request, and write the certificate to ``out``. Raises Refused as ``Authority.issue``."""
    certificate = Authority.open(folder).issue(
        request.read_bytes(),
        CertProfile(profile),
        name,
        now=now,
        generation=generation,
        hosts=hosts,
        lifetime=timedelta(days=days) if days else None,
    )
    pem = write_certificates([certificate])
    if out is not None:
        out.write_bytes(pem)
    serial, until = f"{certificate.serial_number:x}", certificate.not_valid_after_utc
    where = f"Đã ghi / written: {out}" if out is not None else pem.decode("ascii").strip()
    return Outcome(
        {"serial": serial, "not_after": until.isoformat(), "certificate": pem.decode("ascii")},
        f"Số / serial {serial}, đến / until {until:%Y-%m-%d}\n{where}",
    )


def show(folder: Path, serial: str | None, now: datetime) -> Outcome:
    """List what was issued, or one of it. Raises Refused: SERIAL_UNKNOWN, AUTHORITY_UNREADABLE."""
    wanted = None if serial is None else _serial(serial)
    found = [entry for entry in Authority.open(folder).issued() if wanted is None or entry.serial == wanted]
    if wanted is not None and not found:
        raise Refused(ReasonCode.SERIAL_UNKNOWN)
    rows = [_row(entry, now) for entry in found]
    lines = [
        f"{row['serial']:>40}  {row['state']:<8} {row['profile']:<13} {row['name']:<12} {row['not_after'][:10]}"
        for row in rows
    ]
    return Outcome({"certificates": rows}, "\n".join(lines) or "Chưa cấp chứng thư nào / nothing issued yet")


def revoke(folder: Path, serial: str, reason: str, now: datetime) -> Outcome:
    """Revoke, and publish a new list at once. Raises Refused(SERIAL_UNKNOWN)."""
    authority = Authority.open(folder)
    entry = authority.revoke(_serial(serial), ReasonFlags(reason), now)
    authority.crl(now)
    return Outcome(
        {**_row(entry, now), "crl": str(folder / "crl.pem")},
        f"Đã thu hồi / revoked: {entry.name} ({entry.profile})\n"
        f"Trao danh sách mới cho mọi nơi / give the new list to everybody: {folder / 'crl.pem'}",
    )


def crl(folder: Path, days: int | None, now: datetime) -> Outcome:
    """Publish the next revocation list."""
    lifetime = timedelta(days=days) if days else CRL_LIFETIME
    authority = Authority.open(folder)
    authority.crl(now, lifetime)
    revoked = sum(entry.revoked_at is not None for entry in authority.issued())
    until = now + lifetime
    return Outcome(
        {"crl": str(folder / "crl.pem"), "next_update": until.isoformat(), "revoked": revoked},
        f"Danh sách thu hồi / revocation list: {folder / 'crl.pem'}\n"
        f"{revoked} chứng thư bị thu hồi / certificates revoked; dùng đến / good until {until:%Y-%m-%d %H:%M} UTC",
    )


def _serial(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        raise Refused(ReasonCode.SERIAL_UNKNOWN) from None


def _row(entry: Issued, now: datetime) -> dict[str, Any]:
    certificate = entry.certificate
    state = "expired" if certificate.not_valid_after_utc < now else "valid"
    return {
        "serial": f"{entry.serial:x}",
        "state": state if entry.revoked_at is None else "revoked",
        "profile": entry.profile.value,
        "name": entry.name,
        "generation": entry.generation,
        "subject": certificate.subject.rfc4514_string(),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "revoked_at": None if entry.revoked_at is None else entry.revoked_at.isoformat(),
        "reason": None if entry.revoked_for is None else entry.revoked_for.value,
    }
