"""The child process: what it does, how it ends, and that its end hurts nobody."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.form.content import form_content
from connectors.form.render import Printer
from connectors.mapping.encode import encode_bundle
from connectors.mapping.source import source_of
from connectors.workshop import client, requests
from connectors.workshop.child import answer
from connectors.workshop.client import Workshop, WorkshopError
from connectors.workshop.fhir_check import check_bundle
from tests.connectors.mapping_world import bundle_of, dossier_of

pytestmark = pytest.mark.process
SECRET = "NGUYỄN BÍ MẬT"


def form() -> dict[str, object]:
    return form_content(
        source_of(dossier_of("05")),
        sender_name="A",
        destination_name="B",
        doctor_name=None,
        case_code="20Z01-2211-001-X",
    )


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    async with Workshop() as opened:
        yield opened


async def test_renders_and_checks(workshop: Workshop) -> None:
    pdf, findings = await asyncio.gather(workshop.render(form()), workshop.check_r4b(encode_bundle(bundle_of("05"))))
    assert pdf.startswith(b"%PDF-")
    assert pdf == Printer().render(form())
    assert findings == ()


async def test_many_at_once_get_their_own_answers(workshop: Workshop) -> None:
    good, bad = encode_bundle(bundle_of("01")), b'{"resourceType":"Bundle"}'
    told = await asyncio.gather(*(workshop.check_r4b(data) for data in (good, bad) * 5))
    assert [bool(found) for found in told] == [False, True] * 5


async def test_a_killed_child_is_replaced(workshop: Workshop) -> None:
    await workshop.render(form())
    first = workshop._process
    assert first is not None
    first.kill()
    await first.wait()
    assert (await workshop.render(form())).startswith(b"%PDF-")
    assert workshop._process is not first


async def test_an_error_in_the_child_is_an_error_here_and_no_more(workshop: Workshop) -> None:
    with pytest.raises(WorkshopError) as caught:
        await workshop.render({"name": SECRET})
    assert SECRET not in str(caught.value)
    assert (await workshop.render(form())).startswith(b"%PDF-")


async def test_a_child_that_dies_at_once_is_an_error() -> None:
    async with Workshop((sys.executable, "-c", "import os; os.abort()")) as broken:
        with pytest.raises(WorkshopError):
            await broken.render(form())


async def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.5)
    async with Workshop((sys.executable, "-c", "import time; time.sleep(60)")) as hanging:
        with pytest.raises(WorkshopError, match="in time"):
            await hanging.render(form())
        assert hanging._process is None


async def test_a_child_that_babbles_is_an_error() -> None:
    async with Workshop((sys.executable, "-c", "print('NaN and more'); input()")) as babbling:
        with pytest.raises(WorkshopError, match="unreadable"):
            await babbling.render(form())


async def test_a_cancelled_request_leaves_no_answer_for_the_next(workshop: Workshop) -> None:
    await workshop.check_r4b(b"{}")
    asked = asyncio.create_task(workshop.check_r4b(b'{"resourceType":"Bundle"}'))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (await workshop.render(form())).startswith(b"%PDF-")


async def test_the_child_ends_when_nobody_asks_or_the_parent_is_gone() -> None:
    code = "from connectors.workshop import child; child.IDLE_SECONDS = 0.2; child.main()"
    root = Path(__file__).parents[3]
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, cwd=root)
    assert await asyncio.wait_for(child.wait(), 20) == 0
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "connectors.workshop", stdin=asyncio.subprocess.PIPE, cwd=root
    )
    assert child.stdin is not None
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 20) == 0


async def test_too_large_a_request_is_refused_before_the_child_sees_it(workshop: Workshop) -> None:
    with pytest.raises(WorkshopError, match="large"):
        await workshop.check_r4b(b"x" * requests.LINE_MAX_BYTES)
    assert workshop._process is None


def test_a_finding_is_a_path_without_a_value() -> None:
    bad = '{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"Patient","name":"%s"}}]}'
    found = check_bundle((bad % SECRET).encode())
    assert found
    assert all(path.startswith("Bundle") for path in found)
    assert SECRET not in " ".join(found)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b'{"resourceType":"Patient"}', b"[" * 5000])
def test_anything_is_answered(data: bytes) -> None:
    assert check_bundle(data)
    assert "error" in answer(data, Printer())


def test_an_unknown_request_is_an_error() -> None:
    assert answer(requests.line({"do": "dance"}), Printer()) == {"error": "unknown request"}
