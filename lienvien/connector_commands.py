"""``lienvien connector``: init, install, run, check, and what people do with a case."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from lienvien.answering import REFUSED, USAGE, cannot, refuse, show
from lienvien.exchange_commands import install_certificates

app = typer.Typer(no_args_is_help=True)

Config = Annotated[
    Path, typer.Option("--config", help="Tệp cấu hình / configuration file.", envvar="LIENVIEN_CONNECTOR_CONFIG")
]
DEFAULT_CONFIG = Path("connector.toml")
AsJson = Annotated[bool, typer.Option("--json", help="Trả lời bằng JSON / answer as JSON.")]


@app.command(
    epilog="Ví dụ / example: lienvien connector init benh-vien --facility 24Z01 --name 'Bệnh viện A'"
    " --phone '0204 000 000' --welcome goi-chao --export /his/xml --legal-basis law --set-by 'Trưởng phòng KHTH'"
)
def init(
    folder: Annotated[Path, typer.Argument(help="Thư mục mới của cơ sở / the hospital's new folder.")],
    *,
    facility: Annotated[str, typer.Option(help="Mã cơ sở (MA_CSKCB) / facility code.")],
    name: Annotated[str, typer.Option(help="Tên bệnh viện / name of the hospital.")],
    phone: Annotated[str, typer.Option(help="Điện thoại trực, bắt buộc / duty phone, mandatory.")],
    welcome: Annotated[Path, typer.Option(help="Gói chào của trục / the exchange's welcome package.")],
    export: Annotated[list[Path] | None, typer.Option(help="Thư mục xuất của HIS / export folder of the HIS.")] = None,
    legal_basis: Annotated[
        list[str] | None, typer.Option(help="written-request | emergency | law | contract; may be repeated.")
    ] = None,
    set_by: Annotated[str, typer.Option(help="Người quyết định căn cứ pháp lý / who set the legal basis.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tạo thư mục cơ sở: khóa, yêu cầu chứng thư, cấu hình / keys, certificate requests, configuration."""
    from lienvien.connector_setup import NewConnector, init_connector  # noqa: PLC0415
    from lienvien.enrolment import FACILITY_PURPOSES  # noqa: PLC0415
    from lienvien.welcome import read_welcome  # noqa: PLC0415
    from schemas.codes.lists import LegalBasis  # noqa: PLC0415

    try:
        legal = {LegalBasis(basis): set_by for basis in legal_basis or ()}
        new = NewConnector(facility, name, phone, [path.resolve() for path in export or ()], legal)
        requests = init_connector(folder, new, read_welcome(welcome))
    except FileExistsError:
        cannot(f"{folder}: đã có cấu hình / has a configuration already", as_json=as_json)
    except (OSError, ValueError, KeyError) as error:
        cannot(f"{folder}: {type(error).__name__}", as_json=as_json)
    keys = folder / "keys"
    todo = [
        f"lienvien ca issue {keys}/{purpose}.csr --dir CA --profile {profile} --name {facility}"
        f" --out {keys}/{purpose}.crt"
        for purpose, profile in FACILITY_PURPOSES.items()
    ]
    words = "\n".join(["Việc tiếp theo / next:", *todo, f"lienvien connector install {folder} {keys}/*.crt"])
    show({"requests": [str(path) for path in requests]}, as_json=as_json, words=lambda: words)


@app.command(epilog="Ví dụ / example: lienvien connector install benh-vien benh-vien/keys/*.crt")
def install(
    folder: Annotated[Path, typer.Argument(help="Thư mục của cơ sở / the hospital's folder.")],
    certificates: Annotated[list[Path], typer.Argument(help="Chứng thư nhận được / certificates that came back.")],
    as_json: AsJson = False,
) -> None:
    """Đặt chứng thư cạnh khóa của nó / put certificates beside the keys they belong to."""
    install_certificates(folder, certificates, as_json=as_json)


