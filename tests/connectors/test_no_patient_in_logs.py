"""A canary patient goes through everything, failures included; no line that is logged knows him."""

import io
from pathlib import Path

import pytest

from connectors import card, intake
from connectors.actions import answer
from connectors.answers import Details, NamedPerson
from connectors.handover import HandoverDesk
from connectors.handover_folder import FolderTarget
from connectors.outbox import Sender
from connectors.parcel import Parcel
from connectors.reporter import Reporter
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from schemas.urgency import Priority
from tests.certs.pki import BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import make_desk, register
from tests.connectors.site_world import make_world
from transport.logs import configure_logging

CANARY = "CANARYNGUYEN"


class _BrokenHis:
    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        raise ValueError(parcel.payload.decode())

    async def close(self) -> None:
        pass


async def test_no_log_line_knows_the_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.StringIO()
    configure_logging("connector", "debug", lines)
    try:
        await _everything(tmp_path, monkeypatch)
    finally:
        configure_logging("connector", "error")
    told = lines.getvalue()
    assert "message.sent" in told
    assert "inbox.record_failed" in told
    assert "handover.failed" in told
    assert "file.refused" in told
    assert CANARY not in told
    assert "dropped" not in told  # nobody even tried to log what is not on the list


async def _everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = ExchangeDouble(make_pki(tmp_path / "pki"))
    desk = await make_desk(tmp_path / "sender", exchange)
    central = await make_world(tmp_path / "central", exchange, BACH_MAI)
    register(desk.world)
    desk.world.introduce(BACH_MAI)
    await read_all(desk.world)
    await desk.take(desk.slip(1, HO_TEN=CANARY), at_least=Priority.STAT)
    await desk.take(desk.slip(2, HO_TEN=CANARY, CHAN_DOAN_RV="", MA_BENH_CHINH="", MA_BENH_KT=""), f"{CANARY}.xml")
    await desk.take(f"no xml {CANARY}".encode(), "hong.xml")
    sender = Sender(desk.world.site, desk.world.submit)
    desk.world.submit.fail_before = 1
    with pytest.raises(Exception, match="lost"):
        await sender.send_next()
    exchange.verdict, exchange.reason = Verdict.TRANSIENT, ReasonCode.OVER_QUOTA
    await sender.send_next()
    exchange.verdict, exchange.reason = Verdict.ACCEPTED, None
    desk.world.clock.pass_(600)
    await sender.send_next()
    await read_all(desk.world)
    real = card.patient_card

    def breaking(bundle: object, *rest: object, **more: object) -> card.Card:
        raise ValueError(f"{CANARY} {bundle!r}")

    monkeypatch.setattr(card, "patient_card", breaking)
    await read_all(central)
    monkeypatch.setattr(card, "patient_card", real)
    from connectors.inbox import Inbox

    await Inbox(central.site, central.inbox).judge_parked_again()
    assert await HandoverDesk(central.site, _BrokenHis()).hand_over_next()
    desk_of_his = HandoverDesk(central.site, FolderTarget(tmp_path / "in"))
    assert await desk_of_his.hand_over_next()
    (code,) = {path.name.split("-", 1)[1] for path in (tmp_path / "in").iterdir()}
    await answer(central.site, Event.RECEIVED, code, NamedPerson(CANARY), Details(note=CANARY))
    await Reporter(central.site, central.submit).sign_acks()
    monkeypatch.setattr(intake, "read_file", breaking)
    with pytest.raises(ValueError, match=CANARY):
        await desk.take(desk.slip(3, HO_TEN=CANARY))
    await desk.world.close()
    await central.close()
