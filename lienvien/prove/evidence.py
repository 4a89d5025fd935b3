"""The folder of evidence: ``manifest.json``, ``ca.pem``, ``exchange-signing.crt``, ``topics/*.jsonl``, ``audit/``."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP

MANIFEST: Final = "manifest.json"
AUTHORITY: Final = "ca.pem"
EXCHANGE_CERTIFICATE: Final = "exchange-signing.crt"
TOPICS: Final = "topics"
AUDIT: Final = "audit"


@dataclass(frozen=True, slots=True)
class DumpedRecord:
    """One record of a topic, exactly as Kafka gave it. ``timestamp`` is milliseconds since 1970, set by the broker."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes

    @property
    def sha256(self) -> str:
        """Digest of the value as carried."""
        return hashlib.sha256(self.value).hexdigest()

    def header(self, name: str) -> list[bytes]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]

    @property
    def record_type(self) -> str:
        """The header ``record_type``; empty when there is not exactly one."""
        found = self.header(HEADER_RECORD_TYPE)
        return found[0].decode("ascii", "replace") if len(found) == 1 else ""

    @property
    def stamps(self) -> list[bytes]:
        """The stamps; an inbox record carries exactly one."""
        return self.header(HEADER_STAMP)

    def to_json(self) -> str:
        """One line of a dump."""
        return json.dumps(
            {
                "offset": self.offset,
                "timestamp": self.timestamp,
                "key": _encode(self.key),
                "headers": [[name, _encode(value)] for name, value in self.headers],
                "value": _encode(self.value),
            }
        )

    @classmethod
    def from_json(cls, topic: str, line: str) -> "DumpedRecord":
        """The record behind one line of a dump."""
        row: dict[str, Any] = json.loads(line)
        headers = tuple((name, base64.b64decode(value)) for name, value in row["headers"])
        key = None if row["key"] is None else base64.b64decode(row["key"])
        return cls(topic, row["offset"], row["timestamp"], key, headers, base64.b64decode(row["value"]))


def _encode(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


@dataclass(frozen=True)
class Hospital:
    """One hospital's folders, relative to the evidence folder's parent; digests of its exports before anything ran."""

    code: str
    name: str
    export: Path
    incoming: Path
    sources: Mapping[str, str]


@dataclass(frozen=True)
class Evidence:
    """Everything that was handed to the stranger."""

    folder: Path
    exchange: str
    authority: x509.Certificate
    exchange_certificate: x509.Certificate
    hospitals: Mapping[str, Hospital]
    topics: Mapping[str, tuple[DumpedRecord, ...]]


def write_dump(folder: Path, topic: str, records: Iterable[DumpedRecord]) -> int:
    """Writes one topic's records, a line each, and says how many there were."""
    (folder / TOPICS).mkdir(parents=True, exist_ok=True)
    lines = [record.to_json() for record in records]
    (folder / TOPICS / f"{topic}.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return len(lines)


def folder_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path: how a source is shown to be untouched."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write_manifest(folder: Path, exchange: str, hospitals: Iterable[Hospital]) -> None:
    """Writes the list of what belongs to the evidence."""
    content = {
        "exchange": exchange,
        "hospitals": [
            {
                "code": hospital.code,
                "name": hospital.name,
                "export": str(hospital.export),
                "incoming": str(hospital.incoming),
                "sources": dict(hospital.sources),
            }
            for hospital in hospitals
        ],
    }
    (folder / MANIFEST).write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")


def load(folder: Path) -> Evidence:
    """Reads a folder of evidence. Raises OSError or ValueError where it is not one."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    hospitals = {
        row["code"]: Hospital(
            row["code"],
            row["name"],
            (folder / row["export"]).resolve(),
            (folder / row["incoming"]).resolve(),
            row["sources"],
        )
        for row in manifest["hospitals"]
    }
    topics = {
        path.stem: tuple(DumpedRecord.from_json(path.stem, line) for line in path.read_text("utf-8").splitlines())
        for path in sorted((folder / TOPICS).glob("*.jsonl"))
    }
    return Evidence(
        folder,
        manifest["exchange"],
        x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes()),
        x509.load_pem_x509_certificate((folder / EXCHANGE_CERTIFICATE).read_bytes()),
        hospitals,
        topics,
    )
