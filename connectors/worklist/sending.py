"""The sending desk's page: what to fix, what waits, what left, how the connector is. Pure over ``status.status``."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from connectors.housekeeping import WARN_BEFORE_END
from connectors.store.outbox_rows import OutState
from connectors.worklist.words import STAGES
from schemas.limits import CLOCK_DISAGREEMENT, HEAD_EVERY
from schemas.times import parse_iso

Facts = dict[str, Any]
SENT_SHOWN: Final = timedelta(hours=48)
_HEAD_LATE: Final = HEAD_EVERY + timedelta(minutes=1)


def sending(facts: Mapping[str, Any]) -> Facts:
    """The page's parts."""
    now = parse_iso(facts["at"])
    to_fix = facts["to_fix"]
    files = [item for item in to_fix if item["what"] == "file"]
    return {
        "files": [item for item in files if item["verdict"] != "not-connected"],
        "print": [item for item in files if item["verdict"] == "not-connected"],
        "refused": [item for item in to_fix if item["what"] == "message"],
        "questions": [item for item in to_fix if item["what"] == "question"],
        "waiting": [row for row in facts["outbox"]["open"] if row["state"] != OutState.WAITING_PERSON],
        "sent": _sent(facts, now),
        "machine": machine(facts, now),
    }


def _sent(facts: Mapping[str, Any], now: datetime) -> list[Facts]:
    """Our transfers that left or answered lately, newest first, each with its last proven step."""
    ours = (row for row in facts["transfers"] if row["sender"] == facts["facility"])
    return [
        {**row, "stage": stage, "stage_at": row[stage]}
        for row in ours
        if parse_iso(row["last_at"]) > now - SENT_SHOWN and (stage := last_stage(row)) is not None
    ]


def last_stage(row: Mapping[str, Any]) -> str | None:
    """The last proven step of a transfer; None before anything was prepared."""
    return next((name for name in STAGES if row.get(name)), None)


def machine(facts: Mapping[str, Any], now: datetime) -> Facts:
    """What of the connector itself needs a hand."""
    drift = facts["clock_drift_s"]
    return {
        "drift_bad": drift is not None and abs(drift) > CLOCK_DISAGREEMENT.total_seconds(),
        "certificates": [{**one, "ending": one["days_left"] < WARN_BEFORE_END.days} for one in facts["certificates"]],
        "folders_missing": [folder["path"] for folder in facts["folders"] if not folder["readable"]],
    }


def head_is_late(link: Mapping[str, Any], now: datetime) -> bool:
    """True when the exchange's sign of life through the inbox is overdue, whatever the connection says."""
    return link["head_at"] is None or now - parse_iso(link["head_at"]) > _HEAD_LATE
