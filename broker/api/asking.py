"""Answers assembled from several questions; used by the JSON routes, the pages and the command line alike."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from broker.api.answers import (
    AttentionAnswer,
    CaseAnswer,
    TransferList,
    held_answer,
    message_answer,
    transfer_answer,
    transfer_detail,
)
from broker.api.problems import NOT_FOUND, Problem
from broker.api.progress import Situation, progress
from broker.queries import Queries
from broker.queries.views import Stage, TransferFilter, TransferView, Viewer
from schemas.ids import is_uuid
from schemas.times import iso

LOOKED_AT_ONCE: Final = 200  # when a situation is asked for
LOOKED_AT_MOST: Final = 5_000  # for one page; a few hundred milliseconds of the database's time
REFUSALS_SHOWN_FOR: Final = timedelta(days=7)  # older ones are in the database and in the audit log
_CURSOR: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)~([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII
)
CURSOR_PATTERN: Final = f"^{_CURSOR.pattern}$"


def before(cursor: str | None) -> tuple[str, str] | None:
    """The place behind a cursor that has the form of CURSOR_PATTERN."""
    found = _CURSOR.fullmatch(cursor or "")
    return None if found is None else (found[1], found[2])


async def transfer_list(
    queries: Queries,
    viewer: Viewer,
    wanted: TransferFilter,
    now: datetime,
    limit: int,
    *,
    situation: Situation | None = None,
) -> TransferList:
    """A page of transfers, newest first.

    The situation depends on the moment and is in no index: the database is asked on until the page is full. After
    ``LOOKED_AT_MOST`` transfers the page ends as it is, and ``next`` leads on.
    """
    kept: list[TransferView] = []
    cursor: str | None = None
    looked_at, at_once = 0, limit + 1 if situation is None else max(limit + 1, LOOKED_AT_ONCE)
    while True:
        found = await queries.transfers(viewer, wanted, at_once)
        kept += [view for view in found if situation is None or progress(view, now).situation is situation]
        looked_at += len(found)
        if len(kept) > limit:
            cursor = _cursor(kept[limit - 1])
            break
        if len(found) < at_once or looked_at >= LOOKED_AT_MOST:
            cursor = None if len(found) < at_once else _cursor(found[-1])
            break
        wanted = replace(wanted, before=before(_cursor(found[-1])))
    return TransferList(now=iso(now), transfers=[transfer_answer(view, now) for view in kept[:limit]], next=cursor)


async def stuck_list(queries: Queries, viewer: Viewer, wanted: TransferFilter, now: datetime) -> TransferList:
    """Every transfer that stands still, urgent first, then oldest; no pages."""
    answers = [transfer_answer(view, now) for view in await queries.unsettled(viewer, now, wanted)]
    return TransferList(now=iso(now), transfers=[each for each in answers if each.situation == Situation.STUCK])


async def case(queries: Queries, viewer: Viewer, name: str, now: datetime) -> CaseAnswer:
    """What a case code, case id, transfer id or message id means.

    Raises:
        Problem: NOT_FOUND, for what does not exist, for what is another's, and for what is no such name, all alike.
    """
    views = await queries.named(viewer, name)
    transfers = [transfer_detail(view, await queries.messages(viewer, view), now) for view in views]
    messages = [] if transfers or not is_uuid(name) else await queries.message(viewer, name)
    if not transfers and not messages:
        raise Problem(404, NOT_FOUND)
    return CaseAnswer(now=iso(now), transfers=transfers, messages=[message_answer(view) for view in messages])


async def attention(queries: Queries, viewer: Viewer, now: datetime) -> AttentionAnswer:
    """What needs a person."""
    stuck = await stuck_list(queries, viewer, TransferFilter(), now)
    refused = await queries.refusals(viewer, now - REFUSALS_SHOWN_FOR)
    return AttentionAnswer(
        now=iso(now),
        stuck=stuck.transfers,
        refused=[message_answer(view) for view in refused],
        held=[held_answer(view) for view in await queries.held(viewer)],
    )


def _cursor(last: TransferView) -> str:
    return f"{iso(last.reached[Stage.RECEIVED])}~{last.transfer_id}"