@app.command(
    epilog="Ví dụ / example: lienvien connector check xuat/*.xml --facilities facilities.csv"
    " --now 2026-11-22T10:00:00+07:00 --json --out ket-qua"
)
def check(
    files: Annotated[list[Path], typer.Argument(help="Tệp xuất của HIS / export files.")],
    *,
    facilities: Annotated[Path, typer.Option(help="Danh mục cơ sở CSV / register of facilities.")],
    now: Annotated[str, typer.Option(help="Thời điểm xét, ISO 8601 có múi giờ / the time to judge at, with zone.")],
    config: Annotated[Path | None, typer.Option(help="Tệp cấu hình / configuration file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Thư mục ghi gói FHIR / folder for the Bundles.")] = None,
    as_json: AsJson = False,
) -> None:
    """Làm mọi việc như khi gửi, trừ việc gửi / everything that sending would do except sending, without a server."""
    from connectors.check import check as run_check  # noqa: PLC0415
    from connectors.mapping.staff import StaffFileError  # noqa: PLC0415
    from connectors.sources.directory import DirectoryFileError  # noqa: PLC0415
    from transport.settings import SettingsError  # noqa: PLC0415

    try:
        moment = datetime.fromisoformat(now)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        typer.echo("--now: cần thời điểm ISO 8601 có múi giờ / wanted: an ISO 8601 time with zone", err=True)
        raise typer.Exit(USAGE)
    try:
        reports = run_check(files, facilities, moment, config, out)
    except (SettingsError, DirectoryFileError, StaffFileError) as error:
        cannot(str(error), as_json=as_json)
    except OSError as error:
        cannot(f"{error.filename}: {error.strerror}", as_json=as_json)
    show(reports, as_json=as_json, words=lambda: "\n".join(_report_words(report) for report in reports))
    if any(report["verdict"] == "refused" for report in reports):
        raise typer.Exit(REFUSED)


@app.command(epilog="Ví dụ / example: lienvien connector run --config benh-vien/connector.toml")
def run(config: Config = DEFAULT_CONFIG) -> None:
    """Chạy phần mềm kết nối đến khi nhận tín hiệu dừng / run until told to stop."""
    from lienvien import connector_process  # noqa: PLC0415

    raise typer.Exit(connector_process.main(config))


