"""Hand-over into a folder: complete or not there at all, a cancellation visible in its name."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors import handover_folder
from connectors.handover import HandoverDesk, NotTakenError
from connectors.handover_folder import CANCELLED_PREFIX, FolderTarget
from schemas.events import Event
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import CASE_CODE, make_bundle, new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.handover_steps import calls, deliver, drain, listing, parcel, send
from tests.connectors.inbox_steps import read_all
from tests.connectors.site_world import World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    made.introduce(BAC_GIANG)
    await read_all(made)  # a database that has read before
    yield made
    await made.close()


async def test_a_message_lies_complete_in_its_case(tmp_path: Path) -> None:
    await deliver(tmp_path, parcel())
    folder = f"stat-{CASE_CODE}/01-transfer-submit"
    assert listing(tmp_path) == {
        f"{folder}/{name}" for name in ("bundle.json", "slip.xml", "form.pdf", "stamp.jws", "message.jws")
    }


async def test_a_cancellation_is_visible_in_the_folders_name(tmp_path: Path) -> None:
    await deliver(tmp_path, parcel())
    await deliver(tmp_path, parcel(Event.CANCEL, 2))
    assert [path.name for path in tmp_path.iterdir()] == [f"{CANCELLED_PREFIX}stat-{CASE_CODE}"]
    await deliver(tmp_path, parcel(Event.CANCEL, 2), duplicate=True)
    await deliver(tmp_path, parcel(Event.DEPARTED, 3))
    (case,) = tmp_path.iterdir()
    assert sorted(path.name for path in case.iterdir()) == [
        "01-transfer-submit",
        "02-transfer-cancel",
        "03-transfer-departed",
    ]


async def test_a_new_offer_after_a_cancellation_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    for number, event in enumerate((Event.SUBMIT, Event.CANCEL, Event.SUBMIT, Event.CANCEL), 1):
        await deliver(tmp_path, parcel(event, number))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{CANCELLED_PREFIX}stat-{CASE_CODE}", f"{CANCELLED_PREFIX}stat-{CASE_CODE}-04"]


async def test_a_his_that_moved_the_folder_away_gets_the_next_message_all_the_same(tmp_path: Path) -> None:
    root, away = tmp_path / "incoming", tmp_path / "away"
    await deliver(root, parcel())
    (root / f"stat-{CASE_CODE}").rename(away)
    await deliver(root, parcel(Event.CANCEL, 2))
    assert listing(root) == {
        f"{CANCELLED_PREFIX}stat-{CASE_CODE}/02-transfer-cancel/{name}"
        for name in ("bundle.json", "slip.xml", "form.pdf", "stamp.jws", "message.jws")
    }


async def test_a_possible_duplicate_says_so_in_its_folder(tmp_path: Path) -> None:
    await deliver(tmp_path, parcel(), duplicate=True)
    assert (tmp_path / f"stat-{CASE_CODE}" / "01-transfer-submit" / "possible-duplicate.txt").exists()


async def test_what_is_there_already_is_left_as_it_is(tmp_path: Path) -> None:
    await deliver(tmp_path, parcel())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    await deliver(tmp_path, parcel(), duplicate=True)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("event", [Event.SUBMIT, Event.CANCEL])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 13))
async def test_cut_short_at_any_call_it_is_complete_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Event, after: bool, number: int
) -> None:
    await deliver(tmp_path, parcel())
    item = parcel(event, 2)
    count = 0

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == number and not after:
                raise OSError(28, "No space left on device")
            result = real(*args, **kwargs)
            if count == number and after:
                raise OSError(28, "No space left on device")
            return result

        return call

    with monkeypatch.context() as patch:
        for owner, name in calls():
            patch.setattr(owner, name, failing(getattr(owner, name)))
        with contextlib.suppress(NotTakenError):
            await deliver(tmp_path, item)
    visible = [
        path for path in tmp_path.glob("*/*") if path.name == item.folder and not path.parent.name.startswith(".")
    ]
    for path in visible:
        assert {file.name for file in path.iterdir()} >= set(item.files)
    await deliver(tmp_path, item, duplicate=True)
    cases = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert len(cases) == 1
    assert cases[0].name.startswith(CANCELLED_PREFIX) == (event is Event.CANCEL)
    assert {path.name for path in cases[0].iterdir()} == {"01-transfer-submit", item.folder}
    assert not list(tmp_path.glob(".working-*"))


async def test_a_folder_that_cannot_be_written_is_no_yes(tmp_path: Path) -> None:
    (tmp_path / "incoming").write_text("a file in the place of the folder")
    with pytest.raises(NotTakenError):
        await deliver(tmp_path / "incoming", parcel())


def test_the_working_name_is_hidden() -> None:
    assert handover_folder._WORKING.startswith(".")


async def test_the_whole_way_into_a_folder(world: World, tmp_path: Path) -> None:
    bundle = send(world, priority=Priority.STAT)
    await read_all(world)
    await drain(world, HandoverDesk(world.site, FolderTarget(tmp_path / "in")))
    (path,) = (tmp_path / "in").glob("*/*/bundle.json")
    assert path.parent.parent.name == f"stat-{CASE_CODE}"
    import json

    assert json.loads(path.read_bytes())["id"] == bundle["id"]


async def test_another_hospital_that_names_the_same_case_cannot_cancel_it(world: World, tmp_path: Path) -> None:
    other, case_id, transfer_id = "01Z99", new_id(), new_id()
    send(world, case_id=case_id)
    theirs: dict[str, Any] = {"case_id": case_id, "transfer_id": transfer_id, "priority": Priority.URGENT}
    world.exchange.envelope(other, BACH_MAI, make_bundle(other, BACH_MAI, **theirs))
    cancel = make_bundle(other, BACH_MAI, event=Event.CANCEL, kind=None, response_to=new_id(), **theirs)
    world.exchange.envelope(other, BACH_MAI, cancel)
    await read_all(world)
    desk = HandoverDesk(world.site, FolderTarget(tmp_path / "incoming"))
    await drain(world, desk)
    names = {path.name: len(list(path.iterdir())) for path in (tmp_path / "incoming").iterdir()}
    assert names == {
        f"urgent-{CASE_CODE}": 1,
        f"{CANCELLED_PREFIX}urgent-{CASE_CODE}-{case_id[:8]}": 2,
    }
