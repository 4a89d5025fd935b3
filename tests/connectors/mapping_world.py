"""The samples as Bundles: a directory, a staff list, ids that count up."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connectors.mapping.build import build_bundle
from connectors.mapping.context import Attachment, BuildContext, Facility, Identity, LegalGround, StaffMember
from connectors.mapping.source import source_of
from connectors.mapping.urgency.rules import propose
from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.records import Dossier
from schemas.codes.lists import LegalBasis
from schemas.ids import case_code

SAMPLES = Path(__file__).parents[1] / "data" / "xml13"
GROUNDS = (LegalGround(LegalBasis.WRITTEN_REQUEST, "QĐ 12/QĐ-BV", "Ông Phụ Trách"), LegalGround(LegalBasis.EMERGENCY))
PDF = b"%PDF-1.7\n% a form\n"


def index() -> list[dict[str, str]]:
    """One row of index.csv for each good sample."""
    with (SAMPLES / "index.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names() -> list[str]:
    return [row["file"] for row in index()]


def now_of(name: str) -> datetime:
    row = next(row for row in index() if row["file"].startswith(name))
    return datetime.fromisoformat(row["now"]).astimezone(UTC)


def facilities() -> dict[str, Facility]:
    with (SAMPLES / "facilities.csv").open(encoding="utf-8") as file:
        return {
            row["code"]: Facility(row["code"], row["name"], f"0200{position:06d}", row["role"])
            for position, row in enumerate(csv.DictReader(file))
        }


def dossier_of(name: str) -> Dossier:
    """The record of a sample whose file name starts so."""
    path = next(path for path in sorted(SAMPLES.glob("*.xml")) if path.name.startswith(name))
    return read_envelope(path.read_bytes()).dossiers[0]


def counting(start: int = 0) -> Callable[[], str]:
    """Ids that count up: UUIDs in form."""
    state = [start]

    def new_id() -> str:
        state[0] += 1
        return f"00000000-0000-4000-8000-{state[0]:012x}"

    return new_id


def context_of(dossier: Dossier, now: datetime, **changes: Any) -> BuildContext:
    """A context for a dossier, as a connector would fill it."""
    slip = dossier.slip
    assert slip is not None
    known = facilities()
    sender = known.get(slip.text("MA_CSKCB"), Facility(slip.text("MA_CSKCB")))
    destination = known.get(slip.destination, Facility(slip.destination))
    new_id = counting()
    ids = Identity(new_id(), new_id(), new_id(), new_id(), case_code(sender.code, date(2026, 11, 22), 17), new_id(), 7)
    context = BuildContext(
        sender=sender,
        destination=destination,
        proposal=propose(source_of(dossier), sender, destination),
        legal_grounds=GROUNDS,
        ids=ids,
        new_id=new_id,
        now=now,
        software_version="0.1.0",
        attachments=(Attachment("Phiếu chuyển", PDF),),
        came_from=known.get(slip.came_from),
        staff={slip.text("MA_BAC_SI"): StaffMember("BS. Nguyễn Văn Mẫu", "0900000000")},
    )
    return replace(context, **changes)


def bundle_of(name: str, **changes: Any) -> dict[str, Any]:
    """The Bundle of a sample."""
    dossier = dossier_of(name)
    return build_bundle(dossier, context_of(dossier, now_of(name), **changes))


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The resources of a type."""
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]