@app.command(epilog="Ví dụ / example: lienvien connector status --json")
def status(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Đang chờ, đã gửi, cần sửa, đường truyền, chứng thư / waiting, sent, what to fix, link, certificates."""
    from lienvien.connector_words import status_words  # noqa: PLC0415

    answer = ask_connector(config, "status", {}, asks=True, as_json=as_json)
    show(answer, as_json=as_json, words=lambda: status_words(answer))


@app.command(epilog="Ví dụ / example: lienvien connector inbox --watch")
def inbox(
    config: Config = DEFAULT_CONFIG,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Xem liên tục, kêu khi có cấp cứu / keep looking, ring.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bảng tiếp nhận: ai đang đến, khẩn nhất trước / the receiving board: who is coming, most urgent first."""
    from lienvien import connector_inbox  # noqa: PLC0415

    if watch:
        connector_inbox.watch_until_interrupted(_data_folder(config, as_json=as_json), as_json=as_json)
        return
    board = ask_connector(config, "board", {}, asks=True, as_json=as_json)
    show(board, as_json=as_json, words=lambda: connector_inbox.board_words(board))


@app.command("open", epilog="Ví dụ / example: lienvien connector open --config benh-vien/connector.toml")
def open_pages(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """In địa chỉ mở trang của bệnh viện / print the address that opens the hospital's pages in a browser."""
    from lienvien import connector_inbox, control_file  # noqa: PLC0415

    data = _data_folder(config, as_json=as_json)
    try:
        addresses = connector_inbox.door_addresses(data)
    except (control_file.NotRunningError, control_file.RefusedByProcessError):
        cannot("phần mềm kết nối chưa chạy: lienvien connector run / the connector does not run", as_json=as_json)
    show(addresses, as_json=as_json, words=lambda: connector_inbox.addresses_words(addresses))


@app.command(epilog="Ví dụ / example: lienvien connector backup --out ket-noi-2211.sqlite --config bv/connector.toml")
def backup(
    out: Annotated[Path, typer.Option("--out", help="Tệp mới / a new file.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Sao lưu cơ sở dữ liệu, đang chạy hay không; có dữ liệu người bệnh / copy the database; it holds patient data."""
    from lienvien import connector_backup  # noqa: PLC0415

    done = _guarded(config, lambda settings: connector_backup.back_up(settings, out), as_json=as_json)
    words = (
        f"{done['backup']}: {done['bytes']} byte. Có dữ liệu người bệnh / holds patient data.\n"
        f"Không có trong đó, hãy cất riêng / not in it, keep it apart: {done['not_in_it'][0]}"
    )
    show(done, as_json=as_json, words=lambda: words)


@app.command(epilog="Ví dụ / example: lienvien connector restore ket-noi-2211.sqlite --config bv/connector.toml")
def restore(
    file: Annotated[Path, typer.Argument(help="Tệp sao lưu / the backup.")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Đặt lại bản sao lưu khi không gì chạy; tệp cũ được giữ / put a backup back; the old file is kept."""
    from lienvien import connector_backup  # noqa: PLC0415

    done = _guarded(config, lambda settings: connector_backup.restore(settings, file), as_json=as_json)
    lines = [f"{done['restored']}: đã khôi phục / restored"]
    lines += [f"Tệp cũ / the old file: {done['kept']}"] if done["kept"] else []
    show(done, as_json=as_json, words=lambda: "\n".join(lines))


def _guarded(config: Path, work: Callable[[Any], Any], *, as_json: bool) -> Any:
    import sqlite3  # noqa: PLC0415

    from connectors.settings import load  # noqa: PLC0415
    from connectors.store.folder_lock import AlreadyRunningError  # noqa: PLC0415
    from connectors.store.tables import NewerDatabaseError  # noqa: PLC0415
    from transport.settings import SettingsError  # noqa: PLC0415
    from transport.sqlite_copy import NotABackupError, TargetExistsError  # noqa: PLC0415

    said = (SettingsError, AlreadyRunningError, NotABackupError, TargetExistsError, NewerDatabaseError)
    try:
        return work(load(config))
    except said as error:
        cannot(str(error), as_json=as_json)
    except sqlite3.Error as error:
        cannot(f"Cơ sở dữ liệu không dùng được / the database cannot be used: {type(error).__name__}", as_json=as_json)
    except OSError as error:
        cannot(f"{error.filename or ''}: {error.strerror or type(error).__name__}", as_json=as_json)


def _data_folder(config: Path, *, as_json: bool) -> Path:
    from connectors.settings import load  # noqa: PLC0415
    from transport.settings import SettingsError  # noqa: PLC0415

    try:
        return load(config).folders.data
    except SettingsError as error:
        cannot(str(error), as_json=as_json)


def _report_words(report: dict[str, Any]) -> str:
    lines = [f"{report['file']}: {report['verdict']}"]
    found = list(report["findings"])
    for transfer in report["transfers"]:
        lines.append(
            f"  {transfer['slip_index']}: {transfer['verdict']}  {transfer['sender']} → {transfer['destination']}"
            f"  {transfer['kind'] or ''} {transfer['priority'] or ''}".rstrip()
        )
        found += transfer["findings"]
    for item in found:
        lines.append(f"    [{item['severity']}] {item['field']}: {item['vi']}")
        lines.append(f"      {item['en']}")
    return "\n".join(lines)


Case = Annotated[str, typer.Argument(help="Mã ca, mã định danh hoặc số phiếu / case code, id, or slip number.")]
By = Annotated[str, typer.Option("--by", help="Họ tên người thực hiện / the named person who does this.")]
MaybeBy = Annotated[str | None, typer.Option("--by", help="Họ tên người thực hiện / the named person.")]
At = Annotated[str | None, typer.Option("--at", help="Thời điểm, ISO 8601 có múi giờ / when, with zone; default now.")]
Text = Annotated[str | None, typer.Option("--text", help="Ghi thêm / in words.")]


@app.command(epilog="Ví dụ / example: lienvien connector received 24Z01-2211-001-7 --by 'BS. Trực'")
def received(case: Case, *, by: By, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Một bác sĩ đã mở hồ sơ / a named clinician has opened the papers."""
    _act(config, "received", {"case": case, "by": by}, as_json=as_json)


@app.command(
    epilog="Ví dụ / example: lienvien connector accept 24Z01-2211-001-7 --by 'BS. Trực' --ward 'Tim mạch'"
    " --until 2026-11-23T08:00:00+07:00 --contact '024 000 000'"
)
def accept(
    case: Case,
    *,
    by: By,
    ward: Annotated[str | None, typer.Option(help="Khoa tiếp nhận / ward.")] = None,
    until: Annotated[str | None, typer.Option(help="Giữ chỗ đến, ISO 8601 / holds until.")] = None,
    contact: Annotated[str | None, typer.Option(help="Điện thoại liên hệ / who to phone.")] = None,
    text: Text = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Đồng ý tiếp nhận / accept the transfer."""
    arguments = {"case": case, "by": by, "ward": ward, "until": until, "contact": contact, "text": text}
    _act(config, "accept", arguments, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien connector decline 24Z01-2211-001-7 --by 'BS. Trực' --reason no-bed")
def decline(
    case: Case,
    *,
    by: By,
    reason: Annotated[
        str, typer.Option(help="no-bed | no-specialist | no-equipment | treat-locally | other-facility | other")
    ],
    text: Text = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Không tiếp nhận, có lý do; người bệnh vẫn có thể đến / decline with a reason; the patient may still come."""
    _act(config, "decline", {"case": case, "by": by, "reason": reason, "text": text}, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien connector cancel 24Z01-2211-001-7 --reason condition-changed")
def cancel(
    case: Case,
    *,
    reason: Annotated[
        str, typer.Option(help="condition-changed | patient-refused | other-destination | entered-in-error | other")
    ],
    by: MaybeBy = None,
    text: Text = None,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Nơi gửi rút lại yêu cầu / the sender takes the request back."""
    _act(config, "cancel", {"case": case, "by": by, "reason": reason, "text": text}, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien connector departed 24Z01-2211-001-7")
def departed(
    case: Case, *, at: At = None, by: MaybeBy = None, config: Config = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Xe đã đi; không bao giờ cần ai cho phép / the ambulance has left; never needs anybody's leave."""
    _act(config, "departed", {"case": case, "at": at, "by": by}, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien connector arrived 24Z01-2211-001-7")
def arrived(
    case: Case, *, at: At = None, by: MaybeBy = None, config: Config = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Người bệnh đã đến; luôn được ghi nhận / the patient is here; always recorded."""
    _act(config, "arrived", {"case": case, "at": at, "by": by}, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien connector release 24Z01-2211-001-7")
def release(case: Case, *, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Một người đồng ý gửi phiếu đang chờ / a person's yes to a slip that waits."""
    _act(config, "release", {"case": case}, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien connector discard 24Z01-2211-001-7")
def discard(case: Case, *, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Không gửi phiếu đang chờ / a person's no to a slip that waits."""
    _act(config, "discard", {"case": case}, as_json=as_json)


@app.command("raise", epilog="Ví dụ / example: lienvien connector raise 24Z01-2211-001-7 --priority stat")
def raise_priority(
    case: Case,
    *,
    priority: Annotated[str, typer.Option(help="stat | urgent")],
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Nâng mức khẩn; không ai hạ được / raise the urgency; nobody can lower it."""
    _act(config, "raise", {"case": case, "priority": priority}, as_json=as_json)


@app.command(epilog="Ví dụ / example: lienvien connector repeat 24Z01-2211-001-7")
def repeat(case: Case, *, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Gửi lại đúng bản đã niêm phong; trục trả lời như lần đầu / send the same sealed bytes once more."""
    _act(config, "repeat", {"case": case}, as_json=as_json)


def _act(config: Path, name: str, arguments: dict[str, Any], *, as_json: bool) -> None:
    from lienvien.connector_words import act_words  # noqa: PLC0415

    given = {key: value for key, value in arguments.items() if value is not None}
    answer = ask_connector(config, name, given, asks=False, as_json=as_json)
    show(answer, as_json=as_json, words=lambda: act_words(answer))


# which option lacks; the sentence is the pages' too, which have none
_OPTIONS: Final = {"person-needed": "--by", "reason-needed": "--reason", "words-needed": "--text"}


def ask_connector(config: Path, name: str, arguments: dict[str, Any], *, asks: bool, as_json: bool) -> Any:
    """One question or act of a connector, its refusals told as every command tells them."""
    from connectors.actions import ActionError  # noqa: PLC0415
    from connectors.settings import load  # noqa: PLC0415
    from connectors.store.folder_lock import AlreadyRunningError  # noqa: PLC0415
    from lienvien.connector_process import perform  # noqa: PLC0415
    from schemas.reasons import Refused  # noqa: PLC0415
    from transport.settings import SettingsError  # noqa: PLC0415

    try:
        return perform(load(config), name, arguments, asks=asks)
    except ActionError as error:
        words = f"{error.vi}\n{error.en}\n[{error.code}] {_OPTIONS.get(error.code, '')}".rstrip()
        show({"refused": {"code": error.code, "vi": error.vi, "en": error.en}}, as_json=as_json, words=lambda: words)
        raise typer.Exit(REFUSED) from None
    except Refused as refused:
        refuse(refused, as_json=as_json)
    except (SettingsError, AlreadyRunningError) as error:
        cannot(str(error), as_json=as_json)
    except OSError as error:
        cannot(f"{error.filename or ''}: {error.strerror or type(error).__name__}", as_json=as_json)
