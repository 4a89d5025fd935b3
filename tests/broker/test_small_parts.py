"""Settings, quota, stamps, trust that is renewed, housekeeping: small parts with one rule each."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.housekeeping import Housekeeping
from broker.material import CurrentMaterial, load_keys
from broker.quota import Quota
from broker.recording.stamping import facts_of, repeated_facts, sign_stamp
from broker.settings import ExchangeSettings, load
from broker.settings_file import settings_text
from broker.store import tables
from broker.store.undelivered import AFTER, tell_senders
from schemas.lifecycle import Delivery
from schemas.reasons import ReasonCode, Refused
from schemas.tokens.notice import NoticeKind
from schemas.tokens.stamp import MEMBERS, Stamp
from schemas.topics import RecordType
from tests.broker.desk import Desk, digest
from tests.broker.exchange_files import write_exchange
from tests.broker.messages import ack, message, new_case, sealed
from tests.broker.tokens import payload_of
from tests.certs.pki import EXCHANGE, TestPki
from tests.schemas.bundles import SENDER
from transport.settings import SettingsError

GIVEN = {"exchange": {"name": "bo-y-te"}, "kafka": {"bootstrap": "localhost:9093"}}


# --- settings ----------------------------------------------------------------------------------------------------


def test_the_written_file_reads_back_with_every_key_and_a_comment_for_each(tmp_path: Path) -> None:
    text = settings_text(**{name: dict(values) for name, values in GIVEN.items()})
    path = tmp_path / "exchange.toml"
    path.write_text(text, encoding="utf-8")
    settings = load(path)
    assert (settings.exchange.name, settings.kafka.bootstrap) == ("bo-y-te", "localhost:9093")
    assert settings.database_url == f"sqlite:///{tmp_path / 'data' / 'exchange.sqlite'}"
    assert settings.config == path
    for name in ExchangeSettings.model_fields:
        if name != "config":
            for key, field in getattr(settings, name).__class__.model_fields.items():
                assert f"{key} = " in text
                assert f"# {field.description}" in text


def test_every_default_in_the_file_is_the_default(tmp_path: Path) -> None:
    text = settings_text(**{name: dict(values) for name, values in GIVEN.items()})
    plain, spoken = tmp_path / "plain.toml", tmp_path / "spoken.toml"
    plain.write_text(text, encoding="utf-8")
    lines = [line.removeprefix("# ") if " = " in line and line.startswith("# ") else line for line in text.splitlines()]
    spoken.write_text("\n".join(lines), encoding="utf-8")
    assert load(plain).model_dump() == load(spoken).model_dump()


def test_an_environment_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "exchange.toml"
    path.write_text(settings_text(**{name: dict(values) for name, values in GIVEN.items()}), encoding="utf-8")
    monkeypatch.setenv("LIENVIEN_EXCHANGE__CONTROL__PORT", "8123")
    assert load(path).control.port == 8123


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[exchange]\nname = "Bo Y Te"\n[kafka]\nbootstrap = "x:1"\n', "exchange.name"),
        ('[exchange]\nname = "x"\n', "kafka"),
        ('[exchange]\nname = "x"\n[kafka]\nbootstrap = "x:1"\nsecret = "hunter2"\n', "kafka.secret"),
        (
            '[exchange]\nname = "x"\n[kafka]\nbootstrap = "x:1"\n[database]\nurl = "mysql://u:hunter2@h"\n',
            "database.url",
        ),
        ('[exchange]\nname = "x"\n[kafka]\nbootstrap = "x:1"\n[control]\nhost = "0.0.0.0"\n', "control.host"),
        ("no toml", "TOML"),
    ],
)
def test_a_wrong_configuration_names_the_field_and_no_value(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "exchange.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as wrong:
        load(path)
    assert named in str(wrong.value)
    assert "hunter2" not in str(wrong.value)


def test_a_key_that_does_not_exist_is_not_written() -> None:
    with pytest.raises(ValueError, match="kafka"):
        settings_text(exchange={"name": "x"}, kafka={"bootstrap": "x:1", "acks": 1})
    with pytest.raises(ValueError, match="needed"):
        settings_text(exchange={}, kafka={"bootstrap": "x:1"})


# --- quota -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 30)), max_size=40))
def test_a_quota_lets_through_the_burst_and_the_rate_and_no_more(turns: list[tuple[int, float]]) -> None:
    quota, now, spent = Quota(per_minute=60, burst=20), 0.0, 0
    for records, pause in turns:
        now += pause
        if "24Z01" not in quota.over(now):
            spent += records
            quota.spend("24Z01", records, now)
    assert spent <= 20 + now + 20  # the last spending may overdraw by itself


def test_a_quota_is_each_facilitys_own_and_fills_again() -> None:
    quota = Quota(per_minute=60, burst=5)
    quota.spend("24Z01", 8, 0.0)
    quota.spend("20Z01", 3, 0.0)
    assert quota.over(0.0) == {"24Z01"}
    assert quota.over(3.1) == frozenset()


# --- stamps ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record_type", [one for one in MEMBERS if one not in (RecordType.ENVELOPE, RecordType.HEAD)])
def test_every_kind_of_stamp_is_a_lawful_one(tmp_path: Path, pki: TestPki, record_type: RecordType) -> None:
    signer = load_keys(write_exchange(tmp_path / "exchange", pki)).signer
    facts = facts_of(record_type, signer.urn, SENDER, "a" * 64, accepted_at="2026-11-22T09:00:00.000Z")
    stamp = Stamp.decode(payload_of(sign_stamp(facts, 7, 2, signer)))
    assert (stamp.record_type, stamp.delivery_seq, stamp.generation) == (record_type, 7, 2)


def test_a_member_of_another_kind_is_an_error_of_the_program() -> None:
    with pytest.raises(ValueError, match="does not apply"):
        facts_of(RecordType.ACK, "urn:lienvien:exchange:x", SENDER, "a" * 64, event="transfer-submit")


def test_repeated_facts_keep_everything_but_number_generation_and_digest(tmp_path: Path, pki: TestPki) -> None:
    signer = load_keys(write_exchange(tmp_path / "exchange", pki)).signer
    facts = facts_of(RecordType.RECEIPT, signer.urn, SENDER, "a" * 64, accepted_at="2026-11-22T09:00:00.000Z")
    for before in (facts, sign_stamp(facts, 7, 2, signer)):
        after = json.loads(repeated_facts(before, "b" * 64))
        assert after == {**json.loads(facts), "record_sha256": "b" * 64, "possible_duplicate": True}


# --- keys and trust ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("keys/signing.key", ReasonCode.KEY_FILE_UNREADABLE),
        ("keys/encryption.key", ReasonCode.KEY_FILE_UNREADABLE),
        ("keys/duplicate.secret", ReasonCode.KEY_FILE_UNREADABLE),
    ],
)
def test_a_missing_key_says_which(tmp_path: Path, pki: TestPki, broken: str, reason: ReasonCode) -> None:
    settings = write_exchange(tmp_path / "exchange", pki)
    (tmp_path / "exchange" / broken).unlink()
    with pytest.raises(Refused) as refused:
        load_keys(settings)
    assert (refused.value.reason, refused.value.where) == (reason, str(tmp_path / "exchange" / broken))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, pki: TestPki) -> None:
    settings = write_exchange(tmp_path / "exchange", pki)
    settings.key("signing").chmod(0o644)
    with pytest.raises(Refused) as refused:
        load_keys(settings)
    assert refused.value.reason is ReasonCode.KEY_FILE_UNSAFE


def test_a_broken_revocation_list_leaves_the_old_trust_standing(tmp_path: Path, pki: TestPki) -> None:
    settings = write_exchange(tmp_path / "exchange", pki)
    material = CurrentMaterial(settings, load_keys(settings))
    before = material.current().trust
    settings.keys.crl.write_bytes(b"half a li")
    assert material.current().trust is before
    settings.keys.crl.write_bytes(pki.authority.crl(pki.now + timedelta(hours=1)))
    assert material.current().trust is not before


# --- housekeeping ------------------------------------------------------------------------------------------------


async def test_junk_is_reported_once_when_its_minute_is_over(any_desk: Desk) -> None:
    desk = any_desk
    for _ in range(3):
        desk.submit(SENDER, b"junk")
    await desk.work()
    (counted,) = await desk.rows(tables.junk_counter)
    signer = desk.pipeline.signer
    minute = desk.clock.now().replace(second=0, microsecond=0)
    late = type(desk.clock)(minute + timedelta(hours=1))
    house = Housekeeping(desk.database, signer, late)
    assert await house.report_junk() == 1
    assert await house.report_junk() == 0
    (entry,) = await desk.rows(tables.audit_entry)
    told = json.loads(entry.entry)
    assert (told["action"], told["count"], told["reason"]) == ("junk-counted", 3, counted.reason)
    assert EXCHANGE not in told.values()


async def test_attempts_are_forgotten_when_their_record_is_done(any_desk: Desk) -> None:
    desk = any_desk
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.setbacks.count(record.topic, record.offset, "2026-11-22T09:00:00.000Z")
    await desk.setbacks.count(record.topic, record.offset + 5, "2026-11-22T09:00:00.000Z")
    await desk.work()
    await Housekeeping(desk.database, desk.pipeline.signer, desk.clock).forget_attempts()
    assert [row.offset for row in await desk.rows(tables.attempt)] == [record.offset + 5]


# --- slips that never arrive -------------------------------------------------------------------------------------


async def test_a_slip_that_nobody_acknowledges_is_told_to_its_sender_once(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    desk.submit(SENDER, sealed(desk.pki, message(case)))
    await desk.work()
    signer, now = desk.pipeline.signer, desk.clock.now()
    assert await tell_senders(desk.database, signer, now + AFTER - timedelta(hours=1)) == 0
    for told in (1, 0):
        assert await tell_senders(desk.database, signer, now + AFTER + timedelta(hours=1)) == told
    await desk.carry()
    (notice,) = desk.notices(SENDER)
    assert (notice.notice, notice.transfer_id) == (NoticeKind.UNDELIVERABLE, case.transfer_id)
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.UNDELIVERABLE


async def test_an_acknowledged_slip_is_nobodys_worry(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    desk.introduce(made.destination)
    token = ack(desk.pki, made, payload_sha256=digest(made.payload))
    desk.submit(made.destination, token, RecordType.ACK)
    await desk.work()
    late = desk.clock.now() + AFTER + timedelta(days=1)
    assert await tell_senders(desk.database, desk.pipeline.signer, late) == 0
