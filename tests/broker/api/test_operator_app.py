"""The operator's JSON: every case, what needs a person, the exchange itself; on loopback and nowhere else."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from broker.api import asking
from broker.api.operator_app import Exchange, operator_app
from broker.queries import Queries
from tests.broker.api.serving import StillClock, client_of
from tests.broker.api.world import (
    ACCEPTED,
    DECLINED,
    DESTINATION,
    FOREIGN,
    FRESH,
    LATE,
    OTHER,
    QUEUED,
    ROUTINE,
    SENDER,
    SUSPENDED,
    UNREADABLE,
    code,
    uid,
)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def operator(queries: Queries, clock: StillClock) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(operator_app(queries, clock, Exchange())) as client:
        yield client


def _numbers(answer: httpx2.Response) -> list[int]:
    return [int(each["transfer_id"][-12:]) for each in answer.json()["transfers"]]


async def test_one_transfer_says_where_it_stands_and_whose_turn_it_is(operator: httpx2.AsyncClient) -> None:
    answer = await operator.get("/v1/transfers")
    assert answer.status_code == 200
    late = next(each for each in answer.json()["transfers"] if each["case_code"] == code(LATE))
    assert late == {
        "case_code": code(LATE),
        "case_id": uid(2, LATE),
        "transfer_id": uid(1, LATE),
        "sender": SENDER,
        "destination": DESTINATION,
        "kind": "emergency",
        "priority": "stat",
        "unclassified": False,
        "incomplete": False,
        "state": {"delivery": "submitted", "decision": "open", "journey": "not-departed", "loop": "none"},
        "last_proven": {
            "code": "received",
            "vi": "Trục đã nhận",
            "en": "received by the exchange",
            "at": "2026-11-23T04:50:00.000Z",
        },
        "situation": "stuck",
        "due_at": "2026-11-23T04:51:00.000Z",
        "cause": {
            "code": "not-confirmed",
            "vi": "Quá hạn mà máy nơi nhận chưa xác nhận; kiểm tra phần mềm kết nối và đường truyền ở nơi nhận.",
            "en": "Past its time, the destination has not confirmed; check its connector and its link.",
            "owner": {"code": "receiver-it", "vi": "CNTT nơi nhận", "en": "IT of the destination"},
        },
        "received_at": "2026-11-23T04:50:00.000Z",
        "changed_at": "2026-11-23T04:50:00.000Z",
        "age_s": 600,
    }


async def test_pages_follow_their_cursor(operator: httpx2.AsyncClient) -> None:
    seen, cursor = [], None
    while True:
        answer = await operator.get("/v1/transfers", params={"limit": "3"} | ({"before": cursor} if cursor else {}))
        seen += _numbers(answer)
        cursor = answer.json()["next"]
        if cursor is None:
            break
    assert seen == _numbers(await operator.get("/v1/transfers"))
    assert len(seen) == 10


@pytest.mark.parametrize("at_once", [2, 200])
@pytest.mark.parametrize("situation", ["moving", "finished"])
async def test_pages_of_a_situation_are_full_while_there_are_more(
    operator: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, situation: str, at_once: int
) -> None:
    monkeypatch.setattr(asking, "LOOKED_AT_ONCE", at_once)
    everything = _numbers(await operator.get("/v1/transfers", params={"situation": situation}))
    assert everything
    seen, cursor = [], None
    for left in range(len(everything), 0, -1):
        more = {"before": cursor} if cursor else {}
        answer = await operator.get("/v1/transfers", params={"situation": situation, "limit": "1"} | more)
        assert len(_numbers(answer)) == 1
        seen += _numbers(answer)
        cursor = answer.json()["next"]
        assert (cursor is None) == (left == 1)
    assert seen == everything


async def test_a_search_for_a_rare_situation_ends_and_leads_on(
    operator: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "LOOKED_AT_ONCE", 2)
    monkeypatch.setattr(asking, "LOOKED_AT_MOST", 4)
    first = await operator.get("/v1/transfers", params={"situation": "finished", "limit": "1"})
    assert _numbers(first) == []
    cursor = first.json()["next"]
    then = await operator.get("/v1/transfers", params={"situation": "finished", "limit": "1", "before": cursor})
    assert _numbers(then) == [DECLINED]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("sender=27005", [FOREIGN]),
        ("decision=accepted", [ACCEPTED]),
        ("situation=stuck", [LATE, QUEUED, FOREIGN, UNREADABLE, ROUTINE]),
        ("situation=stuck&facility=27005", [FOREIGN]),
        ("situation=stuck&priority=routine", [ROUTINE]),
        ("situation=stuck&destination=24Z01", []),
        ("situation=finished", [DECLINED]),
        ("journey=departed&situation=moving", [ACCEPTED]),
    ],
)
async def test_filters(operator: httpx2.AsyncClient, query: str, numbers: list[int]) -> None:
    assert sorted(_numbers(await operator.get(f"/v1/transfers?{query}"))) == sorted(numbers)


@pytest.mark.parametrize(
    "name", [code(ACCEPTED), uid(1, ACCEPTED), uid(2, ACCEPTED), uid(3, ACCEPTED), uid(4, ACCEPTED)]
)
async def test_any_name_of_a_case_finds_it_with_its_timeline(operator: httpx2.AsyncClient, name: str) -> None:
    answer = (await operator.get(f"/v1/transfers/{name}")).json()
    (detail,) = answer["transfers"]
    assert detail["case_code"] == code(ACCEPTED)
    stages = {stage["code"]: stage["at"] for stage in detail["stages"]}
    assert list(stages) == ["received", "delivered", "opened", "decided", "departed", "arrived", "completed", "closed"]
    assert stages["departed"] == "2026-11-23T04:45:00.000Z"
    assert stages["arrived"] is None, "no proof yet"
    assert [message["event"]["code"] for message in detail["messages"]] == ["transfer-submit", "transfer-accept"]
    assert answer["messages"] == []


async def test_a_refused_message_without_a_transfer_is_found_by_its_id(operator: httpx2.AsyncClient) -> None:
    answer = (await operator.get(f"/v1/transfers/{uid(4, 91)}")).json()
    assert answer["transfers"] == []
    (message,) = answer["messages"]
    assert message["verdict"]["code"] == "refused"
    assert message["reason"]["code"] == "destination-unknown"
    assert message["reason"]["owner"]["vi"]


async def test_attention_holds_what_is_not_resolved(operator: httpx2.AsyncClient) -> None:
    answer = (await operator.get("/v1/attention")).json()
    assert {each["transfer_id"] for each in answer["stuck"]} == {
        uid(1, n) for n in (LATE, QUEUED, FOREIGN, UNREADABLE, ROUTINE)
    }
    causes = {each["transfer_id"]: each["cause"]["code"] for each in answer["stuck"]}
    assert causes[uid(1, QUEUED)] == causes[uid(1, FOREIGN)] == "waiting-in-exchange"
    assert causes[uid(1, UNREADABLE)] == "unreadable"
    assert causes[uid(1, ROUTINE)] == "nobody-opened"
    assert [each["message_id"] for each in answer["refused"]] == [uid(4, 91), uid(4, 90)]
    assert [each["reason"]["code"] for each in answer["held"]] == ["crl-stale"]


async def test_time_makes_things_stuck(operator: httpx2.AsyncClient, clock: StillClock) -> None:
    (before,) = (await operator.get(f"/v1/transfers/{code(FRESH)}")).json()["transfers"]
    clock.advance(timedelta(seconds=61))
    (after,) = (await operator.get(f"/v1/transfers/{code(FRESH)}")).json()["transfers"]
    assert (before["situation"], after["situation"]) == ("moving", "stuck")
    assert (before["age_s"], after["age_s"]) == (0, 61)


async def test_overview(operator: httpx2.AsyncClient) -> None:
    answer = (await operator.get("/v1/overview")).json()
    assert answer["counts"] == {
        "transfers": {"open": 6, "accepted": 1, "declined": 2},
        "held": 1,
        "refused": 2,
        "quarantined": 1,
        "junk": 20,
        "alarms": 1,
    }
    assert [lane["worker"] for lane in answer["lanes"]] == ["worker-1", "worker-1", None]
    facilities = {each["facility"]: each for each in answer["facilities"]}
    assert facilities[SUSPENDED]["status"] == "suspended"
    assert facilities[DESTINATION]["unconfirmed"] == 6
    assert answer["log"] == {"size": 2, "checkpoint_at": "2026-11-23T04:59:59.000Z", "unnumbered": 1}
    assert answer["quarantine"][0]["reason"]["code"] == "poison"
    assert answer["junk"][0]["records"] == 20
    assert answer["alarms"][0]["alarm"] == "message-id-reused"


async def test_the_description_is_served_and_nothing_from_elsewhere(operator: httpx2.AsyncClient) -> None:
    described = (await operator.get("/openapi.json")).json()
    assert {"/v1/transfers", "/v1/transfers/{name}", "/v1/attention", "/v1/overview", "/health", "/ready"} <= set(
        described["paths"]
    )
    for path in ("/docs", "/redoc"):
        assert (await operator.get(path)).status_code == 404


# --- health and metrics ---------------------------------------------------------------------------------------------


async def test_health_and_readiness(queries: Queries, clock: StillClock) -> None:
    state = {"kafka": True}

    async def kafka() -> bool:
        return state["kafka"]

    async def broken() -> bool:
        raise RuntimeError("Nguyễn Văn Canary")

    async with client_of(operator_app(queries, clock, Exchange({"kafka": kafka}))) as client:
        assert (await client.get("/health")).json() == {"status": "up"}
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": {"database": True, "kafka": True}})
        state["kafka"] = False
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["kafka"]) == (503, False)
    async with client_of(operator_app(queries, clock, Exchange({"lanes": broken}))) as client:
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]) == (503, {"database": True, "lanes": False})
        assert "Canary" not in ready.text


async def test_metrics_have_two_labels_and_the_numbers_of_the_database(queries: Queries, clock: StillClock) -> None:
    def more() -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("lienvien_worker_lanes", "Lanes of this worker", value=3)]

    async with client_of(operator_app(queries, clock, Exchange(metrics=more))) as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    labels = {name for family in families.values() for sample in family.samples for name in sample.labels}
    assert labels == {"facility", "state"}

    def value(name: str, **labels: str) -> float | None:
        return next((s.value for s in families[name].samples if s.labels == labels), None)

    assert value("lienvien_transfers_24h", facility=SENDER, state="declined") == 2
    assert value("lienvien_transfers_24h", facility=OTHER, state="open") == 1
    assert value("lienvien_held", facility=OTHER) == 1
    assert value("lienvien_refused_24h", facility=SENDER) == 1
    assert value("lienvien_junk_records_24h", facility=OTHER) == 20
    assert value("lienvien_inbox_unconfirmed", facility=DESTINATION) == 6
    assert value("lienvien_inbox_silent_seconds", facility=DESTINATION) == 29
    assert value("lienvien_facility_active", facility=SUSPENDED) == 0
    assert value("lienvien_lanes", state="unserved") == 1
    assert value("lienvien_audit_size") == 2
    assert value("lienvien_audit_checkpoint_age_seconds") == 1
    assert value("lienvien_worker_lanes") == 3
    assert value("process_resident_memory_bytes") is not None


async def test_metrics_ask_the_database_once_in_a_while(queries: Queries, clock: StillClock) -> None:
    calls = []
    original = queries.facilities

    async def counted() -> object:
        calls.append(1)
        return await original()

    queries.facilities = counted  # type: ignore[method-assign, assignment]
    async with client_of(operator_app(queries, clock, Exchange())) as client:
        await client.get("/metrics")
        await client.get("/metrics")
        assert len(calls) == 1
        clock.advance(timedelta(seconds=6))
        await client.get("/metrics")
        assert len(calls) == 2


# --- only here ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "host", "headers", "status"),
    [
        ("127.0.0.1", "127.0.0.1:8080", {}, 200),
        ("127.0.0.1", "localhost", {"sec-fetch-site": "same-origin"}, 200),
        ("::1", "[::1]:8080", {"sec-fetch-site": "none"}, 200),
        ("127.0.0.1", "localhost", {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}, 200),
        ("192.0.2.7", "127.0.0.1", {}, 421),
        ("127.0.0.1", "exchange.example.org", {}, 421),
        ("127.0.0.1", "127.0.0.1.example.org", {}, 421),
        ("127.0.0.1", "localhost:8080:1", {}, 421),
        ("127.0.0.1", "localhost", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, 421),
        ("127.0.0.1", "localhost", {"sec-fetch-site": "same-site"}, 421),
    ],
)
async def test_loopback_only(
    queries: Queries, clock: StillClock, client: str, host: str, headers: dict[str, str], status: int
) -> None:
    async with client_of(operator_app(queries, clock, Exchange()), client=(client, 5)) as made:
        for path in ("/v1/transfers", "/health", "/metrics", "/nothing"):
            answer = await made.get(path, headers={"host": host, **headers})
            assert answer.status_code == (404 if path == "/nothing" and status == 200 else status)


async def test_a_foreign_form_is_not_taken(queries: Queries, clock: StillClock) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    async with client_of(operator_app(queries, clock, Exchange())) as client:
        assert (await client.get("/health", headers=headers)).status_code == 200
        assert (await client.post("/health", headers=headers)).status_code == 421
