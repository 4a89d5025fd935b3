"""Administration against a stand-in broker: what is waited for, and what is reported."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka.admin import ACL, ACLPermissionType
from kafka.errors import ClusterAuthorizationFailedError, InvalidTopicError, NoError

from transport import kafka_admin as module
from transport.kafka_admin import AdminRefusedError
from transport.kafka_rights import Operation, Right, rights_of_facility

RIGHTS = rights_of_facility("24Z01", [1, 2])
ALLOW, DENY = ACLPermissionType.ALLOW, ACLPermissionType.DENY


class SlowBroker:
    """Takes every change at once but shows it only after ``behind`` questions, as the real authorizer does."""

    def __init__(self, behind: int, error: Any = None) -> None:
        self.behind = behind
        self.error = error
        self.shown: set[ACL] = set()
        self.meant: set[ACL] = set()
        self.questions = 0

    def create_acls(self, acls: list[ACL]) -> dict[str, list[Any]]:
        self.meant |= set(acls)
        return {"succeeded": acls, "failed": [self.error] if self.error else []}

    def delete_acls(self, filters: list[Any]) -> list[Any]:
        keys = {(f.principal, f.operation, f.permission_type, f.resource_pattern.resource_name) for f in filters}
        self.meant = {a for a in self.meant if self._key(a) not in keys}
        return [(f, [], self.error or NoError) for f in filters]

    def describe_acls(self, wanted: Any) -> tuple[list[ACL], Any]:
        self.questions += 1
        if self.questions > self.behind:
            self.shown = set(self.meant)
        topic = wanted.resource_pattern.resource_name
        return [acl for acl in self.shown if acl.resource_pattern.resource_name == topic], NoError

    @staticmethod
    def _key(acl: ACL) -> tuple[Any, ...]:
        return acl.principal, acl.operation, acl.permission_type, acl.resource_pattern.resource_name


@pytest.mark.parametrize("behind", [0, 1, 7])
def test_a_change_of_rights_is_waited_for(behind: int) -> None:
    broker = SlowBroker(behind)
    module._add(broker, RIGHTS, ALLOW)
    assert module._rights_in_force(broker, {right.topic for right in RIGHTS}) == (frozenset(RIGHTS), frozenset())
    broker.behind = broker.questions + behind
    module._remove(broker, RIGHTS[:2], ALLOW)
    allowed, _ = module._rights_in_force(broker, {right.topic for right in RIGHTS})
    assert allowed == frozenset(RIGHTS[2:])
    assert broker.questions > broker.behind


def test_a_denial_is_no_right_and_the_other_way_round() -> None:
    broker = SlowBroker(0)
    denied = [Right("24Z01.k1", Operation.ALL, "xfer.submit.24Z01")]
    module._add(broker, RIGHTS, ALLOW)
    module._add(broker, denied, DENY)
    assert module._rights_in_force(broker, ["xfer.submit.24Z01"])[1] == frozenset(denied)
    module._remove(broker, denied, DENY)
    allowed, left = module._rights_in_force(broker, ["xfer.submit.24Z01", "xfer.inbox.24Z01"])
    assert (allowed, left) == (frozenset(RIGHTS), frozenset())


def test_a_change_that_never_comes_into_force_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EFFECTIVE_WITHIN_S", 0.1)
    with pytest.raises(AdminRefusedError, match="RightsNotInForce"):
        module._add(SlowBroker(1_000_000), RIGHTS, ALLOW)


def test_the_brokers_refusal_is_named() -> None:
    broker = SlowBroker(0, ClusterAuthorizationFailedError)
    for change in (module._add, module._remove):
        with pytest.raises(AdminRefusedError, match="ClusterAuthorizationFailed"):
            change(broker, RIGHTS, ALLOW)


def test_block_names_both_topics_of_each_generation_and_never_the_exchange() -> None:
    assert module._denied("24Z01", [1, 3]) == [
        Right(principal, Operation.ALL, topic)
        for principal in ("24Z01.k1", "24Z01.k3")
        for topic in ("xfer.submit.24Z01", "xfer.inbox.24Z01")
    ]


def test_topic_that_cannot_be_made_is_reported_and_nothing_else_is_changed() -> None:
    answer = {"topics": [{"name": "xfer.submit.24Z01", "error_code": InvalidTopicError.errno}]}
    admin = SimpleNamespace(create_topics=lambda wanted, raise_errors: answer)
    with pytest.raises(AdminRefusedError, match="InvalidTopic"):
        module._create(admin, ["xfer.submit.24Z01"], 1)
