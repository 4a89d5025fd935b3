"""What the hospital's own pages show of a message: a few plain texts, read leniently from a verified Bundle.

Nothing is decided by these texts, and none of them leaves the hospital.
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas.codes import systems
from schemas.ids import is_case_code

Card = dict[str, str]
_TEXT_MAX: Final = 500  # characters of one text on a card


def case_code_of(bundle: Mapping[str, Any], case_id: str) -> str:
    """The case code in the Task; the beginning of the case id where there is none that fits."""
    code = _identifier(_only(bundle, "Task"), systems.CASE_CODE)
    return code if is_case_code(code) and code is not None else case_id[:8]


def slip_number_of(bundle: Mapping[str, Any]) -> str | None:
    """GIAY_CHUYEN_TUYEN, where the message carries it."""
    return _identifier(_only(bundle, "ServiceRequest"), systems.SLIP_NUMBER)


def patient_card(bundle: Mapping[str, Any]) -> Card:
    """Who is coming, with what, and whom to phone."""
    patient = _only(bundle, "Patient")
    request = _only(bundle, "ServiceRequest")
    sender = _sender(bundle)
    return _kept(
        {
            "name": _text(_first(patient.get("name")), "text"),
            "birth": _text(patient, "birthDate"),
            "sex": _text(patient, "gender"),
            "diagnosis": _diagnosis(_main_condition(bundle, request)),
            "reason": "; ".join(_texts(request.get("reasonCode"))),
            "direction": _text(_object(request.get("code")), "text"),
            "sender_name": _text(sender, "name"),
            "sender_phone": _phone(sender),
            "doctor": _text(_first(_only(bundle, "Practitioner").get("name")), "text"),
            "doctor_phone": _phone(_only(bundle, "Practitioner")),
            "expected_at": _text(request, "authoredOn"),
        }
    )


def answer_card(bundle: Mapping[str, Any]) -> Card:
    """What an answer says: who, where to, until when, why."""
    task = _only(bundle, "Task")
    role = _only(bundle, "PractitionerRole")
    reason = _object(task.get("statusReason"))
    period = _object(task.get("executionPeriod"))
    return _kept(
        {
            "by": _text(_object(role.get("practitioner")), "display"),
            "phone": _phone(role),
            "ward": _extension(task, systems.EXT_WARD),
            "contact": _extension(task, systems.EXT_CONTACT),
            "until": _text(_object(_object(task.get("restriction")).get("period")), "end"),
            "reason": _text(_first(reason.get("coding")), "code"),
            "reason_text": _text(reason, "text"),
            "time": _text(period, "start") or _text(period, "end"),
            "note": "; ".join(_texts(task.get("note"))),
        }
    )


def _kept(card: Mapping[str, str]) -> Card:
    return {name: text[:_TEXT_MAX] for name, text in card.items() if text}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> Mapping[str, Any]:
    return _object(value[0]) if isinstance(value, list) and value else {}


def _text(resource: Mapping[str, Any], name: str) -> str:
    value = resource.get(name)
    return value if isinstance(value, str) else ""


def _texts(items: object) -> list[str]:
    return [text for item in (items if isinstance(items, list) else []) if (text := _text(_object(item), "text"))]


def _resources(bundle: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    entries = bundle.get("entry")
    found = [_object(_object(entry).get("resource")) for entry in (entries if isinstance(entries, list) else [])]
    return [resource for resource in found if resource.get("resourceType") == kind]


def _only(bundle: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = _resources(bundle, kind)
    return found[0] if found else {}


def _sender(bundle: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = _text(_object(_only(bundle, "MessageHeader").get("sender")), "reference")
    for organization in _resources(bundle, "Organization"):
        if reference == f"urn:uuid:{organization.get('id')}":
            return organization
    return {}


def _main_condition(bundle: Mapping[str, Any], request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first that the request gives as its reason, else the first there is."""
    wanted = _text(_first(request.get("reasonReference")), "reference")
    found = _resources(bundle, "Condition")
    return next((one for one in found if f"urn:uuid:{one.get('id')}" == wanted), found[0] if found else {})


def _diagnosis(condition: Mapping[str, Any]) -> str:
    """``I21.0 Nhồi máu cơ tim cấp``: the codes as written, then the words."""
    code = _object(condition.get("code"))
    codings = code.get("coding")
    codes = [_text(_object(item), "code") for item in (codings if isinstance(codings, list) else [])]
    return " ".join(part for part in [*codes, _text(code, "text")] if part)


def _identifier(resource: Mapping[str, Any], system: str) -> str | None:
    identifiers = resource.get("identifier")
    for item in identifiers if isinstance(identifiers, list) else []:
        if _object(item).get("system") == system and isinstance(_object(item).get("value"), str):
            return str(item["value"])
    return None


def _extension(resource: Mapping[str, Any], url: str) -> str:
    extensions = resource.get("extension")
    for item in extensions if isinstance(extensions, list) else []:
        if _object(item).get("url") == url:
            return _text(_object(item), "valueString")
    return ""


def _phone(resource: Mapping[str, Any]) -> str:
    telecom = resource.get("telecom")
    for item in telecom if isinstance(telecom, list) else []:
        if _text(_object(item), "value"):
            return _text(_object(item), "value")
    return ""
