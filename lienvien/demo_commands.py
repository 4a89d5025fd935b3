"""``lienvien demo``, ``sandbox``, ``prove``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lienvien.answering import ENVIRONMENT, REFUSED, refuse

AsJson = Annotated[bool, typer.Option("--json", help="Trả lời bằng JSON / answer as JSON.")]
Folder = Annotated[Path | None, typer.Option(help="Thư mục mới thay cho thư mục tạm / instead of a temporary folder.")]


def demo(folder: Folder = None) -> None:
    """Chạy thử toàn bộ trên máy này rồi để một tiến trình khác chứng minh / the whole story, with proof."""
    from lienvien.demo.running import run  # noqa: PLC0415

    raise typer.Exit(run(keep_running=False, folder=folder))


def sandbox(folder: Folder = None) -> None:
    """Như demo nhưng chạy tiếp, trang web mở, đến khi bấm Ctrl-C / as demo, kept running with its pages."""
    from lienvien.demo.running import run  # noqa: PLC0415

    raise typer.Exit(run(keep_running=True, folder=folder))


def example(
    file: Annotated[Path, typer.Argument(help="Tệp XML sẽ ghi / the XML file to write.")],
    *,
    sender: Annotated[str, typer.Option("--from", help="Mã nơi gửi / sending facility.")] = "24Z01",
    destination: Annotated[str, typer.Option("--to", help="Mã nơi nhận / destination.")] = "01929",
    name: Annotated[
        str, typer.Option(help="Tên người bệnh hư cấu / an invented patient's name.")
    ] = "TRẦN THỊ THỬ NGHIỆM",
    diagnosis: Annotated[str, typer.Option(help="Chẩn đoán / diagnosis.")] = "Viêm ruột thừa cấp",
    icd: Annotated[str, typer.Option(help="Mã ICD-10 / ICD-10 code.")] = "K35.8",
    number: Annotated[int, typer.Option(min=1, max=8_999, help="Số thứ tự phiếu / serial of the slip.")] = 500,
    set_field: Annotated[
        list[str] | None, typer.Option("--set", help="TRUONG=giá trị, ghi đè một trường / override a field.")
    ] = None,
) -> None:
    """Ghi một tệp xuất XML13 hư cấu của hôm nay / write an invented XML13 export dated today, to try things with."""
    from dataclasses import replace  # noqa: PLC0415
    from datetime import datetime  # noqa: PLC0415

    from connectors.sources.xml13.dates import VIETNAM  # noqa: PLC0415
    from lienvien.demo_exports.cases import CASES  # noqa: PLC0415
    from lienvien.demo_exports.envelope import transfer_file  # noqa: PLC0415

    case = replace(
        CASES[12], serial=number, sender=sender, destination=destination, name=name, diagnosis=diagnosis, icd=icd
    )
    fields = dict(item.partition("=")[::2] for item in set_field or ())
    file.write_bytes(transfer_file(case, datetime.now(VIETNAM), fields))
    typer.echo(str(file))


def prove(
    folder: Annotated[Path, typer.Argument(help="Thư mục bằng chứng / a folder of evidence.")], as_json: AsJson = False
) -> None:
    """Kiểm chứng một thư mục bằng chứng, không cần khóa hay cơ sở dữ liệu / check a folder of evidence."""
    from lienvien.demo.telling import Telling  # noqa: PLC0415
    from lienvien.prove.recipe import prove as run  # noqa: PLC0415
    from schemas.reasons import Refused  # noqa: PLC0415

    try:
        claims = run(folder)
    except Refused as refused:
        refuse(refused, as_json=as_json)
    except (OSError, ValueError, KeyError) as error:
        typer.echo(
            f"{folder}: không phải thư mục bằng chứng / is no folder of evidence ({type(error).__name__})", err=True
        )
        raise typer.Exit(ENVIRONMENT) from None
    if as_json:
        typer.echo(json.dumps([claim.as_json() for claim in claims], ensure_ascii=False, indent=2))
    else:
        Telling().claims(claims)
    if not all(claim.holds for claim in claims):
        raise typer.Exit(REFUSED)
