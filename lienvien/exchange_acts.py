"""What the administrator can do, by name: through a running exchange, or on its database when nothing runs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from broker.administration import Administration, FacilityShown, initialise
from broker.audit.checkpoint import log_origin
from broker.audit.export_files import write_export
from broker.audit.ledger import DatabaseLedger
from broker.audit.log_key import load_log_key
from broker.run_lock import AlreadyRunningError, RunLock
from broker.settings import ExchangeSettings
from broker.store.engine import Database
from broker.store.facilities import FacilityRow
from lienvien import control_file
from schemas.reasons import ReasonCode, Refused
from transport.control_file import remove_control

_COMES_BACK_S: Final = 8.0  # a supervisor's pause and a start
_LOOK_AGAIN_S: Final = 0.1


class ActFailedError(Exception):
    """The running exchange could not finish an act, most often because Kafka or the database did not answer."""

    def __init__(self, kafka: str = "") -> None:
        """``kafka`` is the address of the Kafka that failed, where it is known to be at fault."""
        vi = f"Kafka tại {kafka}" if kafka else "Kafka hoặc cơ sở dữ liệu"
        en = f"Kafka at {kafka}" if kafka else "Kafka or the database"
        super().__init__(
            f"Trục chưa làm xong: {vi} không trả lời hoặc không chấp nhận chứng thư. Phần trong cơ sở dữ liệu có thể "
            "đã có hiệu lực: điều hành trục cần xem Kafka, xem facility show rồi làm lại."
            f" / The exchange could not finish this: {en} does not answer, or does not take the certificate. What"
            " concerns its own database may hold already: the operator must look at Kafka, look with facility show,"
            " then repeat."
        )


Act = Callable[[Administration, Mapping[str, Any]], Awaitable[Any]]


def _row(row: FacilityRow) -> dict[str, Any]:
    return {**asdict(row), "status": row.status.value, "generations": list(row.generations)}


def _shown(shown: FacilityShown) -> dict[str, Any]:
    return {**_row(shown.facility), "open_stat_cases": [asdict(case) for case in shown.open_stat_cases]}


async def _add(administration: Administration, given: Mapping[str, Any]) -> Any:
    generations = tuple(given.get("generations") or ())
    await administration.add(given["facility"], generations=generations, name=given.get("name"))
    return _shown(await administration.show(given["facility"]))


async def _list(administration: Administration, given: Mapping[str, Any]) -> Any:
    return [_row(row) for row in await administration.list()]


async def _show(administration: Administration, given: Mapping[str, Any]) -> Any:
    return _shown(await administration.show(given["facility"]))


async def _suspend(administration: Administration, given: Mapping[str, Any]) -> Any:
    return _shown(await administration.suspend(given["facility"]))


async def _resume(administration: Administration, given: Mapping[str, Any]) -> Any:
    return _shown(await administration.resume(given["facility"]))


async def _register(administration: Administration, given: Mapping[str, Any]) -> Any:
    return {"facilities": await administration.load_register(given["csv"].encode())}


async def _audit_export(administration: Administration, given: Mapping[str, Any]) -> Any:
    origin = log_origin(administration.settings.exchange.name)
    verifier = load_log_key(administration.settings.key("audit"), origin).verifier
    ledger = DatabaseLedger(administration.database)
    return {"leaves": await write_export(ledger, Path(given["folder"]), verifier, str(given["reader"]))}


ACTS: Final[Mapping[str, Act]] = MappingProxyType(
    {
        "facility-add": _add,
        "facility-list": _list,
        "facility-show": _show,
        "facility-suspend": _suspend,
        "facility-resume": _resume,
        "register": _register,
        "audit-export": _audit_export,
    }
)


async def perform(
    settings: ExchangeSettings, act: str, arguments: Mapping[str, Any], *, patience_s: float = _COMES_BACK_S
) -> Any:
    """Does it, through the running process where there is one, else on its database.

    An exchange that should run and does not answer, because it is being started, is waited for.

    Raises Refused, ActFailedError, StoreError, KafkaError, AlreadyRunningError (a process that does not answer holds
    the folder).
    """
    data = settings.folders.data
    give_up = time.monotonic() + patience_s
    while True:
        try:
            return _ask(data, act, arguments)
        except control_file.NotRunningError:
            may_wait = time.monotonic() < give_up
        if not (may_wait and control_file.is_left_behind(data)):
            try:
                return await _alone(settings, act, arguments)
            except AlreadyRunningError:
                if not may_wait:
                    raise
        await asyncio.sleep(_LOOK_AGAIN_S)


def _ask(data: Path, act: str, arguments: Mapping[str, Any]) -> Any:
    """Raises Refused, ActFailedError, and NotRunningError where nothing was done."""
    try:
        return control_file.ask(data, "POST", f"/control/{act}", dict(arguments))["done"]
    except control_file.AnswerLostError:
        raise ActFailedError from None
    except control_file.RefusedByProcessError as refused:
        code = str(refused.problem.get("code", ""))
        if code not in set(ReasonCode):
            raise ActFailedError from None
        raise Refused(ReasonCode(code), str(refused.problem.get("where", ""))) from None


async def _alone(settings: ExchangeSettings, act: str, arguments: Mapping[str, Any]) -> Any:
    with RunLock(Path(settings.folders.data)):
        remove_control(settings.folders.data)  # whoever left it is dead: the next command need not wait for him
        await initialise(settings)
        database = Database(settings.database_url)
        try:
            return await ACTS[act](Administration(settings, database, actor="operator"), arguments)
        finally:
            await database.close()
