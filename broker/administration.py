"""What the administrator of an exchange does: begin, admit, look, cut off, let in again.

Order matters where two systems are touched. Admitting makes topics and rights first, so that a worker never follows a
topic that is not there. Cutting off changes the database and Kafka, whichever can be reached: each alone suffices to
stop the facility, the one its messages, the other its connection.
"""

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from broker.audit.actions import Action
from broker.audit.checkpoint import log_origin
from broker.audit.log_key import create_log_key
from broker.facility_register import RegisterRow, register_rows
from broker.recording.context import Context
from broker.recording.entry import hand_out
from broker.recording.ledger import Ledger
from broker.recording.signer import Signer
from broker.recording.writes import Writes
from broker.settings import ExchangeSettings
from broker.stages.known import Standing
from broker.store import counters, facilities
from broker.store.engine import Database
from broker.store.facilities import FacilityRow, OpenCase
from broker.store.migrating import migrate
from broker.store.unacknowledged import ask_for_acks
from broker.store.writing import write
from certs.keys import load_signing_key
from schemas.ids import is_facility_id
from schemas.reasons import ReasonCode, Refused
from schemas.tokens.directory import Register
from transport import kafka_admin
from transport.clock import Clock, SystemClock
from transport.kafka import KafkaLink
from transport.tls import client_context

REGISTER_PAGE: Final = 200  # rows of one register token; about 40 KiB
_FIRST_GENERATION: Final = (1,)
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class FacilityShown:
    """A facility, and what cutting it off would touch now."""

    facility: FacilityRow
    open_stat_cases: tuple[OpenCase, ...]


def make_secrets(settings: ExchangeSettings) -> None:
    """The exchange's own secrets that no authority knows: the audit log's key, and the key of content digests.

    Harmless to repeat: what is there stays.
    """
    settings.keys.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not settings.key("audit").exists():
        create_log_key(settings.key("audit"), log_origin(settings.exchange.name))
    if not settings.duplicate_secret_file.exists():
        _write_private(settings.duplicate_secret_file, secrets.token_bytes(32))


async def initialise(settings: ExchangeSettings) -> None:
    """``exchange init``: secrets, database, counters. Harmless to repeat. Raises StoreError."""
    make_secrets(settings)
    database = Database(settings.database_url)
    try:
        await migrate(database)
        async with database.write() as connection:
            await counters.ensure(connection)
    finally:
        await database.close()


