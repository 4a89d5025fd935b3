"""``lienvien exchange``: init, run, facilities, backup, restore, recover."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lienvien.answering import cannot, refuse, show

app = typer.Typer(no_args_is_help=True)
facility = typer.Typer(no_args_is_help=True)
app.add_typer(facility, name="facility", help="Cơ sở tham gia / facilities: add, list, show, suspend, resume")

Config = Annotated[
    Path, typer.Option("--config", help="Tệp cấu hình / configuration file.", envvar="LIENVIEN_EXCHANGE_CONFIG")
]
DEFAULT_CONFIG = Path("exchange.toml")
AsJson = Annotated[bool, typer.Option("--json", help="Trả lời bằng JSON / answer as JSON.")]
Code = Annotated[str, typer.Argument(help="Mã cơ sở (MA_CSKCB) / facility code.")]


@app.command(
    epilog="Ví dụ / example: lienvien exchange init exchange --name trung-uong --bootstrap localhost:9093"
    " --ca ca/ca.pem --crl ca/crl.pem"
)
def init(
    folder: Annotated[Path, typer.Argument(help="Thư mục mới của trục / the exchange's new folder.")],
    *,
    name: Annotated[str, typer.Option(help="Tên trục, chữ thường / the exchange's name, a lower-case word.")],
    bootstrap: Annotated[str, typer.Option(help="Địa chỉ Kafka, host:port / address of Kafka.")],
    ca: Annotated[Path, typer.Option(help="Chứng thư nơi cấp / the authority's certificate, PEM.")],
    crl: Annotated[Path, typer.Option(help="Danh sách thu hồi / the revocation list, PEM.")],
    as_json: AsJson = False,
) -> None:
    """Tạo thư mục trục: khóa, yêu cầu chứng thư, cấu hình / keys, certificate requests, configuration."""
    from lienvien import exchange_setup  # noqa: PLC0415

    try:
        wanted = exchange_setup.init_exchange(folder, name, bootstrap, ca=ca, crl=crl)
    except (FileExistsError, OSError, ValueError) as error:
        cannot(f"{folder}: {type(error).__name__}", as_json=as_json)
    lines = [
        f"lienvien ca issue {folder}/keys/{purpose}.csr --dir {ca.parent} --profile {profile} --name {holder}"
        f" --out {folder}/keys/{purpose}.crt"
        for purpose, (profile, holder) in wanted.items()
    ]
    todo = "\n".join(["Việc tiếp theo / next:", *lines, f"lienvien exchange install {folder} {folder}/keys/*.crt"])
    show({"requests": {p: [str(a), b] for p, (a, b) in wanted.items()}}, as_json=as_json, words=lambda: todo)


@app.command(epilog="Ví dụ / example: lienvien exchange install exchange exchange/keys/*.crt")
def install(
    folder: Annotated[Path, typer.Argument(help="Thư mục của trục hoặc cơ sở / the site's folder.")],
    certificates: Annotated[list[Path], typer.Argument(help="Chứng thư nhận được / certificates that came back.")],
    as_json: AsJson = False,
) -> None:
    """Đặt chứng thư cạnh khóa của nó / put certificates beside the keys they belong to."""
    install_certificates(folder, certificates, as_json=as_json)


def install_certificates(folder: Path, certificates: list[Path], *, as_json: bool) -> None:
    """Shared by ``exchange install`` and ``connector install``."""
    from lienvien.enrolment import KeyFolder  # noqa: PLC0415
    from schemas.reasons import Refused  # noqa: PLC0415

    try:
        done = {str(path): KeyFolder(folder / "keys").install(path.read_bytes()) for path in certificates}
    except Refused as refused:
        refuse(refused, as_json=as_json)
    except OSError as error:
        cannot(f"{error.filename}: {error.strerror}", as_json=as_json)
    show(done, as_json=as_json, words=lambda: "\n".join(f"{purpose}: {path}" for path, purpose in done.items()))


@app.command(epilog="Ví dụ / example: lienvien exchange run --config exchange/exchange.toml")
def run(
    config: Config = DEFAULT_CONFIG, web: Annotated[bool, typer.Option(help="Pages and interfaces.")] = True
) -> None:
    """Chạy một tiến trình của trục đến khi nhận tín hiệu dừng / run one process until it is told to stop."""
    from lienvien import exchange_process  # noqa: PLC0415

    raise typer.Exit(exchange_process.main(config, web=web))


@app.command(
    epilog="Ví dụ / example: lienvien exchange welcome goi-chao --config exchange/exchange.toml --facilities f.csv"
)
def welcome(
    folder: Annotated[Path, typer.Argument(help="Thư mục mới của gói / the package's new folder.")],
    facilities: Annotated[Path, typer.Option(help="Danh mục cơ sở CSV / register of facilities.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Gói thông tin cho cơ sở mới, không có bí mật / what a new hospital gets; nothing in it is secret."""
    from broker.settings import load  # noqa: PLC0415
    from lienvien.exchange_setup import welcome_package  # noqa: PLC0415

    settings = load(config)
    welcome_package(
        config.parent,
        folder,
        name=settings.exchange.name,
        bootstrap=settings.kafka.bootstrap,
        facilities=facilities,
    )
    typer.echo(str(folder))


