"""Hand-over into a folder: complete or not there at all, a cancellation visible in its name."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors import actions, handover_folder
from connectors.handover import HandoverDesk, NotTakenError
from connectors.handover_folder import CANCELLED_PREFIX, FolderTarget
from connectors.parcel import Parcel
from connectors.store import transfers
from schemas.events import Event
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import CASE_CODE, make_bundle, new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.handover_steps import cases_in, deliver, drain, fail_at, listing, parcel, send
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


# a case as it is before; what comes next; how the one folder of the case is called afterwards
_CUT_SHORT = [
    (["stat"], parcel(Event.SUBMIT, 2), f"stat-{CASE_CODE}"),
    (["stat"], parcel(Event.CANCEL, 2), f"{CANCELLED_PREFIX}stat-{CASE_CODE}"),
    (["routine"], parcel(Event.UPDATE, 2), f"stat-{CASE_CODE}"),
    (["routine"], parcel(Event.CANCEL, 2), f"{CANCELLED_PREFIX}stat-{CASE_CODE}"),
]


@pytest.mark.parametrize(("before", "item", "name"), _CUT_SHORT)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 22))
async def test_cut_short_at_any_call_it_is_complete_or_not_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: list[str],
    item: Parcel,
    name: str,
    after: bool,
    number: int,
) -> None:
    for place, urgency in enumerate(before, 1):
        await deliver(tmp_path, parcel(Event.SUBMIT, place, case_folder=f"{urgency}-{CASE_CODE}"))
    with monkeypatch.context() as patch:
        fail_at(patch, number, after=after)
        with contextlib.suppress(NotTakenError):
            await deliver(tmp_path, item)
    assert len(cases_in(tmp_path)) == 1
    visible = [path for path in tmp_path.glob(f"*/{item.folder}") if not path.parent.name.startswith(".")]
    for path in visible:
        assert {file.name for file in path.iterdir()} >= set(item.files)
    await deliver(tmp_path, item, duplicate=True)
    assert [path.name for path in cases_in(tmp_path)] == [name]
    assert {path.name for path in (tmp_path / name).iterdir()} == {"01-transfer-submit", item.folder}
    assert not list(tmp_path.glob(".working-*"))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 22))
async def test_a_second_cancellation_cut_short_at_any_call_stays_with_its_own_offer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool, number: int
) -> None:
    for place, event in enumerate((Event.SUBMIT, Event.CANCEL, Event.SUBMIT), 1):
        await deliver(tmp_path, parcel(event, place))
    with monkeypatch.context() as patch:
        fail_at(patch, number, after=after)
        with contextlib.suppress(NotTakenError):
            await deliver(tmp_path, parcel(Event.CANCEL, 4))
    await deliver(tmp_path, parcel(Event.CANCEL, 4), duplicate=True)
    await deliver(tmp_path, parcel(Event.DEPARTED, 5))
    assert {path.name: sorted(inside.name for inside in path.iterdir()) for path in cases_in(tmp_path)} == {
        f"{CANCELLED_PREFIX}stat-{CASE_CODE}": ["01-transfer-submit", "02-transfer-cancel"],
        f"{CANCELLED_PREFIX}stat-{CASE_CODE}-04": ["03-transfer-submit", "04-transfer-cancel", "05-transfer-departed"],
    }


async def test_a_cancelled_case_that_is_more_urgent_now_says_both(tmp_path: Path) -> None:
    await deliver(tmp_path, parcel(case_folder=f"routine-{CASE_CODE}"))
    await deliver(tmp_path, parcel(Event.CANCEL, 2, case_folder=f"routine-{CASE_CODE}"))
    await deliver(tmp_path, parcel(Event.UPDATE, 3))
    assert [path.name for path in cases_in(tmp_path)] == [f"{CANCELLED_PREFIX}stat-{CASE_CODE}"]


async def test_a_folder_moved_away_comes_anew_under_the_urgency_of_now(tmp_path: Path) -> None:
    root = tmp_path / "incoming"
    await deliver(root, parcel(case_folder=f"routine-{CASE_CODE}"))
    (root / f"routine-{CASE_CODE}").rename(tmp_path / "away")
    await deliver(root, parcel(Event.UPDATE, 2))
    assert [path.name for path in cases_in(root)] == [f"stat-{CASE_CODE}"]


async def test_a_name_that_cannot_change_now_keeps_no_message_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, while a HIS looks into the folder. That a case is cancelled must show all the same."""
    await deliver(tmp_path, parcel(case_folder=f"routine-{CASE_CODE}"))
    rename = Path.rename

    def held_open(path: Path, target: Path) -> Path:
        if path.name == f"routine-{CASE_CODE}":
            raise PermissionError
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", held_open)
        await deliver(tmp_path, parcel(Event.UPDATE, 2))
        assert (tmp_path / f"routine-{CASE_CODE}" / "02-transfer-update" / "bundle.json").exists()
        with pytest.raises(NotTakenError):
            await deliver(tmp_path, parcel(Event.CANCEL, 3))
    await deliver(tmp_path, parcel(Event.CANCEL, 3))
    (name,) = [path.name for path in cases_in(tmp_path)]
    assert name.startswith("HUY-CANCELLED-stat-")


