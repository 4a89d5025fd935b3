"""Counts for Prometheus (text format 0.0.4): labels are facility and state, nothing of a case or a patient."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition(facts: Mapping[str, Any]) -> str:
    """The metrics of one ``status``."""
    return "\n".join([*_lines(facts), ""])


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    facility = facts["facility"]
    outbox, inbox, link = facts["outbox"], facts["inbox"], facts["link"]
    yield from _family("outbox_messages", "messages by state", facility, outbox["counts"])
    yield from _family("files", "export files judged, by outcome", facility, facts["files"]["counts"])
    yield from _family("slips", "slips that stayed here, by verdict", facility, facts["files"]["findings"])
    single = {
        "link_up": ("1 while connected to the exchange", int(link["connected"])),
        "inbox_complete_to": ("highest number of the inbox without a gap", inbox["complete_to"]),
        "inbox_missing": ("numbers of the inbox that are missing", len(inbox["missing"])),
        "inbox_quarantined": ("records set aside", len(inbox["quarantined"])),
        "acks_open": ("acknowledgements not confirmed yet", inbox["acks_open"]),
        "handover_waiting": ("messages the HIS has not taken yet", facts["handover"]["waiting"]),
        "alarms_open": ("alarms that nobody has settled", len(facts["alarms"])),
        "to_fix": ("things that wait for a person", len(facts["to_fix"])),
        "certificate_days_left": (
            "days until the first of our certificates ends",
            min((certificate["days_left"] for certificate in facts["certificates"]), default=0),
        ),
        "clock_drift_seconds": ("our clock minus the exchange's", facts["clock_drift_s"] or 0.0),
    }
    for name, (about, value) in single.items():
        yield f"# HELP lienvien_connector_{name} {about}"
        yield f"# TYPE lienvien_connector_{name} gauge"
        yield f'lienvien_connector_{name}{{facility="{facility}"}} {value}'


def _family(name: str, about: str, facility: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield f"# HELP lienvien_connector_{name} {about}"
    yield f"# TYPE lienvien_connector_{name} gauge"
    for state, count in sorted(counts.items()):
        yield f'lienvien_connector_{name}{{facility="{facility}",state="{state}"}} {count}'
