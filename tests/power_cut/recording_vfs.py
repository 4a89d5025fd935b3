"""Every write of SQLite, recorded inside the SQLite library that the product itself uses.

Why so. A VFS of apsw reaches only apsw's own copy of SQLite; the product speaks to the ``sqlite3`` module, which is
linked to another library of another version, with other defaults. Tracing the process's system calls would show the
same bytes, but needs a tracer's rights on every machine that runs the tests. So the file layer of *the very library
that* ``sqlite3`` *has loaded* is taken at its door, through ``ctypes``: ``xOpen`` and ``xDelete`` of the default VFS
note and go on to the real ones, and each database or journal file that is opened gets a table of methods in which
``xWrite``, ``xTruncate``, ``xSync`` and ``xClose`` do the same. Everything else, locks included, is the library's own.
The product's connections, pragmas, threads and transactions are thus recorded as they are, with nothing in their place.

A trace of system calls was compared once with this layer: one ``xSync`` of a journal is the flush of the journal and,
as the first after each opening, a flush of its directory, by which the name of a new database becomes durable too; one
``xDelete`` flushes the directory only where SQLite asks for it (``dir_sync``).
"""

import _sqlite3
import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.power_cut.disk import Operation

_OPEN_MAIN_DB: Final = 0x00000100
_OPEN_MAIN_JOURNAL: Final = 0x00000800
_OPEN_WAL: Final = 0x00080000
_OPEN_CREATE: Final = 0x00000004

_POINTER = ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, _POINTER, ctypes.c_int, _POINTER)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, ctypes.c_int)
_CLOSE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", _POINTER),
        ("zName", ctypes.c_char_p),
        ("pAppData", _POINTER),
        ("xOpen", _POINTER),
        ("xDelete", _POINTER),
        *((f"rest{number}", _POINTER) for number in range(15)),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("xClose", _POINTER),
        ("xRead", _POINTER),
        ("xWrite", _POINTER),
        ("xTruncate", _POINTER),
        ("xSync", _POINTER),
        *((f"rest{number}", _POINTER) for number in range(13)),
    )


