"""A disk that forgets: which bytes and names are durable, which only lie in a cache, and what a cut may leave of those.

The model, which is wider than what file systems in use do:

* a write or truncate of a file is durable once that file was flushed; before, any subset of what is pending may have
  reached the disk, in any order, and one write may be torn at any boundary of 512 bytes;
* a name made, changed or removed is durable once its *directory* was flushed; of the pending changes of one directory
  the first so-and-so-many may have reached the disk (metadata is journalled in order), each directory for itself;
* a rename into another directory is atomic as it always is: the old name is never gone before the new one is there.
"""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

SECTOR: Final = 512


class Kind(StrEnum):
    """What became of everything that was not flushed."""

    NOTHING = "nothing"  # none of it arrived
    EVERYTHING = "everything"  # all of it: what the death of the process alone leaves
    SUBSET = "subset"  # some writes, whatever their order
    TORN = "torn"  # some writes, one of them in part
    NAMES = "names"  # contents complete, names of files as they were before: made, renamed or removed and not durable
    CONTENTS = "contents"  # names complete, contents as they were


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that was asked of the disk. ``data`` of a rename is the new path."""

    what: str  # create, write, truncate, flush, unlink, rename, mkdir, rmdir, flush-names
    path: str
    offset: int = 0
    data: bytes = b""

    @property
    def target(self) -> str:
        return self.data.decode()


@dataclass
class File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list)


@dataclass
class _Change:
    """A pending change of a directory: ``inode`` None removes the name. ``only_after``: the other half of a rename."""

    name: str
    inode: "File | Folder | None"
    only_after: "tuple[Folder, _Change] | None" = None


@dataclass
class Folder:
    durable: "dict[str, File | Folder]" = field(default_factory=dict)
    now: "dict[str, File | Folder]" = field(default_factory=dict)
    pending: list[_Change] = field(default_factory=list)


Image = dict[str, bytes | None]  # path → content; None is a folder


class Disk:
    """Plays recorded operations, and builds images of what a cut now would leave."""

    def __init__(self) -> None:
        self.root = Folder()

    @classmethod
    def holding(cls, image: "Image") -> "Disk":
        """A disk of files of one folder, all of it durable."""
        disk = cls()
        for name, content in image.items():
            if content is not None:
                disk.root.durable[name] = disk.root.now[name] = File(bytearray(content))
        return disk

    @property
    def is_settled(self) -> bool:
        """Nothing is pending: a cut leaves exactly what is there."""
        return not any(inode.pending for inode in _inodes(self.root))

    def play(self, operation: Operation) -> None:
        """Do one recorded operation."""
        what, path = operation.what, operation.path
        if what in ("write", "truncate"):
            self._file(path).pending.append(operation)
        elif what == "flush":
            _flush(self._file(path))
        elif what == "flush-names":
            _flush_names(self._folder(path))
        elif what in ("create", "mkdir"):
            folder, name = self._parent(path)
            _change(folder, _Change(name, File() if what == "create" else Folder()))
        elif what in ("unlink", "rmdir"):
            folder, name = self._parent(path)
            _change(folder, _Change(name, None))
        elif what == "rename":
            self._rename(path, operation.target)
        else:
            raise ValueError(what)

    def image(self, kind: Kind, chance: random.Random) -> Image:
        """What is on the disk when power comes back."""
        found: Image = {}
        _draw(self.root, "", kind, chance, found, _arrived(self.root, kind, chance))
        return found

    def _rename(self, old: str, new: str) -> None:
        (source, name), (target, new_name) = self._parent(old), self._parent(new)
        inode = source.now[name]
        appears = _Change(new_name, inode)
        if source is target:
            source.now.pop(name)
            source.now[new_name] = inode
            source.pending += [_Change(name, None, only_after=(source, appears)), appears]
            return
        _change(target, appears)
        _change(source, _Change(name, None, only_after=(target, appears)))

    def _parent(self, path: str) -> tuple[Folder, str]:
        pure = PurePosixPath(path)
        return self._folder(str(pure.parent)), pure.name

    def _folder(self, path: str) -> Folder:
        folder = self.root
        for part in PurePosixPath(path).parts:
            below = folder.now[part]
            assert isinstance(below, Folder)
            folder = below
        return folder

    def _file(self, path: str) -> File:
        folder, name = self._parent(path)
        file = folder.now[name]
        assert isinstance(file, File)
        return file

    def has(self, path: str) -> bool:
        """Whether the name is there now."""
        folder, name = self._parent(path)
        return name in folder.now

    def content(self, path: str) -> bytes:
        """What a process that is alive reads now."""
        file = self._file(path)
        return bytes(_applied(file.durable, file.pending))


def _inodes(folder: Folder) -> "list[File | Folder]":
    found: list[File | Folder] = [folder]
    for inode in {id(one): one for one in (*folder.now.values(), *folder.durable.values())}.values():
        found += _inodes(inode) if isinstance(inode, Folder) else [inode]
    return found


def _change(folder: Folder, change: _Change) -> None:
    if change.inode is None:
        folder.now.pop(change.name)
    else:
        folder.now[change.name] = change.inode
    folder.pending.append(change)


def _flush(file: File) -> None:
    for operation in file.pending:
        _apply(file.durable, operation.what, operation.offset, operation.data)
    file.pending.clear()


def _flush_names(folder: Folder) -> None:
    for change in folder.pending:
        if change.only_after is not None and change.only_after[0] is not folder:
            other, appears = change.only_after  # a rename goes to the disk whole: its new name with its old one
            if appears in other.pending:
                upto = other.pending.index(appears) + 1
                for earlier in other.pending[:upto]:
                    _make_durable(other, earlier)
                del other.pending[:upto]
        _make_durable(folder, change)
    folder.pending.clear()


def _make_durable(folder: Folder, change: _Change) -> None:
    if change.inode is None:
        folder.durable.pop(change.name, None)
    else:
        folder.durable[change.name] = change.inode


def _applied(durable: bytearray, pending: list[Operation]) -> bytearray:
    content = bytearray(durable)
    for operation in pending:
        _apply(content, operation.what, operation.offset, operation.data)
    return content


def _apply(content: bytearray, what: str, offset: int, data: bytes) -> None:
    if what == "truncate":
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


# --- drawing lots ------------------------------------------------------------------------------------------------


def _arrived(root: Folder, kind: Kind, chance: random.Random) -> dict[int, int]:
    """How many of each folder's pending changes of names have arrived, by the folder's identity."""
    folders = [inode for inode in _inodes(root) if isinstance(inode, Folder)]
    if kind in (Kind.EVERYTHING, Kind.CONTENTS):
        return {id(folder): len(folder.pending) for folder in folders}
    if kind is Kind.NOTHING:
        return {id(folder): 0 for folder in folders}
    return {id(folder): chance.randint(0, len(folder.pending)) for folder in folders}


def _names(folder: Folder, arrived: dict[int, int]) -> "dict[str, File | Folder]":
    """The names in a folder after the cut."""
    names = dict(folder.durable)
    for change in folder.pending[: arrived[id(folder)]]:
        if change.inode is not None:
            names[change.name] = change.inode
        elif change.only_after is None or _has_arrived(change.only_after, arrived):
            names.pop(change.name, None)
    return names


def _has_arrived(half: "tuple[Folder, _Change]", arrived: dict[int, int]) -> bool:
    folder, change = half
    if change not in folder.pending:
        return True
    return folder.pending.index(change) < arrived[id(folder)]


def _draw(folder: Folder, path: str, kind: Kind, chance: random.Random, found: Image, arrived: dict[int, int]) -> None:
    for name, inode in _names(folder, arrived).items():
        place = f"{path}{name}"
        if isinstance(inode, File):
            found[place] = _content(inode, kind, chance)
            continue
        found[place] = None
        if id(inode) not in arrived:  # reached only by a name that is gone by now
            arrived[id(inode)] = len(inode.pending) if kind in (Kind.EVERYTHING, Kind.CONTENTS) else 0
        _draw(inode, f"{place}/", kind, chance, found, arrived)


def _content(file: File, kind: Kind, chance: random.Random) -> bytes:
    if not file.pending or kind in (Kind.NOTHING, Kind.CONTENTS):
        return bytes(file.durable)
    if kind in (Kind.EVERYTHING, Kind.NAMES):
        return bytes(_applied(file.durable, file.pending))
    content = bytearray(file.durable)
    share = chance.choice((0.15, 0.5, 0.85))
    torn = chance.randrange(len(file.pending)) if kind is Kind.TORN else -1
    for place, operation in enumerate(file.pending):
        if place == torn and operation.what == "write":
            _tear(content, operation, chance)
        elif chance.random() < share:
            _apply(content, operation.what, operation.offset, operation.data)
    return bytes(content)


def _tear(content: bytearray, operation: Operation, chance: random.Random) -> None:
    """Some of the sectors that one write touches."""
    begin, end = operation.offset, operation.offset + len(operation.data)
    while begin < end:
        stop = min(end, (begin // SECTOR + 1) * SECTOR)
        if chance.random() < 0.5:
            _apply(content, "write", begin, operation.data[begin - operation.offset : stop - operation.offset])
        begin = stop
