"""Directory entries: proven, countersigned, stored, handed to everybody; never back, never two of one number."""

from broker.known_signers import signers_from
from broker.stages.known import Standing
from broker.store import tables
from broker.store.directory import DirectoryTable
from certs.directory import KnownEntry, entry_certificates, sign_entry, verify_countersigned
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.directory import DirectoryEntry, DutyPhone, FacilityCode
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk, digest
from tests.broker.messages import ack, message, new_case, sealed, status
from tests.certs.pki import EXCHANGE, TestPki
from tests.schemas.bundles import DESTINATION, SENDER


def entry(pki: TestPki, facility: str, version: int = 1, phone: str = "0204 3 854 123", signer: str = "") -> bytes:
    """A facility's entry, signed by itself or by another."""
    party = pki.facility(facility)
    made = DirectoryEntry(
        facility=facility,
        version=version,
        at=iso(pki.now),
        name=f"Bệnh viện {facility}",
        codes=(FacilityCode(code=facility, valid_from="2019-01-01"),),
        phones=(DutyPhone(label="Trực", phone=phone),),
        signing_certificates=entry_certificates([pki.facility(signer or facility).signing.certificate]),
        encryption_certificates=entry_certificates([party.encryption.certificate]),
    )
    return sign_entry(made, pki.facility(signer or facility).signing).encode()


async def test_an_entry_reaches_everybody_countersigned_and_proves_itself(any_desk: Desk) -> None:
    desk = any_desk
    own = entry(desk.pki, SENDER)
    desk.submit(SENDER, own, RecordType.DIRECTORY)
    await desk.work()
    keys = {desk.pki.exchange.signing.kid: desk.pki.exchange.signing.private_key.public_key()}
    for reader in (SENDER, DESTINATION, STRANGER):
        (carried,) = desk.received(reader, RecordType.DIRECTORY)
        verified = verify_countersigned(
            carried.value,
            keys=keys,
            exchange=EXCHANGE,
            recipient=reader,
            trust=desk.pki.trust(),
            now=desk.clock.now(),
            known={},
        )
        assert verified.token.encode() == own
        assert carried.stamp.record_sha256 == digest(carried.value)
    assert len(await desk.rows(tables.shared_token)) == 1, "one token, stored once"


