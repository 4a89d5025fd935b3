"""Checks an export against signed checkpoints, with nothing else at hand; says which leaf is the first bad one.

The recipe:

1. every checkpoint is signed by the log's key, and no size has two roots;
2. the export is whole: its lines are those of indices 0 to size - 1, each of the one form;
3. an opened leaf hashes to what its line says, holds a canonical entry of the closed list, and stands there once;
4. the root over the first n leaves is the root of the checkpoint of size n, for every checkpoint;
5. the last checkpoint covers the whole export, unless the caller says otherwise.

Where the log was rewritten with matching hashes, only step 4 fails, and the first bad leaf lies between two
checkpoints; ``first_difference`` against any other export of the same log (a hospital's, last week's) names it exactly.

With files: ``verify_export(open(export, "rb"), split_notes(checkpoints.read_bytes()), NoteVerifier.decode(key))``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from broker.audit.checkpoint import open_checkpoint
from broker.audit.entry import SALT_BYTES, leaf_hash, read_entry
from broker.audit.export import FORMAT, VERSION
from broker.audit.merkle import EMPTY_ROOT, HASH_BYTES, Frontier
from broker.audit.note import NoteError, NoteVerifier

LINE_MAX_BYTES: Final = 16 * 1024  # an entry is a few hundred bytes


class AuditFaultError(Exception):
    """The export or a checkpoint is not what it claims.

    ``first_bad`` is the index of the first bad leaf, where the export alone shows it; after a root that differs,
    ``first_bad`` is the first index that may be bad and ``last_bad`` the last.
    """

    def __init__(self, why: str, first_bad: int | None = None, last_bad: int | None = None) -> None:
        where = "" if first_bad is None else f" (leaf {first_bad}{'' if last_bad is None else f' to {last_bad}'})"
        super().__init__(why + where)
        self.why, self.first_bad, self.last_bad = why, first_bad, last_bad


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was verified. ``opened`` leaves showed their entry; ``covered`` is the size of the largest checkpoint."""

    log: str
    reader: str
    size: int
    root: bytes
    opened: int
    checkpoints: tuple[int, ...]
    covered: int
    actions: Mapping[str, int]


@dataclass(slots=True)
class _Progress:
    """What is carried from line to line."""

    frontier: Frontier = field(default_factory=Frontier)
    opened: int = 0
    verified: list[int] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    actions: dict[str, int] = field(default_factory=dict)


def verify_export(
    lines: Iterable[bytes], checkpoints: Iterable[bytes], verifier: NoteVerifier, *, allow_uncovered: bool = False
) -> ExportReport:
    """Recomputes the tree of an export and compares it with every checkpoint given (one at least).

    Args:
        lines: the export, line by line.
        checkpoints: signed notes in any order.
        verifier: the log's key, from a source that is not the operator's export.
        allow_uncovered: leaves after the largest checkpoint are no fault (the log is written all the time).

    Raises:
        AuditFaultError: something is wrong; the first thing found.
    """
    heads = _heads(checkpoints, verifier)  # 1
    source = iter(lines)
    header = _header(next(source, b""), verifier)  # 2
    progress = _Progress()
    _compare(progress, heads)
    for line in source:
        _take(line, header["size"], progress)  # 2, 3
        _compare(progress, heads)  # 4
    size, covered = progress.frontier.size, max(heads)
    if size != header["size"] or covered > size:
        raise AuditFaultError("the export ends too early", first_bad=size)
    if covered < size and not allow_uncovered:  # 5
        raise AuditFaultError("no checkpoint covers the last leaves", first_bad=covered, last_bad=size - 1)
    root, verified = progress.frontier.root(), tuple(progress.verified)
    return ExportReport(
        header["log"], header["reader"], size, root, progress.opened, verified, covered, progress.actions
    )


