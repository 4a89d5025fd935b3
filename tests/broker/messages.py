"""Messages as hospitals send them: Bundles with ids of their own, signed and sealed with the keys of a test world."""

import itertools
from dataclasses import dataclass, replace
from datetime import date, datetime

from certs.seal import seal, sign_message, sign_token
from schemas.events import CARRIES_THE_CASE, Event
from schemas.ids import case_code, exchange_urn, is_uuid
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict, InboxStatus
from tests.certs.pki import EXCHANGE, TestPki
from tests.schemas import bundles
from tests.schemas.bundles import DESTINATION, SENDER

_SPACES = itertools.count(1)
_DAY = date(2026, 11, 22)
_CASE_CODE = case_code(SENDER, _DAY, 17)  # as the Bundles of tests.schemas have it


@dataclass(frozen=True)
class Case:
    """One transfer: its two parties, and the space in which its ids lie."""

    sender: str = SENDER
    destination: str = DESTINATION
    space: int = 0

    @property
    def transfer_id(self) -> str:
        return bundles.uuid(0x7A, self.space)

    @property
    def case_id(self) -> str:
        return bundles.uuid(0xCA, self.space)

    @property
    def code(self) -> str:
        return case_code(self.sender, _DAY, self.space % 1000)


@dataclass(frozen=True)
class Message:
    """A Bundle's bytes with the facts that tests ask for."""

    payload: bytes
    message_id: str
    bundle_id: str
    sender: str
    destination: str
    case: Case


def new_case(sender: str = SENDER, destination: str = DESTINATION) -> Case:
    """A transfer nobody has heard of."""
    return Case(sender, destination, next(_SPACES))


def message(
    case: Case, event: Event = Event.SUBMIT, *, priority: str = "urgent", kind: str = "inpatient", text: str = ""
) -> Message:
    """A new message of a transfer; its content differs from every other's in one clinical sentence (``text``)."""
    space = next(_SPACES)
    if event in CARRIES_THE_CASE:
        bundle = bundles.case_bundle(event, space=space, priority=priority, kind=kind)
    else:
        bundle = bundles.answer_bundle(event, space=space, priority=priority)
    payload = bundles.to_json(bundle)
    for number, wanted in ((0x7A, case.transfer_id), (0xCA, case.case_id)):
        payload = payload.replace(bundles.uuid(number, space).encode(), wanted.encode())
    payload = payload.replace("Theo dõi".encode(), (text or f"Theo dõi {space}").encode())
    payload = _for_parties(payload, case)
    by_destination = event in bundles.BY_DESTINATION
    sender, destination = (case.destination, case.sender) if by_destination else (case.sender, case.destination)
    header = bundles.resource(bundle, "MessageHeader")["id"]
    assert is_uuid(header)
    return Message(payload, header, bundles.uuid(0xB0, space), sender, destination, case)


def _for_parties(payload: bytes, case: Case) -> bytes:
    placeholder = b"@@@@@"
    code = b"#CODE#"
    swapped = payload.replace(_CASE_CODE.encode(), code).replace(SENDER.encode(), placeholder)
    swapped = swapped.replace(DESTINATION.encode(), case.destination.encode())
    return swapped.replace(placeholder, case.sender.encode()).replace(code, case.code.encode())


def renamed(original: Message, *, message_id: bool = False, bundle_id: bool = False) -> Message:
    """The same content under another message id, Bundle id, or both."""
    payload, changed = original.payload, original
    if message_id:
        fresh = bundles.uuid(0xAAAA, next(_SPACES))
        payload, changed = (
            payload.replace(original.message_id.encode(), fresh.encode()),
            replace(changed, message_id=fresh),
        )
    if bundle_id:
        fresh = bundles.uuid(0xBBBB, next(_SPACES))
        payload, changed = (
            payload.replace(original.bundle_id.encode(), fresh.encode()),
            replace(changed, bundle_id=fresh),
        )
    return replace(changed, payload=payload)


def sealed(pki: TestPki, made: Message, *, at: datetime | None = None, signer: str | None = None) -> bytes:
    """The envelope of a message, signed by its sender unless another ``signer`` is named."""
    party = pki.facility(signer or made.sender)
    jws = sign_message(made.payload, party.signing, iat=int((at or pki.now).timestamp()))
    readers = [pki.exchange.encryption.certificate, pki.facility(made.destination).encryption.certificate]
    return seal(jws, readers)


def ack(
    pki: TestPki,
    made: Message,
    *,
    payload_sha256: str,
    delivery_seq: int = 1,
    verdict: AckVerdict = AckVerdict.DELIVERED,
    signer: str | None = None,
) -> bytes:
    """The destination's ack of one message."""
    facility = signer or made.destination
    at = iso(pki.now)
    item = Acknowledged(
        message_id=made.message_id,
        payload_sha256=payload_sha256,
        delivery_seq=delivery_seq,
        verdict=verdict,
        reason=ReasonCode.PAYLOAD_DIGEST_DIFFERS if verdict is AckVerdict.UNREADABLE else None,
        at=at,
    )
    token = Ack(exchange=exchange_urn(EXCHANGE), facility=facility, recipient=made.sender, at=at, acknowledged=(item,))
    return sign_token(token.encode(), Ack.TYP, pki.facility(facility).signing.token_key).encode()


def status(
    pki: TestPki, facility: str, complete_to: int, *, missing: tuple[int, ...] = (), back: bool = False
) -> bytes:
    """A facility's inbox-status."""
    token = InboxStatus(
        exchange=exchange_urn(EXCHANGE),
        facility=facility,
        generation=1,
        complete_to=complete_to,
        missing=missing,
        highest=max((complete_to, *missing)),
        incarnation=bundles.uuid(0x1C, 1),
        back=back,
        at=iso(pki.now),
    )
    return sign_token(token.encode(), InboxStatus.TYP, pki.facility(facility).signing.token_key).encode()
