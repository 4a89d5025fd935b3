"""A sending desk in memory and on disk: intake with a workshop that answers at once, and one that is broken."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from certs.unseal import open_envelope
from connectors.form.content import FormContent
from connectors.intake import Intake
from connectors.papers import Papers
from connectors.parcel import signed_payload
from connectors.settings import FoldersSection, LegalGroundEntry, SendingSection
from connectors.sources.folder import SourceFile
from connectors.sources.seen_files import FileIdentity, Outcome
from connectors.store import outbox_rows
from connectors.store.outbox_rows import OutRow
from connectors.workshop.client import WorkshopError
from schemas import strict_json
from schemas.codes.lists import LegalBasis
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.exports import export
from tests.connectors.site_world import World, make_world

LEGAL = (
    LegalGroundEntry(basis=LegalBasis.LAW, document="Luật 91/2025/QH15", set_by="Trần Thị Phụ Trách"),
    LegalGroundEntry(basis=LegalBasis.EMERGENCY, set_by="Trần Thị Phụ Trách"),
)
NOT_CONNECTED = "01Z98"


class QuickForms:
    """A workshop without a child process; ``broken`` makes it fail as a dead child does."""

    def __init__(self) -> None:
        self.rendered: list[FormContent] = []
        self.broken = False
        self.faults: tuple[str, ...] = ()

    async def render(self, form: FormContent) -> bytes:
        if self.broken:
            raise WorkshopError("the child ended without an answer")
        self.rendered.append(form)
        return b"%PDF-1.7\n" + repr(sorted(form)).encode() + b"\n%%EOF\n"

    async def check_r4b(self, bundle: bytes) -> tuple[str, ...]:
        if self.broken:
            raise WorkshopError("the child ended without an answer")
        return self.faults


@dataclass
class DeskWorld:
    """The sending desk of Bắc Giang."""

    world: World
    forms: QuickForms
    intake: Intake

    def file(self, data: bytes, name: str = "phieu.xml", **changes: Any) -> SourceFile:
        identity = FileIdentity(f"/xuat/{name}", len(data), 1, sha256(data).hexdigest())
        return SourceFile(identity, name, data, self.world.clock.now(), **changes)

    def slip(self, serial: int = 1, destination: str = BACH_MAI, **values: Any) -> bytes:
        return export(self.world.clock.now(), BAC_GIANG, destination, serial, **values)

    async def take(self, data: bytes, name: str = "phieu.xml", *, at_least: Priority | None = None) -> Outcome:
        return await self.intake.take(self.file(data, name), at_least)

    async def rows(self) -> list[OutRow]:
        states = list(outbox_rows.OutState)
        return await self.world.database.read(lambda c: outbox_rows.rows_in(c, states))

    async def bundle(self, seq: int) -> dict[str, Any]:
        """The Bundle that will be, or was, signed."""

        def question(c: Any) -> bytes:
            jws = outbox_rows.signed_bytes(c, seq)
            return signed_payload(jws) if jws else outbox_rows.unsigned_payload(c, seq) or b""

        found: dict[str, Any] = strict_json.loads(await self.world.database.read(question))
        return found

    async def opened(self, seq: int, facility: str) -> bytes:
        """What the destination finds in the envelope."""
        sealed = await self.world.database.read(lambda c: outbox_rows.sealed_bytes(c, seq))
        assert sealed is not None
        return open_envelope(sealed, self.world.exchange.pki.facility(facility).decryption_keys)

    async def restart(self) -> None:
        await self.world.restart()
        self.intake = Intake(self.world.site, self.forms, Papers(self.world.folder / "data"))


def register(world: World) -> None:
    """The exchange's list of who exists."""
    world.exchange.register(world.code, [BAC_GIANG, BACH_MAI, "01Z97"], unconnected=[NOT_CONNECTED])


async def make_desk(folder: Path, exchange: ExchangeDouble, **sending: Any) -> DeskWorld:
    """A desk whose directory is empty; ``introduce`` and ``register`` fill it through the inbox."""
    section = SendingSection(legal=LEGAL, **sending)
    folders = FoldersSection(data=folder / "data")
    world = await make_world(folder, exchange, BAC_GIANG, sending=section, folders=folders)
    forms = QuickForms()
    return DeskWorld(world, forms, Intake(world.site, forms, Papers(folder / "data")))


def days(number: float) -> timedelta:
    return timedelta(days=number)
