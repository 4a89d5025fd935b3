"""``lienvien audit``: export, verify."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from lienvien.answering import REFUSED, cannot, show

app = typer.Typer(no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Trả lời bằng JSON / answer as JSON.")]


@app.command(epilog="Ví dụ / example: lienvien audit export bang-chung --config exchange/exchange.toml --reader 24Z01")
def export(
    folder: Annotated[Path, typer.Argument(help="Thư mục mới / a new folder for the export.")],
    config: Annotated[Path, typer.Option(help="Tệp cấu hình của trục / the exchange's configuration.")],
    reader: Annotated[str, typer.Option(help="Mã cơ sở, hoặc auditor / a facility, or auditor.")] = "auditor",
    as_json: AsJson = False,
) -> None:
    """Xuất nhật ký chứng cứ cùng muối và điểm kiểm / entries with their salts, checkpoints, the log's public key."""
    from broker.run_lock import AlreadyRunningError  # noqa: PLC0415
    from broker.settings import load  # noqa: PLC0415
    from lienvien import exchange_acts  # noqa: PLC0415

    try:
        arguments = {"folder": str(folder.resolve()), "reader": reader}
        answer = asyncio.run(exchange_acts.perform(load(config), "audit-export", arguments))
    except (AlreadyRunningError, exchange_acts.ActFailedError) as error:
        cannot(str(error), as_json=as_json)
    show(answer, as_json=as_json, words=lambda: f"{answer['leaves']} mục / leaves → {folder}")


@app.command(epilog="Ví dụ / example: lienvien audit verify bang-chung --key log-key.txt")
def verify(
    folder: Annotated[Path, typer.Argument(help="Thư mục đã xuất / a folder made by audit export.")],
    key: Annotated[Path | None, typer.Option(help="Khóa công khai của nhật ký / the log's public key.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tính lại gốc cây và so với điểm kiểm đã ký / recompute the root, compare with the signed checkpoints."""
    from broker.audit.verify import AuditFaultError  # noqa: PLC0415
    from lienvien.prove.audit_root import verify_folder  # noqa: PLC0415

    try:
        report = verify_folder(folder, key)
    except AuditFaultError as fault:
        words = f"KHÔNG KHỚP / DOES NOT HOLD: {fault}"
        show(
            {"holds": False, "why": fault.why, "first_bad": fault.first_bad, "last_bad": fault.last_bad},
            as_json=as_json,
            words=lambda: words,
        )
        raise typer.Exit(REFUSED) from None
    except (OSError, ValueError) as error:
        cannot(f"{folder}: {type(error).__name__}", as_json=as_json)
    answer = {
        "holds": True,
        "log": report.log,
        "size": report.size,
        "root": report.root.hex(),
        "opened": report.opened,
        "checkpoints": len(report.checkpoints),
        "actions": dict(report.actions),
    }
    show(
        answer,
        as_json=as_json,
        words=lambda: f"KHỚP / HOLDS: {report.size} mục / leaves, gốc / root {report.root.hex()}",
    )
