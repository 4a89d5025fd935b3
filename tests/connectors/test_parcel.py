"""What is handed over: the signed bytes, the slip as it was, the form, and proof of both."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from certs.seal import sign_message
from connectors import card
from connectors.parcel import BUNDLE, MESSAGE, SLIP, STAMP, make_parcel, signed_payload
from connectors.sources.xml13.dialects import read_slip
from connectors.store import inbox_rows
from connectors.store.handovers import Handover
from schemas import strict_json
from schemas.events import Event
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import as_bytes, make_bundle
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.exports import sample_values
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import DeskWorld, make_desk, register
from tests.connectors.site_world import World, make_world


@pytest.fixture
async def sides(tmp_path: Path) -> AsyncIterator[tuple[DeskWorld, World]]:
    """Bắc Giang and Bạch Mai around one exchange."""
    exchange = ExchangeDouble(make_pki(tmp_path / "pki"))
    desk = await make_desk(tmp_path / "sender", exchange)
    register(desk.world)
    desk.world.introduce(BACH_MAI)
    await read_all(desk.world)
    central = await make_world(tmp_path / "central", exchange, BACH_MAI)
    yield desk, central
    await desk.world.close()
    await central.close()


def handover(event: Event = Event.SUBMIT) -> Handover:
    return Handover(1, "stat-code", 3, 0, False, False, "case", event.value, "stat", BAC_GIANG, "message")


async def carried(desk: DeskWorld, central: World, data: bytes) -> Any:
    """What the destination's HIS gets for an export."""
    from connectors.outbox import Sender

    await desk.take(data)
    sender = Sender(desk.world.site, desk.world.submit)
    assert await sender.send_next()
    await read_all(central)
    jws, stamp = await central.database.read(lambda c: inbox_rows.signed_and_stamp(c, 1))
    return make_parcel(handover(), jws, stamp)


async def test_the_slip_comes_back_field_by_field(sides: tuple[DeskWorld, World]) -> None:
    desk, central = sides
    data = desk.slip(HO_TEN="LÊ THỊ  ĐIỂM", MA_BENH_YHCT="", TEN_DICH_VU=None)
    parcel = await carried(desk, central, data)
    from connectors.sources.xml13.envelope import read_envelope

    original = read_envelope(data).dossiers[0].slip
    rebuilt = read_slip(parcel.files[SLIP])
    assert original is not None
    assert rebuilt is not None
    assert dict(rebuilt.values) == dict(original.values)
    assert set(rebuilt.values) == set(sample_values())


async def test_the_bundle_is_byte_for_byte_what_was_signed(sides: tuple[DeskWorld, World]) -> None:
    desk, central = sides
    parcel = await carried(desk, central, desk.slip())
    (row,) = await desk.rows()
    assert hashlib.sha256(parcel.files[BUNDLE]).hexdigest() == row.payload_sha256
    assert parcel.payload == parcel.files[BUNDLE] == signed_payload(parcel.files[MESSAGE])
    assert parcel.files["form.pdf"].startswith(b"%PDF")
    assert parcel.files[STAMP].count(b".") == 2
    assert parcel.folder == "03-transfer-submit"


async def test_the_cards_of_both_sides_tell_the_same(sides: tuple[DeskWorld, World]) -> None:
    desk, central = sides
    parcel = await carried(desk, central, desk.slip())
    shown = card.patient_card(strict_json.loads(parcel.payload))
    assert shown["name"] == "HOÀNG VĂN THỬ NGHIỆM"
    assert shown["sender_phone"] == "0204 385 4500"
    from connectors.store import transfers

    for world in (desk.world, central):
        (row,) = await world.database.read(transfers.recent)
        assert json.loads(row.patient) == shown


def signed(payload: bytes, tmp_path: Path) -> bytes:
    pki = make_pki(tmp_path / "pki")
    return sign_message(payload, pki.facility(BAC_GIANG).signing, iat=int(pki.now.timestamp()))


def test_a_message_of_another_software_has_no_slip_and_is_handed_over_all_the_same(tmp_path: Path) -> None:
    jws = signed(as_bytes(make_bundle(BAC_GIANG, BACH_MAI)), tmp_path)
    parcel = make_parcel(handover(), jws, b"stamp")
    assert set(parcel.files) == {BUNDLE, MESSAGE, STAMP}


@pytest.mark.parametrize(
    "attachment",
    [
        {"contentType": "application/pdf"},
        {"contentType": "application/pdf", "data": "not base64!"},
        {"contentType": "application/pdf", "data": 7},
        {"contentType": "text/html", "data": "PGI+"},
        "x",
        None,
    ],
)
def test_attachments_of_any_shape_break_nothing(tmp_path: Path, attachment: Any) -> None:
    bundle = make_bundle(BAC_GIANG, BACH_MAI)
    document = {"resourceType": "DocumentReference", "id": "d", "content": [{"attachment": attachment}, "x"]}
    bundle["entry"] += [{"resource": document}, {"resource": 7}, "x"]
    parcel = make_parcel(handover(), signed(as_bytes(bundle), tmp_path), b"stamp")
    assert not any(name.startswith("form") for name in parcel.files)


def test_answers_carry_no_papers(tmp_path: Path) -> None:
    jws = signed(as_bytes(make_bundle(BACH_MAI, BAC_GIANG, event=Event.ACCEPT)), tmp_path)
    assert set(make_parcel(handover(Event.ACCEPT), jws, b"s").files) == {BUNDLE, MESSAGE, STAMP}
