"""Exports for today, made from a sample slip with other values."""

import base64
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from connectors.mapping.writer import slip_xml, write_envelope
from connectors.sources.xml13.dates import VIETNAM
from connectors.sources.xml13.dialects import Dialect
from connectors.sources.xml13.envelope import read_envelope

SAMPLE = Path(__file__).parents[1] / "data" / "xml13" / "01-qd4750-province-to-central.xml"


@cache
def sample_values() -> dict[str, str | None]:
    slip = read_envelope(SAMPLE.read_bytes()).dossiers[0].slip
    assert slip is not None
    return dict(slip.values)


def export(now: datetime, sender: str, destination: str, serial: int = 1, **values: Any) -> bytes:
    """One export of one slip, half an hour old; ``values`` replace fields of the slip."""
    left = now.astimezone(VIETNAM) - timedelta(minutes=30)
    came = left - timedelta(days=1)
    slip: dict[str, str | None] = {
        **sample_values(),
        "MA_LK": f"{sender}.{left:%y%m%d}{serial:04d}",
        "GIAY_CHUYEN_TUYEN": f"{sender}/{left:%Y}/{serial:04d}",
        "MA_CSKCB": sender,
        "MA_NOI_DEN": destination,
        "NGAY_VAO": f"{came:%Y%m%d%H%M}",
        "NGAY_VAO_NOI_TRU": f"{came:%Y%m%d%H%M}",
        "NGAY_RA": f"{left:%Y%m%d%H%M}",
        "GT_THE_DEN": f"{left:%Y}1231",
        **values,
    }
    return write_envelope(sender, left.date(), [("XML13", slip_xml(Dialect.QD4750, slip))])


def in_one_file(*exports: bytes) -> bytes:
    """The records of several exports in one file, as a HIS writes a whole shift."""
    ending = b"</HOSO>"
    records = [one[one.index(b"<HOSO>") : one.index(ending) + len(ending)] for one in exports]
    count = f"<SOLUONGHOSO>{len(records)}<".encode()
    return exports[0].replace(records[0], b"".join(records), 1).replace(b"<SOLUONGHOSO>1<", count)


def with_table(data: bytes, kind: str, content: bytes) -> bytes:
    """An export whose record holds one more table."""
    packed = base64.b64encode(content)
    table = (
        b"<FILEHOSO><LOAIHOSO>" + kind.encode() + b"</LOAIHOSO><NOIDUNGFILE>" + packed + b"</NOIDUNGFILE></FILEHOSO>"
    )
    return data.replace(b"</HOSO>", table + b"</HOSO>", 1)


def ordinary(now: datetime, sender: str) -> bytes:
    """A discharge that is no transfer."""
    return write_envelope(sender, now.date(), [])
