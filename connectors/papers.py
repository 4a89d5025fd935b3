"""Papers for people in the connector's own folder: why a file was refused, and forms to print.

Complete or not there at all; the source folder is never written to. A second try writes the same names again.
"""

import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from connectors.sources.seen_files import FileIdentity
from connectors.sources.xml13.dates import VIETNAM
from connectors.sources.xml13.findings import Finding
from schemas.reasons import Fixer

REFUSED: Final = "refused"
TO_PRINT: Final = "to-print"
_PLAIN: Final = re.compile(r"[^0-9A-Za-z._-]+")
_STEM_MAX: Final = 80  # characters of a source file's name that are kept
_WHO: Final = {
    Fixer.SENDER_IT: ("Cán bộ CNTT của bệnh viện", "IT officer of this hospital"),
    Fixer.SENDER_CLERK: ("Người lập phiếu", "whoever fills the slip"),
    Fixer.SENDER_DOCTOR: ("Bác sĩ điều trị", "the treating doctor"),
    Fixer.RECEIVER_IT: ("CNTT nơi nhận", "IT officer of the receiving hospital"),
    Fixer.RECEIVER_DUTY: ("Trực nơi nhận", "duty desk of the receiving hospital"),
    Fixer.OPERATOR: ("Điều hành trục", "operator of the exchange"),
    Fixer.VENDOR: ("Nhà cung cấp HIS", "vendor of the HIS"),
    Fixer.NOBODY: ("Không ai cần làm gì", "nobody; nothing has to be done"),
}


class Papers:
    """Writes below the connector's data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def reason(self, identity: FileIdentity, position: int, found: Sequence[Finding], now: datetime) -> Path:
        """``refused/<file>-<digest>-<record>.txt``: file, field, what is wrong, who must act. Raises OSError."""
        name = f"{_plain(PurePosixPath(identity.path).stem)}-{_mark(identity)}-{position}.txt"
        return self._write(REFUSED, name, _reasons(identity, position, found, now).encode())

    def to_print(self, case_code: str, content: bytes, ending: str) -> Path:
        """``to-print/<case code>.pdf``: the form for a hospital that is not connected. Raises OSError."""
        return self._write(TO_PRINT, f"{_plain(case_code)}{ending}", content)

    def _write(self, folder: str, name: str, content: bytes) -> Path:
        place = self._data / folder
        place.mkdir(parents=True, exist_ok=True, mode=0o750)
        working = place / f".working-{name}"
        with working.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        working.replace(place / name)
        return place / name


def _plain(text: str) -> str:
    """A file name of ours from any text: ASCII letters, digits, dot, hyphen, underscore."""
    return _PLAIN.sub("_", text)[:_STEM_MAX].strip("._") or "file"


def _mark(identity: FileIdentity) -> str:
    return identity.sha256[:8] or f"{identity.size:x}-{identity.mtime_ns & 0xFFFFFFFF:08x}"


def _reasons(identity: FileIdentity, position: int, found: Sequence[Finding], now: datetime) -> str:
    at = f"{now.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
    lines = [
        "KHÔNG GỬI ĐƯỢC / NOT SENT",
        f"Tệp / file: {identity.path}",
        f"Hồ sơ thứ / record: {position}" if position else "Cả tệp / the whole file",
        f"Lúc / at: {at}",
        "",
    ]
    for one in found:
        vi, en = _WHO[one.fixer]
        lines += [
            f"- {one.vi}",
            f"  {one.en}",
            f"  Mã / code: {one.reason.value} · Mức / severity: {one.severity.value}",
            f"  Ai cần xử lý / who must act: {vi} / {en}",
            "",
        ]
    lines += [
        "Tệp nguồn không bị thay đổi. Sửa trong HIS rồi xuất lại; phần mềm tự nhận tệp mới.",
        "The source file was not changed. Correct it in the HIS and export again; the new file is taken by itself.",
        "",
    ]
    return "\n".join(lines)
