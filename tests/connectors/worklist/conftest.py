"""The receiving hospital with its pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import DeskWorld, make_desk, register
from tests.connectors.site_world import World, make_world
from tests.connectors.worklist.desk_world import browser_of, parts_of


@pytest.fixture
async def central(tmp_path: Path) -> AsyncIterator[World]:
    """Bạch Mai, which knows Bắc Giang; nothing has come yet."""
    made = await make_world(tmp_path / "central", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    made.introduce(BAC_GIANG)
    await read_all(made)
    yield made
    await made.close()


@pytest.fixture
async def browser(central: World) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that was let in at Bạch Mai."""
    async with browser_of(parts_of(central)) as client:
        yield client


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskWorld]:
    """Bắc Giang's sending desk, with its directory."""
    made = await make_desk(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")))
    register(made.world)
    made.world.introduce(BACH_MAI)
    await read_all(made.world)
    yield made
    await made.world.close()
