"""The real folder: what is listed, what is never opened, and that reading leaves no trace."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.sources.folder import FolderSource, SourceFile
from connectors.sources.seen_files import SeenFilesInMemory
from connectors.sources.source_folder import TAKEN_FOLDER, FileChangedError, Glimpse, LocalFolder
from connectors.sources.xml13.envelope import is_whole
from tests.connectors.sources.exports import slip_export
from tests.connectors.sources.folders import HandClock, settle

LIMIT = 1_000_000


def paths(folder: LocalFolder) -> list[str]:
    return [glimpse.path for glimpse in folder.glimpses()]


def only(folder: LocalFolder) -> Glimpse:
    (glimpse,) = folder.glimpses()
    return glimpse


def traces(root: Path) -> dict[str, tuple[int, ...]]:
    """Everything about every entry that reading must not change."""
    found = {}
    for path in sorted([root, *root.rglob("*")]):
        about = path.lstat()
        found[str(path)] = (
            about.st_ino,
            about.st_mode,
            about.st_size,
            about.st_mtime_ns,
            about.st_ctime_ns,
            about.st_nlink,
        )
    return found


def test_lists_files_in_subfolders_but_nothing_hidden(tmp_path: Path) -> None:
    for name in ("a.xml", "2026/11/b.xml", ".hidden.xml", ".hidden/c.xml", f"{TAKEN_FOLDER}/d.xml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    assert paths(LocalFolder(tmp_path)) == ["2026/11/b.xml", "a.xml"]


def test_depth_is_bounded(tmp_path: Path) -> None:
    deep = tmp_path / "1" / "2" / "3" / "4"
    deep.mkdir(parents=True)
    (deep / "x.xml").write_bytes(b"x")
    (deep.parent / "y.xml").write_bytes(b"y")

    assert paths(LocalFolder(tmp_path)) == ["1/2/3/y.xml"]


def test_reads_exactly_what_was_listed(tmp_path: Path) -> None:
    (tmp_path / "phiếu.xml").write_bytes(b"content")
    folder = LocalFolder(tmp_path)

    assert folder.read(only(folder), LIMIT) == b"content"


def test_empty_file_is_read_as_empty(tmp_path: Path) -> None:
    (tmp_path / "a.xml").touch()
    folder = LocalFolder(tmp_path)

    assert folder.read(only(folder), LIMIT) == b""


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _replace(path: Path) -> None:
    about = path.stat()
    other = path.with_suffix(".new")
    other.write_bytes(b"CONTENT")
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.replace(path)


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [_append, _replace, _touch])
def test_file_that_changed_since_the_listing_is_not_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(b"content")
    folder = LocalFolder(tmp_path)
    glimpse = only(folder)
    change(path)

    with pytest.raises(FileChangedError):
        folder.read(glimpse, LIMIT)


def test_longer_than_allowed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"12345")
    folder = LocalFolder(tmp_path)

    assert folder.read(only(folder), 5) == b"12345"
    with pytest.raises(FileChangedError):
        folder.read(only(folder), 4)


def test_link_to_a_file_is_listed_as_no_file_and_never_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "a.xml").symlink_to(secret)
    folder = LocalFolder(exports)
    glimpse = only(folder)

    assert not glimpse.is_file
    with pytest.raises(OSError, match=r"."):
        folder.read(glimpse, LIMIT)
    with pytest.raises(OSError, match=r"."):
        folder.read(replace(glimpse, is_file=True), LIMIT)


def test_link_put_in_the_place_of_a_listed_file_is_not_followed(tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "a.xml").write_bytes(b"content")
    folder = LocalFolder(exports)
    glimpse = only(folder)
    (exports / "a.xml").rename(tmp_path / "a.xml")
    (exports / "a.xml").symlink_to(tmp_path / "a.xml")  # the very same file, by another way

    with pytest.raises(OSError, match=r"."):
        folder.read(glimpse, LIMIT)


def test_link_put_in_the_place_of_a_subfolder_is_not_followed(tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    (exports / "sub").mkdir(parents=True)
    (exports / "sub" / "a.xml").write_bytes(b"content")
    folder = LocalFolder(exports)
    glimpse = only(folder)
    (exports / "sub").rename(tmp_path / "elsewhere")
    (exports / "sub").symlink_to(tmp_path / "elsewhere")

    assert paths(folder) == ["sub"]  # a link, not a folder
    with pytest.raises(OSError, match=r"."):
        folder.read(glimpse, LIMIT)


def test_pipe_and_socket_are_no_files_and_stop_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "b.xml"))
    folder = LocalFolder(tmp_path)
    try:
        assert [glimpse.is_file for glimpse in folder.glimpses()] == [False, False]
        with pytest.raises(FileChangedError):
            folder.read(replace(folder.glimpses()[0], is_file=True), LIMIT)
    finally:
        server.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_subfolder_that_may_not_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "z.xml").write_bytes(b"x")
    try:
        assert paths(LocalFolder(tmp_path)) == ["z.xml"]
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LocalFolder(tmp_path / "nothing").glimpses()


def test_name_of_a_folder_is_absolute_and_printable(tmp_path: Path) -> None:
    assert LocalFolder(tmp_path).name == str(tmp_path)
    assert LocalFolder(Path(os.fsdecode(b"/xu\xe9t"))).name == "/xu\\udce9t"


async def test_passes_over_a_real_folder_leave_no_trace(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.xml").write_bytes(slip_export())
    (tmp_path / "sub" / "b.xml").write_bytes(slip_export(SO_HOSO="HS-2"))
    (tmp_path / "cut.xml").write_bytes(slip_export()[:99])
    (tmp_path / "empty.xml").touch()
    (tmp_path / "link.xml").symlink_to(tmp_path / "a.xml")
    before = traces(tmp_path)
    clock, seen = HandClock(), SeenFilesInMemory()
    source = FolderSource(
        LocalFolder(tmp_path),
        seen,
        clock,
        suffix=".xml",
        is_whole=is_whole,
        leave_out_older_than=clock.now() - clock.now(),
    )
    await seen.begin(str(tmp_path), clock.now().replace(year=2000))
    events = await settle(source, seen, clock, passes=4)

    assert {event.relative for event in events if isinstance(event, SourceFile)} == {"a.xml", "sub/b.xml"}
    assert traces(tmp_path) == before
