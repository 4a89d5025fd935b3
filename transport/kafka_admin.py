"""A facility's topics and rights: making them, cutting a facility off, letting it in again, and looking at what
there is.

Rights are literal, one topic and one principal each: the broker looks them up by topic, and whoever owns a topic is
then the only facility that can have written it. A facility's principal ends in the generation of its TLS certificate
(``24Z01.k1``), so that one generation can be cut while the next one works.

All calls take the administrator's link. They run in a thread (kafka-python is synchronous); each raises
kafka.errors.KafkaError, or AdminRefusedError with the broker's error name.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import TopicAlreadyExistsError, for_code

from schemas.topics import inbox_topic, submit_topic
from transport.kafka import KafkaLink
from transport.kafka_rights import EXCHANGE, Operation, Right, rights_of_facility
from transport.kafka_topics import settings_of_topic, topics_of_facility

EFFECTIVE_WITHIN_S: Final = 10.0  # a change of rights reaches every later request long before that

_Answer = TypeVar("_Answer")
_OPERATIONS: Final = {
    Operation.READ: ACLOperation.READ,
    Operation.WRITE: ACLOperation.WRITE,
    Operation.ALL: ACLOperation.ALL,
}


class AdminRefusedError(Exception):
    """The broker refused an administrative request; the text is the broker's error name."""


async def create_facility_topics(link: KafkaLink, facilities: Iterable[str], *, replicas: int = 1) -> None:
    """Submit and inbox topic of each facility, with the contract's limits; existing ones get the limits again."""
    names = [topic for facility in facilities for topic in topics_of_facility(facility)]
    if names:
        await _run(link, lambda admin: _create(admin, names, replicas))


async def grant(link: KafkaLink, facilities: Mapping[str, Collection[int]], *, exchange: str = EXCHANGE) -> None:
    """Give each facility's certificate generations, and the exchange, their rights. Harmless to repeat.

    Returns when the rights are in force.
    """
    wanted = [right for code, ks in facilities.items() for right in rights_of_facility(code, ks, exchange=exchange)]
    if wanted:
        await _run(link, lambda admin: _add(admin, wanted, ACLPermissionType.ALLOW))


async def revoke_generation(link: KafkaLink, facility: str, generation: int) -> None:
    """Take the rights of one certificate generation away again; the others keep theirs."""
    gone = [right for right in rights_of_facility(facility, [generation]) if right.principal != EXCHANGE]
    await _run(link, lambda admin: _remove(admin, gone, ACLPermissionType.ALLOW))


async def block(link: KafkaLink, facility: str, generations: Collection[int]) -> None:
    """Cut these generations off at once, on live connections too: a DENY wins over every right."""
    await _run(link, lambda admin: _add(admin, _denied(facility, generations), ACLPermissionType.DENY))


async def unblock(link: KafkaLink, facility: str, generations: Collection[int]) -> None:
    """Lift the block. Clients must build new producers: a refused one is spent."""
    await _run(link, lambda admin: _remove(admin, _denied(facility, generations), ACLPermissionType.DENY))


async def list_topics(link: KafkaLink) -> list[str]:
    """Names of the topics that this principal may describe, sorted."""
    return sorted(await _run(link, lambda admin: list(admin.list_topics())))


async def topic_ids(link: KafkaLink, topics: Collection[str]) -> dict[str, UUID]:
    """The id that Kafka gave each existing topic: a topic that was deleted and made again has another one."""
    answers = await _run(link, lambda admin: admin.describe_topics(list(topics))) if topics else []
    return {answer["name"]: UUID(str(answer["topic_id"])) for answer in answers if not answer["error_code"]}


async def describe_settings(link: KafkaLink, topic: str) -> dict[str, str]:
    """The settings of one topic that differ from the broker's own, by name."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    answer = await _run(link, lambda admin: admin.describe_configs([resource]))
    return {name: entry["value"] for name, entry in answer["topic"][topic].items()}


async def describe_rights(link: KafkaLink, facility: str) -> tuple[frozenset[Right], frozenset[Right]]:
    """What is allowed and what is denied on a facility's two topics, as the broker has it: (allowed, denied)."""
    return await _run(link, lambda admin: _rights_in_force(admin, (submit_topic(facility), inbox_topic(facility))))


