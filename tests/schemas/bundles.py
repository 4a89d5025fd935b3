"""Bundles for tests, written by hand from the profile: nothing here comes from the mapping of a connector."""

import base64
import hashlib
import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from schemas import strict_json
from schemas.codes import systems
from schemas.events import CARRIES_THE_CASE, Event
from schemas.ids import case_code, facility_urn
from schemas.message import MessageFacts, read_facts

SENDER, DESTINATION = "24Z01", "01Z99"
MADE = "2026-11-22T10:20:00+07:00"
LEFT = "2026-11-22T10:15:00+07:00"
BEFORE = "2026-11-22T08:00:00+07:00"
EXPIRES = "2026-12-06T10:15:00+07:00"

Json = dict[str, Any]


def uuid(number: int, space: int = 0) -> str:
    """A UUID by number, so that a failing test prints something one can follow."""
    return f"{number:08x}-0000-4000-8000-{space:012x}"


class Builder:
    """Collects entries with their ids; ``ref`` points to one by its short name."""

    def __init__(self, space: int = 0) -> None:
        self.space = space
        self.numbers: dict[str, int] = {}
        self.entries: list[Json] = []

    def id(self, name: str) -> str:
        return uuid(self.numbers.setdefault(name, len(self.numbers) + 1), self.space)

    def ref(self, name: str) -> Json:
        return {"reference": f"urn:uuid:{self.id(name)}"}

    def add(self, name: str, kind: str, /, **content: Any) -> None:
        fields = {key.rstrip("_") if key != "_birthDate" else key: value for key, value in content.items()}
        resource = {"resourceType": kind, "id": self.id(name), **fields}
        self.entries.append({"fullUrl": f"urn:uuid:{self.id(name)}", "resource": resource})


def coding(system: str, code: str) -> Json:
    return {"system": system, "code": code}


def concept(system: str, code: str, text: str | None = None) -> Json:
    return {"coding": [coding(system, code)], **({"text": text} if text else {})}


def identifier(system: str, value: str) -> Json:
    return {"system": system, "value": value}


def absent(why: str = "unknown") -> Json:
    return {"extension": [{"url": systems.DATA_ABSENT_REASON, "valueCode": why}]}


def phone(number: str) -> Json:
    return {"system": "phone", "value": number}


def quantity(value: str, unit: str) -> Json:
    return {"value": Decimal(value), "unit": unit, "system": systems.UCUM, "code": unit}


def attachment(content: bytes = b"%PDF-1.7 ...", title: str = "Phiếu chuyển") -> Json:
    return {
        "extension": [{"url": systems.EXT_SHA256, "valueString": hashlib.sha256(content).hexdigest()}],
        "contentType": "application/pdf",
        "data": base64.b64encode(content).decode(),
        "size": len(content),
        "title": title,
    }


def case_bundle(
    event: Event = Event.SUBMIT,
    *,
    space: int = 0,
    priority: str = "urgent",
    kind: str = "inpatient",
    tags: Iterable[str] = (),
    labs: int = 12,
) -> Json:
    """A submit or update as a careful hospital sends it. Parsed, as ``strict_json.loads`` gives it."""
    b = Builder(space)
    _header(b, event)
    _case_task(b, priority, kind)
    _request(b, priority, kind)
    _patient(b)
    _organizations(b)
    _staff(b)
    _encounter(b)
    _illness(b)
    _vital_signs(b)
    _labs(b, labs)
    _documents(b)
    _rest(b)
    _provenance(b, event)
    return whole(b, event, tags)


def bundle_for(event: Event, *, priority: str = "urgent") -> Json:
    """A small Bundle of any supported event in which every row of its table stands somewhere."""
    if event in CARRIES_THE_CASE:
        return case_bundle(event, priority=priority, tags=["demonstration"], labs=2)
    return answer_bundle(event, priority=priority, tags=["demonstration"])


def whole(b: Builder, event: Event, tags: Iterable[str] = ()) -> Json:
    bundle_id = uuid(0xB0, b.space)
    bundle = {
        "resourceType": "Bundle",
        "id": bundle_id,
        "meta": {"profile": [systems.profile_of(event)]},
        "identifier": identifier(systems.BUNDLE_ID, f"urn:uuid:{bundle_id}"),
        "type": "message",
        "timestamp": MADE,
        "entry": b.entries,
    }
    if tags:
        bundle["meta"]["tag"] = [coding(systems.TAG, tag) for tag in tags]
    return reparsed(bundle)


