"""A real world under ``kill -9``, judged by a process that shares nothing with the product."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.times import iso
from tests.process.run_folder import ROOT, RunFolder
from tests.process.world import many_cases, running_world

pytestmark = [pytest.mark.process, pytest.mark.kafka, pytest.mark.timeout(400)]

SENDER, DESTINATION = "24Z01", "01929"
TRANSFERS = 20
REST_WITHIN_S = 150.0  # an inbox-status follows a change within a minute
MINIMUMS = {
    "faults": {"kill-worker": 1, "kill-connector": 2},
    "failpoints": {},
    "situations": {"repeat-answered": 1},
}


def _judged(folder: Path) -> tuple[int, dict[str, str]]:
    """Exit code, and the first counter-example of every invariant that is not green."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.judge", str(folder), "--json"], cwd=ROOT, capture_output=True, check=False
    )
    said = json.loads(done.stdout)
    return done.returncode, {one["name"]: one["first"] for one in said["invariants"] if one["outcome"] != "pass"}


async def test_twenty_transfers_under_kill_9_are_judged_green_and_one_missing_line_is_red(tmp_path: Path) -> None:
    async with running_world(tmp_path / "world") as world:
        run = RunFolder(world, tmp_path / "run")
        cases = many_cases(TRANSFERS, SENDER, DESTINATION)
        run.export(cases[: TRANSFERS // 2])
        await asyncio.sleep(1.5)
        run.kill(f"connector-{SENDER}", "kill-connector")
        run.export(cases[TRANSFERS // 2 :])
        await asyncio.sleep(1.5)
        run.kill("exchange", "kill-worker")
        await asyncio.sleep(1.5)
        run.kill(f"connector-{DESTINATION}", "kill-connector")
        calm_at = iso(datetime.now(UTC))
        slips = {str(1000 + case.serial) for case in cases}
        await world.until(lambda: world.delivered(SENDER, slips) == TRANSFERS, "all acknowledged")
        code = world.transfers(SENDER)[0]["case_code"]
        world.act(SENDER, "repeat", case=code)
        await asyncio.sleep(2)
        await world.until(lambda: not run.pending(), "at rest", REST_WITHIN_S)
        folder = await run.close(MINIMUMS, calm_at)

    assert await asyncio.to_thread(_judged, folder) == (0, {})
    ledger = folder / "receiver" / f"{DESTINATION}.jsonl"
    lines = ledger.read_text("utf-8").splitlines(keepends=True)
    assert len(lines) == TRANSFERS
    ledger.write_text("".join(lines[1:]), "utf-8")
    status, red = await asyncio.to_thread(_judged, folder)
    assert (status, set(red)) == (1, {"I1"})
    assert json.loads(lines[0])["key"] in red["I1"]
