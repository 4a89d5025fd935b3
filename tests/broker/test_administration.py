"""What the administrator does, on a real Kafka: admitting, the register, cutting off and letting in."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

import broker.administration as administration_module
from broker.administration import Administration
from broker.facility_register import register_rows
from broker.stages.known import Standing
from broker.store import tables
from broker.store.engine import Database
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso
from schemas.tokens.directory import Register
from schemas.tokens.notice import Notice, NoticeKind
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from tests.broker.desk import Desk, digest
from tests.broker.exchange_files import write_exchange
from tests.broker.kafka_world import KafkaWorld
from tests.broker.messages import ack, message, new_case, sealed
from tests.broker.test_directory import entry
from tests.broker.tokens import payload_of
from tests.certs.pki import TestPki
from tests.kafka_cluster import KafkaCluster
from tests.samples import shared_samples

CSV = (
    "code,name,province_now,valid_from,valid_to,role,phone,note\n"
    "01929,Bệnh viện Bạch Mai,Hà Nội,2019-01-01,,central,024 3 869 3731,\n"
    "30Z01,Bệnh viện chưa nối,Quảng Ninh,2019-01-01,2020-01-01,provincial,,\n"
).encode()


@pytest.mark.kafka
async def test_a_new_facility_gets_the_directory_and_the_register(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster
) -> None:
    first, second = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, [first])
    async with world.administration() as administration:
        assert await administration.load_register(CSV) == 2
    async with world.running():
        await world.submit(first, entry(pki, first), record_type=RecordType.DIRECTORY)
        await world.inbox(first, 3, RecordType.DIRECTORY)
        async with world.administration() as administration:
            await administration.add(second, name="Bệnh viện mới")
        found = await world.inbox(second, 2, RecordType.DIRECTORY)
        kinds = sorted(one.value.split(b".")[0] for one in found)
        assert kinds[0] != kinds[1], "the entry of the first, and the register"
        made = message(new_case(second, first))
        await world.submit(second, sealed(pki, made))
        (receipt,) = await world.receipts(second, 1)
    assert receipt.verdict is Verdict.ACCEPTED
    registers = [Register.decode(payload_of(one.value)) for one in found if b"facilities" in payload_of(one.value)]
    listed = {row.code: row.connected for row in registers[-1].facilities}
    assert listed == {first: True, second: True, "01929": False, "30Z01": False}


@pytest.mark.kafka
async def test_a_suspended_facility_is_cut_off_and_let_in_again(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster
) -> None:
    one, two = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, [one, two])
    stat = message(new_case(one, two), priority="stat")
    async with world.running():
        await world.submit(one, sealed(pki, stat))
        await world.receipts(one, 1)
        async with world.administration() as administration:
            shown = await administration.show(one)
            assert [case.transfer_id for case in shown.open_stat_cases] == [stat.case.transfer_id]
            assert (await administration.suspend(one)).facility.status is Standing.SUSPENDED
            with pytest.raises(KafkaError):
                await world.submit(one, sealed(pki, message(new_case(one, two))))
            assert (await administration.resume(one)).facility.status is Standing.ACTIVE
        await world.submit(one, sealed(pki, message(new_case(one, two))))
        assert [receipt.verdict for receipt in await world.receipts(one, 2)] == [Verdict.ACCEPTED] * 2
    database = Database(world.settings.database_url)
    async with database.read() as connection:
        actions = [row.entry for row in await connection.execute(tables.audit_entry.select())]
    assert sum(b'"facility-suspended"' in action and b'"open_stat_cases":1' in action for action in actions) == 1
    await database.close()


@pytest.mark.kafka
async def test_a_facility_that_returns_is_asked_for_the_acks_that_were_set_aside(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster
) -> None:
    one, two = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, [one, two])
    made = message(new_case(one, two))
    token = ack(pki, made, payload_sha256=digest(made.payload), signer=two)
    async with world.running():
        await world.submit(two, entry(pki, two), record_type=RecordType.DIRECTORY)
        await world.submit(one, sealed(pki, made))
        await world.inbox(two, 1, RecordType.ENVELOPE)
    await world.submit(two, token, record_type=RecordType.ACK)  # and only then is it cut off
    async with world.administration() as administration:
        await administration.suspend(two)
        async with world.running():
            await _until_set_aside(administration.database)
            await administration.resume(two)
            (notice,) = [Notice.decode(payload_of(got.value)) for got in await world.inbox(two, 1, RecordType.NOTICE)]
            assert (notice.notice, notice.message_id) == (NoticeKind.RESEND_REQUEST, made.message_id)
            await world.submit(two, token, record_type=RecordType.ACK)
            (carried,) = await world.inbox(one, 1, RecordType.ACK)
    assert carried.value == token


async def _until_set_aside(database: Database) -> None:
    async with asyncio.timeout(20):
        while True:
            async with database.read() as connection:
                if (await connection.execute(tables.quarantine.select())).first() is not None:
                    return
            await asyncio.sleep(0.05)


class _Link:
    """Kafka's side of admitting, of which only the rights are looked at."""

    def __init__(self) -> None:
        self.granted: list[dict[str, tuple[int, ...]]] = []
        self.standings: list[Standing] = []  # when the facility was let in again
        self.standing: Callable[[], Awaitable[Standing]]

    async def create_facility_topics(self, *_: object, **__: object) -> None:
        return None

    async def block(self, *_: object) -> None:
        raise KafkaError

    async def unblock(self, *_: object) -> None:
        self.standings.append(await self.standing())

    async def grant(self, _: object, facilities: dict[str, tuple[int, ...]]) -> None:
        self.granted.append(facilities)


