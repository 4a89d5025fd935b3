"""One writer alone or several readers: nobody stands beside a writer, and nobody is left waiting."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.store.one_writer import OneWriter


async def test_a_reader_waits_for_the_writer_and_is_woken() -> None:
    turns, seen = OneWriter(), []

    async def read() -> None:
        async with turns.reading():
            seen.append("read")

    async with turns.writing():
        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        seen.append("written")
    await asyncio.wait_for(reader, 1)
    assert seen == ["written", "read"]


async def test_a_writer_waits_for_every_reader_and_a_reader_may_read_inside() -> None:
    turns, seen = OneWriter(), []

    async def write() -> None:
        async with turns.writing():
            seen.append("write")

    async with turns.reading(), turns.reading():
        writer = asyncio.create_task(write())
        await asyncio.sleep(0)
        async with turns.reading():
            seen.append("read")
        await asyncio.sleep(0)
        assert seen == ["read"]
    await asyncio.wait_for(writer, 1)
    assert seen == ["read", "write"]


async def test_a_flood_of_readers_does_not_keep_a_writer_waiting() -> None:
    turns, seen = OneWriter(), []

    async def read(name: str) -> None:
        async with turns.reading():
            seen.append(name)

    async def write() -> None:
        async with turns.writing():
            seen.append("write")

    async def first() -> None:
        async with turns.reading():
            for _ in range(5):
                await asyncio.sleep(0)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(first())
        await asyncio.sleep(0)
        group.create_task(write())
        await asyncio.sleep(0)
        for number in range(20):
            group.create_task(read(f"reader {number}"))
    assert seen[0] == "write"
    assert len(seen) == 21


async def test_nobody_waits_longer_than_for_a_lock_on_the_file() -> None:
    turns = OneWriter(patience_s=0.01)
    async with turns.reading():
        with pytest.raises(TimeoutError):
            async with turns.writing():
                pytest.fail("it wrote beside a reader")
    async with turns.writing():
        for turn in (turns.writing, turns.reading):
            with pytest.raises(TimeoutError):
                async with turn():
                    pytest.fail("it stood beside a writer")
    async with turns.writing():
        pass


async def test_who_gives_up_waiting_stops_nobody() -> None:
    turns = OneWriter()
    async with turns.reading():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), turns.writing():
                pytest.fail("it wrote beside a reader")
    async with asyncio.timeout(1), turns.writing():
        pass
    async with turns.writing():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), turns.reading():
                pytest.fail("it read beside a writer")
    async with asyncio.timeout(1), turns.reading(), turns.reading():
        pass


async def test_an_error_inside_frees_the_database() -> None:
    turns = OneWriter()
    for turn in (turns.writing, turns.reading):
        with pytest.raises(ValueError, match="inside"):
            async with turn():
                raise ValueError("inside")
    async with asyncio.timeout(1), turns.writing():
        pass


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=30))
def test_never_a_writer_beside_anybody_and_everybody_comes_through(work: list[tuple[bool, int]]) -> None:
    asyncio.run(_all(work))


async def _all(work: list[tuple[bool, int]]) -> None:
    turns, inside, done = OneWriter(), {True: 0, False: 0}, []

    async def one(writes: bool, steps: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        async with turns.writing() if writes else turns.reading():
            inside[writes] += 1
            for _ in range(steps):
                assert inside[True] <= 1
                assert not (inside[True] and inside[False])
                await asyncio.sleep(0)
            inside[writes] -= 1
        done.append(writes)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for writes, steps in work:
            group.create_task(one(writes, steps))
    assert len(done) == len(work)