def first_difference(export: Iterable[bytes], other: Iterable[bytes]) -> int | None:
    """The first index whose leaf differs between two exports of one log; None where the shorter is a prefix."""
    for index, (mine, theirs) in enumerate(zip(_leaves(export), _leaves(other), strict=False)):
        if mine != theirs:
            return index
    return None


def _heads(checkpoints: Iterable[bytes], verifier: NoteVerifier) -> dict[int, bytes]:
    heads: dict[int, bytes] = {}
    for note in checkpoints:
        try:
            checkpoint = open_checkpoint(note, verifier)
        except NoteError as error:
            raise AuditFaultError(f"a checkpoint is not accepted: {error}") from None
        if heads.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            raise AuditFaultError(f"two roots are signed for the size {checkpoint.size}: the log has two histories")
    if not heads:
        raise AuditFaultError("there is no checkpoint to compare with")
    return heads


def _header(line: bytes, verifier: NoteVerifier) -> dict[str, Any]:
    header = _object(line, None)
    if header.keys() != {"format", "version", "log", "size", "reader"} or header["format"] != FORMAT:
        raise AuditFaultError("the first line is not that of an audit export")
    if header["version"] != VERSION or type(header["size"]) is not int or not isinstance(header["reader"], str):
        raise AuditFaultError("the first line is not that of an audit export")
    if header["log"] != verifier.name:
        raise AuditFaultError("the export is another log's")
    return header


def _take(line: bytes, size: int, progress: _Progress) -> None:
    """One leaf: its form, its place, its hash, its entry."""
    index = progress.frontier.size
    if index >= size:
        raise AuditFaultError("the export has more leaves than its size", first_bad=index)
    members = _object(line, index)
    if members.get("index") != index or members.keys() not in ({"index", "leaf"}, {"index", "leaf", "salt", "entry"}):
        raise AuditFaultError("a leaf is missing, out of order or malformed", first_bad=index)
    leaf = _hex(members["leaf"], HASH_BYTES, index)
    if leaf in progress.seen:
        raise AuditFaultError("one entry has two numbers", first_bad=index)
    if "entry" in members:
        action = _opened(members, leaf, index)
        progress.opened += 1
        progress.actions[action] = progress.actions.get(action, 0) + 1
    progress.seen.add(leaf)
    progress.frontier = progress.frontier.extended((leaf,))


def _opened(members: Mapping[str, Any], leaf: bytes, index: int) -> str:
    salt, text = _hex(members["salt"], SALT_BYTES, index), members["entry"]
    if not isinstance(text, str):
        raise AuditFaultError("an entry is not a text", first_bad=index)
    if leaf_hash(text.encode(), salt) != leaf:
        raise AuditFaultError("an entry does not have the hash of its leaf", first_bad=index)
    try:
        return str(read_entry(text.encode())["action"])
    except ValueError:
        raise AuditFaultError("an entry is not of the closed form", first_bad=index) from None


def _compare(progress: _Progress, heads: Mapping[int, bytes]) -> None:
    size = progress.frontier.size
    expected = heads.get(size)
    if expected is None:
        return
    if (progress.frontier.root() if size else EMPTY_ROOT) != expected:
        good = progress.verified[-1] if progress.verified else 0
        raise AuditFaultError("the root differs from the signed checkpoint", first_bad=good, last_bad=max(size - 1, 0))
    progress.verified.append(size)


def _object(line: bytes, index: int | None) -> dict[str, Any]:
    try:
        value = orjson.loads(line) if len(line) <= LINE_MAX_BYTES else None
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise AuditFaultError("a line is not a JSON object", first_bad=index)
    return value


def _hex(value: object, length: int, index: int) -> bytes:
    if isinstance(value, str) and len(value) == 2 * length and value == value.lower():
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise AuditFaultError("a hash or salt is malformed", first_bad=index)


def _leaves(export: Iterable[bytes]) -> Iterator[bytes]:
    source = iter(export)
    _object(next(source, b""), None)
    for index, line in enumerate(source):
        yield _hex(_object(line, index).get("leaf"), HASH_BYTES, index)
