"""Times that depend on one another."""

from collections.abc import Iterator
from datetime import datetime

from schemas.limits import IAT_MAX_AHEAD
from schemas.profile.contents import Broken, Contents, Finding
from schemas.profile.rules.elements import earliest, latest
from schemas.reasons import ReasonCode


def period_in_order(contents: Contents) -> Iterator[Broken]:
    """The stay ends after it began, as far as the precision of both tells."""
    for position, encounter in contents.of("Encounter"):
        period = encounter.get("period", {})
        start, end = period.get("start"), period.get("end")
        if start is not None and end is not None and earliest(start) > latest(end):
            yield contents.broken(position, "period")


def signed_after(contents: Contents, signed_at: datetime) -> Iterator[Broken]:
    """The Bundle was made before it was signed, give or take a hospital's clock."""
    if datetime.fromisoformat(contents.bundle["timestamp"]) > signed_at + IAT_MAX_AHEAD:
        yield Broken(Finding(ReasonCode.BUNDLE_RULE_BROKEN, "Bundle.timestamp"))
