"""No patient in the database, the logs or an error, whatever goes wrong; the exchange's own files included."""

import io
import json
from pathlib import Path

import pytest

import broker.pipeline as pipeline_module
from schemas.events import Event
from schemas.topics import RecordType
from tests.broker.desk import Desk
from tests.broker.messages import message, new_case, sealed
from tests.schemas.bundles import DESTINATION, SENDER
from transport.logs import configure_logging

PATIENT = ("HOÀNG VĂN THỬ NGHIỆM", "HT3249990000001", "Đau thắt ngực", "I20.0", "0912 000 000", "Thôn Giả Định")


def _spellings(text: str) -> set[bytes]:
    """As it could stand in a file: UTF-8, escaped JSON."""
    return {text.encode(), json.dumps(text).strip('"').encode()}


async def test_no_content_anywhere_after_everything_went_right_and_wrong(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    configure_logging("exchange", "debug", log)
    case = new_case()
    good = message(case)
    assert all(any(one in good.payload for one in _spellings(text)) for text in PATIENT), "the canary sings"
    desk.submit(SENDER, sealed(desk.pki, good))
    desk.submit(SENDER, good.payload)
    broken = message(new_case())
    for change in ((b'"type":"message"', b'"type":"collection"'), (b'"gender":"male"', b'"gender":"HO\xc3\x80NG"')):
        desk.submit(
            SENDER, sealed(desk.pki, type(broken)(**{**vars(broken), "payload": broken.payload.replace(*change)}))
        )
    desk.submit(SENDER, good.payload, RecordType.ACK)
    desk.submit(DESTINATION, sealed(desk.pki, message(case, Event.ACCEPT)))
    await desk.work()

    def fails(*_: object) -> None:
        raise ValueError(PATIENT[0])

    monkeypatch.setattr(pipeline_module, "record_turn", fails)
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    with pytest.raises(ValueError, match=PATIENT[0]):  # not even setting aside works now: the process would end
        await desk.work()
    files = [path for path in (tmp_path / "exchange").rglob("*") if path.is_file() and "keys" not in path.parts]
    assert any(path.suffix == ".sqlite" for path in files)
    outputs = {path.name: path.read_bytes() for path in files} | {"log": log.getvalue().encode()}
    assert outputs["log"]
    found = [
        (name, text) for name, data in outputs.items() for text in PATIENT for one in _spellings(text) if one in data
    ]
    assert found == []
