"""Moving is for folders that the connector made, and replaces nothing."""

from pathlib import Path

import pytest

from connectors.sources.own_folder import MARKER, NotOurFolderError, is_own_folder, make_own_folder, move_taken
from connectors.sources.source_folder import TAKEN_FOLDER, LocalFolder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    make_own_folder(folder)
    return folder


def test_made_folder_is_ours_also_the_second_time(own: Path) -> None:
    make_own_folder(own)

    assert is_own_folder(own)
    assert LocalFolder(own).glimpses() == []


def test_empty_folder_may_become_ours(tmp_path: Path) -> None:
    make_own_folder(tmp_path)

    assert is_own_folder(tmp_path)


def test_folder_with_files_never_becomes_ours(tmp_path: Path) -> None:
    (tmp_path / "a.xml").touch()

    with pytest.raises(NotOurFolderError):
        make_own_folder(tmp_path)
    assert not is_own_folder(tmp_path)


def test_link_is_not_ours(own: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(own)
    other = tmp_path / "other"
    other.mkdir()
    (other / MARKER).symlink_to(own / MARKER)

    assert not is_own_folder(tmp_path / "link")
    assert not is_own_folder(other)


def test_taken_file_is_moved_whole(own: Path) -> None:
    (own / "a.xml").write_bytes(b"content")
    target = move_taken(own, "a.xml")

    assert target == own / TAKEN_FOLDER / "a.xml"
    assert target.read_bytes() == b"content"
    assert not (own / "a.xml").exists()


def test_second_file_of_the_same_name_replaces_nothing(own: Path) -> None:
    targets = []
    for number in range(3):
        (own / "a.xml").write_bytes(b"%d" % number)
        targets.append(move_taken(own, "a.xml"))

    assert [target.read_bytes() for target in targets] == [b"0", b"1", b"2"]


def test_file_in_a_subfolder_keeps_its_way_in_its_name(own: Path) -> None:
    (own / "11").mkdir()
    (own / "11" / "a.xml").write_bytes(b"content")

    assert move_taken(own, "11/a.xml").name == "11__a.xml"


@pytest.mark.parametrize("relative", ["../a.xml", "x/../../a.xml", "", "/etc/passwd"])
def test_nothing_outside_is_moved(own: Path, relative: str) -> None:
    (own.parent / "a.xml").write_bytes(b"content")

    with pytest.raises(NotOurFolderError):
        move_taken(own, relative)
    assert (own.parent / "a.xml").exists()


def test_nothing_is_moved_in_a_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"content")

    with pytest.raises(NotOurFolderError):
        move_taken(tmp_path, "a.xml")
    assert (tmp_path / "a.xml").exists()


def test_file_that_is_gone_is_an_error_of_the_system(own: Path) -> None:
    with pytest.raises(FileNotFoundError):
        move_taken(own, "a.xml")
