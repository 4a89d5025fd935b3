"""A case folder after a power cut: complete or not there, and there once it was called handed over."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from connectors import handover_folder
from tests.power_cut.handover_story import CASES, cut_handovers, record_handovers
from tests.power_cut.judging import Tally, Verdict


def _cut(folder: Path, name: str, images: int = 1_500) -> Tally:
    return cut_handovers(record_handovers(folder, {name: CASES[name]}), images, seed=1)


def test_the_first_hand_over_survives_together_with_the_folder_it_was_made_in(tmp_path: Path) -> None:
    assert _cut(tmp_path, "a first message").examples == []


@pytest.mark.parametrize("name", ["a second message", "a cancellation"])
def test_a_hand_over_that_was_killed_and_made_again_survives(tmp_path: Path, name: str) -> None:
    assert _cut(tmp_path, name).examples == []


class _NoFlushOfFiles:
    """The module ``os`` with a flush that is for folders only."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)


def _no_flush_of_files(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handover_folder, "os", _NoFlushOfFiles())


def _no_flush_of_folders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(handover_folder, "_flush_directory", lambda _: None)


MUTANTS = {
    "files are not flushed": (_no_flush_of_files, Verdict.HALF),
    "folders are not flushed": (_no_flush_of_folders, Verdict.LOST),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_hand_over_that_does_not_flush_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str
) -> None:
    change, expected = MUTANTS[mutant]
    with monkeypatch.context() as patch:
        change(patch)
        tally = _cut(tmp_path, "a second message", 600)
    assert tally.verdicts[expected] > 0
