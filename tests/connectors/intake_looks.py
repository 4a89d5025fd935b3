"""Looks into what the intake caused."""

from pathlib import Path
from typing import Any

from connectors.outbox import Sender
from connectors.store import files
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import DeskWorld

BAD = Path(__file__).parents[1] / "data" / "xml13" / "bad"


async def findings(desk: DeskWorld) -> list[files.FileFinding]:
    return [stored.finding for stored in await desk.world.database.read(files.open_findings)]


def resource(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)


async def send_all(desk: DeskWorld) -> None:
    sender = Sender(desk.world.site, desk.world.submit)
    await sender._seal_waiting()
    while await sender.send_next():
        await read_all(desk.world)
    await read_all(desk.world)


def number(data: bytes) -> str:
    from connectors.sources.xml13.envelope import read_envelope

    slip = read_envelope(data).dossiers[0].slip
    assert slip is not None
    return slip.text("GIAY_CHUYEN_TUYEN")
