"""A real PostgreSQL server on this machine, for tests and the benchmark: found or installed, never as root, no TCP
port.

It listens on a Unix socket in its own folder, which only its user may enter. ``fsync`` and ``synchronous_commit``
stay on: what it confirms must survive its death, or the tests on it would prove nothing.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from transport.child_process import RunAs, end, ended, kill, spawn

USER: Final = "lienvien"
_INSTALLED_BY_DEBIAN: Final = Path("/usr/lib/postgresql")
_UNPRIVILEGED: Final = ("postgres", "nobody")  # who runs it when we are root, the first that exists
_INITDB_WITHIN_S: Final = 120.0
_READY_WITHIN_S: Final = 60.0
_STOP_PATIENCE_S: Final = 30.0
_APT_WITHIN_S: Final = 600.0
_ASK_AGAIN_AFTER_S: Final = 0.05

SETTINGS: Final = {
    "listen_addresses": "",  # the socket alone
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "log_error_verbosity": "terse",  # no DETAIL: it quotes values
    "log_min_error_statement": "panic",  # nor the statement of an error
    "log_statement": "none",
    "timezone": "UTC",
}


class PostgresqlUnavailableError(Exception):
    """No server can be had here; the text says why and what to do, in Vietnamese and English."""


def find_programs() -> Path | None:
    """The folder that holds ``initdb`` and ``postgres``: from PATH, else the newest that Debian's packages
    installed.
    """
    on_path = [Path(found).resolve().parent for name in ("initdb", "postgres") if (found := shutil.which(name))]
    packaged = sorted(_INSTALLED_BY_DEBIAN.glob("*/bin"), key=_version_of, reverse=True)
    for folder in [*on_path, *packaged]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def install() -> None:
    """Install the distribution's package through apt; only root can. Raises PostgresqlUnavailableError."""
    if shutil.which("apt-get") is None or not _is_root():
        raise PostgresqlUnavailableError(
            "Chưa có PostgreSQL và không tự cài được (cần quyền root và apt). "
            "/ PostgreSQL is not installed and cannot be installed from here (that needs root and apt)."
        )
    _make_no_cluster_of_its_own()
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
        _apt_get(*command)


def ensure_programs() -> Path:
    """The programs' folder, installing them if need be. Raises PostgresqlUnavailableError."""
    folder = find_programs()
    if folder is None:
        install()
        folder = find_programs()
    if folder is None:
        raise PostgresqlUnavailableError("Đã cài nhưng không thấy initdb. / Installed, but initdb is not to be found.")
    return folder


class LocalPostgresql:
    """One server. ``folder`` must be reachable for an unprivileged user when we are root; by default a new one is made
    in the system's temporary folder, and removed at the end.
    """

    def __init__(self, folder: Path | None = None, *, programs: Path | None = None) -> None:
        self._own_folder = folder is None
        self._folder = (folder or Path(tempfile.mkdtemp(prefix="lv-pg-"))).resolve()
        self._programs = programs
        self._run_as = _unprivileged_user() if _is_root() else None
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """The server's log: no statements, no values."""
        return self._folder / "postgresql.log"

    def url(self, database: str = "postgres") -> str:
        """``postgresql://…``, as psycopg takes it; for SQLAlchemy replace the scheme by ``postgresql+psycopg``."""
        return f"postgresql://{USER}@/{database}?host={self._folder}"

    async def start(self) -> None:
        """Make the cluster if the folder holds none, start, and wait for the first answer. From the main thread.

        Raises PostgresqlUnavailableError.
        """
        if self._programs is None:
            self._programs = await asyncio.to_thread(ensure_programs)
        programs = self._programs
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._run_as:
            os.chown(self._folder, self._run_as.user, self._run_as.group)
        self._folder.chmod(0o700)
        await self._initialise(programs)
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        self._process = spawn(
            [str(programs / "postgres"), "-D", str(self._data), "-k", str(self._folder), *options],
            log=self.log,
            if_we_die=signal.SIGINT,  # roll back, disconnect everybody, end
            run_as=self._run_as,
        )
        await self._ready()

    async def new_database(self) -> str:
        """An empty database of its own; returns its URL."""
        self._databases += 1
        name = f"test_{os.getpid()}_{self._databases}"
        async with await psycopg.AsyncConnection.connect(self.url(), autocommit=True) as connection:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    async def stop(self) -> None:
        """Orderly end (connections are cut), by force when it takes too long; a folder made here is removed."""
        if self._process is not None:
            await end(self._process, signal.SIGINT, _STOP_PATIENCE_S)
            self._process = None
        if self._own_folder:
            await asyncio.to_thread(shutil.rmtree, self._folder, True)

    def kill(self) -> None:
        """End postmaster and every backend at once, as a crash would (kill -9); ``start`` then recovers."""
        if self._process is None:
            return
        backends = _children_of(self._process.pid)  # each leads a process group of its own
        kill(self._process)
        for backend in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)
        self._process = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    async def _initialise(self, programs: Path) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        command = [str(programs / "initdb"), "-D", str(self._data), "-U", USER, "--auth=trust", "--encoding=UTF8"]
        process = spawn([*command, "--no-locale", "--data-checksums", "--no-sync"], log=self.log, run_as=self._run_as)
        if not await ended(process, _INITDB_WITHIN_S) or process.returncode != 0:
            kill(process)
            raise self._failed("không tạo được cụm dữ liệu", "could not make its cluster")

    async def _ready(self) -> None:
        give_up = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < give_up:
            if self.pid is None:
                raise self._failed("đã dừng khi khởi động", "ended while it started")
            if await asyncio.to_thread(_answers, self.url()):
                return
            await asyncio.sleep(_ASK_AGAIN_AFTER_S)
        raise self._failed("không trả lời", "does not answer")

    def _failed(self, vi: str, en: str) -> PostgresqlUnavailableError:
        return PostgresqlUnavailableError(f"PostgreSQL {vi}; xem {self.log}. / PostgreSQL {en}; see {self.log}.")


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() is not None
    except psycopg.OperationalError:  # not listening yet, or still recovering
        return False


def _unprivileged_user() -> RunAs:
    import pwd  # noqa: PLC0415  there is no such module on Windows

    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return RunAs(entry.pw_uid, entry.pw_gid)
    raise PostgresqlUnavailableError(
        "Không có người dùng thường nào để chạy PostgreSQL. / There is no unprivileged user to run PostgreSQL as."
    )


def _is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


def _version_of(folder: Path) -> int:
    match = re.search(r"(\d+)/bin$", folder.as_posix())
    return int(match.group(1)) if match else 0


def _make_no_cluster_of_its_own() -> None:
    """Debian's package would make a cluster and start it; one line of configuration, written before, prevents that."""
    configuration = Path("/etc/postgresql-common/createcluster.conf")
    if not configuration.exists():
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text("create_main_cluster = false\n", encoding="ascii")


def _apt_get(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            ["apt-get", "--quiet", *arguments],  # noqa: S607  found by PATH, as root's shell would
            check=True,
            capture_output=True,
            env=environment,
            timeout=_APT_WITHIN_S,
        )
    except (OSError, subprocess.SubprocessError) as cause:
        raise PostgresqlUnavailableError(
            f"apt-get {arguments[0]} không thành công nên không có PostgreSQL. "
            f"/ apt-get {arguments[0]} failed, so there is no PostgreSQL."
        ) from cause


def _children_of(pid: int) -> list[int]:
    """Direct children, as Linux lists them; empty elsewhere."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []
