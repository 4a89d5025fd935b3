"""What people do with a case, at both ends, and through the local door."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from connectors import actions, status
from connectors.actions import ActionError
from connectors.alarm_words import AlarmCode, alarm_words
from connectors.answers import Details, NamedPerson
from connectors.control import ControlDoor
from connectors.control_acts import ACTS, ASKS
from connectors.intake import Intake
from connectors.link import Trouble
from connectors.outbox import Sender
from connectors.papers import Papers
from connectors.site import Site
from connectors.sources.seen_files import FileKey
from connectors.store import files, outbox_rows, transfers
from connectors.store.outbox_rows import OutState
from schemas.codes.lists import CancelReason, DeclineReason
from schemas.events import Event
from schemas.lifecycle import Decision, Delivery, TransferState
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import CASE_CODE, make_bundle
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.exports import in_one_file
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import DeskWorld, QuickForms, make_desk, register
from tests.connectors.site_world import World, make_world

DOCTOR = NamedPerson("BS. Trực Mẫu", "000123/HNO-CCHN", "0912 000 111")


@pytest.fixture
async def central(tmp_path: Path) -> AsyncIterator[World]:
    """The receiving hospital, with one slip of Bắc Giang."""
    made = await make_world(tmp_path / "central", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    made.introduce(BAC_GIANG)
    made.exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI, priority=Priority.STAT))
    await read_all(made)
    yield made
    await made.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskWorld]:
    """The sending hospital, with one slip on its way."""
    made = await make_desk(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")))
    register(made.world)
    made.world.introduce(BACH_MAI)
    await read_all(made.world)
    await made.take(made.slip())
    yield made
    await made.world.close()


async def rows(world: World) -> list[outbox_rows.OutRow]:
    return await world.database.read(lambda c: outbox_rows.rows_in(c, list(outbox_rows.OutState)))


async def send(world: World) -> None:
    sender = Sender(world.site, world.submit)
    await sender._seal_waiting()
    while await sender.send_next():
        await read_all(world)
    await read_all(world)


@pytest.mark.parametrize(
    ("event", "details"),
    [
        (Event.RECEIVED, Details()),
        (Event.ACCEPT, Details(ward="Tim mạch", until=datetime.fromisoformat("2026-11-30T08:00:00+07:00"))),
        (Event.DECLINE, Details(reason=DeclineReason.NO_BED)),
        (Event.ARRIVED, Details()),
    ],
)
async def test_the_destination_answers_by_case_code(central: World, event: Event, details: Details) -> None:
    done = await actions.answer(central.site, event, CASE_CODE, DOCTOR, details)
    assert (done.event, done.recipient, done.state) == (event.value, BAC_GIANG, "ready")
    await send(central)
    (row,) = await rows(central)
    assert (row.state, row.answer) == (OutState.ACCEPTED, "accepted")
    (transfer,) = await central.database.read(transfers.recent)
    stage = {"transfer-received": "opened_at", "transfer-arrived": "arrived_at"}.get(event.value, "decided_at")
    assert getattr(transfer, stage) is not None
    events = await central.database.read(lambda c: transfers.events(c, BAC_GIANG, transfer.transfer_id))
    assert [(e.event, e.event_seq) for e in events] == [("transfer-submit", 1), (event.value, 2)]


@pytest.mark.parametrize("word", ["case_id", "transfer_id", "case_code", "slip_number"])
async def test_a_case_is_found_by_any_of_its_names(central: World, word: str) -> None:
    (transfer,) = await central.database.read(transfers.recent)
    done = await actions.answer(central.site, Event.RECEIVED, getattr(transfer, word), DOCTOR, Details())
    assert done.transfer_id == transfer.transfer_id


@pytest.mark.parametrize(
    ("event", "by", "details", "code"),
    [
        (Event.ACCEPT, None, Details(), "person-needed"),
        (Event.RECEIVED, None, Details(), "person-needed"),
        (Event.DECLINE, DOCTOR, Details(), "reason-needed"),
        (Event.DECLINE, DOCTOR, Details(reason=DeclineReason.OTHER), "words-needed"),
        (Event.CANCEL, DOCTOR, Details(reason=CancelReason.OTHER, text="x"), "not-a-party"),
    ],
)
async def test_an_answer_that_lacks_something_is_not_entered(
    central: World, event: Event, by: NamedPerson | None, details: Details, code: str
) -> None:
    with pytest.raises(ActionError) as refused:
        await actions.answer(central.site, event, CASE_CODE, by, details)
    assert refused.value.code == code
    assert refused.value.vi
    assert refused.value.en
    assert await rows(central) == []


async def test_an_unknown_case_is_said_so(central: World) -> None:
    with pytest.raises(ActionError, match="case-unknown"):
        await actions.answer(central.site, Event.RECEIVED, "24Z01-0101-001-X", DOCTOR, Details())


async def test_one_word_for_two_cases_is_asked_back(central: World) -> None:
    other = make_bundle(BAC_GIANG, BACH_MAI)
    central.exchange.envelope(BAC_GIANG, BACH_MAI, other)
    await read_all(central)
    with pytest.raises(ActionError, match="case-ambiguous"):
        await actions.answer(central.site, Event.RECEIVED, "GCT-0001", DOCTOR, Details())


async def test_the_sender_cancels_and_reports_the_departure(desk: DeskWorld) -> None:
    await send(desk.world)
    (row,) = await rows(desk.world)
    await actions.answer(desk.world.site, Event.DEPARTED, row.case_code, None, Details())
    await actions.answer(
        desk.world.site, Event.CANCEL, row.case_code, None, Details(reason=CancelReason.CONDITION_CHANGED)
    )
    await send(desk.world)
    assert [r.state for r in await rows(desk.world)] == [OutState.ACCEPTED] * 3
    (transfer,) = await desk.world.database.read(transfers.recent)
    assert transfer.departed_at is not None
    assert transfer.cancelled_at is not None
    for r in (await rows(desk.world))[1:]:
        bundle = await desk.bundle(r.seq)
        assert judge(bundle, read_facts(bundle)).refusals == ()
        assert "HOÀNG VĂN" not in json.dumps(bundle, ensure_ascii=False)


async def test_a_refused_event_changes_nothing_and_stays_as_evidence(central: World) -> None:
    central.exchange.verdict, central.exchange.reason = Verdict.REFUSED, ReasonCode.LATE
    await actions.answer(central.site, Event.ACCEPT, CASE_CODE, DOCTOR, Details())
    await send(central)
    (row,) = await rows(central)
    assert (row.state, row.reason) == (OutState.REFUSED, ReasonCode.LATE)
    (transfer,) = await central.database.read(transfers.recent)
    assert transfer.decided_at is None
    assert transfer.progress.state.decision is Decision.OPEN
    facts = await status.status(central.site)
    (fix,) = facts["to_fix"]
    assert (fix["what"], fix["reason"]) == ("message", "late")
    assert fix["vi"]


async def test_crossing_decisions_end_alike_at_both_ends_by_the_exchanges_order(central: World) -> None:
    """Our accept is refused as crossed; the cancel that won came under the lower number, whatever arrived first."""
    (transfer,) = await central.database.read(transfers.recent)
    won = TransferState(Delivery.DELIVERED, Decision.CANCELLED)
    central.exchange.states[transfer.transfer_id] = won
    central.exchange.envelope(
        BAC_GIANG,
        BACH_MAI,
        make_bundle(
            BAC_GIANG, BACH_MAI, event=Event.CANCEL, transfer_id=transfer.transfer_id, case_id=transfer.case_id
        ),
    )
    central.exchange.verdict, central.exchange.reason = Verdict.REFUSED, ReasonCode.CROSSED
    await actions.answer(central.site, Event.ACCEPT, CASE_CODE, DOCTOR, Details())
    await send(central)
    (after,) = await central.database.read(transfers.recent)
    assert after.progress.state == won


# --- what waits for a person ----------------------------------------------------------------------------------------


async def test_an_old_slip_goes_when_a_person_says_yes_signed_now(desk: DeskWorld) -> None:
    data = desk.slip(7)
    desk.world.clock.pass_(30 * 3600)
    desk.world.exchange.now = desk.world.clock.now()
    await desk.take(data, "cu.xml")
    waiting = (await rows(desk.world))[1]
    assert waiting.state == OutState.WAITING_PERSON
    (released,) = await actions.release(desk.world.site, waiting.case_code)
    assert released.message_id == waiting.message_id
    await send(desk.world)
    assert [row.state for row in await rows(desk.world)] == [OutState.ACCEPTED] * 2


async def test_a_no_discards_it_for_good(desk: DeskWorld) -> None:
    data = desk.slip(7)
    desk.world.clock.pass_(30 * 3600)
    await desk.take(data, "cu.xml")
    waiting = (await rows(desk.world))[1]
    await actions.discard(desk.world.site, waiting.case_code)
    assert (await rows(desk.world))[1].state == OutState.DISCARDED
    with pytest.raises(ActionError, match="nothing-waits"):
        await actions.release(desk.world.site, waiting.case_code)


async def test_the_receiving_side_raises_for_itself_and_nothing_lowers(central: World) -> None:
    central.exchange.envelope(
        BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI, priority=Priority.ROUTINE, slip_number="GCT-9")
    )
    await read_all(central)
    raised = await actions.raise_locally(central.site, "GCT-9", Priority.URGENT)
    assert raised.raised_priority == "urgent"
    again = await actions.raise_locally(central.site, "GCT-9", Priority.ROUTINE)
    assert again.raised_priority == "urgent"


async def take_from_disk(desk: DeskWorld, export: Path, data: bytes) -> None:
    export.write_bytes(data)
    found = desk.file(data)
    await desk.intake.take(replace(found, identity=replace(found.identity, path=str(export))), None)


async def test_the_sending_side_raises_by_taking_the_export_again(desk: DeskWorld, tmp_path: Path) -> None:
    export = tmp_path / "that.xml"
    await take_from_disk(desk, export, desk.slip(3))
    row = (await rows(desk.world))[1]
    parts = Parts(desk.world.site, desk.intake)
    answer = await ACTS["raise"](parts, {"case": row.case_code, "priority": "stat"})
    assert answer["priority"] == "stat"
    assert [(r.event, r.priority) for r in await rows(desk.world)][2] == ("transfer-update", "stat")
    export.unlink()
    (row_again,) = [r for r in await rows(desk.world) if r.event == "transfer-update"]
    with pytest.raises(ActionError, match="not-higher"):
        await ACTS["raise"](parts, {"case": row_again.case_code, "priority": "stat"})


async def test_raising_one_case_leaves_the_other_slips_of_its_file_as_they_are(desk: DeskWorld, tmp_path: Path) -> None:
    export, bad = tmp_path / "ca-truc.xml", desk.slip(5, CHAN_DOAN_RV="", MA_BENH_CHINH="", MA_BENH_KT="")
    await take_from_disk(desk, export, in_one_file(desk.slip(3), desk.slip(4), bad))
    before = await rows(desk.world)
    findings = await desk.world.database.read(files.open_findings)
    assert len(before) == 3
    assert len(findings) == 1
    await ACTS["raise"](Parts(desk.world.site, desk.intake), {"case": before[1].case_code, "priority": "stat"})
    (update,) = (await rows(desk.world))[len(before) :]
    assert (update.case_id, update.priority) == (before[1].case_id, "stat")
    assert await desk.world.database.read(files.open_findings) == findings


async def test_a_file_that_grew_meanwhile_is_still_taken_after_one_of_its_cases_was_raised(
    desk: DeskWorld, tmp_path: Path
) -> None:
    export = tmp_path / "ca-truc.xml"
    await take_from_disk(desk, export, desk.slip(3))
    raised = (await rows(desk.world))[-1]
    export.write_bytes(in_one_file(desk.slip(3), desk.slip(4)))
    await ACTS["raise"](Parts(desk.world.site, desk.intake), {"case": raised.case_code, "priority": "stat"})
    found = export.stat()
    key = FileKey(str(export), found.st_size, found.st_mtime_ns)
    assert await files.StoredSeenFiles(desk.world.database).judged([key]) == frozenset()


async def test_a_case_that_left_its_file_cannot_be_raised_from_it(desk: DeskWorld, tmp_path: Path) -> None:
    export = tmp_path / "ca-truc.xml"
    await take_from_disk(desk, export, desk.slip(3))
    before = await rows(desk.world)
    export.write_bytes(desk.slip(4))
    with pytest.raises(ActionError, match="source-gone"):
        await ACTS["raise"](Parts(desk.world.site, desk.intake), {"case": before[-1].case_code, "priority": "stat"})
    assert await rows(desk.world) == before


# --- the local door -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    site: Site
    intake: Intake


@pytest.fixture
async def door(central: World) -> AsyncIterator[tuple[httpx2.AsyncClient, ControlDoor]]:
    intake = Intake(central.site, QuickForms(), Papers(central.folder / "data"))
    async with ControlDoor(Parts(central.site, intake)) as opened:
        about = json.loads((central.folder / "data" / "control.json").read_text())
        headers = {"authorization": f"Bearer {about['secret']}"}
        async with httpx2.AsyncClient(base_url=about["url"], headers=headers, trust_env=False) as client:
            yield client, opened


async def test_the_door_tells_its_address_to_its_owner_alone(central: World, door: Any) -> None:
    path = central.folder / "data" / "control.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["url"].startswith("http://127.0.0.1:")


async def test_status_and_case_are_answered(central: World, door: Any) -> None:
    client, _ = door
    facts = (await client.get("/control/status")).json()
    assert facts["facility"] == BACH_MAI
    assert {item["purpose"] for item in facts["certificates"]} >= {"signing", "encryption"}
    assert facts["inbox"]["highest"] == 2
    one = (await client.get("/control/case", params={"case": CASE_CODE})).json()
    assert one["transfers"][0]["events"][0]["event"] == "transfer-submit"


async def test_an_answer_goes_through_the_door(central: World, door: Any) -> None:
    client, _ = door
    reply = await client.post("/control/accept", json={"case": CASE_CODE, "by": "BS. Trực", "ward": "Tim mạch"})
    assert (reply.status_code, reply.json()["event"]) == (200, "transfer-accept")
    assert len(await rows(central)) == 1


@pytest.mark.parametrize(
    ("path", "body", "status_code"),
    [
        ("/control/accept", {"case": CASE_CODE}, 409),
        ("/control/accept", {"by": "x"}, 409),
        ("/control/accept", {"case": CASE_CODE, "by": "x", "until": "tomorrow"}, 409),
        ("/control/accept", {"case": CASE_CODE, "by": "x", "until": "2026-11-30T08:00:00"}, 409),
        ("/control/accept", {"case": CASE_CODE, "by": ["x"]}, 409),
        ("/control/decline", {"case": CASE_CODE, "by": "x", "reason": "tired"}, 409),
        ("/control/dismiss", {"alarms": ["x"]}, 409),
        ("/control/raise", {"case": CASE_CODE}, 409),
        ("/control/nothing", {}, 404),
        ("/control/status", {}, 404),
    ],
)
async def test_a_wrong_request_is_answered_with_a_code(
    door: Any, path: str, body: dict[str, Any], status_code: int
) -> None:
    client, _ = door
    reply = await client.post(path, json=body)
    assert reply.status_code == status_code
    assert "code" in reply.json()


async def test_a_body_that_is_no_object_is_refused(door: Any) -> None:
    client, _ = door
    for body in (b"[1]", b"{", b"x" * 70_000, b"[" * 60_000):
        assert (await client.post("/control/accept", content=body)).status_code == 404


async def first_line(url: str, head: str, body: bytes = b"") -> bytes:
    """What is answered to a request whose body never ends."""
    about = httpx2.URL(url)
    reader, writer = await asyncio.open_connection(about.host, about.port)
    try:
        writer.write(f"POST /control/accept HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + body)
        async with asyncio.timeout(5):
            return await reader.readline()
    finally:
        writer.close()


async def test_the_secret_is_asked_before_anything_is_read(door: Any) -> None:
    _, opened = door
    head = "Content-Type: application/json\r\nContent-Length: 60000"
    assert b" 403 " in await first_line(opened.url, head, b"{")


async def test_no_more_than_an_act_can_hold_is_read(central: World, door: Any) -> None:
    _, opened = door
    secret = json.loads((central.folder / "data" / "control.json").read_text())["secret"]
    head = f"Authorization: Bearer {secret}\r\nTransfer-Encoding: chunked"
    assert b" 404 " in await first_line(opened.url, head, b"11170\r\n" + b"x" * 70_000 + b"\r\n")


async def test_without_the_secret_nobody_is_told_anything(central: World, door: Any) -> None:
    _, opened = door
    async with httpx2.AsyncClient(base_url=opened.url, trust_env=False) as stranger:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            for path in ("/control/status", "/control/case?case=x"):
                assert (await stranger.get(path, headers=headers)).status_code == 403
            assert (await stranger.post("/control/accept", json={}, headers=headers)).status_code == 403
        assert (await stranger.get("/health")).json() == {"ok": True}
        assert (await stranger.get("/ready")).status_code == 200
        central.site.live.link_is(Trouble.LOST, central.clock.now())
        assert (await stranger.get("/ready")).status_code == 503


async def test_ready_says_in_both_languages_what_is_in_the_way(central: World, door: Any) -> None:
    _, opened = door
    live = central.site.live
    async with httpx2.AsyncClient(base_url=opened.url, trust_env=False) as stranger:
        assert (await stranger.get("/ready")).json() == {"ready": True, "reasons": []}
        live.disk_full = True
        full = await stranger.get("/ready")
        live.link_is(Trouble.LOST, central.clock.now())
        both = await stranger.get("/ready")
    vi, en = alarm_words(AlarmCode.DISK_FULL)
    assert full.status_code == 503
    assert full.json() == {"ready": False, "reasons": [{"code": "disk-full", "vi": vi, "en": en}]}
    assert [reason["code"] for reason in both.json()["reasons"]] == ["link-down", "disk-full"]


async def test_metrics_count_and_name_nobody(central: World, door: Any) -> None:
    _, opened = door
    async with httpx2.AsyncClient(base_url=opened.url, trust_env=False) as stranger:
        reply = await stranger.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = reply.text.splitlines()
    assert f'lienvien_connector_link_up{{facility="{BACH_MAI}"}} 1' in lines
    assert f'lienvien_connector_inbox_complete_to{{facility="{BACH_MAI}"}} 2' in lines
    assert "NGUYỄN" not in reply.text
    assert CASE_CODE not in reply.text


async def test_dismissed_findings_are_seen(desk: DeskWorld) -> None:
    await desk.take(b"no xml", "hong.xml")
    facts = await status.status(desk.world.site)
    (found,) = [item for item in facts["to_fix"] if item["what"] == "file"]
    await ACTS["dismiss"](Parts(desk.world.site, desk.intake), {"findings": [found["id"]]})
    assert (await status.status(desk.world.site))["to_fix"] == []


async def test_the_status_can_be_written_as_json(desk: DeskWorld) -> None:
    facts = await status.status(desk.world.site)
    assert json.loads(json.dumps(facts)) == facts
    assert set(ASKS) == {"status", "case", "board"}


@pytest.mark.parametrize(
    ("act", "given", "wanted"),
    [
        ("decline", {"reason": "nobed"}, "no-bed | no-specialist"),
        ("cancel", {"reason": "no-bed"}, "condition-changed | patient-refused"),
        ("accept", {"until": "tomorrow"}, "2026-11-23T08:00:00+07:00"),
        ("arrived", {"at": "2026-11-23T08:00:00"}, "+07:00"),
    ],
)
async def test_a_wrong_word_is_answered_with_what_would_be_right(act: str, given: dict[str, str], wanted: str) -> None:
    parts: Any = None  # judged before anything is looked at
    with pytest.raises(ActionError) as refused:
        await ACTS[act](parts, {"case": CASE_CODE, **given})
    assert wanted in refused.value.vi
    assert wanted in refused.value.en