def to_json(bundle: Json) -> bytes:
    """The Bundle as bytes, numbers written as they were."""

    class Written(float):
        def __init__(self, value: Decimal) -> None:
            self.text = str(value)

        def __repr__(self) -> str:
            return self.text

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return Written(value) if isinstance(value, Decimal) else value

    return json.dumps(plain(bundle), ensure_ascii=False, separators=(",", ":")).encode()


def reparsed(bundle: Json) -> Json:
    parsed = strict_json.loads(to_json(bundle))
    assert isinstance(parsed, dict)
    return parsed


def facts_of(bundle: Json) -> MessageFacts:
    return read_facts(bundle)


def resource(bundle: Json, kind: str, which: int = 0) -> Json:
    """The n-th resource of a type, to be changed in place."""
    found = [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]
    chosen = found[which]
    assert isinstance(chosen, dict)
    return chosen


def _header(b: Builder, event: Event, *, answer_by: bool = False) -> None:
    sender, receiver = ("destination", "sender") if answer_by else ("sender", "destination")
    codes = {"sender": SENDER, "destination": DESTINATION}
    extensions = [
        {
            "url": systems.EXT_ORIGIN,
            "extension": [
                {"url": "incarnation", "valueId": uuid(0x1C, b.space)},
                {"url": "counter", "valuePositiveInt": 7},
            ],
        }
    ]
    more: Json = {}
    if event in CARRIES_THE_CASE:
        basis = [
            {"url": "code", "valueCode": "written-request"},
            {"url": "document", "valueString": "Đơn số 12/2026"},
            {"url": "setBy", "valueString": "Nguyễn Văn Quản"},
        ]
        extensions.append({"url": systems.EXT_LEGAL_BASIS, "extension": basis})
        reason = "new" if event is Event.SUBMIT else "update"
        more["reason"] = concept(systems.MESSAGE_REASON, reason)
    else:
        more["response"] = {"identifier": uuid(0x5E, b.space), "code": "ok"}
    b.add(
        "header",
        "MessageHeader",
        extension=extensions,
        eventCoding=coding(systems.EVENT, event.value),
        destination=[
            {"name": "Nơi nhận", "endpoint": facility_urn(codes[receiver]), "receiver": b.ref(receiver)},
        ],
        sender=b.ref(sender),
        author=b.ref("role"),
        source={
            "name": "Liên Viện",
            "software": "lienvien",
            "version": "0.1.0",
            "contact": phone("0204 3 854 123"),
            "endpoint": facility_urn(codes[sender]),
        },
        focus=[b.ref("task")],
        definition=systems.message_definition_of(event),
        **more,
    )


def _ids(b: Builder) -> Json:
    return {
        "identifier": [
            identifier(systems.TRANSFER_ID, uuid(0x7A, b.space)),
            identifier(systems.CASE_CODE, case_code(SENDER, date(2026, 11, 22), 17)),
        ],
        "groupIdentifier": identifier(systems.CASE_ID, uuid(0xCA, b.space)),
    }


def _case_task(b: Builder, priority: str, kind: str) -> None:
    why = [
        {"url": "rule", "valueString": "stroke-window"},
        {"url": "version", "valueString": "2026-10-01"},
        {"url": "text", "valueString": "I63 trong giờ vàng"},
    ]
    b.add(
        "task",
        "Task",
        extension=[
            {"url": systems.EXT_KIND, "valueCode": kind},
            {"url": systems.EXT_PRIORITY_REASON, "extension": why},
        ],
        **_ids(b),
        status="requested",
        businessStatus=concept(systems.BUSINESS_STATUS, "submitted"),
        intent="order",
        priority=priority,
        code=concept(systems.TASK_CODE, "fulfill"),
        description="Chuyển viện",
        focus=b.ref("request"),
        for_=b.ref("patient"),
        encounter=b.ref("encounter"),
        authoredOn=LEFT,
        lastModified=LEFT,
        requester=b.ref("sender"),
        owner=b.ref("destination"),
        note=[
            {"extension": [{"url": systems.EXT_LABEL, "valueCode": "labs"}], "time": LEFT, "text": "Còn 3 xét nghiệm"}
        ],
        restriction={"period": {"end": EXPIRES}},
    )


