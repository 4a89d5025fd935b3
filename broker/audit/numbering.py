"""The anchor task: gives committed entries their numbers and signs the head of the tree.

The order of events, which a crash may interrupt anywhere:

1. number: one transaction moves the tree's state by compare-and-swap on its size and numbers the entries;
2. sign: only a head that is committed, so one size never has two roots, whoever signs it and however often;
3. store the checkpoint, keyed by its size;
4. publish what is stored.

A start runs the same steps: a committed head without a checkpoint is signed, a stored checkpoint that is not published
is published. Nothing here is ever waited for by a transfer: entries are committed with the decisions they belong to,
and a fault in the log, its key included, stops the log alone, with an alarm, until a person has repaired it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from broker.audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from broker.audit.merkle import Frontier
from broker.audit.note import NoteError, NoteSigner
from broker.audit.ports import Ledger, LedgerUnavailableError, NumberTakenError, Publisher, StoredCheckpoint
from broker.store.engine import CommitUnknownError
from schemas.reasons import Refused
from transport import failpoints
from transport.clock import Clock
from transport.logs import get_logger

BATCH_ENTRIES: Final = 2_000  # numbered in one transaction, which stays below about 50 ms
EVERY: Final = timedelta(seconds=1)  # a checkpoint covers what a second brought
FAULT_MOST: Final = timedelta(seconds=30)  # a fault is looked at again after longer and longer, up to this

# What the operator is told, by what is wrong.
KEY_UNUSABLE: Final = "audit-key-unusable"
CONTRADICTION: Final = "audit-contradiction"
CHECKPOINT_FILE: Final = "audit-checkpoint-file"
FAILED: Final = "audit-failed"


class LogFaultError(Exception):
    """The log's own records contradict each other: nothing more is numbered or signed until a person has looked.

    The text says what contradicts what, with sizes, never with content.
    """


class Anchor:
    """One log's numbering. At most one anchor should be at work (``holds_lease``); two of them do no harm."""

    def __init__(self, ledger: Ledger, signer: NoteSigner, publisher: Publisher) -> None:
        self._ledger = ledger
        self._signer = signer
        self._publisher = publisher
        self._signed_size = 0  # the largest head this process has seen signed; the tree never falls behind it

    async def turn(self, now: datetime) -> int:
        """Numbers everything committed so far and publishes a checkpoint of it; returns how many entries got numbers.

        Raises:
            LogFaultError: the state contradicts a checkpoint that was stored or published.
            NumberTakenError: another anchor was faster; the next turn starts from its state.
        """
        stored, frontier = await self._committed()
        numbered = 0
        while entries := await self._ledger.unnumbered(BATCH_ENTRIES):
            grown = frontier.extended(bytes.fromhex(entry.leaf_hash) for entry in entries)
            await self._ledger.number(frontier, grown, entries)
            numbered += len(entries)
            frontier = grown
            failpoints.hit("audit.after-number")
            if len(entries) < BATCH_ENTRIES:
                break
        if stored is None or stored.size != frontier.size:
            stored = await self._sign(frontier, now)
            failpoints.hit("audit.after-checkpoint")
        await self._publish(stored)
        return numbered

    async def _committed(self) -> tuple[StoredCheckpoint | None, Frontier]:
        """The last checkpoint and the state of the tree, which must extend whatever was stored or published.

        Read from the outside in: another anchor at work can only make what is read later larger.
        """
        head = self._opened(await self._publisher.published())
        stored = await self._ledger.last_checkpoint()
        frontier = await self._ledger.frontier()
        if head is not None:
            _agree(frontier, head.size, head.root, "published")
            if stored is None or stored.size < head.size:
                raise LogFaultError(f"the published checkpoint of size {head.size} was never stored")
        if stored is not None:
            _agree(frontier, stored.size, stored.root, "stored")
        if frontier.size < self._signed_size:
            raise LogFaultError(f"the tree has {frontier.size} leaves, {self._signed_size} were signed")
        return stored, frontier

    async def _sign(self, frontier: Frontier, now: datetime) -> StoredCheckpoint:
        """Signs a committed head and stores the checkpoint."""
        root = frontier.root()
        note = sign_checkpoint(frontier.size, root, self._signer)
        self._signed_size = frontier.size
        stored = await self._ledger.keep_checkpoint(StoredCheckpoint(frontier.size, root, note), now)
        _agree(frontier, stored.size, stored.root, "stored")
        return stored

    async def _publish(self, stored: StoredCheckpoint) -> None:
        """Publishes a stored checkpoint, unless it is published already or a larger one is."""
        note = await self._publisher.published()
        head = self._opened(note)
        if note != stored.note and (head is None or head.size <= stored.size):
            await self._publisher.publish(stored.note)

    def _opened(self, note: bytes | None) -> Checkpoint | None:
        try:
            return None if note is None else open_checkpoint(note, self._signer.verifier)
        except NoteError as error:
            raise LogFaultError(f"the published checkpoint cannot be read: {error}") from None


def _agree(frontier: Frontier, size: int, root: bytes, which: str) -> None:
    if size > frontier.size:
        raise LogFaultError(f"the tree has {frontier.size} leaves, the {which} checkpoint {size}")
    if size == frontier.size and root != frontier.root():
        raise LogFaultError(f"the {which} checkpoint of size {size} has another root")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why nothing is numbered now: an alarm of this module, and what tells two faults of one kind apart."""

    alarm: str
    text: str


Alarm = Callable[[Fault], Awaitable[None]]


async def run_anchor(
    open_anchor: Callable[[], Anchor],
    clock: Clock,
    *,
    stop: asyncio.Event,
    holds_lease: Callable[[], bool],
    alarm: Alarm,
) -> None:
    """Turns until ``stop`` is set, with a last one then, so that a clean stop leaves nothing without a number.

    No fault ends it: it goes on looking, in case a person repairs the log. Raises CommitUnknownError.

    Args:
        open_anchor: called until it gives an anchor; raises Refused while the log's key cannot be used.
        holds_lease: asked before every turn; without the lease nothing is done.
        alarm: called with a fault, again only when it is another one, or when the call failed.
    """
    anchor: Anchor | None = None
    said: Fault | None = None
    wait, stopped = EVERY, False
    while not stopped:
        stopped = await _pause(stop, wait)
        if not holds_lease():
            continue
        try:
            anchor = anchor or open_anchor()
            await anchor.turn(clock.now())
            wait, said = EVERY, None
        except CommitUnknownError:
            raise
        except (NumberTakenError, LedgerUnavailableError):
            continue
        except Exception as error:
            wait = min(2 * wait, max(FAULT_MOST, EVERY))
            fault = _fault(error)
            if fault != said and await _told(alarm, fault):
                said = fault


def _fault(error: Exception) -> Fault:
    name = type(error).__name__
    if isinstance(error, Refused):
        return Fault(KEY_UNUSABLE, error.reason)
    if isinstance(error, LogFaultError):
        return Fault(CONTRADICTION, str(error))
    return Fault(CHECKPOINT_FILE if isinstance(error, OSError) else FAILED, name)


async def _told(alarm: Alarm, fault: Fault) -> bool:
    try:
        await alarm(fault)
    except CommitUnknownError:
        raise
    except Exception as error:  # the fault may be the database's own; it is told when the database takes it
        get_logger(__name__).error("audit.alarm-failed", error=type(error).__name__)
        return False
    return True


async def _pause(stop: asyncio.Event, span: timedelta) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), span.total_seconds())
    except TimeoutError:
        return False
    return True
