"""Where a process can be asked, and where the next one had better listen."""

from pathlib import Path

import pytest

from transport.control_file import (
    FILE,
    ControlDoor,
    NotRunningError,
    port_left_behind,
    read_control,
    remove_control,
    write_control,
)

DOOR = ControlDoor("http://127.0.0.1:20443", "s" * 43)


def test_what_is_written_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    write_control(tmp_path, DOOR)
    assert read_control(tmp_path) == DOOR
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_after_a_crash_the_port_is_known_and_after_a_clean_stop_it_is_not(tmp_path: Path) -> None:
    assert port_left_behind(tmp_path) is None
    write_control(tmp_path, DOOR)
    assert port_left_behind(tmp_path) == 20443
    remove_control(tmp_path)
    assert port_left_behind(tmp_path) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"url": 5, "secret": ""}', '{"url": "http://h:99999", "secret": ""}']
)
def test_a_damaged_file_is_no_door_and_stops_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, "utf-8")
    assert port_left_behind(tmp_path) is None


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError):
        read_control(tmp_path)
