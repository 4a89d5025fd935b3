"""The jars of Kafka: pinned by coordinate and digest, fetched one by one, kept in a cache of the user.

jgo knows where jars are published and what mirror the user has set, so no address stands here. It resolves nothing: the
lock is the whole list. A jar whose digest differs from the lock is never used.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from jgo.maven import MavenContext

LOCK: Final = Path(__file__).with_name("jars.lock")
CACHE_VARIABLE: Final = "LIENVIEN_CACHE"
_DOWNLOADS_AT_ONCE: Final = 8
_TIMEOUT_S: Final = 60  # one answer of the registry
# Java's class cache remembers the jars' times; a fixed one keeps it valid when a jar is fetched again.
_MTIME: Final = 315_532_800  # 1980-01-01, the oldest time a zip archive knows

Progress = Callable[[int, int], None]  # (bytes done, bytes in all)


class JarsUnavailableError(Exception):
    """A jar could not be fetched or is not the one in the lock; the text says so in Vietnamese and English."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock. ``size`` in bytes."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def read_lock(text: str) -> tuple[Jar, ...]:
    """The jars of a lock file, in its order. Raises ValueError for a line that is not of its form."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, sha256, size = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, sha256, int(size)))
    return tuple(jars)


def cache_folder() -> Path:
    """Where downloads are kept: ``LIENVIEN_CACHE``, else the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lienvien"


def ensure_jars(cache: Path, progress: Progress = lambda done, total: None, *, lock: Path = LOCK) -> list[Path]:
    """Paths of all jars, in class path order; what the cache lacks is fetched first. Every digest is checked every
    time.

    ``progress`` is called from other threads, one call at a time. Raises JarsUnavailableError.
    """
    jars = read_lock(lock.read_text(encoding="utf-8"))
    folder = cache / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    tally = _Tally(sum(jar.size for jar in jars), progress)
    with (
        tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as staging,
        ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool,
    ):
        maven = MavenContext(repo_cache=Path(staging), timeout=_TIMEOUT_S)
        return list(pool.map(lambda jar: _ensure_one(jar, folder, maven, tally), jars))


def jar_set_digest(lock: Path = LOCK) -> str:
    """A name for this exact class path: changes with any jar and with their order."""
    jars = read_lock(lock.read_text(encoding="utf-8"))
    return hashlib.sha256("".join(jar.sha256 for jar in jars).encode("ascii")).hexdigest()[:16]


@dataclass
class _Tally:
    total: int
    progress: Progress
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress(self.done, self.total)


def _ensure_one(jar: Jar, folder: Path, maven: MavenContext, tally: _Tally) -> Path:
    kept = folder / jar.file_name
    if not (kept.exists() and _sha256(kept) == jar.sha256):
        _fetch(jar, kept, maven)
    tally.add(jar.size)
    return kept


def _fetch(jar: Jar, kept: Path, maven: MavenContext) -> None:
    """Fetch to the staging folder, check, then put in place in one step: two programs may do so at once."""
    try:
        fetched = Path(maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
    except Exception as cause:  # jgo and requests raise many kinds; all mean the same here
        raise JarsUnavailableError(
            f"Không tải được {jar.file_name}; cần mạng hoặc kho gương Maven cho lần chạy đầu. "
            f"/ {jar.file_name} cannot be fetched; the first run needs the network or a Maven mirror."
        ) from cause
    if _sha256(fetched) != jar.sha256:
        raise JarsUnavailableError(
            f"{jar.file_name} tải về khác mã băm đã khóa nên không được dùng. "
            f"/ {jar.file_name} as fetched differs from the locked digest and is not used."
        )
    os.utime(fetched, (_MTIME, _MTIME))
    fetched.replace(kept)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