async def _run(link: KafkaLink, work: Callable[[Any], _Answer]) -> _Answer:
    return await asyncio.to_thread(_with_admin, link, work)


def _with_admin(link: KafkaLink, work: Callable[[Any], _Answer]) -> _Answer:
    admin = KafkaAdminClient(
        bootstrap_servers=link.bootstrap.split(","),
        security_protocol="SSL",
        ssl_context=link.ssl_context,
        client_id=link.client_id,
        request_timeout_ms=link.request_timeout_ms,
        bootstrap_timeout_ms=link.request_timeout_ms,
    )
    try:
        return work(admin)
    finally:
        admin.close()


def _create(admin: Any, names: list[str], replicas: int) -> None:
    wanted = {
        name: {"num_partitions": 1, "replication_factor": replicas, "configs": settings_of_topic(name, replicas)}
        for name in names
    }
    existing = []
    for answer in admin.create_topics(wanted, raise_errors=False)["topics"]:
        error = for_code(answer["error_code"])
        if error is TopicAlreadyExistsError:
            existing.append(answer["name"])
        elif answer["error_code"]:
            raise AdminRefusedError(error.__name__)
    if existing:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, settings_of_topic(name, replicas)) for name in existing]
        )
    admin.wait_for_topics(names)


def _add(admin: Any, rights: list[Right], permission: ACLPermissionType) -> None:
    refused = admin.create_acls([_acl(right, permission) for right in rights])["failed"]
    if refused:
        raise AdminRefusedError(refused[0].__name__)
    _wait(admin, rights, lambda in_force: in_force.issuperset(rights), permission)


def _remove(admin: Any, rights: list[Right], permission: ACLPermissionType) -> None:
    for _, _, error in admin.delete_acls([_filter(right, permission) for right in rights]):
        if error.errno:
            raise AdminRefusedError(error.__name__)
    _wait(admin, rights, lambda in_force: in_force.isdisjoint(rights), permission)


def _wait(
    admin: Any, rights: list[Right], reached: Callable[[frozenset[Right]], bool], permission: ACLPermissionType
) -> None:
    """The controller answers before the broker's authorizer has read the change: ask until it has."""
    topics = sorted({right.topic for right in rights})
    give_up = time.monotonic() + EFFECTIVE_WITHIN_S
    while time.monotonic() < give_up:
        allowed, denied = _rights_in_force(admin, topics)
        if reached(allowed if permission is ACLPermissionType.ALLOW else denied):
            return
        time.sleep(0.02)
    raise AdminRefusedError("RightsNotInForce")


def _rights_in_force(admin: Any, topics: Iterable[str]) -> tuple[frozenset[Right], frozenset[Right]]:
    found: dict[ACLPermissionType, set[Right]] = {ACLPermissionType.ALLOW: set(), ACLPermissionType.DENY: set()}
    for topic in topics:
        pattern = ResourcePatternFilter(ResourceType.TOPIC, topic, ACLResourcePatternType.LITERAL)
        acls, _ = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern))
        for acl in acls:
            right = Right(acl.principal.removeprefix("User:"), Operation(acl.operation.name.lower()), topic)
            found[acl.permission_type].add(right)
    return frozenset(found[ACLPermissionType.ALLOW]), frozenset(found[ACLPermissionType.DENY])


def _denied(facility: str, generations: Collection[int]) -> list[Right]:
    principals = {right.principal for right in rights_of_facility(facility, generations)} - {EXCHANGE}
    return [Right(p, Operation.ALL, topic) for p in sorted(principals) for topic in topics_of_facility(facility)]


def _acl(right: Right, permission: ACLPermissionType) -> ACL:
    pattern = ResourcePattern(ResourceType.TOPIC, right.topic, ACLResourcePatternType.LITERAL)
    return ACL(f"User:{right.principal}", "*", _OPERATIONS[right.operation], permission, pattern)


def _filter(right: Right, permission: ACLPermissionType) -> ACLFilter:
    pattern = ResourcePatternFilter(ResourceType.TOPIC, right.topic, ACLResourcePatternType.LITERAL)
    return ACLFilter(f"User:{right.principal}", "*", _OPERATIONS[right.operation], permission, pattern)