def _request(b: Builder, priority: str, kind: str) -> None:
    fields = [
        {"url": "dialect", "valueCode": "3176"},
        {"url": "empty", "valueString": "MA_NOI_DI MA_BENH_YHCT"},
        {"url": "PHUONGTIEN_VC", "valueString": "Xe cứu thương"},
        {"url": "DU_PHONG", "valueBase64Binary": "AAECAw=="},
    ]
    b.add(
        "request",
        "ServiceRequest",
        meta={"lastUpdated": MADE},
        extension=[{"url": systems.EXT_XML13, "extension": fields}],
        identifier=[
            identifier(systems.SLIP_NUMBER, "24Z01/2026/0412"),
            identifier(systems.EPISODE, "24Z01.26112200017"),
        ],
        status="active",
        intent="order",
        category=[concept(systems.KIND, kind)],
        priority=priority,
        code={"text": "Can thiệp mạch vành; huyết áp <140/90"},
        subject=b.ref("patient"),
        encounter=b.ref("encounter"),
        occurrenceDateTime=LEFT,
        authoredOn=LEFT,
        requester=b.ref("role"),
        performer=[b.ref("destination")],
        reasonCode=[concept(f"{systems.XML13}MA_LYDO_CT", "2", "Vượt khả năng")],
        reasonReference=[b.ref("main")],
        insurance=[b.ref("coverage")],
        supportingInfo=[b.ref("form"), b.ref("report")],
        note=[{"authorString": "BS. Lan", "time": LEFT, "text": "Mạch 92, SpO2 96%"}],
    )


def _patient(b: Builder) -> None:
    b.add(
        "patient",
        "Patient",
        extension=[
            {"url": systems.EXT_XML13, "extension": [{"url": "NGAY_SINH", "valueString": "195803120000"}]},
            {"url": systems.EXT_ETHNIC_GROUP, "valueCode": "02"},
            {"url": systems.EXT_NATIONALITY, "valueCode": "000"},
            {"url": systems.EXT_OCCUPATION, "valueCode": "00000"},
            {"url": systems.EXT_ESTIMATED_AGE, "valueString": "68 tuổi"},
        ],
        identifier=[
            {"use": "official", "type": {"text": "Thẻ BHYT"}, **identifier(systems.INSURANCE, "HT3249990000001")}
            | {"period": {"end": "2026-12-31"}},
            identifier(systems.RECORD_NUMBER, "HS-2611-0001"),
        ],
        name=[{"use": "official", "text": "HOÀNG VĂN THỬ NGHIỆM", "family": "HOÀNG", "given": ["VĂN", "THỬ NGHIỆM"]}],
        telecom=[{**phone("0912 000 000"), "use": "mobile"}],
        gender="male",
        birthDate="1958-03-12",
        _birthDate={"extension": [{"url": systems.EXT_BIRTH_TIME, "valueDateTime": "1958-03-12T06:30:00+07:00"}]},
        address=[
            {
                "use": "home",
                "text": "Thôn Giả Định, xã Ví Dụ, Bắc Giang",
                "line": ["Thôn Giả Định"],
                "city": "Bắc Giang",
                "district": "Ví Dụ",
                "state": "Bắc Ninh",
                "postalCode": "26000",
                "country": "VN",
            }
        ],
        contact=[
            {
                "relationship": [{"text": "vợ"}],
                "name": {"text": "NGUYỄN THỊ B"},
                "telecom": [phone("0913 000 000")],
                "address": {"text": "cùng địa chỉ"},
                "gender": "female",
            }
        ],
        managingOrganization=b.ref("sender"),
    )


def _organizations(b: Builder) -> None:
    for name, code in (("sender", SENDER), ("destination", DESTINATION)):
        b.add(
            name,
            "Organization",
            identifier=[identifier(systems.FACILITY, code)],
            active=True,
            type=[{"text": "bệnh viện"}],
            name=f"Bệnh viện {code}",
            telecom=[phone("0204 3 854 123"), {"system": "fax", "_value": absent()}],
            address=[{"text": "Bắc Giang"}],
        )


def _staff(b: Builder) -> None:
    b.add(
        "doctor",
        "Practitioner",
        identifier=[identifier(systems.LICENCE, "000001/ZZ-CCHN")],
        name=[{"text": "BS. Lan"}],
        telecom=[phone("0914 000 000")],
    )
    b.add(
        "role",
        "PractitionerRole",
        identifier=[identifier(systems.LICENCE, "000001/ZZ-CCHN")],
        practitioner=b.ref("doctor"),
        organization=b.ref("sender"),
        code=[concept("urn:lienvien:codesystem:role", "doctor", "Bác sĩ")],
        specialty=[{"text": "Tim mạch"}],
        telecom=[phone("0204 3 854 124")],
    )


