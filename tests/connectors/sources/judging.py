"""Slips of tests, judged."""

from datetime import datetime

from connectors.sources.directory import Directory
from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.rules import Examined, examine
from schemas.reasons import ReasonCode
from tests.connectors.sources.exports import NOW, directory, export, slip_export, slip_table, slip_values, summary_table


def judge(data: bytes, now: datetime = NOW, own: str | None = None, listed: Directory | None = None) -> Examined:
    (dossier,) = read_envelope(data).dossiers
    return examine(dossier, listed or directory(), own, now)


def slip(**changes: str | None) -> Examined:
    return judge(slip_export(**changes))


def with_summary(**changes: str | None) -> Examined:
    return judge(export(("XML1", summary_table(**changes)), ("XML13", slip_table(slip_values()))))


def said(examined: Examined) -> list[tuple[ReasonCode, str]]:
    return [(found.reason, found.field) for found in examined.findings]
