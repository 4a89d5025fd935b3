"""The table on the screen and the file behind it."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

# key, meaning, unit, what is aimed at
_ROWS = (
    ("chain_postgresql_per_s", "Whole chain, PostgreSQL, two workers", "1/s", "≥ 500"),
    ("chain_sqlite_per_s", "Whole chain, SQLite, one worker", "1/s", "≥ 300"),
    ("connector_bundle_chain_postgresql_per_s", "Whole chain, full records with PDF, PostgreSQL", "1/s", ""),
    ("bare_forward_per_s", "Ceiling: read and write the same records, one process", "1/s", ""),
    ("accept_p50_ms", "Record written → receipt readable, 20/s, half of them within", "ms", "< 50"),
    ("accept_p95_ms", "… 95 of 100 within", "ms", "< 150"),
    ("accept_p99_ms", "… 99 of 100 within", "ms", ""),
    ("decide_per_s_core", "Open to verdict, one core", "1/s", "≥ 1,000"),
    ("connector_bundle_decide_per_s_core", "Open to verdict, full records with PDF", "1/s", ""),
    ("worker_rss_mib", "Exchange worker, peak resident", "MiB", "≤ 150"),
    ("connector_rss_mib", "Connector, peak resident", "MiB", "≤ 120"),
)


def write(figures: dict[str, Any], path: Path) -> None:
    """The file: complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def show(figures: dict[str, Any]) -> None:
    """The table, and below it what the figures rest on."""
    console = Console()
    table = Table("measured", "figure", "unit", "aim", title="Liên Viện")
    for key, meaning, unit, aim in _ROWS:
        table.add_row(meaning, _number(figures.get(key)), unit, aim)
    console.print(table)
    for key in (
        "machine",
        "counts",
        "sizes",
        "worker_shares",
        "processor_ms_per_record",
        "stage_us",
        "cores_of_others",
        "notes",
    ):
        console.print(f"{key}: {json.dumps(figures.get(key), ensure_ascii=False)}", soft_wrap=True, highlight=False)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