async def test_adding_again_without_generations_keeps_what_is_there(
    tmp_path: Path, pki: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, kafka = await Desk.open(tmp_path / "exchange", pki, codes=()), _Link()
    monkeypatch.setattr(administration_module, "kafka_admin", kafka)
    monkeypatch.setattr(Administration, "_link", lambda _: None)
    settings = write_exchange(tmp_path / "keys", pki)
    administration = Administration(settings, desk.database, actor="test", clock=desk.clock)
    for generations in ((), (1, 2), ()):
        await administration.add("24Z09", generations=generations)
    (row,) = await administration.list()
    assert row.generations == (1, 2)
    assert [one["24Z09"] for one in kafka.granted] == [(1,), (1, 2), (1, 2)]
    await desk.close()


@pytest.mark.kafka
async def test_adding_twice_and_asking_for_nobody(tmp_path: Path, pki: TestPki, kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, [code])
    async with world.administration() as administration:
        await administration.add(code, generations=(1, 2))
        (row,) = await administration.list()
        assert (row.facility_id, row.generations) == (code, (1, 2))
        with pytest.raises(Refused) as unknown:
            await administration.show("ZZZZZ")
        assert unknown.value.reason is ReasonCode.FACILITY_UNKNOWN
        with pytest.raises(Refused) as malformed:
            await administration.add("../..")
        assert malformed.value.reason is ReasonCode.ID_MALFORMED


def test_the_register_of_the_samples_can_be_read() -> None:
    rows = register_rows((shared_samples() / "xml13" / "facilities.csv").read_bytes())
    assert len(rows) > 5
    assert next(row for row in rows if row.code == "01929").name == "Bệnh viện Bạch Mai"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", "line[1]"),
        (b"code,name\n01929,x\n", "line[1]"),
        (b"code,name,valid_from\n0192,x,2019-01-01\n", "line[2]"),
        (b"code,name,valid_from\n01929,,2019-01-01\n", "line[2]"),
        (b"code,name,valid_from\n01929,x,01/01/2019\n", "line[2].valid_from"),
        (b"code,name,valid_from\n01929,x\0y,2019-01-01\n", "line[2].name"),
        (b"code,name,valid_from\n01929," + b"x" * 201 + b",2019-01-01\n", "line[2].name"),
        (b"\xff\xfe", "file"),
        (b'code,name,valid_from\n"01929', "file"),
    ],
)
def test_a_register_that_cannot_be_used_names_the_line_and_no_value(content: bytes, where: str) -> None:
    with pytest.raises(Refused) as refused:
        register_rows(content)
    assert (refused.value.reason, refused.value.where) == (ReasonCode.PROFILE_VIOLATED, where)


def test_a_byte_order_mark_and_further_columns_are_no_obstacle() -> None:
    (row,) = register_rows(b"\xef\xbb\xbfcode,more,name,valid_from\n01929,?,x,2019-01-01\n")
    assert (row.code, row.name, row.valid_to, row.phone) == ("01929", "x", None, None)


async def test_suspended_twice_counts_from_the_first_time_and_a_return_begins_in_the_database(
    tmp_path: Path, pki: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka away at the first try: acks keep coming and are set aside, and must all be asked for afterwards."""
    desk, kafka = await Desk.open(tmp_path / "exchange", pki, codes=()), _Link()
    monkeypatch.setattr(administration_module, "kafka_admin", kafka)
    monkeypatch.setattr(Administration, "_link", lambda _: None)
    administration = Administration(
        write_exchange(tmp_path / "keys", pki), desk.database, actor="test", clock=desk.clock
    )
    await administration.add("24Z09")
    asked: list[str] = []

    async def ask(_: object, __: object, facility: str, since: str) -> None:
        asked.append(since)

    async def standing() -> Standing:
        return (await administration.show("24Z09")).facility.status

    monkeypatch.setattr(administration_module, "ask_for_acks", ask)
    kafka.standing = standing
    began = iso(desk.clock.now())
    for _ in range(2):
        with pytest.raises(KafkaError):
            await administration.suspend("24Z09")
        desk.clock.pass_by(60)
    assert asked == []
    await administration.resume("24Z09")
    assert asked == [began]
    assert kafka.standings == [Standing.ACTIVE]
    await desk.close()
