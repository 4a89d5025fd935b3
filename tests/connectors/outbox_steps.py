"""Messages in the outbox, as intake leaves them, and looks at what became of them."""

import hashlib
from typing import Any

from certs.seal import sign_token
from certs.unseal import open_envelope
from certs.verify_message import verify_message
from connectors.outbox import Sender
from connectors.sealing import SealedMessage
from connectors.store import alarms, outbox_rows, transfers
from connectors.store.outbox_rows import NewMessage, OutRow, OutState
from connectors.store.transfers import NewTransfer
from schemas import strict_json
from schemas.message import read_facts
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict
from schemas.topics import RecordType
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.bundles import as_bytes, make_bundle
from tests.connectors.exchange_double import URN
from tests.connectors.site_world import World


async def enter(world: World, *, state: OutState = OutState.READY, **changes: Any) -> OutRow:
    """A message in the outbox, as intake leaves it."""
    payload = as_bytes(make_bundle(BAC_GIANG, BACH_MAI, **changes))
    facts = read_facts(strict_json.loads(payload))
    sealed: SealedMessage | None = None
    if state is OutState.READY:
        reader = world.site.book.reader_of(BACH_MAI, world.clock.now())
        assert reader is not None
        sealer = world.site.keyring.sealer
        sealed = sealer.seal(sealer.sign(payload, facts.priority, world.clock.now()), reader)
    message = NewMessage(
        message_id=facts.message_id,
        bundle_id=facts.bundle_id,
        case_id=facts.case_id,
        transfer_id=facts.transfer_id,
        case_code="code",
        event=facts.event.value,
        recipient=facts.recipient,
        priority=facts.priority.value,
        kind=None,
        payload=payload,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        source="test",
        sealed=sealed,
    )
    new = NewTransfer(
        BAC_GIANG, facts.transfer_id, BACH_MAI, facts.case_id, "code", None, facts.priority.value, None, "", "{}", None
    )
    await world.database.write(lambda c: transfers.open_transfer(c, new, world.clock.now()))
    seq = await world.database.write(lambda c: outbox_rows.add(c, message, state, world.clock.now()))
    return await row_of(world, seq)


async def row_of(world: World, seq: int) -> OutRow:
    row = await world.database.read(lambda c: outbox_rows.row(c, seq))
    assert row is not None
    return row


async def drain(world: World, sender: Sender | None = None) -> Sender:
    sender = sender or Sender(world.site, world.submit)
    while await sender.send_next():
        pass
    return sender


def sent_ids(world: World) -> list[str]:
    keys = world.exchange.pki.exchange.decryption_keys
    found = []
    for value in world.submit.of(RecordType.ENVELOPE):
        verified = verify_message(
            open_envelope(value, keys), world.exchange.trust, now=world.exchange.now, owner=BAC_GIANG
        )
        found.append(read_facts(strict_json.loads(verified.payload)).message_id)
    return found


async def open_codes(world: World) -> set[str]:
    return {alarm.code for alarm in await world.database.read(alarms.open_alarms)}


def acknowledge(world: World, row: OutRow, verdict: AckVerdict, reason: ReasonCode | None = None) -> None:
    item = Acknowledged(
        message_id=row.message_id,
        payload_sha256=row.payload_sha256,
        delivery_seq=1,
        verdict=verdict,
        reason=reason,
        at=iso(world.exchange.now),
    )
    ack = Ack(exchange=URN, facility=BACH_MAI, recipient=BAC_GIANG, at=iso(world.exchange.now), acknowledged=(item,))
    token = sign_token(ack.encode(), Ack.TYP, world.exchange.pki.facility(BACH_MAI).signing.token_key).encode()
    world.exchange.deliver(BAC_GIANG, RecordType.ACK, token, sender=BACH_MAI)