@app.command(epilog="Ví dụ / example: lienvien exchange register facilities.csv --config exchange/exchange.toml")
def register(
    csv: Annotated[Path, typer.Argument(help="Danh mục cơ sở, CSV UTF-8 / the register of facilities.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Nạp danh mục các cơ sở đã biết / take the register of known facilities, connected or not."""
    try:
        text = csv.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        cannot(f"{csv}: không đọc được / cannot be read", as_json=as_json)
    _act(config, "register", {"csv": text}, as_json=as_json)


@facility.command("add", epilog="Ví dụ / example: lienvien exchange facility add 24Z01 --config exchange/exchange.toml")
def add(
    code: Code,
    name: Annotated[
        str | None, typer.Option(help="Tên, nếu chưa có trong danh mục / name, if not in the register.")
    ] = None,
    generation: Annotated[
        list[int] | None, typer.Option(help="Thế hệ chứng thư TLS / TLS certificate generation.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Kết nạp cơ sở: tạo chủ đề và quyền / admit a facility: topics and literal rights."""
    _act(config, "facility-add", {"facility": code, "name": name, "generations": generation}, as_json=as_json)


@facility.command("list", epilog="Ví dụ / example: lienvien exchange facility list --json")
def list_facilities(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Liệt kê cơ sở tham gia / the facilities that take part."""
    _act(config, "facility-list", {}, as_json=as_json)


@facility.command("show", epilog="Ví dụ / example: lienvien exchange facility show 24Z01")
def show_facility(code: Code, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Một cơ sở và các ca tối khẩn đang mở / one facility and its open stat cases."""
    _act(config, "facility-show", {"facility": code}, as_json=as_json)


@facility.command("suspend", epilog="Ví dụ / example: lienvien exchange facility suspend 24Z01 --yes")
def suspend(
    code: Code,
    config: Config = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Không hỏi lại / do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cắt một cơ sở ngay lập tức; nói trước ca tối khẩn nào bị giữ / cut off at once; says first what it holds."""
    shown = _ask(config, "facility-show", {"facility": code}, as_json=as_json)
    for case in shown["open_stat_cases"]:
        typer.echo(f"ca tối khẩn đang mở / open stat case: {case.get('case_code') or case['transfer_id']}", err=True)
    if not yes:
        typer.confirm(f"Tạm ngừng {code}? / suspend {code}?", abort=True, err=True)
    _act(config, "facility-suspend", {"facility": code}, as_json=as_json)


@facility.command("resume", epilog="Ví dụ / example: lienvien exchange facility resume 24Z01")
def resume(code: Code, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Cho cơ sở hoạt động lại / let a facility in again."""
    _act(config, "facility-resume", {"facility": code}, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien exchange backup --out truc-2211.sqlite --config exchange/exchange.toml")
def backup(
    out: Annotated[Path, typer.Option("--out", help="Tệp mới / a new file.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Sao lưu cơ sở dữ liệu trong khi trục vẫn chạy; khóa thì cất riêng / copy the database, running or not."""
    from lienvien import exchange_recovery  # noqa: PLC0415

    done = _guarded(config, lambda settings: exchange_recovery.back_up(settings, out), as_json=as_json)
    words = (
        f"{done['backup']}: {done['bytes']} byte\n"
        f"Không có trong đó, hãy cất riêng / not in it, keep it apart: {done['not_in_it'][0]}"
    )
    show(done, as_json=as_json, words=lambda: words)


@app.command(epilog="Ví dụ / example: lienvien exchange restore truc-2211.sqlite --config exchange/exchange.toml")
def restore(
    file: Annotated[Path, typer.Argument(help="Tệp sao lưu / the backup.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Đặt lại bản sao lưu khi không gì chạy; tệp cũ được giữ / put a backup back; the old file is kept."""
    from lienvien import exchange_recovery  # noqa: PLC0415

    done = _guarded(config, lambda settings: exchange_recovery.restore(settings, file), as_json=as_json)
    lines = [f"{done['restored']}: đã khôi phục / restored"]
    lines += [f"Tệp cũ / the old file: {done['kept']}"] if done["kept"] else []
    words = "\n".join([*lines, f"Việc tiếp theo / next: {done['next']} --config {config}"])
    show(done, as_json=as_json, words=lambda: words)


@app.command(epilog="Ví dụ / example: lienvien exchange recover --dry-run --config exchange/exchange.toml")
def recover(
    config: Config = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Chỉ xem, không ghi / look, write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cơ sở dữ liệu cũ hơn Kafka: dựng lại từ các hộp nhận / a database older than Kafka: rebuild from the inboxes."""
    from lienvien import exchange_recovery  # noqa: PLC0415

    outcome = _guarded(
        config, lambda settings: exchange_recovery.recover_now(settings, dry_run=dry_run), as_json=as_json
    )
    show(outcome.as_json(), as_json=as_json, words=lambda: exchange_recovery.outcome_words(outcome))


def _guarded(config: Path, work: Callable[[Any], Any], *, as_json: bool) -> Any:
    """What keeps an operator's work on a database that nothing runs on from being done, as every command says it."""
    import sqlite3  # noqa: PLC0415

    from broker.ports import LogUnavailableError  # noqa: PLC0415
    from broker.recovery.recover import StillRunningError  # noqa: PLC0415
    from broker.run_lock import AlreadyRunningError  # noqa: PLC0415
    from broker.settings import load  # noqa: PLC0415
    from broker.store.engine import CommitUnknownError, StoreError  # noqa: PLC0415
    from broker.store.migrating import DatabaseTooNewError  # noqa: PLC0415
    from lienvien.exchange_recovery import PostgresqlError  # noqa: PLC0415
    from schemas.reasons import Refused  # noqa: PLC0415
    from transport.settings import SettingsError  # noqa: PLC0415
    from transport.sqlite_copy import NotABackupError, TargetExistsError  # noqa: PLC0415
    from transport.tls import TlsFileError  # noqa: PLC0415

    said = (SettingsError, AlreadyRunningError, StillRunningError, PostgresqlError, DatabaseTooNewError, TlsFileError)
    try:
        return work(load(config))
    except Refused as refused:
        refuse(refused, as_json=as_json)
    except (*said, NotABackupError, TargetExistsError) as error:
        cannot(str(error), as_json=as_json)
    except CommitUnknownError:
        cannot(
            "Chưa rõ đã ghi xong chưa; hãy chạy lại. / Whether it was written is not known; run it again.",
            as_json=as_json,
        )
    except LogUnavailableError:
        cannot("Không đọc được Kafka; chưa thay đổi gì. / Kafka cannot be read; nothing was changed.", as_json=as_json)
    except (StoreError, sqlite3.Error) as error:
        cannot(f"Cơ sở dữ liệu không dùng được / the database cannot be used: {type(error).__name__}", as_json=as_json)
    except OSError as error:
        cannot(f"{error.filename or ''}: {error.strerror or type(error).__name__}", as_json=as_json)


def _act(config: Path, act: str, arguments: dict[str, Any], *, as_json: bool) -> None:
    answer = _ask(config, act, arguments, as_json=as_json)
    show(answer, as_json=as_json, words=lambda: _words(answer))


def _ask(config: Path, act: str, arguments: dict[str, Any], *, as_json: bool) -> Any:
    from kafka.errors import KafkaError  # noqa: PLC0415

    from broker.run_lock import AlreadyRunningError  # noqa: PLC0415
    from broker.settings import load  # noqa: PLC0415
    from broker.store.engine import StoreError  # noqa: PLC0415
    from lienvien import exchange_acts  # noqa: PLC0415
    from schemas.reasons import Refused  # noqa: PLC0415
    from transport.kafka_admin import AdminRefusedError  # noqa: PLC0415
    from transport.settings import SettingsError  # noqa: PLC0415

    kafka = ""
    try:
        settings = load(config)
        kafka = settings.kafka.bootstrap
        return asyncio.run(exchange_acts.perform(settings, act, arguments))
    except Refused as refused:
        refuse(refused, as_json=as_json)
    except (SettingsError, AlreadyRunningError, exchange_acts.ActFailedError) as error:
        cannot(str(error), as_json=as_json)
    except (KafkaError, AdminRefusedError):
        cannot(str(exchange_acts.ActFailedError(kafka)), as_json=as_json)
    except StoreError:
        cannot(str(exchange_acts.ActFailedError()), as_json=as_json)


def _words(answer: Any) -> str:
    from lienvien.exchange_words import facility_words  # noqa: PLC0415

    rows = answer if isinstance(answer, list) else [answer]
    return "\n".join(facility_words(row) for row in rows) or "chưa có cơ sở nào / no facilities yet"
