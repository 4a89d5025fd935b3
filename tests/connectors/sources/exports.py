"""Export files for tests: the synthetic samples, and files built from parts."""

import base64
import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from connectors.sources.directory import Directory, read_directory
from connectors.sources.xml13.dialects import FIELDS, Dialect
from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.fields import XML1_TAGS
from connectors.sources.xml13.tables import COURSE_TAGS, RESULT_TAGS
from tests.samples import XML13

NOW = datetime.fromisoformat("2026-11-19T23:35:00+07:00")
# Which good file a broken one derives from, for its ``now``; the others derive from 05.
_DERIVED = {"b18": "11", "b21": "08", "b22": "08", "b23": "07", "b24": "09"}


@dataclass(frozen=True)
class Expectation:
    """One ``.expect`` line."""

    verdict: str
    fields: frozenset[str]
    severity: str | None


def good_files() -> list[Path]:
    return sorted(XML13.glob("[0-9]*.xml"))


def bad_files() -> list[Path]:
    return sorted((XML13 / "bad").glob("*.xml"))


@cache
def index() -> Mapping[str, Mapping[str, str]]:
    with (XML13 / "index.csv").open(encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def now_of(path: Path) -> datetime:
    """When the transfer of a sample is five minutes old."""
    number = path.name[:2] if path.name[0].isdigit() else _DERIVED.get(path.name[:3], "05")
    return datetime.fromisoformat(next(row["now"] for name, row in index().items() if name.startswith(number)))


def expectation(path: Path) -> Expectation:
    verdict, *conditions, _ = (part.strip() for part in path.with_suffix(".expect").read_text("utf-8").split("|"))
    stated = dict(condition.split("=", 1) for condition in conditions)
    return Expectation(verdict, frozenset(stated["field"].split(",")), stated.get("severity"))


@cache
def directory() -> Directory:
    return read_directory((XML13 / "facilities.csv").read_bytes())


def sample(prefix: str) -> bytes:
    return next(path for path in good_files() if path.name.startswith(prefix)).read_bytes()


def table(root: str, values: Mapping[str, str | None], encoding: str = "utf-8") -> bytes:
    """One flat table; None leaves a field out."""
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in values.items() if text is not None)
    return f'<?xml version="1.0" encoding="{encoding}"?><{root}>{inner}</{root}>'.encode(encoding)


def slip_values(dialect: Dialect = Dialect.QD3176, **changes: str | None) -> dict[str, str | None]:
    """All fields of a good slip: those of sample 05 or 04, with changes."""
    source = read_envelope(sample("05" if dialect is Dialect.QD3176 else "04")).dossiers[0].slip
    assert source is not None
    values = dict(source.values)
    assert set(changes) <= set(values)
    return values | changes


def slip_table(values: Mapping[str, str | None]) -> bytes:
    return table("CHI_TIEU_GIAYCHUYENTUYEN", values)


def summary_values(**changes: str | None) -> dict[str, str | None]:
    """XML1 that agrees with ``slip_values``; money fields filled."""
    slip = slip_values()
    shared = {tag: slip[tag] for tag in XML1_TAGS if tag in slip}
    money = {tag: "1250000.00" for tag in XML1_TAGS if tag.startswith("T_")}
    extra = {"STT": "1", "SO_CCCD": "020162990201", "MATINH_CU_TRU": "20", "MA_NOI_DEN": slip["MA_CSKCB_DEN"]}
    return dict.fromkeys(XML1_TAGS, "") | shared | money | extra | changes


def summary_table(**changes: str | None) -> bytes:
    return table("TONG_HOP", summary_values(**changes))


def rows_table(kind: str, rows: Iterable[Mapping[str, str]]) -> bytes:
    """XML4 or XML5 with the given rows; fields that a row does not name are empty."""
    root, listing, item, tags = {
        "XML4": ("CHITIEU_CHITIET_DICHVUCANLAMSANG", "DSACH_CHI_TIET_CLS", "CHI_TIET_CLS", RESULT_TAGS),
        "XML5": (
            "CHITIEU_CHITIET_DIENBIENLAMSANG",
            "DSACH_CHI_TIET_DIEN_BIEN_BENH",
            "CHI_TIET_DIEN_BIEN_BENH",
            COURSE_TAGS,
        ),
    }[kind]
    items = "".join(
        f"<{item}>" + "".join(f"<{tag}>{escape(row.get(tag, ''))}</{tag}>" for tag in tags) + f"</{item}>"
        for row in rows
    )
    return f"<{root}><{listing}>{items}</{listing}></{root}>".encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def filehoso(kind: str, content: str) -> str:
    return f"<FILEHOSO><LOAIHOSO>{kind}</LOAIHOSO><NOIDUNGFILE>{content}</NOIDUNGFILE></FILEHOSO>"


def hoso(*tables: tuple[str, bytes]) -> str:
    return "<HOSO>" + "".join(filehoso(kind, b64(data)) for kind, data in tables) + "</HOSO>"


def envelope(*records: str, sender: str = "20Z01", stated: int | None = None, declaration: str = "utf-8") -> str:
    count = len(records) if stated is None else stated
    return (
        f'<?xml version="1.0" encoding="{declaration}"?>\n'
        f"<GIAMDINHHS><THONGTINDONVI><MACSKCB>{sender}</MACSKCB></THONGTINDONVI><THONGTINHOSO><NGAYLAP>20261119</NGAYLAP>"
        f"<SOLUONGHOSO>{count}</SOLUONGHOSO><DANHSACHHOSO>{''.join(records)}</DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/>"
        "</GIAMDINHHS>"
    )


def export(*tables: tuple[str, bytes]) -> bytes:
    """A file with one record."""
    return envelope(hoso(*tables)).encode()


def slip_export(dialect: Dialect = Dialect.QD3176, **changes: str | None) -> bytes:
    """A file with one slip: sample 05 (3176) or 04 (4750) with changes."""
    values = slip_values(dialect, **changes)
    sender = values["MA_CSKCB"] or ""
    return envelope(hoso(("XML13", slip_table(values))), sender=sender).encode()


def tags_of(dialect: Dialect) -> list[str]:
    return [field.tag for field in FIELDS[dialect]]
