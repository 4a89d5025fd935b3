"""What the hospitals hold: each message signed by its sender, its form readable, the sources untouched."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from certs.base64url import decode
from certs.identity import facility_of_certificate
from certs.keys import read_x5c
from certs.kinds import MESSAGE_HEADER, MESSAGE_TYP
from certs.signatures import verify
from certs.token import parse_compact
from lienvien.prove.evidence import Evidence, Hospital, folder_digests
from lienvien.prove.inboxes import Stamped
from lienvien.prove.report import Claim
from lienvien.prove.signed import certified_key
from schemas.codes import systems
from schemas.limits import ENVELOPE_MAX_BYTES
from schemas.reasons import Refused
from schemas.topics import RecordType

BUNDLE: Final = "bundle.json"
MESSAGE: Final = "message.jws"
SLIP: Final = "slip.xml"
FORM: Final = "form.pdf"


@dataclass(frozen=True)
class HandedOver:
    """One folder that a connector handed over."""

    hospital: Hospital
    folder: Path
    payload: bytes
    jws: bytes

    @property
    def where(self) -> str:
        """Its place, without anything of its content."""
        return f"{self.hospital.code}/{self.folder.parent.name}/{self.folder.name}"

    @property
    def sha256(self) -> str:
        """Digest of the signed bytes."""
        return hashlib.sha256(self.payload).hexdigest()


def handed_over(evidence: Evidence) -> list[HandedOver]:
    """Every message folder of every hospital."""
    return [
        HandedOver(hospital, path.parent, path.read_bytes(), (path.parent / MESSAGE).read_bytes())
        for hospital in evidence.hospitals.values()
        for path in sorted(hospital.incoming.rglob(BUNDLE))
    ]


def check_signatures(found: list[HandedOver], authority: x509.Certificate, claim: Claim) -> None:
    """Each message carries its sender's signature, certified by the authority, over exactly the bytes handed over."""
    for item in found:
        try:
            sender = _signer(item, authority)
        except (Refused, ValueError):
            claim.see(False, item.where)
        else:
            claim.see(sender == _sender(item.payload), item.where)


def _signer(item: HandedOver, authority: x509.Certificate) -> str:
    parsed = parse_compact(item.jws, typ=MESSAGE_TYP, max_bytes=ENVELOPE_MAX_BYTES, header_allow=MESSAGE_HEADER)
    certificate = read_x5c(parsed.header["x5c"][0])
    verify(parsed.alg, certified_key(certificate, authority), parsed.signing_input, parsed.signature)
    if decode(item.jws.split(b".")[1]) != item.payload:
        raise ValueError("the signature covers other bytes")
    return facility_of_certificate(certificate)


def _resources(payload: bytes) -> Iterator[dict[str, Any]]:
    for entry in json.loads(payload)["entry"]:
        yield entry["resource"]


def _sender(payload: bytes) -> str:
    """The facility code that ``MessageHeader.sender`` leads to."""
    entries: Mapping[str, Any] = {e["fullUrl"]: e["resource"] for e in json.loads(payload)["entry"]}
    header = next(resource for resource in entries.values() if resource["resourceType"] == "MessageHeader")
    organization = entries[header["sender"]["reference"]]
    return next(str(i["value"]) for i in organization["identifier"] if i["system"] == systems.FACILITY)


def check_against_stamps(found: list[HandedOver], stamped: list[Stamped], claim: Claim) -> None:
    """Every envelope in an inbox was handed over there once, with the stamped digest, and nothing else was."""
    expected = {
        (item.stamp.recipient, str(item.stamp.payload_sha256))
        for item in stamped
        if item.stamp.record_type is RecordType.ENVELOPE
    }
    present = [(item.hospital.code, item.sha256) for item in found]
    for key in expected:
        claim.see(present.count(key) == 1, f"{key[0]}: handed over {present.count(key)} times")
    for item in found:
        claim.see((item.hospital.code, item.sha256) in expected, f"{item.where}: nobody stamped it")


def check_forms(found: list[HandedOver], claim: Claim) -> None:
    """The printed form of each case holds the slip's number, and the insurance slip lies beside it."""
    for item in found:
        numbers = _slip_numbers(item.payload)
        if numbers:
            has_slip = (item.folder / SLIP).is_file()
            claim.see(has_slip and _holds(item.folder / FORM, numbers[0]), item.where)


def _slip_numbers(payload: bytes) -> list[str]:
    return [
        identifier["value"]
        for resource in _resources(payload)
        if resource["resourceType"] == "ServiceRequest"
        for identifier in resource.get("identifier", [])
        if identifier.get("system") == systems.SLIP_NUMBER and "value" in identifier
    ]


def _holds(pdf: Path, text: str) -> bool:
    try:
        pages = PdfReader(io.BytesIO(pdf.read_bytes())).pages
        return text in "".join("".join(page.extract_text().split()) for page in pages)
    except (OSError, PyPdfError):
        return False


def check_sources(evidence: Evidence, claim: Claim) -> None:
    """No file of any export folder was changed, moved, renamed or added to."""
    for hospital in evidence.hospitals.values():
        now = folder_digests(hospital.export)
        for name, digest in hospital.sources.items():
            claim.see(now.get(name) == digest, f"{hospital.code}: a file of the export folder changed")
        claim.see(set(now) == set(hospital.sources), f"{hospital.code}: files were added or taken away")
