"""The sending hospitals' software: it exports slips, and writes down each before it does."""

import asyncio
import random
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from connectors.sources.xml13.dates import VIETNAM
from lienvien.demo_exports.cases import CASES
from lienvien.demo_exports.envelope import slip_number, slip_values, transfer_file
from lienvien.demo_exports.story import Drop, drop
from tests.chaos.ledgers import Ledger

FIRST_SERIAL: Final = 2000
AGAIN: Final = 0.05  # of the exports: the HIS exports a slip once more under another name
KINDS_OF_CASE: Final = (4, 0, 6)  # of the demonstration's; their urgency differs


class SendingHospitals:
    """Exports at a steady rate, in a seeded order, between all pairs."""

    def __init__(self, folder: Path, exports: dict[str, Path], seed: int) -> None:
        self._exports = exports
        self._chance = random.Random(seed)
        self._ledgers = {code: Ledger(folder / f"{code}.jsonl") for code in exports}
        self._serial = FIRST_SERIAL
        self._exported: list[tuple[dict[str, Any], bytes]] = []  # what was intended, file
        self.slips: dict[str, set[str]] = {code: set() for code in exports}

    @property
    def count(self) -> int:
        """Slips exported so far, each counted once."""
        return sum(len(slips) for slips in self.slips.values())

    async def run(self, per_second: float, stop: asyncio.Event) -> None:
        """Export until told to stop."""
        while not stop.is_set():
            await asyncio.to_thread(self.export_one)
            try:
                async with asyncio.timeout(self._chance.expovariate(per_second)):
                    await stop.wait()
            except TimeoutError:
                continue

    def export_one(self) -> None:
        """A new slip, or now and then an old one once more."""
        if self._exported and self._chance.random() < AGAIN:
            self._again()
            return
        sender, destination = self._chance.sample(sorted(self._exports), 2)
        self.export_new(sender, destination)

    def export_new(self, sender: str, destination: str) -> None:
        """A new slip."""
        self._serial += 1
        case = replace(
            CASES[self._chance.choice(KINDS_OF_CASE)],
            serial=self._serial,
            sender=sender,
            destination=destination,
            with_tables=False,
            name=f"NGƯỜI BỆNH THỬ {self._serial}",
        )
        now = datetime.now(VIETNAM)
        slip, ma_lk = slip_number(case, now), slip_values(case, now)["MA_LK"]
        content = transfer_file(case, now)
        intent = {"slip": slip, "ma_lk": ma_lk, "destination": destination, "priority": None, "case_key": slip}
        self._ledgers[sender].write(do="intend", **intent, repeats=None)
        drop(self._exports[sender], [Drop(sender, f"{self._serial}.xml", content)])
        self.slips[sender].add(slip)
        self._exported.append((intent, content))

    def _again(self) -> None:
        intent, content = self._chance.choice(self._exported)
        sender = intent["slip"].partition("/")[0]
        self._serial += 1
        self._ledgers[sender].write(do="intend", **intent, repeats=intent["slip"])
        drop(self._exports[sender], [Drop(sender, f"{self._serial}-again.xml", content)])

    def close(self) -> None:
        """End."""
        for ledger in self._ledgers.values():
            ledger.close()
