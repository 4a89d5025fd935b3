"""Rights, topic settings and node settings: the tables themselves, without a broker."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.limits import (
    ENVELOPE_MAX_BYTES,
    INBOX_RETENTION,
    INBOX_TOPIC_MAX_BYTES,
    KIB,
    SOCKET_REQUEST_MAX_BYTES,
    STAMP_MAX_BYTES,
    SUBMIT_RETENTION,
    SUBMIT_TOPIC_MAX_BYTES,
)
from schemas.topics import facility_of_topic, inbox_topic, submit_topic
from transport.kafka import MAX_PARTITION_FETCH_BYTES
from transport.kafka_rights import EXCHANGE, Operation, Right, facility_principal, rights_of_facility
from transport.kafka_topics import settings_of_topic, topics_of_facility
from transport.local_kafka.properties import PRINCIPAL_RULES, NodePlace, node_settings, render

CODES = st.from_regex(r"[0-9A-Z]{5}", fullmatch=True)
PLACE = NodePlace("/d", "/t/broker-1.pem", "/t/ca.pem", 29092, 29093)


@given(CODES, st.sets(st.integers(1, 50), max_size=4))
def test_rights_stay_on_the_facilitys_own_topics(code: str, generations: set[int]) -> None:
    rights = rights_of_facility(code, generations)
    assert {facility_of_topic(right.topic) for right in rights} == {code}
    own = [right for right in rights if right.principal != EXCHANGE]
    assert {right.principal for right in own} == {f"{code}.k{k}" for k in generations}
    for right in own:
        assert (right.operation, right.topic) in {
            (Operation.WRITE, submit_topic(code)),
            (Operation.READ, inbox_topic(code)),
        }
    assert set(rights) - set(own) == {
        Right(EXCHANGE, Operation.READ, submit_topic(code)),
        Right(EXCHANGE, Operation.WRITE, inbox_topic(code)),
        Right(EXCHANGE, Operation.READ, inbox_topic(code)),
    }
    assert len(set(rights)) == len(rights)


@pytest.mark.parametrize(
    ("code", "generation"), [("24Z0", 1), ("24z01", 1), ("*", 1), ("24Z01", 0), ("24Z01", -1), ("2\u0664Z01", 1)]
)
def test_no_principal_for_what_is_no_facility(code: str, generation: int) -> None:
    with pytest.raises(ValueError, match="facility"):
        facility_principal(code, generation)
    if generation == 1:
        with pytest.raises(ValueError, match="facility"):
            topics_of_facility(code)


def test_topics_are_kept_by_time_only_as_long_as_the_contract_says() -> None:
    for topic, days in (("xfer.submit.24Z01", 14), ("xfer.inbox.24Z01", 90)):
        settings = settings_of_topic(topic, 1)
        assert settings["retention.ms"] == str(days * 24 * 3_600 * 1_000)
        assert settings["retention.bytes"] == "-1"
        assert settings["cleanup.policy"] == "delete"
        assert settings["message.timestamp.type"] == "LogAppendTime"
    assert (SUBMIT_RETENTION.days, INBOX_RETENTION.days) == (14, 90)


def test_topic_limits_leave_room_for_an_envelope_and_its_stamp() -> None:
    assert settings_of_topic("xfer.submit.24Z01", 1)["max.message.bytes"] == str(1_048_576)
    assert settings_of_topic("xfer.inbox.24Z01", 1)["max.message.bytes"] == str(1_310_720)
    assert ENVELOPE_MAX_BYTES + 64 * KIB <= SUBMIT_TOPIC_MAX_BYTES
    assert ENVELOPE_MAX_BYTES + STAMP_MAX_BYTES + 64 * KIB <= INBOX_TOPIC_MAX_BYTES
    assert MAX_PARTITION_FETCH_BYTES >= INBOX_TOPIC_MAX_BYTES


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "2"), (3, "2")])
def test_a_lone_copy_is_flushed_each_time_and_several_confirm_together(replicas: int, in_sync: str) -> None:
    settings = settings_of_topic("xfer.submit.24Z01", replicas)
    assert settings["min.insync.replicas"] == in_sync
    assert settings.get("flush.messages") == ("1" if replicas == 1 else None)


def test_node_has_no_listener_without_tls_and_denies_by_default() -> None:
    settings = node_settings(PLACE)
    protocols = dict(pair.split(":") for pair in settings["listener.security.protocol.map"].split(","))
    assert set(protocols.values()) == {"SSL"}
    assert {entry.split(":")[0] for entry in settings["listeners"].split(",")} == set(protocols)
    assert settings["ssl.client.auth"] == "required"
    assert settings["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["log.flush.interval.messages"] == "1"
    assert settings["log.message.timestamp.type"] == "LogAppendTime"
    assert int(settings["message.max.bytes"]) >= INBOX_TOPIC_MAX_BYTES
    assert settings["socket.request.max.bytes"] == str(SOCKET_REQUEST_MAX_BYTES) == "4194304"


SUBJECTS = {
    "CN=24Z01,OU=k1,O=Lien Vien,C=VN": "24Z01.k1",
    "CN=24Z01,OU=k12,O=Lien Vien,C=VN": "24Z01.k12",
    "CN=exchange,OU=platform,O=Lien Vien,C=VN": "exchange",
    "CN=broker-1,OU=broker,O=Lien Vien,C=VN": "broker-1",
    "CN=24Z01,OU=signing,O=Lien Vien,C=VN": None,
    "CN=24Z01,OU=encryption,O=Lien Vien,C=VN": None,
    "CN=exchange,OU=signing,O=Lien Vien,C=VN": None,
    "CN=exchange,OU=k1,O=Lien Vien,C=VN": None,
    "CN=24Z01,OU=platform,O=Lien Vien,C=VN": None,
    "CN=24Z01,OU=k1,O=Other,C=VN": None,
    "CN=24Z01\\,OU\\=k1,OU=k1,O=Lien Vien,C=VN": None,
    "CN=24Z01,OU=k1,O=Lien Vien,C=VN,CN=admin": None,
    "OU=k1,CN=24Z01,O=Lien Vien,C=VN": None,
}


@pytest.mark.parametrize(("subject", "principal"), SUBJECTS.items())
def test_subject_to_principal(subject: str, principal: str | None) -> None:
    """The rules applied as Kafka applies them: the first that fits, nobody where none does."""
    assert "DEFAULT" not in PRINCIPAL_RULES
    rules = re.findall(r"RULE:(.*?)/(.*?)/(?:,|$)", PRINCIPAL_RULES)
    assert len(rules) == 2
    mapped = [re.sub(r"\$(\d)", r"\\\1", to) for pattern, to in rules if re.fullmatch(pattern, subject)]
    found = next((re.sub(pattern, re.sub(r"\$(\d)", r"\\\1", to), subject) for pattern, to in rules
                  if re.fullmatch(pattern, subject)), None)  # fmt: skip
    assert found == principal
    assert len(mapped) <= 1


def test_paths_with_vietnamese_letters_survive_the_properties_file() -> None:
    text = render({"log.dirs": "/nhà/Liên Viện/\U0001f3e5"})
    assert text.isascii()
    assert text == "log.dirs=/nh\\u00e0/Li\\u00ean Vi\\u1ec7n/\\ud83c\\udfe5\n"


def test_backslashes_are_escaped() -> None:
    assert render({"a": "C:\\kafka"}) == "a=C:\\\\kafka\n"
