"""One real Kafka node on this machine: format, start, ready, stop, kill."""

import asyncio
import base64
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from transport.child_process import end, ended, kill, spawn
from transport.free_ports import free_ports
from transport.kafka import KafkaLink
from transport.local_kafka import java
from transport.local_kafka.jars import Progress, cache_folder, ensure_jars
from transport.local_kafka.properties import NodePlace, node_settings, render

_FORMAT_WITHIN_S: Final = 60.0
_STOP_PATIENCE_S: Final = 30.0
_STOP_AND_WRITE_CLASSES_PATIENCE_S: Final = 120.0
_ASK_AGAIN_AFTER_S: Final = 0.1
_ONE_ANSWER_MS: Final = 3_000


class LocalKafkaError(Exception):
    """Kafka did not start or ended; the text names its log, in Vietnamese and English."""

    def __init__(self, what_vi: str, what_en: str, log: Path) -> None:
        super().__init__(f"Kafka {what_vi}; xem {log}. / Kafka {what_en}; see {log}.")


class LocalKafka:
    """A single node with mutual TLS on every listener, the standard authorizer and default deny, on free ports.

    ``folder`` keeps its data, log, settings and process id. ``identity`` is the node's key and certificate in one PEM
    file (server and client use, SAN localhost), ``ca`` the authority of everybody. Ports are chosen at the first start
    and kept over restarts of the same object.
    """

    def __init__(
        self, folder: Path, *, identity: Path, ca: Path, cache: Path | None = None, class_cache: bool = True
    ) -> None:
        self._folder = folder.resolve()
        self._identity = identity.resolve()
        self._ca = ca.resolve()
        self._cache = cache or cache_folder()
        self._classes = java.ClassCache(self._cache) if class_cache else None
        self._unfinished: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: tuple[int, int] | None = None
        self._class_path = ""

    @property
    def bootstrap(self) -> str:
        """``localhost:<port>``, for clients. Raises RuntimeError before the first start."""
        if self._ports is None:
            raise RuntimeError("not started yet")
        return f"localhost:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """What Kafka itself has to say, refused requests among it."""
        return self._folder / "kafka.log"

    async def start(self, progress: Progress = lambda done, total: None) -> None:
        """Fetch what is missing, format an empty folder, start the process. Call ``ready`` next.

        From the main thread. Raises JarsUnavailableError, LocalKafkaError.
        """
        if self.pid is not None:
            raise RuntimeError("already running")
        self._folder.mkdir(parents=True, exist_ok=True)
        jars = await asyncio.to_thread(ensure_jars, self._cache, progress)
        self._class_path = os.pathsep.join(map(str, jars))
        settings = self._write_settings()
        await self._format(settings)
        self._process = spawn(
            self._java(java.server_options(), self._class_options(), "kafka.Kafka", str(settings)),
            log=self.log,
            if_we_die=signal.SIGKILL,  # certain, and it recovers from worse
            environment=java.environment(),
        )
        (self._folder / "kafka.pid").write_text(f"{self._process.pid}\n", encoding="ascii")

    async def ready(self, admin: KafkaLink, limit_s: float = 60.0) -> float:
        """Wait for the first answer of the cluster to the administrator; returns the seconds it took.

        Raises LocalKafkaError when the process ends or stays silent for ``limit_s`` seconds.
        """
        began = time.monotonic()
        if not await wait_until_ready(admin, limit_s, lambda: self.pid is not None):
            if self.pid is None:
                raise LocalKafkaError("đã dừng ngay khi khởi động", "ended while it started", self.log)
            raise LocalKafkaError("không trả lời", "does not answer", self.log)
        return time.monotonic() - began

    async def stop(self) -> None:
        """Orderly end; by force when it takes too long. The first one of a new set of jars also writes the class
        cache.
        """
        if self._process is None:
            return
        patience = _STOP_AND_WRITE_CLASSES_PATIENCE_S if self._unfinished else _STOP_PATIENCE_S
        await end(self._process, signal.SIGTERM, patience)
        self._process = None
        if self._classes and self._unfinished:
            self._classes.keep(self._unfinished)
            self._unfinished = None

    async def throw_away(self) -> None:
        """End it at once when nobody needs its data any more; orderly only when that still fills the class cache."""
        if self._unfinished:
            await self.stop()
        else:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would (kill -9)."""
        if self._process is not None:
            kill(self._process)
            self._process = None
            self._unfinished = None

    def _write_settings(self) -> Path:
        if self._ports is None:
            port, controller_port = free_ports(2)
            self._ports = (port, controller_port)
        place = NodePlace(
            data=self._data.as_posix(),
            identity=self._identity.as_posix(),
            ca=self._ca.as_posix(),
            port=self._ports[0],
            controller_port=self._ports[1],
        )
        settings = self._folder / "server.properties"
        settings.write_text(render(node_settings(place)), encoding="ascii")
        return settings

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    async def _format(self, settings: Path) -> None:
        if (self._data / "meta.properties").exists():  # a second format, with another id, is an error
            return
        classes = self._classes.reading() if self._classes else []
        format_it = ("kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(settings))
        command = self._java(java.tool_options(), classes, *format_it)
        process = spawn(command, log=self.log, environment=java.environment())
        if not await ended(process, _FORMAT_WITHIN_S) or process.returncode != 0:
            kill(process)
            raise LocalKafkaError("không chuẩn bị được thư mục dữ liệu", "could not format its folder", self.log)

    def _java(self, options: list[str], classes: list[str], *program: str) -> list[str]:
        return [java.java(), *options, *classes, "-cp", self._class_path, *program]

    def _class_options(self) -> list[str]:
        if self._classes is None:
            return []
        if self._classes.usable:
            return self._classes.reading()
        self._unfinished = self._classes.unfinished(os.getpid())
        return self._classes.writing(self._unfinished)


async def wait_until_ready(admin: KafkaLink, limit_s: float, runs: Callable[[], bool] = lambda: True) -> bool:
    """True with the first answer of the cluster over mutual TLS; False when ``runs`` says no, or after ``limit_s``."""
    give_up = time.monotonic() + limit_s
    while runs() and time.monotonic() < give_up:
        if await _answers(admin):
            return True
        await asyncio.sleep(_ASK_AGAIN_AFTER_S)
    return False


async def _answers(link: KafkaLink) -> bool:
    admin = AIOKafkaAdminClient(**{**link.options(), "request_timeout_ms": _ONE_ANSWER_MS})
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):  # refused, not registered yet, no controller yet
        return False
    finally:
        await admin.close()


def _cluster_id() -> str:
    """22 characters of URL-safe base64; a leading hyphen would be read as an option."""
    return "L" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii")[1:22]
