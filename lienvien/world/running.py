"""The processes of a world: each with its own certificate, folder and database, restarted when it dies."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, Final

from broker.settings import load as load_exchange
from connectors.settings import load as load_connector
from lienvien import control_file, exchange_acts
from lienvien.answering import ENVIRONMENT
from lienvien.supervisor import Supervisor
from lienvien.world import build
from lienvien.world.build import HospitalSite, World
from lienvien.world.facilities import FACILITIES, DemoFacility
from transport.local_kafka.node import LocalKafkaError

_LOOK_AGAIN_S: Final = 0.1
_READY_WITHIN_S: Final = 60.0
_LOOK_AT_KAFKA_S: Final = 1.0

Say = Callable[[str, str], None]  # Vietnamese, English


class NotReadyError(Exception):
    """A process did not answer in time; the text names it and its log."""


class RunningWorld:
    """A world whose processes run under one supervisor."""

    def __init__(self, world: World, say: Say = lambda vi, en: None) -> None:
        self.world = world
        self.restarts: list[tuple[str, int]] = []
        self.supervisor = Supervisor(self._ended, self._left_stopped)
        self._say = say

    async def start(self, facilities: tuple[DemoFacility, ...] = FACILITIES) -> None:
        """Kafka, exchange, admission of every facility that takes part, connectors; returns when all answer."""
        await self.start_kafka()
        build.add_exchange(self.world)
        connected = [facility for facility in facilities if facility.connected]
        await self.admit(connected)
        package = build.welcome(self.world)
        for facility in connected:
            build.add_hospital(self.world, facility, package)
        exchange = asyncio.create_task(self.start_exchange())
        for site in self.world.hospitals.values():
            await self.start_connector(site)
        await asyncio.gather(exchange, *(self.connector_ready(site) for site in self.world.hospitals.values()))

    async def start_kafka(self) -> None:
        """Kafka alone. Its clients' identities come later, so its readiness is waited for in ``admit``."""
        self._say("Khởi động Kafka (mTLS)", "starting Kafka (mutual TLS)")
        await self.world.kafka.start()

    async def keep_kafka(self) -> None:
        """Starts Kafka again whenever it has died, on its folder and ports, until cancelled. For a world that runs on;
        one whose story takes Kafka away does not want it.
        """
        while True:
            await asyncio.sleep(_LOOK_AT_KAFKA_S)
            if self.world.kafka.pid is not None:
                continue
            self._say("Kafka đã dừng, đang khởi động lại", "Kafka has ended and is started again")
            try:
                await self.world.kafka.start()
            except LocalKafkaError as error:
                self._say("Kafka chưa khởi động được", f"Kafka does not start: {error}")

    async def admit(self, facilities: list[DemoFacility]) -> None:
        """The register, then each facility's topics and rights."""
        await self.world.kafka.ready(self.world.link())
        self._say("Kết nạp cơ sở: chủ đề, quyền", "admitting facilities: topics, rights")
        settings = load_exchange(self.world.exchange_config)
        csv = self.world.facilities_csv.read_text("utf-8")
        await exchange_acts.perform(settings, "register", {"csv": csv})
        for facility in facilities:
            await exchange_acts.perform(settings, "facility-add", {"facility": facility.code})

    async def start_exchange(self, name: str = "exchange", *arguments: str) -> None:
        """One worker of the exchange; returns when it answers."""
        self._say("Khởi động trục", "starting the exchange")
        command = _command("exchange", "run", "--config", str(self.world.exchange_config), *arguments)
        await self.supervisor.start(name, command, self.world.folder / "logs" / f"{name}.log")
        data = load_exchange(self.world.exchange_config).folders.data
        await self._answers(name, lambda: control_file.ask(data, "GET", "/health"))

    async def start_connector(self, site: HospitalSite) -> None:
        """One hospital's connector."""
        code = site.facility.code
        self._say(f"Khởi động phần mềm kết nối {code}", f"starting connector {code}")
        command = _command("connector", "run", "--config", str(site.config))
        await self.supervisor.start(f"connector-{code}", command, self.world.folder / "logs" / f"connector-{code}.log")

    async def connector_ready(self, site: HospitalSite) -> dict[str, Any]:
        """Waits until a connector answers and has its link."""
        data = load_connector(site.config).folders.data

        def ready() -> dict[str, Any]:
            status: dict[str, Any] = control_file.ask(data, "GET", "/control/status")
            if not status.get("link", {}).get("connected"):
                raise control_file.NotRunningError
            return status

        status: dict[str, Any] = await self._answers(f"connector-{site.facility.code}", ready)
        return status

    def addresses(self) -> dict[str, str]:
        """Where a browser finds the pages: the operator's, and each hospital's."""
        found = {"operator": control_file.read_control(load_exchange(self.world.exchange_config).folders.data).url}
        for code, site in self.world.hospitals.items():
            found[code] = control_file.read_control(load_connector(site.config).folders.data).url
        return found

    async def stop(self) -> None:
        """Everything, connectors first, Kafka last; a world is made for one run, so Kafka needs no orderly end."""
        await self.supervisor.stop()
        await self.world.kafka.throw_away()

    def _ended(self, name: str, code: int) -> None:
        self.restarts.append((name, code))
        if code != ENVIRONMENT:
            self._say(f"{name} đã dừng, đang khởi động lại", f"{name} has ended and is started again")

    def _left_stopped(self, name: str, sentence: str) -> None:
        self._say(f"{name} đã dừng, cần người xử lý", f"{name} has stopped, a person must act: {sentence}")

    async def _answers(self, name: str, question: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _READY_WITHIN_S
        while loop.time() < give_up:
            try:
                return await asyncio.to_thread(question)
            except (control_file.NotRunningError, control_file.RefusedByProcessError):
                await asyncio.sleep(_LOOK_AGAIN_S)
            unfit = self.supervisor[name].unfit
            if unfit is not None:
                raise NotReadyError(f"{name}: {unfit}")
        log = self.world.folder / "logs" / f"{name}.log"
        raise NotReadyError(f"{name}: chưa sẵn sàng, xem {log}. / is not ready, see {log}.")


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "lienvien", *words]
