"""A folder that the connector made itself: the only kind from which taken files may be moved away."""

import os
from pathlib import Path, PurePosixPath
from typing import Final

from connectors.sources.source_folder import TAKEN_FOLDER

MARKER: Final = ".lienvien-export-folder"
_SAID: Final = (
    "Thư mục do Liên Viện tạo. Tệp đã nhận được chuyển vào _taken.\nMade by Liên Viện. Taken files go to _taken.\n"
)


class NotOurFolderError(Exception):
    """The folder was not made by the connector, so that nothing in it may be moved."""


def make_own_folder(folder: Path) -> None:
    """Make the folder, or mark an empty one as ours.

    Raises:
        NotOurFolderError: it exists, holds files, and bears no mark.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if is_own_folder(folder):
        return
    if any(folder.iterdir()):
        raise NotOurFolderError
    (folder / TAKEN_FOLDER).mkdir()
    with (folder / MARKER).open("x", encoding="utf-8") as marker:
        marker.write(_SAID)


def is_own_folder(folder: Path) -> bool:
    """True for a folder with our mark, itself no link."""
    return not folder.is_symlink() and (folder / MARKER).is_file() and not (folder / MARKER).is_symlink()


def move_taken(folder: Path, relative: str) -> Path:
    """Move one file, already recorded as taken, to ``_taken``; never over another. Returns where it is now.

    Raises:
        NotOurFolderError: the folder bears no mark, or the path leaves it.
        OSError: the file stays where it is.
    """
    parts = PurePosixPath(relative).parts
    if not is_own_folder(folder) or not parts or ".." in parts or PurePosixPath(relative).is_absolute():
        raise NotOurFolderError
    (folder / TAKEN_FOLDER).mkdir(exist_ok=True)
    name = "__".join(parts)
    for number in range(10_000):
        target = folder / TAKEN_FOLDER / (name if number == 0 else f"{number}-{name}")
        try:
            os.link(folder / relative, target, follow_symlinks=False)  # a rename would silently replace an older one
        except FileExistsError:
            continue
        (folder / relative).unlink()
        return target
    raise FileExistsError(name)