class Administration:
    """The administrator's acts on one exchange. ``actor`` is who is named in the audit log."""

    def __init__(
        self, settings: ExchangeSettings, database: Database, *, actor: str, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.database = database
        self._actor = actor
        self._clock = clock or SystemClock()
        key = load_signing_key(settings.key("signing"), settings.certificate("signing"))
        self._signer = Signer(settings.exchange.name, key.token_key)

    async def load_register(self, csv: bytes) -> int:
        """Take the register of known facilities from a CSV file (UTF-8); returns how many rows. Everybody is told.

        Raises:
            Refused: JSON_MALFORMED with the line, when the file cannot be used; nothing is changed then.
        """
        rows = register_rows(csv)
        async with self._changing() as (connection, context):
            await facilities.load_register(connection, [row.columns() for row in rows])
            context.audit(Action.REGISTER_LOADED, {"actor": self._actor, "count": len(rows)})
            await self._hand_out_register(connection, context, await facilities.active(connection))
        return len(rows)

    async def add(self, facility: str, *, generations: Sequence[int] = (), name: str | None = None) -> None:
        """Admit a facility: topics, rights, lane; it gets the directory and the register, and everybody learns of it.

        Without ``generations`` a known facility keeps those it has, and a new one begins with the first.
        Raises Refused(ID_MALFORMED), AdminRefusedError, KafkaError, StoreError.
        """
        if not is_facility_id(facility):
            raise Refused(ReasonCode.ID_MALFORMED, "facility")
        generations = tuple(generations) or await self._generations(facility)
        link = self._link()
        await kafka_admin.create_facility_topics(link, [facility], replicas=self.settings.kafka.replicas)
        await kafka_admin.grant(link, {facility: generations})
        async with self._changing() as (connection, context):
            known = await facilities.find(connection, facility)
            await facilities.admit(connection, facility, generations, context.at)
            await self._know(connection, facility, name)
            action = Action.FACILITY_CHANGED if known else Action.FACILITY_ADDED
            context.audit(action, {"actor": self._actor, "facility": facility}, facility)
            if known is None:
                for token in await facilities.newest_tokens(connection):
                    hand_out(context, token, (facility,))
                await self._hand_out_register(connection, context, await facilities.active(connection))

    async def list(self) -> list[FacilityRow]:
        """Every facility that takes part."""
        async with self.database.read() as connection:
            return await facilities.all_facilities(connection)

    async def show(self, facility: str) -> FacilityShown:
        """One facility, with the stat cases that suspending it would leave in the air. Raises Refused."""
        async with self.database.read() as connection:
            found = await facilities.find(connection, facility)
            if found is None:
                raise Refused(ReasonCode.FACILITY_UNKNOWN, "facility")
            return FacilityShown(found, tuple(await facilities.open_stat_cases(connection, facility)))

    async def suspend(self, facility: str) -> FacilityShown:
        """Cut a facility off at once: its signatures are refused, its connections denied. Ask ``show`` first.

        The database comes first and is enough; when Kafka cannot be reached, the exception says so and the rest holds.
        Raises Refused(FACILITY_UNKNOWN), AdminRefusedError, KafkaError, StoreError.
        """
        shown = await self.show(facility)
        async with self._changing() as (connection, context):
            since = shown.facility.suspended_at or context.at  # said twice, it is suspended since the first time
            await facilities.set_standing(connection, facility, Standing.SUSPENDED, since)
            count = len(shown.open_stat_cases)
            context.audit(
                Action.FACILITY_SUSPENDED,
                {"actor": self._actor, "facility": facility, "open_stat_cases": count},
                facility,
            )
            await self._hand_out_register(connection, context, await facilities.active(connection))
        await kafka_admin.block(self._link(), facility, shown.facility.generations)
        return await self.show(facility)

    async def resume(self, facility: str) -> FacilityShown:
        """Let a facility in again, and ask for the acks that were set aside meanwhile. Raises as ``suspend``.

        What a worker is setting aside at this moment is asked for, too: changing the standing waits for it.
        The database comes first here, too: what the facility sends as soon as it is connected must count again.
        """
        shown = await self.show(facility)
        async with self._changing() as (connection, context):
            await facilities.set_standing(connection, facility, Standing.ACTIVE, None)
            if shown.facility.suspended_at is not None:
                await ask_for_acks(connection, context, facility, shown.facility.suspended_at)
            context.audit(Action.FACILITY_RESUMED, {"actor": self._actor, "facility": facility}, facility)
            await self._hand_out_register(connection, context, await facilities.active(connection))
        await kafka_admin.unblock(self._link(), facility, shown.facility.generations)
        return await self.show(facility)

    async def _generations(self, facility: str) -> tuple[int, ...]:
        async with self.database.read() as connection:
            known = await facilities.find(connection, facility)
        return known.generations if known else _FIRST_GENERATION

    async def _know(self, connection: AsyncConnection, facility: str, name: str | None) -> None:
        """A facility that takes part is in the register, too."""
        if any(row.code == facility for row in await facilities.register(connection)):
            return
        today = self._clock.now().date()
        row = RegisterRow(code=facility, name=name or facility, valid_from=date(today.year, 1, 1).isoformat())
        await facilities.load_register(connection, [row.columns()])

    async def _hand_out_register(self, connection: AsyncConnection, context: Context, to: tuple[str, ...]) -> None:
        rows = await facilities.register(connection)
        version = await facilities.next_register_version(connection)
        pages = [rows[start : start + REGISTER_PAGE] for start in range(0, len(rows), REGISTER_PAGE)] or [[]]
        for number, page in enumerate(pages, start=1):
            token = Register(
                exchange=self._signer.urn,
                version=version,
                page=number,
                pages=len(pages),
                at=context.at,
                facilities=tuple(page),
            )
            hand_out(context, self._signer.sign(token), to)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[tuple[AsyncConnection, Context]]:
        """One transaction; what the context has collected is written at its end."""
        async with self.database.write() as connection:
            context = Context(Ledger(), Writes(), self._signer, self._clock.now(), os.urandom)
            yield connection, context
            await write(connection, context.writes)

    def _link(self) -> KafkaLink:
        identity = self.settings.identity("admin")
        return KafkaLink(
            self.settings.kafka.bootstrap, client_context(self.settings.keys.ca, identity), "lienvien-admin"
        )


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