async def test_a_folder_that_bears_the_new_name_already_is_no_obstacle(tmp_path: Path) -> None:
    await deliver(tmp_path, parcel(case_folder=f"routine-{CASE_CODE}"))
    (tmp_path / f"stat-{CASE_CODE}").mkdir()
    (tmp_path / f"stat-{CASE_CODE}" / "of-the-his.txt").write_text("x")
    await deliver(tmp_path, parcel(Event.UPDATE, 2))
    assert (tmp_path / f"stat-{CASE_CODE}" / "02-transfer-update" / "bundle.json").exists()


async def test_another_case_whose_name_begins_alike_keeps_its_folder(tmp_path: Path) -> None:
    other = f"routine-{CASE_CODE}-12345678"
    await deliver(tmp_path, parcel(case_folder=other))
    await deliver(tmp_path, parcel(Event.UPDATE, 2))
    assert sorted(path.name for path in cases_in(tmp_path)) == [other, f"stat-{CASE_CODE}"]


async def test_a_case_that_becomes_more_urgent_shows_it_in_its_folders_name(world: World, tmp_path: Path) -> None:
    case: dict[str, Any] = {"case_id": new_id(), "transfer_id": new_id()}
    desk = HandoverDesk(world.site, FolderTarget(tmp_path / "in"))
    send(world, priority=Priority.ROUTINE, **case)
    await read_all(world)
    await drain(world, desk)
    assert [path.name for path in cases_in(tmp_path / "in")] == [f"routine-{CASE_CODE}"]
    for priority in (Priority.STAT, Priority.URGENT):  # nothing lowers
        send(world, priority=priority, event=Event.UPDATE, **case)
        await read_all(world)
        await drain(world, desk)
        assert [path.name for path in cases_in(tmp_path / "in")] == [f"stat-{CASE_CODE}"]
    (row,) = await world.database.read(transfers.recent)
    assert row.case_folder == f"stat-{CASE_CODE}"


async def test_what_people_here_raised_shows_with_the_next_message(world: World, tmp_path: Path) -> None:
    case: dict[str, Any] = {"case_id": new_id(), "transfer_id": new_id(), "priority": Priority.ROUTINE}
    send(world, **case)
    await read_all(world)
    await actions.raise_locally(world.site, case["transfer_id"], Priority.STAT)
    send(world, event=Event.UPDATE, **case)
    await read_all(world)
    await drain(world, HandoverDesk(world.site, FolderTarget(tmp_path / "in")))
    assert [path.name for path in cases_in(tmp_path / "in")] == [f"stat-{CASE_CODE}"]


async def test_two_cases_of_one_code_stay_apart_when_one_becomes_as_urgent(world: World, tmp_path: Path) -> None:
    desk = HandoverDesk(world.site, FolderTarget(tmp_path / "in"))
    first: dict[str, Any] = {"case_id": new_id(), "transfer_id": new_id()}
    second: dict[str, Any] = {"case_id": new_id(), "transfer_id": new_id()}
    send(world, priority=Priority.ROUTINE, **first)
    send(world, priority=Priority.STAT, **second)
    send(world, priority=Priority.STAT, event=Event.UPDATE, **first)
    await read_all(world)
    await drain(world, desk)
    assert {path.name: len(list(path.iterdir())) for path in cases_in(tmp_path / "in")} == {
        f"stat-{CASE_CODE}": 2,
        f"stat-{CASE_CODE}-{second['case_id'][:8]}": 1,
    }


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