class _OsFile(ctypes.Structure):
    _fields_ = (("pMethods", ctypes.POINTER(_Methods)),)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something beside the disk: ``opened``, ``begin`` n, ``durable`` n, or an ``effect`` that others saw."""

    what: str
    number: int = 0
    fact: tuple[Any, ...] = ()


@dataclass
class Trace:
    """What happened to one database, in order. ``name``: of its file."""

    name: str
    events: list[Operation | Mark] = field(default_factory=list)
    writes: int = 0
    lying_disk: bool = False  # a flush that is answered and does nothing
    born: set[str] = field(default_factory=set)  # files whose making is in the trace

    def begin(self) -> int:
        """A transaction begins. Returns its number."""
        self.writes += 1
        self.events.append(Mark("begin", self.writes))
        return self.writes

    def durable(self, number: int) -> None:
        """The product says that a transaction is durable."""
        self.events.append(Mark("durable", number))

    def opened(self) -> None:
        """The product has opened the database; from here on its content is judged."""
        self.events.append(Mark("opened"))

    def effect(self, *fact: Any) -> None:
        """Somebody outside has seen something that must be remembered here."""
        self.events.append(Mark("effect", fact=fact))

    @property
    def operations(self) -> int:
        return sum(isinstance(event, Operation) for event in self.events)


@dataclass
class _Open:
    """One open file."""

    name: str
    methods: _Methods
    names_due: bool  # SQLite flushes the directory with the first flush of a journal


class _Recorder:
    """The layer between SQLite and its real VFS. One per process, put in once, recording only while it is told to."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(_sqlite3.__file__)
        try:
            find, register = self._library.sqlite3_vfs_find, self._library.sqlite3_vfs_register
        except AttributeError as missing:
            raise RuntimeError(
                "this Python carries SQLite inside itself: its file layer cannot be recorded"
            ) from missing
        find.restype, find.argtypes = ctypes.POINTER(_Vfs), (ctypes.c_char_p,)
        register.restype, register.argtypes = ctypes.c_int, (ctypes.POINTER(_Vfs), ctypes.c_int)
        self._real = find(None)
        self._folder: bytes | None = None
        self._trace: Trace | None = None
        self._files: dict[int, _Open] = {}
        self._tables: dict[int, tuple[_Methods, dict[str, Callable[..., int]]]] = {}
        self._lock = threading.RLock()
        self._vfs = _Vfs.from_buffer_copy(self._real.contents)
        self._vfs.zName, self._vfs.pNext = b"recording", None
        real = self._real.contents
        self._real_open, self._real_delete = _OPEN(real.xOpen), _DELETE(real.xDelete)
        self._kept = (_OPEN(self._on_open), _DELETE(self._on_delete))
        self._vfs.xOpen = ctypes.cast(self._kept[0], _POINTER)
        self._vfs.xDelete = ctypes.cast(self._kept[1], _POINTER)
        if register(ctypes.byref(self._vfs), 1):
            raise RuntimeError("SQLite did not take the recording layer")
        self._register = register
        register(self._real, 1)  # the default again: until something is recorded, nothing is different

    @contextmanager
    def recording(self, path: Path, trace: Trace) -> Iterator[Trace]:
        """Record what happens to the database at ``path`` and its journal."""
        assert self._trace is None, "one recording at a time"
        self._folder, self._trace = str(path.parent.resolve()).encode() + b"/", trace
        self._register(ctypes.byref(self._vfs), 1)
        try:
            yield trace
        finally:
            self._register(self._real, 1)
            self._folder, self._trace = None, None
            self._let_go()

    def _let_go(self) -> None:
        """Files that are still open get their own methods back: they may outlive this interpreter's last moments."""
        for file, opened in self._files.items():
            ctypes.cast(file, ctypes.POINTER(_OsFile)).contents.pMethods = ctypes.pointer(opened.methods)
        self._files.clear()

    # --- what SQLite calls ------------------------------------------------------------------------------------------

    def _on_open(self, vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        path = ctypes.string_at(name) if name else b""
        watched = self._watched(path, flags)
        is_new = watched is not None and not Path(path.decode()).exists()
        code = int(self._real_open(ctypes.cast(self._real, _POINTER), name, file, flags, out))
        if watched is None or code:
            return code
        with self._lock:
            opened = ctypes.cast(file, ctypes.POINTER(_OsFile)).contents
            is_journal = bool(flags & (_OPEN_MAIN_JOURNAL | _OPEN_WAL)) and bool(flags & _OPEN_CREATE)
            real = opened.pMethods.contents
            self._files[file] = _Open(watched, real, names_due=is_journal)
            opened.pMethods = ctypes.pointer(self._table(real))
            self._meet(watched, is_new=is_new)
        return code

    def _watched(self, path: bytes, flags: int) -> str | None:
        return self._named(path) if flags & (_OPEN_MAIN_DB | _OPEN_MAIN_JOURNAL | _OPEN_WAL) else None

    def _named(self, path: bytes) -> str | None:
        """The name of a file that is recorded: the database itself, its journal or log."""
        if self._folder is None or self._trace is None or not path.startswith(self._folder):
            return None
        name = path.removeprefix(self._folder).decode()
        return name if name.removesuffix("-journal").removesuffix("-wal") == self._trace.name else None

    def _meet(self, name: str, *, is_new: bool) -> None:
        """Note the making of a file: by SQLite, or, of the database's file, by the product a moment before."""
        assert self._trace is not None
        if is_new or name not in self._trace.born:
            self._trace.born.add(name)
            self._note("create", name)

    def _table(self, real: _Methods) -> _Methods:
        key = ctypes.addressof(real)
        if key not in self._tables:
            table = _Methods.from_buffer_copy(real)
            calls: dict[str, Callable[..., int]] = {
                "xClose": _CLOSE(self._on_close),
                "xWrite": _WRITE(self._on_write),
                "xTruncate": _TRUNCATE(self._on_truncate),
                "xSync": _SYNC(self._on_sync),
            }
            for name, call in calls.items():
                setattr(table, name, ctypes.cast(call, _POINTER))  # type: ignore[arg-type]
            self._tables[key] = (table, calls)
        return self._tables[key][0]

    def _on_close(self, file: int) -> int:
        opened = self._files.pop(file)
        return int(_CLOSE(opened.methods.xClose)(file))

    def _on_write(self, file: int, data: int, amount: int, offset: int) -> int:
        opened = self._files[file]
        code = int(_WRITE(opened.methods.xWrite)(file, data, amount, offset))
        if not code:
            self._note("write", opened.name, offset, ctypes.string_at(data, amount))
        return code

    def _on_truncate(self, file: int, size: int) -> int:
        opened = self._files[file]
        code = int(_TRUNCATE(opened.methods.xTruncate)(file, size))
        if not code:
            self._note("truncate", opened.name, size)
        return code

    def _on_sync(self, file: int, flags: int) -> int:
        opened = self._files[file]
        code = int(_SYNC(opened.methods.xSync)(file, flags))
        if not code and self._trace is not None and not self._trace.lying_disk:
            self._note("flush", opened.name)
            if opened.names_due:
                opened.names_due = False
                self._note("flush-names", ".")
        return code

    def _on_delete(self, vfs: int, name: int, flush_names: int) -> int:
        code = int(self._real_delete(ctypes.cast(self._real, _POINTER), name, flush_names))
        gone = self._named(ctypes.string_at(name))
        if not code and gone is not None and self._trace is not None:
            self._trace.born.discard(gone)
            self._note("unlink", gone)
            if flush_names and not self._trace.lying_disk:
                self._note("flush-names", ".")
        return code

    def _note(self, what: str, name: str, offset: int = 0, data: bytes = b"") -> None:
        if self._trace is not None:
            self._trace.events.append(Operation(what, name, offset, data))


@cache
def _recorder() -> _Recorder:
    return _Recorder()


@contextmanager
def recording(path: Path, trace: Trace) -> Iterator[Trace]:
    """Record every change of the SQLite database at ``path`` that this process makes through ``sqlite3``."""
    with _recorder().recording(path, trace):
        yield trace
