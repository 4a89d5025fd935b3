"""From an empty folder to the stranger's verdict; and the sandbox, which keeps running."""

import asyncio
import logging
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from connectors.settings import load
from lienvien.connector_inbox import enter_address
from lienvien.control_file import read_control
from lienvien.demo.evidence import ask_a_stranger, gather, write_receipts
from lienvien.demo.scenario import Scenario, StoryStuckError
from lienvien.demo.telling import Telling
from lienvien.prove.evidence import folder_digests
from lienvien.prove.report import Claim
from lienvien.world import build
from lienvien.world.running import NotReadyError, RunningWorld
from transport.local_kafka.jars import JarsUnavailableError
from transport.local_kafka.node import LocalKafkaError

FAILED: Final = 1
CANNOT: Final = 3


def run(*, keep_running: bool, folder: Path | None = None, telling: Telling | None = None) -> int:
    """The demonstration; the exit code. ``keep_running`` is the sandbox. Ctrl-C leaves nothing running."""
    for noisy in ("aiokafka", "kafka"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # refused connections while Kafka starts
    telling = telling or Telling()
    place = folder or Path(tempfile.mkdtemp(prefix="lienvien-"))
    telling.heading("TRÌNH DIỄN: mọi người bệnh đều hư cấu", "DEMONSTRATION: every patient is invented")
    telling.say(f"thư mục của lần chạy này: {place}", "folder of this run")
    try:
        return asyncio.run(_run(place, telling, keep_running=keep_running))
    except KeyboardInterrupt:
        telling.say("đã dừng, không còn gì chạy", "stopped, nothing is left running")
        return 130
    except (NotReadyError, StoryStuckError) as error:
        telling.console.print(f"[red]{error}[/]")
        return FAILED
    except (JarsUnavailableError, LocalKafkaError) as error:
        telling.console.print(f"[red]{error}[/]")
        return CANNOT


async def _run(folder: Path, telling: Telling, *, keep_running: bool) -> int:
    world = build.lay_out(folder)
    running = RunningWorld(world, telling.say)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        await running.start()
        scenario = Scenario(world, telling)
        await scenario.play()
        code = await _end(
            world, scenario, telling, {code: folder_digests(s.export) for code, s in world.hospitals.items()}
        )
        if keep_running:
            _invite(running, telling)
            await _run_on(running, stop)
        return code
    finally:
        await running.stop()


async def _run_on(running: RunningWorld, stop: asyncio.Event) -> None:
    keeping = asyncio.create_task(running.keep_kafka())
    try:
        await stop.wait()
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


async def _end(
    world: build.World, scenario: Scenario, telling: Telling, sources: Mapping[str, Mapping[str, str]]
) -> int:
    telling.heading("Kết quả", "what came of it")
    folder = await gather(world, sources)
    transfers = scenario.transfers()
    receipts = write_receipts(folder, {row["case_id"]: row["case_code"] for row in transfers})
    telling.transfers(transfers)
    telling.papers(scenario.papers(receipts))
    telling.heading("Không gửi được, vì sao, ai sửa", "not sent, why, and who must act")
    for code, items in scenario.to_fix().items():
        telling.to_fix(code, items)
    telling.heading(
        "Một tiến trình khác kiểm chứng, không khóa, không cơ sở dữ liệu", "a second process checks, without keys"
    )
    exit_code, rows = await asyncio.to_thread(ask_a_stranger, folder)
    claims = [_claim(row) for row in rows]
    telling.claims(claims)
    if exit_code == 0 and claims:
        telling.say("mọi điều đã nói đều được chứng minh", "everything that was said is proven")
        return 0
    telling.console.print("[red]có điều không được chứng minh / something is not proven[/]")
    return FAILED


def _claim(row: Mapping[str, object]) -> Claim:
    words, count, against = row["claim"], row["count"], row["against"]
    assert isinstance(words, dict)
    assert isinstance(count, int)
    assert isinstance(against, list)
    return Claim(words["vi"], words["en"], 0, count, [*against] if not row["holds"] else [])


def _invite(running: RunningWorld, telling: Telling) -> None:
    telling.heading("Hộp cát đang chạy; Ctrl-C để dừng", "the sandbox is running; Ctrl-C stops it")
    for name, address in running.addresses().items():
        telling.console.print(f"  {name:<12} {address}", soft_wrap=True)
    telling.say("trang của từng bệnh viện: bảng tiếp nhận, gửi đi", "each hospital's pages, by these addresses only")
    for code, site in running.world.hospitals.items():
        door = read_control(load(site.config).folders.data)
        telling.console.print(f"  {code:<12} {enter_address(door)}", soft_wrap=True, markup=False)
    for code, site in running.world.hospitals.items():
        telling.console.print(f"  {code}: thả tệp XML vào / drop XML into {site.export}", soft_wrap=True)
