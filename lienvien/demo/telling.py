"""What is shown while the demonstration runs, and the tables at its end; Vietnamese first, English beside it."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lienvien.prove.report import Claim

_WIDTH: Final = 120  # columns that the widest table needs
_STAGES: Final = (
    ("sent_at", "gửi\nsent"),
    ("received_at", "trục nhận\nreceived"),
    ("delivered_at", "đến máy\ndelivered"),
    ("opened_at", "đã mở\nopened"),
    ("decided_at", "đã quyết\ndecided"),
    ("departed_at", "xe đi\ndeparted"),
    ("arrived_at", "đến nơi\narrived"),
)


class Telling:
    """The demonstration's voice."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._began = time.monotonic()
        # narrower, the tables could not be read; a terminal wraps better than we do
        self.console.width = max(self.console.width, _WIDTH)

    def say(self, vi: str, en: str) -> None:
        """One step."""
        elapsed = time.monotonic() - self._began
        self.console.print(f"[dim]{elapsed:5.1f} s[/] {vi}  [dim]{en}[/]")

    def heading(self, vi: str, en: str) -> None:
        """A new part of the story."""
        self.console.print()
        self.console.rule(f"[bold]{vi}[/]  [dim]{en}[/]", align="left")

    def progress(self) -> Progress:
        """Live bars with counts and time."""
        return Progress(
            TextColumn("{task.description:<44}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )

    def transfers(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Each transfer: case code, parties, urgency, every proven stage with its time (UTC), the decision."""
        table = Table(title="Các ca chuyển / transfers (UTC)", show_lines=False, pad_edge=False)
        table.add_column("mã ca, từ → đến, khẩn\ncase code, from → to, urgency", no_wrap=True)
        for _, name in _STAGES:
            table.add_column(name, no_wrap=True)
        table.add_column("kết quả\ndecision", no_wrap=True)
        for row in rows:
            times = [_clock(row.get(field)) for field, _ in _STAGES]
            who = f"{row['case_code']}\n{row['sender']} → {row['destination']} {row['urgency']}"
            table.add_row(who, *times, row["state"]["decision"])
        self.console.print(table)

    def papers(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Where receipt, ack, form and XML of each case lie."""
        table = Table(title="Giấy tờ nằm ở đâu / where the papers lie", pad_edge=False)
        for name in ("mã ca / case", "biên nhận / receipt", "thư mục: form.pdf, slip.xml / folder"):
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(row["case_code"], row["receipt"], row["folder"])
        self.console.print(table)

    def to_fix(self, facility: str, items: Iterable[Mapping[str, Any]]) -> None:
        """What did not go out: which file, which field, what is wrong, who must mend it and how."""
        for item in items:
            name = str(item.get("path", "")).rpartition("/")[2]
            for finding in item.get("findings", ()):
                self.console.print(f"[yellow]{facility}[/] {name}  [dim]{item['verdict']} → {finding['fixer']}[/]")
                self.console.print(f"    {finding['vi']}", soft_wrap=True)
                self.console.print(f"    [dim]{finding['en']}[/]", soft_wrap=True)

    def claims(self, claims: Iterable[Claim]) -> None:
        """The stranger's verdict, line by line."""
        for claim in claims:
            mark = "[green]✓[/]" if claim.holds else "[red]✗[/]"
            self.console.print(f"{mark} {claim.vi}  [dim]{claim.en}[/]  {claim.count}")
            for counter_example in claim.against[:3]:
                self.console.print(f"    [red]{counter_example}[/]")


def _clock(moment: object) -> str:
    return str(moment)[11:19] if moment else "–"
