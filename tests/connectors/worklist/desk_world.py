"""A receiving desk with pages: a connector on disk, its exchange, and browsers that ask it in-process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.applications import Starlette

from connectors.intake import Intake
from connectors.papers import Papers
from connectors.site import Site
from connectors.worklist.pages import worklist
from schemas.codes import systems
from schemas.events import Event
from schemas.lifecycle import TransferState
from schemas.urgency import UNCLASSIFIED, Kind, Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.bundles import make_bundle, new_id
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import QuickForms
from tests.connectors.site_world import World

SECRET = "the-control-secret"
BASE = "http://127.0.0.1:8090"


@dataclass(frozen=True)
class Parts:
    """What the pages work with."""

    site: Site
    intake: Intake


def parts_of(world: World) -> Parts:
    return Parts(world.site, Intake(world.site, QuickForms(), Papers(world.folder / "data")))


@asynccontextmanager
async def browser_of(parts: Parts, *, enter: bool = True, base: str = BASE) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser at the pages, let in already where ``enter``."""
    app = Starlette(routes=list(worklist(parts, SECRET)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base) as client:
        client.headers["accept-language"] = "en"
        if enter:
            assert (await client.get("/enter", params={"key": SECRET})).status_code == 303
        yield client


def offer(
    world: World,
    *,
    priority: Priority = Priority.URGENT,
    unclassified: bool = False,
    state: TransferState | None = None,
    event: Event = Event.SUBMIT,
    diagnosis: str = "Nhồi máu cơ tim cấp",
    **bundle: Any,
) -> str:
    """A slip of Bắc Giang lies in the inbox of Bạch Mai, ``state`` as the exchange tells it; its transfer id."""
    transfer_id = bundle.pop("transfer_id", new_id())
    bundle.setdefault("kind", Kind.EMERGENCY)
    made = make_bundle(BAC_GIANG, BACH_MAI, event=event, priority=priority, transfer_id=transfer_id, **bundle)
    made["entry"].append({"fullUrl": "urn:uuid:c-1", "resource": _condition(diagnosis)})
    if unclassified:
        made["meta"] = {"tag": [{"system": systems.TAG, "code": UNCLASSIFIED}]}
    if state is not None:
        world.exchange.states[transfer_id] = state
    world.exchange.envelope(BAC_GIANG, BACH_MAI, made)
    return transfer_id


def _condition(text: str) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c-1", "code": {"coding": [{"code": "I21.0"}], "text": text}}


async def caught_up(world: World) -> None:
    """Take in what lies there, and be at the head."""
    await read_all(world)
    world.site.live.link_is(None, world.clock.now())
    world.site.live.caught_up = True
