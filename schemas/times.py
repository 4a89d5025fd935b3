"""Times as text: UTC, milliseconds, ``Z``."""

from datetime import UTC, datetime


def iso(moment: datetime) -> str:
    """``2026-11-22T16:05:38.123Z``. Raises ValueError for a datetime without zone."""
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def parse_iso(text: str) -> datetime:
    """The aware UTC datetime behind an ISO 8601 text with zone. Raises ValueError otherwise."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    return moment.astimezone(UTC)
