"""Hand-over by HTTP: the signed bytes, a stable key, and only 2xx means yes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.handover import HandoverDesk
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.handover_steps import (
    FakeHis,
    Server,
    his_server,
    parcel,
    post,
    send,
)
from tests.connectors.inbox_steps import read_all
from tests.connectors.site_world import World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    made.introduce(BAC_GIANG)
    await read_all(made)  # a database that has read before
    yield made
    await made.close()


async def test_the_body_is_the_signed_payload_and_the_key_is_the_message_id() -> None:
    async with his_server() as server:
        assert await post(server) is None
        headers, body = server.seen[0]
    assert body == b'{"signed": "bytes"}'
    assert headers["idempotency-key"] == parcel().message_id
    assert "x-possible-duplicate" not in headers


async def test_a_possible_duplicate_says_so_in_a_header() -> None:
    async with his_server() as server:
        await post(server, duplicate=True)
        assert server.seen[0][0]["x-possible-duplicate"] == "true"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_only_2xx_is_yes(status: int) -> None:
    async with his_server() as server:
        server.answers = [status]
        assert await post(server) is None


@pytest.mark.parametrize(
    ("answer", "known"),
    [(302, True), (400, True), (404, True), (409, True), (500, False), (503, False), ("hang up", False)],
)
async def test_everything_else_is_no_and_says_whether_it_is_certain(answer: int | str, known: bool) -> None:
    async with his_server() as server:
        server.answers = [answer]
        refused = await post(server)
        assert refused is not None
        assert refused.outcome_known is known
        assert len(server.seen) == 1


async def test_silence_is_an_unknown_outcome() -> None:
    async with his_server() as server:
        server.answers = ["silence"]
        refused = await post(server, timeout_s=0.2)
    assert refused is not None
    assert not refused.outcome_known


async def test_a_his_that_does_not_listen_certainly_has_nothing() -> None:
    async with his_server() as server:
        url = server.url
    refused = await post(Server(url, [], []))
    assert refused is not None
    assert refused.outcome_known


async def test_the_desk_runs_by_itself(world: World) -> None:
    his = FakeHis()
    task = asyncio.create_task(HandoverDesk(world.site, his).run())
    send(world)
    await read_all(world)
    for _ in range(300):
        await asyncio.sleep(0.01)
        if his.taken:
            break
    task.cancel()
    assert len(his.taken) == 1
