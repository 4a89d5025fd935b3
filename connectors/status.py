"""Where everything stands, as one JSON-able value: for the command line, the pages, and whoever watches.

Patients' words are only in ``transfers``: they never leave the hospital's own machine.
"""

import json
import sqlite3
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, Final

from connectors.actions import find_transfer
from connectors.alarm_words import AlarmCode, alarm_words
from connectors.asking import WORDS
from connectors.housekeeping import certificate_ends, crl_is_old
from connectors.site import Site
from connectors.store import acks, alarms, files, handovers, inbox_rows, meta, numbers, outbox_rows, transfers
from connectors.store.outbox_rows import OutRow, OutState
from connectors.store.transfers import TransferRow
from schemas.reasons import REASONS, ReasonCode
from schemas.times import iso

Facts = dict[str, Any]
_OPEN: Final = (OutState.WAITING_PERSON, OutState.WAITING_KEY, OutState.READY, OutState.SENT, OutState.HELD)
_LISTED: Final = 200


async def status(site: Site) -> Facts:
    """Everything but single cases. Raises sqlite3.Error."""
    now = site.clock.now()
    stored = await site.store.read(partial(_stored, now))
    return {
        "facility": site.facility,
        "name": site.settings.facility.name,
        "exchange": site.settings.exchange.name,
        "at": iso(now),
        "link": link_facts(site),
        "certificates": [
            {"purpose": end.purpose, "until": iso(end.until), "days_left": end.days_left(now)}
            for end in certificate_ends(site)
        ],
        "crl_old": crl_is_old(site, now),
        "clock_drift_s": site.live.drift_s,
        "disk_full": site.live.disk_full,
        "folders": [
            {"path": str(folder.path), "readable": str(folder.path) not in site.live.folders_missing}
            for folder in site.settings.folders.exports
        ],
        "incarnation": site.incarnation,
        "generation": site.generation,
        "directory": {
            "entries": len(site.book.entries),
            "register": len(site.book.register),
            "usable": site.book.knows_who_exists,
        },
        **stored,
    }


def not_ready(site: Site) -> list[Facts]:
    """Why the connector cannot do all of its work now, as code, vi and en; empty when it can."""
    live = site.live
    in_the_way = {AlarmCode.LINK_DOWN: not live.connected, AlarmCode.DISK_FULL: live.disk_full}
    return [_worded(code) for code, there in in_the_way.items() if there]


def _worded(code: AlarmCode) -> Facts:
    vi, en = alarm_words(code)
    return {"code": code.value, "vi": vi, "en": en}


def link_facts(site: Site) -> Facts:
    """The line to the exchange: connected, read up to its head, last heard of."""
    live = site.live
    age = None if live.last_answer is None else site.clock.monotonic() - live.last_answer
    trouble = live.trouble or live.sending_trouble
    return {
        "connected": live.connected,
        "since": iso(live.since) if live.since else None,
        "trouble": trouble.value if trouble else None,
        "last_answer_s": None if age is None else round(age, 1),
        "caught_up": live.caught_up,
        "head_at": live.head_at,
    }


def _stored(now: datetime, c: sqlite3.Connection) -> Facts:
    held = numbers.held(c, now)
    return {
        "outbox": {
            "counts": outbox_rows.counts(c),
            "open": [_out(row) for row in outbox_rows.rows_in(c, _OPEN, _LISTED)],
        },
        "to_fix": _to_fix(c),
        "files": {"counts": files.file_counts(c), "findings": files.finding_counts(c)},
        "notes": [_found(stored) for stored in files.open_findings(c, 50, noted=True)],
        "inbox": {
            "complete_to": held.complete_to,
            "highest": held.highest,
            "missing": list(held.missing[:_LISTED]),
            "head": int(meta.fact(c, meta.HEAD) or 0),
            "quarantined": [_quarantined(row) for row in inbox_rows.quarantined(c, 50)],
            "acks_open": acks.open_count(c),
        },
        "handover": {
            "waiting": len(handovers.waiting(c)),
            "failing": [
                {"inbox_id": number, "error": error, "attempts": attempts}
                for number, error, attempts in handovers.failing(c)
            ],
        },
        "alarms": [_alarm(alarm) for alarm in alarms.open_alarms(c)],
        "transfers": [transfer_facts(row) for row in transfers.recent(c, _LISTED)],
    }


def _to_fix(c: sqlite3.Connection) -> list[Facts]:
    """What a person at the sending desk must act on: refused files, refused messages, slips that wait for a yes."""
    found = [_found(stored) for stored in files.open_findings(c)]
    found += [_refused(row) for row in outbox_rows.rows_in(c, [OutState.REFUSED], _LISTED) if not row.seen_by_person_at]
    found += [_asked(row) for row in outbox_rows.rows_in(c, [OutState.WAITING_PERSON], _LISTED)]
    return found


def _found(stored: files.StoredFinding) -> Facts:
    return {"what": "file", "id": stored.id, "at": stored.at, **asdict(stored.finding)}


def _refused(row: OutRow) -> Facts:
    about = REASONS.get(ReasonCode(row.reason)) if row.reason else None
    words = {"vi": about.vi, "en": about.en, "fixer": about.fixer.value} if about else {}
    return {"what": "message", **_out(row), **words}


def _asked(row: OutRow) -> Facts:
    vi, en = WORDS.get(row.wait_reason or "", ("", ""))
    return {"what": "question", **_out(row), "vi": vi, "en": en, "fixer": "sender-clerk"}


def _out(row: OutRow) -> Facts:
    return asdict(row)


def _quarantined(row: inbox_rows.QuarantineRow) -> Facts:
    about = REASONS[ReasonCode(row.reason)]
    return {**asdict(row), "vi": about.vi, "en": about.en}


def _alarm(alarm: alarms.Alarm) -> Facts:
    vi, en = alarm_words(alarm.code)
    return {**asdict(alarm), "vi": vi, "en": en}


def transfer_facts(row: TransferRow) -> Facts:
    """A transfer for pages and commands."""
    facts = asdict(row)
    facts["state"] = json.loads(row.state)
    facts["patient"] = json.loads(row.patient)
    facts["conflict"] = json.loads(row.conflict) if row.conflict else None
    facts["urgency"] = row.raised_priority or row.priority
    return facts


async def case(site: Site, word: str) -> Facts:
    """One case: every transfer, event and message of it. Raises actions.ActionError, sqlite3.Error."""
    return await site.store.read(partial(_case, site.facility, word))


def _case(facility: str, word: str, c: sqlite3.Connection) -> Facts:
    found = find_transfer(c, word, facility, None)
    rows = [row for row in transfers.find(c, found.case_id) if facility in (row.sender, row.destination)]
    return {
        "case_id": found.case_id,
        "case_code": found.case_code,
        "transfers": [_transfer_with_events(c, row) for row in rows],
        "received": [asdict(row) for row in inbox_rows.rows_of_case(c, found.case_id)],
    }


def _transfer_with_events(c: sqlite3.Connection, row: TransferRow) -> Facts:
    events = transfers.events(c, row.sender, row.transfer_id)
    return {
        **transfer_facts(row),
        "events": [{**asdict(event), "details": json.loads(event.details)} for event in events],
        "messages": [_out(message) for message in outbox_rows.rows_of_transfer(c, row.transfer_id)],
    }