async def test_a_new_entry_makes_its_key_known_for_what_follows_in_the_same_turn(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    desk.submit(DESTINATION, entry(desk.pki, DESTINATION), RecordType.DIRECTORY)
    desk.submit(DESTINATION, ack(desk.pki, made, payload_sha256=digest(made.payload)), RecordType.ACK)
    await desk.pipeline.turn()
    (stored,) = await desk.rows(tables.message)
    assert stored.ack == "delivered"


async def test_after_a_restart_the_signers_are_read_back(any_desk: Desk) -> None:
    desk = any_desk
    desk.submit(SENDER, entry(desk.pki, SENDER), RecordType.DIRECTORY)
    await desk.work()
    stored = await DirectoryTable(desk.database).newest_entries([SENDER, DESTINATION])
    found = signers_from(stored, desk.pki.trust(), desk.clock.now())
    assert list(found) == [SENDER]
    assert list(found[SENDER].certificates) == [desk.pki.facility(SENDER).signing.kid]
    assert found[SENDER].entry == KnownEntry(1, iso(desk.pki.now), digest(entry_bytes(desk)))


def entry_bytes(desk: Desk) -> bytes:
    return desk.log.topics[f"xfer.submit.{SENDER}"][0].value


async def test_the_same_entry_again_changes_nothing(any_desk: Desk) -> None:
    desk, own = any_desk, entry(any_desk.pki, SENDER)
    for _ in range(2):
        desk.submit(SENDER, own, RecordType.DIRECTORY)
        await desk.work()
    assert len(desk.received(DESTINATION, RecordType.DIRECTORY)) == 1
    assert await desk.rows(tables.alarm) == []


async def test_a_higher_version_replaces_and_a_lower_one_is_set_aside(any_desk: Desk) -> None:
    desk = any_desk
    for version in (1, 3, 2):
        desk.submit(SENDER, entry(desk.pki, SENDER, version), RecordType.DIRECTORY)
        await desk.work()
    assert len(desk.received(DESTINATION, RecordType.DIRECTORY)) == 2
    (row,) = await desk.rows(tables.quarantine)
    assert row.reason == ReasonCode.DIRECTORY_ROLLED_BACK


async def test_the_entry_of_a_suspended_facility_has_no_effect_until_it_is_sent_again(desk: Desk) -> None:
    own, ahead = entry(desk.pki, SENDER), entry(desk.pki, SENDER, 99)
    await desk.stand(SENDER, Standing.SUSPENDED)
    desk.submit(SENDER, ahead, RecordType.DIRECTORY)
    await desk.work()
    assert await desk.rows(tables.directory_entry) == []
    assert desk.received(DESTINATION, RecordType.DIRECTORY) == []
    assert SENDER not in desk.material.signers, "not even in memory"
    (row,) = await desk.rows(tables.quarantine)
    assert (row.reason, row.record_type) == (ReasonCode.FACILITY_SUSPENDED, RecordType.DIRECTORY)
    await desk.stand(SENDER, Standing.ACTIVE)
    desk.submit(SENDER, own, RecordType.DIRECTORY)
    await desk.work()
    assert len(desk.received(DESTINATION, RecordType.DIRECTORY)) == 1


async def test_an_old_revocation_list_loses_no_entry_and_forgets_no_signer(desk: Desk) -> None:
    """An entry is sent rarely; whoever reads it judges it anew under a list of its own."""
    made = message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    await desk.pass_by(20 * 86_400)
    desk.submit(DESTINATION, entry(desk.pki, DESTINATION), RecordType.DIRECTORY)
    desk.submit(DESTINATION, ack(desk.pki, made, payload_sha256=digest(made.payload)), RecordType.ACK)
    await desk.work()
    assert await desk.rows(tables.quarantine) == []
    assert len(desk.received(SENDER, RecordType.DIRECTORY)) == 1
    assert [row.ack for row in await desk.rows(tables.message)] == ["delivered"]
    stored = await DirectoryTable(desk.database).newest_entries([DESTINATION])
    assert list(signers_from(stored, desk.material.current().trust, desk.clock.now())) == [DESTINATION]


async def test_two_entries_of_one_version_are_a_fork(any_desk: Desk) -> None:
    desk = any_desk
    for phone in ("0204 1", "0204 2"):
        desk.submit(SENDER, entry(desk.pki, SENDER, 1, phone), RecordType.DIRECTORY)
        await desk.work()
    assert len(desk.received(DESTINATION, RecordType.DIRECTORY)) == 1
    (row,) = await desk.rows(tables.quarantine)
    assert row.reason == ReasonCode.DIRECTORY_FORKED


async def test_an_entry_for_another_facility_is_refused(desk: Desk) -> None:
    desk.submit(STRANGER, entry(desk.pki, SENDER), RecordType.DIRECTORY)
    desk.submit(STRANGER, entry(desk.pki, STRANGER, signer=SENDER), RecordType.DIRECTORY)
    await desk.work()
    assert await desk.rows(tables.directory_entry) == []
    assert [row.reason for row in await desk.rows(tables.quarantine)] == [ReasonCode.FACILITY_MISMATCH] * 2


async def test_a_status_signed_by_a_known_key_is_taken(any_desk: Desk) -> None:
    desk = any_desk
    desk.submit(SENDER, entry(desk.pki, SENDER), RecordType.DIRECTORY)
    desk.submit(SENDER, status(desk.pki, SENDER, 0), RecordType.INBOX_STATUS)
    await desk.work()
    assert len(await desk.rows(tables.inbox_status)) == 1
