"""The smallest Bundles whose facts can be read; what the profile asks beyond that is the mapping's business."""

import json
import uuid
from datetime import date
from typing import Any

from schemas.codes import systems
from schemas.events import Event
from schemas.ids import case_code
from schemas.urgency import Kind, Priority

CASE_CODE = case_code("24001", date(2026, 11, 22), 1)


def new_id() -> str:
    return str(uuid.uuid4())


def make_bundle(
    sender: str,
    recipient: str,
    *,
    event: Event = Event.SUBMIT,
    priority: Priority = Priority.URGENT,
    kind: Kind | None = Kind.EMERGENCY,
    message_id: str | None = None,
    case_id: str | None = None,
    transfer_id: str | None = None,
    code: str = CASE_CODE,
    response_to: str | None = None,
    slip_number: str = "GCT-0001",
    patient: str = "NGUYỄN VĂN AN",
    counter: int = 1,
) -> dict[str, Any]:
    """One message between two facilities."""
    message_id = message_id or new_id()
    ids = {name: new_id() for name in ("task", "from", "to", "service", "patient")}
    url = {name: f"urn:uuid:{value}" for name, value in ids.items()}

    def organization(name: str, code: str) -> dict[str, Any]:
        identifier = [{"system": systems.FACILITY, "value": code}]
        return {
            "fullUrl": url[name],
            "resource": {
                "resourceType": "Organization",
                "id": ids[name],
                "identifier": identifier,
                "name": f"Bệnh viện {code}",
                "telecom": [{"system": "phone", "value": "0204 385 4500"}],
            },
        }

    header: dict[str, Any] = {
        "resourceType": "MessageHeader",
        "id": message_id,
        "extension": [
            {
                "url": systems.EXT_ORIGIN,
                "extension": [
                    {"url": "incarnation", "valueId": new_id()},
                    {"url": "counter", "valuePositiveInt": counter},
                ],
            }
        ],
        "eventCoding": {"system": systems.EVENT, "code": event.value},
        "destination": [{"receiver": {"reference": url["to"]}}],
        "sender": {"reference": url["from"]},
        "focus": [{"reference": url["task"]}],
    }
    if response_to:
        header["response"] = {"identifier": response_to, "code": "ok"}
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": ids["task"],
        "identifier": [
            {"system": systems.TRANSFER_ID, "value": transfer_id or new_id()},
            {"system": systems.CASE_CODE, "value": code},
        ],
        "groupIdentifier": {"system": systems.CASE_ID, "value": case_id or new_id()},
        "priority": priority.value,
    }
    if kind:
        task["extension"] = [{"url": systems.EXT_KIND, "valueCode": kind.value}]
    entries = [
        {"fullUrl": f"urn:uuid:{message_id}", "resource": header},
        {"fullUrl": url["task"], "resource": task},
        organization("from", sender),
        organization("to", recipient),
    ]
    if event in (Event.SUBMIT, Event.UPDATE):
        entries += [_service(ids, url, slip_number), _patient(ids, url, patient)]
    return {"resourceType": "Bundle", "id": new_id(), "type": "message", "entry": entries}


def _service(ids: dict[str, str], url: dict[str, str], slip_number: str) -> dict[str, Any]:
    resource = {
        "resourceType": "ServiceRequest",
        "id": ids["service"],
        "identifier": [{"system": systems.SLIP_NUMBER, "value": slip_number}],
        "subject": {"reference": url["patient"]},
        "reasonCode": [{"text": "I21.0 Nhồi máu cơ tim"}],
    }
    return {"fullUrl": url["service"], "resource": resource}


def _patient(ids: dict[str, str], url: dict[str, str], name: str) -> dict[str, Any]:
    resource = {
        "resourceType": "Patient",
        "id": ids["patient"],
        "name": [{"text": name}],
        "gender": "male",
        "birthDate": "1961-05-02",
    }
    return {"fullUrl": url["patient"], "resource": resource}


def as_bytes(bundle: dict[str, Any]) -> bytes:
    return json.dumps(bundle, ensure_ascii=False).encode()
