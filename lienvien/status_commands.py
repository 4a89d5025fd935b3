"""``lienvien status``: where does a transfer stand? A facility asks its connector, the operator the exchange."""

import asyncio
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from lienvien.answering import REFUSED, cannot, show

AsJson = Annotated[bool, typer.Option("--json", help="Trả lời bằng JSON / answer as JSON.")]
_CONFIGS = ("connector.toml", "exchange.toml")


def status(
    case: Annotated[
        str | None, typer.Argument(help="Mã ca, mã định danh, số phiếu / case code, id, slip number.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="connector.toml hoặc exchange.toml / of a connector or an exchange.", envvar="LIENVIEN_CONFIG"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hồ sơ đang ở đâu? Cơ sở chỉ thấy ca của mình / where does it stand? A facility sees its own cases only.

    Ví dụ / examples: lienvien status --config benh-vien/connector.toml
    |  lienvien status 24Z01-2211-001-7 --config exchange/exchange.toml --json
    """
    found = config or next((Path(name) for name in _CONFIGS if Path(name).is_file()), None)
    if found is None:
        cannot("Cần --config: connector.toml hoặc exchange.toml / wanted: --config", as_json=as_json)
    if "[facility]" in _text(found, as_json=as_json):
        _of_hospital(found, case, as_json=as_json)
    else:
        _of_exchange(found, case, as_json=as_json)


def _text(config: Path, *, as_json: bool) -> str:
    try:
        return config.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        cannot(f"{config}: không đọc được / cannot be read", as_json=as_json)


def _of_hospital(config: Path, case: str | None, *, as_json: bool) -> None:
    from lienvien.connector_commands import ask_connector  # noqa: PLC0415
    from lienvien.connector_words import case_words  # noqa: PLC0415

    if case is None:
        answer = ask_connector(config, "status", {}, asks=True, as_json=as_json)
    else:
        answer = ask_connector(config, "case", {"case": case}, asks=True, as_json=as_json)
    shown = answer["transfers"] if case is None else answer
    show(shown, as_json=as_json, words=lambda: case_words(answer, steps=case is not None))


def _of_exchange(config: Path, case: str | None, *, as_json: bool) -> None:
    from broker.api.problems import Problem  # noqa: PLC0415
    from broker.run_lock import AlreadyRunningError  # noqa: PLC0415
    from broker.settings import load  # noqa: PLC0415
    from lienvien import control_file  # noqa: PLC0415
    from lienvien.exchange_words import no_such_case, transfers_words  # noqa: PLC0415
    from transport.settings import SettingsError  # noqa: PLC0415

    try:
        settings = load(config)
        path = "/v1/transfers" if case is None else f"/v1/transfers/{quote(case, safe='')}"
        try:
            answer = control_file.ask(settings.folders.data, "GET", path)
        except control_file.NotRunningError:
            answer = asyncio.run(_read_alone(settings, case))
    except (control_file.RefusedByProcessError, Problem):
        said = no_such_case(case)
        show({"refused": {"code": "not-found", **said}}, as_json=as_json, words=lambda: "\n".join(said.values()))
        raise typer.Exit(REFUSED) from None
    except (SettingsError, AlreadyRunningError) as error:
        cannot(str(error), as_json=as_json)
    show(answer, as_json=as_json, words=lambda: transfers_words(answer["transfers"], steps=case is not None))


async def _read_alone(settings: Any, case: str | None) -> Any:
    from broker.api import asking  # noqa: PLC0415
    from broker.queries import Queries  # noqa: PLC0415
    from broker.queries.views import OPERATOR, TransferFilter  # noqa: PLC0415
    from broker.run_lock import RunLock  # noqa: PLC0415
    from broker.store.engine import Database  # noqa: PLC0415
    from transport.clock import SystemClock  # noqa: PLC0415

    with RunLock(settings.folders.data):
        database = Database(settings.database_url)
        try:
            queries, now = Queries(database), SystemClock().now()
            if case is None:
                answer = await asking.transfer_list(queries, OPERATOR, TransferFilter(), now, 200)
                return answer.model_dump(mode="json")
            return (await asking.case(queries, OPERATOR, case, now)).model_dump(mode="json")
        finally:
            await database.close()
