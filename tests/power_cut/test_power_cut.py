"""The three databases after a power cut, in short; and the mistakes that this must find, each put into the product."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.audit.ledger import DatabaseLedger
from broker.store import engine, positions, turns
from broker.store.numbering import Numbering
from connectors.outbox import Sender
from connectors.store.database import Database
from tests.broker.desk import STRANGER
from tests.certs.pki import BAC_GIANG, BACH_MAI, TestPki, make_pki
from tests.power_cut.connector_story import record_inbox, record_outbox
from tests.power_cut.exchange_story import record_exchange
from tests.power_cut.judging import Mistake, Story, Tally, Verdict, cut, cut_again, none, spread
from tests.schemas.bundles import DESTINATION, SENDER

IMAGES = 400  # of each database
Patch = pytest.MonkeyPatch
RECORDERS: dict[str, tuple[Callable[..., Story], int]] = {
    "outbox": (record_outbox, 3),
    "inbox": (record_inbox, 6),
    "exchange": (record_exchange, 3),
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    parties = tuple(dict.fromkeys((BAC_GIANG, BACH_MAI, SENDER, DESTINATION, STRANGER)))
    return make_pki(tmp_path_factory.mktemp("pki"), facilities=parties)


def _cut(story: Story, images: int = IMAGES) -> Tally:
    places, per_point = spread(story, images, seed=1)
    return cut(story, places, per_point, seed=1)


@pytest.mark.parametrize("which", RECORDERS)
def test_a_power_cut_at_any_write_loses_nothing_and_leaves_nothing_half(
    which: str, tmp_path: Path, pki: TestPki
) -> None:
    recorder, size = RECORDERS[which]
    story = recorder(tmp_path / which, pki, size)
    assert story.broken_laws() == []
    tally = _cut(story)
    assert tally.examples == []
    assert tally.images >= IMAGES * 9 // 10
    assert len(tally.kinds) >= 4
    again = cut_again(story, 100, seed=1)
    assert again.examples == []
    assert again.images > 0


# --- mistakes ----------------------------------------------------------------------------------------------------


def _connector_pragma(pragma: str) -> Mistake:
    def change(patch: Patch) -> None:
        real = Database._open

        def opened(self: Database) -> None:
            real(self)
            assert self._connection is not None
            self._connection.execute(f"PRAGMA {pragma}")

        patch.setattr(Database, "_open", opened)

    return change


def _exchange_pragma(pragma: str) -> Mistake:
    def change(patch: Patch) -> None:
        real = engine._prepare_sqlite

        def prepared(connection: Any, record: Any) -> None:
            real(connection, record)
            connection.execute(f"PRAGMA {pragma}")

        patch.setattr(engine, "_prepare_sqlite", prepared)

    return change


def _connector_answers_before_commit(patch: Patch) -> None:
    """``write`` returns while its transaction is open; it is committed when the next one begins."""

    def transact(self: Database, question: Any) -> Any:
        connection = self._usable()
        if connection.in_transaction:
            connection.execute("COMMIT")
        connection.execute("BEGIN EXCLUSIVE")
        return question(connection)

    def close(self: Database) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("COMMIT")
        real_close(self)

    real_close = Database._close
    patch.setattr(Database, "_transact", transact)
    patch.setattr(Database, "_close", close)


def _connector_sends_before_it_remembers(patch: Patch) -> None:
    """A message is sealed and sent, and its seal is written down afterwards."""
    real = Sender._seal_waiting

    async def sealed(self: Sender) -> None:
        store, kept = self._site.store, []

        class Later:
            async def write(self, question: Any) -> Any:
                kept.append(question)

            async def read(self, question: Any) -> Any:
                return await store.read(question)

        self._site.store = Later()
        try:
            await real(self)
        finally:
            self._site.store = store
        for question in kept:
            await store.write(question)

    patch.setattr(Sender, "_seal_waiting", sealed)


def _exchange_moves_the_position_alone(patch: Patch) -> None:
    """The read position in a transaction of its own, after what was read."""
    real = turns.Turns.commit

    async def nothing(connection: AsyncConnection, moves: Any) -> None:
        return None

    async def commit(self: turns.Turns, moves: Any, questions: Any, record: Any, **more: Any) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(positions, "move", nothing)
            writes = await real(self, moves, questions, record, **more)
        async with self._database.write() as connection:
            await positions.move(connection, moves)
        return writes

    patch.setattr(turns.Turns, "commit", commit)


def _exchange_publishes_before_commit(patch: Patch) -> None:
    """Records go out as soon as they have a number, while the transaction that gives it is open."""
    from tests.power_cut import exchange_story

    real, inboxes = Numbering._number, []
    make = exchange_story._SeenInbox.__init__

    def made(self: Any, *given: Any) -> None:
        make(self, *given)
        inboxes.append(self)

    async def number(self: Numbering, connection: AsyncConnection, chosen: Any) -> Any:
        batches = await real(self, connection, chosen)
        for batch in batches if inboxes else ():
            await inboxes[-1].publish(batch.destination, [(record, b"") for record in batch.records])
        return batches

    patch.setattr(exchange_story._SeenInbox, "__init__", made)
    patch.setattr(Numbering, "_number", number)


def _audit_publishes_before_it_keeps(patch: Patch) -> None:
    """A checkpoint goes out, and is stored afterwards."""
    from broker.audit.numbering import Anchor

    async def turn(self: Anchor, now: Any) -> int:
        kept = []

        async def later(_: DatabaseLedger, checkpoint: Any, at: Any) -> Any:
            kept.append((checkpoint, at))
            return checkpoint

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(DatabaseLedger, "keep_checkpoint", later)
            numbered = await real(self, now)
        for checkpoint, at in kept:
            await self._ledger.keep_checkpoint(checkpoint, at)
        return numbered

    real = Anchor.turn
    patch.setattr(Anchor, "turn", turn)


LOST, CORRUPT, HALF = Verdict.LOST, Verdict.CORRUPT, Verdict.HALF
# which database, the mistake, a disk that lies, and what must be seen at least
MUTANTS: dict[str, tuple[str, Mistake, bool, set[Verdict]]] = {
    "connector with synchronous NORMAL": ("outbox", _connector_pragma("synchronous = NORMAL"), False, {LOST}),
    "connector with synchronous OFF": ("outbox", _connector_pragma("synchronous = OFF"), False, {LOST, CORRUPT}),
    "connector that deletes its journal": ("inbox", _connector_pragma("journal_mode = DELETE"), False, {LOST}),
    "connector with its journal in memory": ("inbox", _connector_pragma("journal_mode = MEMORY"), False, {CORRUPT}),
    "connector on a disk that lies": ("inbox", none, True, {LOST, CORRUPT}),
    "connector that answers before COMMIT": ("inbox", _connector_answers_before_commit, False, {LOST}),
    "exchange with synchronous NORMAL": ("exchange", _exchange_pragma("synchronous = NORMAL"), False, {LOST}),
    "exchange with synchronous OFF": ("exchange", _exchange_pragma("synchronous = OFF"), False, {LOST, CORRUPT}),
    "exchange on a disk that lies": ("exchange", none, True, {LOST, CORRUPT}),
    "exchange that publishes before COMMIT": ("exchange", _exchange_publishes_before_commit, False, {LOST}),
    "audit that publishes before it keeps": ("exchange", _audit_publishes_before_it_keeps, False, {LOST}),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mistake_is_found(mutant: str, tmp_path: Path, pki: TestPki) -> None:
    which, mistake, lying_disk, expected = MUTANTS[mutant]
    recorder, _ = RECORDERS[which]
    found = _cut(recorder(tmp_path / which, pki, 2, lying_disk=lying_disk, mistake=mistake), IMAGES // 2)
    assert {verdict for verdict in Verdict if found.verdicts[verdict]} >= expected, found


def test_a_position_in_a_transaction_of_its_own_is_found(tmp_path: Path, pki: TestPki) -> None:
    story = record_exchange(tmp_path / "exchange", pki, 1, mistake=_exchange_moves_the_position_alone)
    assert any("without its position" in law for law in story.broken_laws())
    assert _cut(story, IMAGES // 2).verdicts[HALF] > 0