def _encounter(b: Builder) -> None:
    b.add(
        "encounter",
        "Encounter",
        extension=[
            {"url": systems.EXT_XML13, "extension": [{"url": "NGAY_VAO", "valueString": "202611220735"}]},
            {"url": systems.EXT_INPATIENT_ORDER, "valueDateTime": BEFORE},
        ],
        identifier=[identifier(systems.EPISODE, "24Z01.26112200017")],
        status="finished",
        class_={**coding(systems.ACT_CODE, "IMP"), "version": "2018-08-12", "display": "nội trú"},
        type=[concept(f"{systems.XML13}MA_LOAI_KCB", "03")],
        serviceType=concept(f"{systems.XML13}MA_KHOA", "K04"),
        subject=b.ref("patient"),
        period={"start": BEFORE, "end": LEFT},
        reasonCode=[{"text": "Đau ngực"}],
        hospitalization={
            "origin": b.ref("sender"),
            "dischargeDisposition": concept(f"{systems.XML13}MA_LOAI_RV", "2"),
        },
        serviceProvider=b.ref("sender"),
    )


def _illness(b: Builder) -> None:
    for name, code, text in (("main", "I20.0", "Đau thắt ngực không ổn định"), ("other", "I10", "Tăng huyết áp")):
        b.add(
            name,
            "Condition",
            clinicalStatus=concept(systems.CONDITION_CLINICAL, "active"),
            verificationStatus=concept(systems.CONDITION_VERIFICATION, "confirmed"),
            category=[concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")],
            severity={"text": "nặng"},
            code=concept(systems.ICD10, code, text),
            subject=b.ref("patient"),
            encounter=b.ref("encounter"),
            onsetDateTime="2026-11",
            recordedDate="2026-11-22",
            note=[{"text": "Theo dõi"}],
        )
    b.add(
        "allergy",
        "AllergyIntolerance",
        clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
        verificationStatus=concept(systems.ALLERGY_VERIFICATION, "confirmed"),
        type="allergy",
        category=["medication"],
        criticality="high",
        code={"text": "Penicillin"},
        patient=b.ref("patient"),
        encounter=b.ref("encounter"),
        recordedDate="2026-11-22",
        note=[{"text": "Người nhà kể"}],
        reaction=[{"manifestation": [{"text": "Mày đay"}], "description": "Toàn thân", "severity": "moderate"}],
    )
    b.add(
        "medicine",
        "MedicationStatement",
        status="unknown",
        category=concept("urn:lienvien:codesystem:source-table", "XML2"),
        medicationCodeableConcept={"text": "Aspirin 81mg"},
        subject=b.ref("patient"),
        context=b.ref("encounter"),
        effectiveDateTime=BEFORE,
        dateAsserted="2026-11-22",
        note=[{"text": "Sau ăn"}],
        dosage=[
            {
                "text": "1 viên/ngày",
                "patientInstruction": "Uống sau ăn",
                "route": {"text": "uống"},
                "doseAndRate": [{"doseQuantity": quantity("81", "mg")}],
            }
        ],
    )
    b.add(
        "given",
        "MedicationAdministration",
        status="completed",
        medicationCodeableConcept={"text": "Enoxaparin 60mg"},
        subject=b.ref("patient"),
        context=b.ref("encounter"),
        effectiveDateTime=BEFORE,
        note=[{"text": "Trước khi đi"}],
        dosage={"text": "tiêm dưới da", "route": {"text": "tiêm"}, "dose": quantity("60", "mg")},
    )


def _vital_signs(b: Builder) -> None:
    plain = (("8867-4", "92", "/min"), ("9279-1", "20", "/min"), ("59408-5", "96", "%"), ("8310-5", "36.8", "Cel"))
    for code, value, unit in plain:
        _vital(b, code, valueQuantity=quantity(value, unit))
    parts = [
        {"code": concept(systems.LOINC, code), "valueQuantity": quantity(value, "mm[Hg]")}
        for code, value in (("8480-6", "150"), ("8462-4", "90"))
    ]
    unknown = {"code": concept(systems.LOINC, "8478-0"), "dataAbsentReason": concept(systems.DATA_ABSENT, "unknown")}
    _vital(b, "85354-9", component=[*parts, unknown])
    _vital(b, "9269-2", dataAbsentReason=concept(systems.DATA_ABSENT, "unsupported"))


def _vital(b: Builder, code: str, **value: Any) -> None:
    b.add(
        f"vital {code}",
        "Observation",
        status="final",
        category=[concept(systems.OBSERVATION_CATEGORY, "vital-signs")],
        code=concept(systems.LOINC, code),
        subject=b.ref("patient"),
        encounter=b.ref("encounter"),
        effectiveDateTime=LEFT,
        **value,
    )


def _labs(b: Builder, count: int) -> None:
    for number in range(count):
        value: Json = {"valueQuantity": {"comparator": "<", **quantity(f"{number}.25", "mmol/L")}}
        if number % 3 == 1:
            value = {"valueString": "âm tính"}
        b.add(
            f"lab {number}",
            "Observation",
            status="final",
            category=[concept(systems.OBSERVATION_CATEGORY, "laboratory")],
            code=concept(f"{systems.XML13}MA_CHI_SO", f"XN.{number:03d}", "Glucose"),
            subject=b.ref("patient"),
            encounter=b.ref("encounter"),
            issued=BEFORE,
            performer=[{"type": "Practitioner", "identifier": identifier(systems.LICENCE, "000002/ZZ-CCHN")}],
            interpretation=[{"text": "cao"}],
            note=[{"text": "Máy A"}],
            method={"text": "enzym"},
            **value,
        )


def _documents(b: Builder) -> None:
    b.add(
        "form",
        "DocumentReference",
        identifier=[identifier("urn:lienvien:identifier:document", "1")],
        status="current",
        type=concept("urn:lienvien:codesystem:document", "rendition", "Bản thể hiện"),
        category=[{"text": "Phiếu chuyển"}],
        subject=b.ref("patient"),
        date=MADE,
        author=[b.ref("role")],
        description="Không thay phiếu đã ký",
        content=[{"attachment": {**attachment(), "language": "vi", "creation": MADE}}],
    )
    b.add(
        "report",
        "DiagnosticReport",
        status="final",
        category=[{"text": "Xét nghiệm"}],
        code=concept("urn:lienvien:codesystem:xml13-field", "TOMTAT_KQ", "Tóm tắt kết quả"),
        subject=b.ref("patient"),
        encounter=b.ref("encounter"),
        effectiveDateTime=BEFORE,
        issued=BEFORE,
        performer=[{"display": "Khoa xét nghiệm", "type": "Organization"}],
        result=[b.ref("lab 0")] if "lab 0" in b.numbers else [b.ref("vital 8867-4")],
        conclusion="Troponin T hs 38 ng/L",
    )
    b.add(
        "procedure",
        "Procedure",
        status="completed",
        category={"text": "Can thiệp"},
        code={"text": "Đặt đường truyền"},
        subject=b.ref("patient"),
        encounter=b.ref("encounter"),
        performedDateTime=BEFORE,
        bodySite=[{"text": "tay trái"}],
        outcome={"text": "tốt"},
        note=[{"text": "kim 18G"}],
    )


def _rest(b: Builder) -> None:
    b.add(
        "coverage",
        "Coverage",
        identifier=[identifier(systems.INSURANCE, "HT3249990000001")],
        status="active",
        type={"text": "BHYT"},
        subscriberId="HT3249990000001",
        beneficiary=b.ref("patient"),
        relationship={"text": "bản thân"},
        period={"start": "2026-01-01", "end": "2026-12-31"},
        payor=[{"display": "Bảo hiểm xã hội Việt Nam", "type": "Organization"}],
    )
    b.add(
        "consent",
        "Consent",
        status="active",
        scope={"text": "chia sẻ dữ liệu"},
        category=[{"text": "chuyển viện"}],
        patient=b.ref("patient"),
        dateTime="2026-11-22",
        sourceReference=b.ref("form"),
        policyRule={"text": "Luật 91/2025/QH15"},
        provision={
            "period": {"start": "2026-11-22"},
            "purpose": [coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", "TREAT")],
        },
    )
    b.add(
        "flag",
        "Flag",
        status="active",
        category=[{"text": "cách ly"}],
        code={"text": "Cách ly tiếp xúc"},
        subject=b.ref("patient"),
        period={"start": "2026-11-22"},
        encounter=b.ref("encounter"),
        author=b.ref("role"),
    )
    b.add(
        "wife",
        "RelatedPerson",
        identifier=[identifier(systems.NATIONAL_ID, "024158000001")],
        patient=b.ref("patient"),
        relationship=[{"text": "vợ"}],
        name=[{"text": "NGUYỄN THỊ B"}],
        telecom=[phone("0913 000 000")],
        gender="female",
        birthDate="1960",
        address=[{"text": "cùng địa chỉ"}],
    )


def _provenance(b: Builder, event: Event) -> None:
    more: Json = {}
    if event is not Event.SUBMIT:
        what = {"identifier": identifier(systems.MESSAGE_ID, uuid(0x5E, b.space)), "display": "Bản tin trước"}
        more["entity"] = [{"role": "revision", "what": what}]
    target = [b.ref("request"), b.ref("task")] if event in CARRIES_THE_CASE else [_request_by_id(b), b.ref("task")]
    b.add(
        "provenance",
        "Provenance",
        target=target,
        occurredDateTime=LEFT,
        recorded=MADE,
        activity={"text": "chuyển viện"},
        agent=[
            {"type": concept(systems.PROVENANCE_AGENT, "author"), "who": b.ref("role"), "onBehalfOf": b.ref("sender")},
            {"type": concept(systems.PROVENANCE_AGENT, "transmitter"), "who": b.ref("sender")},
        ],
        **more,
    )


def _request_by_id(b: Builder) -> Json:
    return {
        "type": "ServiceRequest",
        "identifier": identifier(systems.TRANSFER_ID, uuid(0x7A, b.space)),
        "display": "Yêu cầu chuyển viện",
    }


BY_DESTINATION = frozenset({Event.RECEIVED, Event.ACCEPT, Event.DECLINE, Event.ARRIVED})


def answer_bundle(event: Event, *, space: int = 0, priority: str = "urgent", tags: Iterable[str] = ()) -> Json:
    """An answer of the destination, or a later event of the sender: no clinical content."""
    b = Builder(space)
    by_destination = event in BY_DESTINATION
    _header(b, event, answer_by=by_destination)
    b.add("task", "Task", **_answer_task(b, event, priority))
    _organizations(b)
    home = "destination" if by_destination else "sender"
    licence = identifier(systems.LICENCE, "000003/ZZ-CCHN")
    b.add("doctor", "Practitioner", identifier=[licence], name=[{"text": "BS. Minh"}], telecom=[phone("024 1")])
    b.add(
        "role",
        "PractitionerRole",
        identifier=[licence],
        practitioner={"display": "BS. Minh"},
        organization=b.ref(home),
        code=[{"text": "Bác sĩ trực"}],
        specialty=[{"text": "Tim mạch"}],
        telecom=[phone("024 3 869 3731")],
    )
    _provenance(b, event)
    return whole(b, event, tags)


def _answer_task(b: Builder, event: Event, priority: str) -> Json:
    states = {
        Event.RECEIVED: ("received", "under-review"),
        Event.ACCEPT: ("accepted", "accepted"),
        Event.DECLINE: ("rejected", "declined"),
        Event.CANCEL: ("cancelled", "cancelled"),
        Event.DEPARTED: ("accepted", "departed"),
        Event.ARRIVED: ("in-progress", "arrived"),
    }
    status, business = states[event]
    extension = [{"url": systems.EXT_KIND, "valueCode": "inpatient"}]
    more: Json = {}
    if event is Event.ACCEPT:
        extension.append({"url": systems.EXT_WARD, "valueString": "C4"})
        extension.append({"url": systems.EXT_CONTACT, "valueString": "024 3 869 3731"})
        more["restriction"] = {"period": {"end": EXPIRES}}
    if event is Event.DECLINE:
        more["statusReason"] = concept(systems.DECLINE_REASON, "no-bed", "Hết giường hồi sức")
    if event is Event.CANCEL:
        more["statusReason"] = concept(systems.CANCEL_REASON, "condition-changed", "Đã ổn")
    if event is Event.DEPARTED:
        more["executionPeriod"] = {"start": LEFT}
    if event is Event.ARRIVED:
        more["executionPeriod"] = {"start": BEFORE, "end": LEFT}
    return {
        "extension": extension,
        **_ids(b),
        "status": status,
        "businessStatus": concept(systems.BUSINESS_STATUS, business),
        "intent": "order",
        "priority": priority,
        "code": concept(systems.TASK_CODE, "fulfill"),
        "description": "Chuyển viện",
        "focus": _request_by_id(b),
        "for_": {"type": "Patient", "identifier": identifier(systems.CASE_ID, uuid(0xCA, b.space))},
        "authoredOn": LEFT,
        "lastModified": MADE,
        "requester": b.ref("sender"),
        "owner": b.ref("destination"),
        "note": [{"text": "Đã gọi điện"}],
        **more,
    }
