"""``python -m tests.bench [--quick]``: measure everything, print the table, write ``build/bench.json``."""

import argparse
import asyncio
import logging
import shutil
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

import transport.local_kafka.jars as kafka_jars
from broker.settings import ExchangeSettings
from broker.store.engine import Database
from connectors.workshop.client import Workshop
from lienvien.world.facilities import FACILITIES
from tests.bench import connector, deciding, forwarding, latency, report
from tests.bench.arithmetic import percentile
from tests.bench.cast import SENDERS, Cast, make_cast
from tests.bench.chain import ChainResult, run_chain
from tests.bench.machine import machine, versions
from tests.bench.messages import Recipe, form_texts
from tests.bench.sealing import Sealed, seal_all
from tests.bench.site import Site
from tests.bench.watching import all_own_lanes
from tests.bench.workers import running
from transport.local_postgresql import LocalPostgresql

_HOSPITALS = [one for one in FACILITIES if one.connected and one.code != "20Z01"]  # one sends to both others
_OUTPUT = Path("build/bench.json")
_LATENCY_PER_S = 20.0
_STEADY_AFTER_S = 3.0  # after the lanes are shared: workers follow the senders' topics by then


class Bench:
    """One run. ``scale`` is 1 for the real thing."""

    def __init__(self, folder: Path, scale: float) -> None:
        self._folder = folder
        self._logs = folder / "logs"
        self._began = time.perf_counter()
        self.counts = {name: max(SENDERS, int(count * scale)) for name, count in _COUNTS.items()}
        self.figures: dict[str, Any] = {"machine": machine(), "counts": self.counts, "notes": {}}
        self._next = 0

    async def run(self) -> None:
        """Everything, in order."""
        casts = {letter: make_cast(letter) for letter in "PBSF"}
        everybody = [one for cast in casts.values() for one in cast.facilities()]
        self._site = await Site.build(self._folder, [*everybody, *FACILITIES])
        postgresql = LocalPostgresql()
        try:
            await postgresql.start()
            if postgresql.pid:
                self._site.servers["postgresql"] = postgresql.pid
            for letter in "PBS":
                self._site.make_keys(casts[letter])
            await self._on_postgresql(casts["P"], casts["B"], postgresql)
            await self._on_sqlite(casts["S"], casts["F"])
        finally:
            await postgresql.stop()
            await self._site.world.kafka.stop()
        self.figures["seconds"] = round(time.perf_counter() - self._began, 1)

    async def _on_postgresql(self, cast: Cast, of_bundles: Cast, postgresql: LocalPostgresql) -> None:
        self._say("hospitals of the PostgreSQL run")
        url = await postgresql.new_database()
        configurations = [self._site.configure(f"worker-{number}", url) for number in (1, 2)]
        connected = [one.code for one in FACILITIES if one.connected]
        await self._site.prepare(configurations[0], connected)
        short, full = await self._recipes(of_bundles)

        records = await self._sealed("chain_postgresql", cast, short)
        self._sizes("record", records)
        result = await self._chain("chain_postgresql", cast, configurations, records)
        self.figures["worker_shares"] = {name: round(part, 3) for name, part in result.worker_shares.items()}

        records = await self._sealed("connector_bundle", of_bundles, full)
        self._sizes("connector_bundle", records)
        await self._chain("connector_bundle_chain_postgresql", of_bundles, configurations, records)
        self._deciding("connector_bundle_decide", configurations[0], records)

        await self._latency(cast, configurations, await self._sealed("latency", cast, short))

        self._say("connectors")
        size, remark = await connector.measure(self._site, _HOSPITALS, configurations, self._logs)
        self._figure("connector_rss_mib", size)
        self.figures["notes"]["connector"] = remark
        self.figures["versions"] = versions(kafka_jars.LOCK, await _postgresql_version(url))

    async def _on_sqlite(self, cast: Cast, targets: Cast) -> None:
        self._say("hospitals of the SQLite run")
        alone = self._site.configure("worker-s", "")
        await self._site.prepare(alone)
        await self._site.make_topics(targets.destinations)
        short, _ = await self._recipes(cast, with_pdf=False)
        records = await self._sealed("chain_sqlite", cast, short)
        await self._chain("chain_sqlite", cast, [alone], records)
        self._deciding("decide", alone, records[: self.counts["decide"]])
        self._say("reading and writing alone")
        rate = await forwarding.measure(self._site, cast.senders, targets.destinations, len(records))
        self._figure("bare_forward_per_s", rate)

    async def _recipes(self, cast: Cast, *, with_pdf: bool = True) -> tuple[Recipe, Recipe]:
        recipe = Recipe(self._site.world.facilities_csv.read_bytes(), datetime.now(UTC))
        if not with_pdf:
            return recipe, recipe
        async with Workshop() as workshop:
            pdf = await workshop.render(form_texts(recipe, *cast.pair(0)))
        return recipe, replace(recipe, pdf=pdf)

    async def _sealed(self, name: str, cast: Cast, recipe: Recipe) -> list[Sealed]:
        count, first = self.counts[name], self._next
        self._next += count
        self._say(f"sealing {count} records: {name}")
        return await asyncio.to_thread(seal_all, count, first=first, cast=cast, recipe=recipe, keys=self._site.keys)

    async def _chain(
        self, name: str, cast: Cast, configurations: list[ExchangeSettings], records: list[Sealed]
    ) -> ChainResult:
        self._say(name)
        result = await run_chain(self._site, cast, configurations, records, self._logs)
        self._figure(f"{name}_per_s", result.per_s)
        used = {process: round(ms, 3) for process, ms in result.processor_ms.items()}
        self.figures.setdefault("processor_ms_per_record", {})[name] = used
        self.figures.setdefault("worker_peak_mib", {})[name] = round(result.peak_mib, 1)
        self.figures["worker_rss_mib"] = max(self.figures["worker_peak_mib"].values())
        self.figures.setdefault("audit_entries_numbered", {})[name] = result.audit_entries
        self.figures.setdefault("published_again", {})[name] = result.published_again
        self.figures.setdefault("cores_of_others", {})[name] = round(result.cores_of_others, 2)
        return result

    async def _latency(self, cast: Cast, configurations: list[ExchangeSettings], records: list[Sealed]) -> None:
        self._say("how long senders wait")
        database = Database(configurations[0].database_url, application="bench")
        async with running(configurations, self._logs) as workers:
            try:
                await all_own_lanes(database, len(configurations))
            finally:
                await database.close()
            await asyncio.sleep(_STEADY_AFTER_S)
            waited = await latency.measure(self._site, records, _LATENCY_PER_S)
            workers.check()
        for percent in (50, 95, 99):
            self._figure(f"accept_p{percent}_ms", percentile(waited, percent))

    def _deciding(self, name: str, settings: ExchangeSettings, records: list[Sealed]) -> None:
        self._say(f"{name}, one core")
        self._figure(f"{name}_per_s_core", deciding.measure(settings, records))
        self.figures.setdefault("stage_us", {})[name] = deciding.stages(settings, records)

    def _sizes(self, name: str, records: list[Sealed]) -> None:
        sizes = {"sealed": len(records[0].value), "bundle": records[0].bundle_bytes}
        self.figures.setdefault("sizes", {})[name] = sizes

    def _figure(self, name: str, value: float | None) -> None:
        self.figures[name] = value if value is None else round(value, 2)

    def _say(self, what: str) -> None:
        print(f"{time.perf_counter() - self._began:6.1f} s  {what}", flush=True)


_COUNTS = {"chain_postgresql": 4000, "chain_sqlite": 2500, "connector_bundle": 400, "latency": 300, "decide": 500}
_QUICK = 0.1


async def _postgresql_version(url: str) -> str:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute("SHOW server_version")).fetchone()
    return str(row[0]) if row else "?"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the records, for development")
    parser.add_argument("--keep", action="store_true", help="leave the folder with the logs")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    place = Path(tempfile.mkdtemp(prefix="lv-bench-"))
    bench = Bench(place, _QUICK if given.quick else 1.0)
    try:
        asyncio.run(bench.run())
    finally:
        if not given.keep:
            shutil.rmtree(place, ignore_errors=True)
    if given.quick:
        bench.figures["notes"]["quick"] = "a tenth of the records: not to be quoted"
    report.show(bench.figures)
    report.write(bench.figures, _OUTPUT)


if __name__ == "__main__":
    main()
