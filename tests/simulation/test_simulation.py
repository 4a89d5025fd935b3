"""The simulation itself: seeds that have shown a fault, the same seed again, and the loop that it stands on."""

import asyncio

import pytest

from tests.simulation.__main__ import kept_seeds
from tests.simulation.loop import NothingLeftError, virtual
from tests.simulation.run import Size, run_seed

SHORT = Size(sites=3, hours=1.0, slips=4)


def test_the_same_seed_is_the_same_run_and_loses_nothing() -> None:
    first, second = run_seed(1, SHORT, lines=True), run_seed(1, SHORT, lines=True)
    assert first.faults == []
    assert first.lines == second.lines
    assert first.digest == second.digest
    assert first.counts["accepted"] > 0
    assert first.counts["killed"] > 0


@pytest.mark.parametrize("seed", kept_seeds())
def test_a_seed_that_once_showed_a_fault_shows_none(seed: int) -> None:
    assert run_seed(seed, Size()).faults == []


def _order_of(seed: int) -> tuple[list[int], float]:
    seen: list[int] = []

    async def one(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        seen.append(number)

    async def all_of_them() -> float:
        await asyncio.gather(*(one(number) for number in range(20)))
        await asyncio.sleep(72 * 3600)
        return asyncio.get_running_loop().time()

    with virtual(seed) as loop:
        return seen, loop.run_until_complete(all_of_them())


def test_the_loop_draws_the_order_from_its_seed_and_jumps_in_time() -> None:
    assert _order_of(1) == _order_of(1)
    assert _order_of(1)[0] != _order_of(2)[0]
    assert _order_of(1)[1] == pytest.approx(72 * 3600)


def test_a_deadlock_is_an_error_and_no_endless_wait() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    with virtual(1) as loop:
        waiting = loop.create_task(forever())
        with pytest.raises(NothingLeftError):
            loop.run_until_complete(waiting)
        waiting.cancel()
        loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
