"""``lienvien ca``: the certificate authority of a pilot or a demonstration, in one folder."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

import typer

from schemas.reasons import Refused, reason

REFUSED: Final = 1
ENVIRONMENT: Final = 3

# Spelled here, so that ``--help`` loads no cryptography.
Profile = Literal["tls", "sign", "enc", "broker", "platform", "exchange-sign", "exchange-enc"]
Why = Literal[
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
]
Folder = Annotated[Path, typer.Option("--dir", help="Thư mục của nơi cấp / the authority's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="In JSON / print JSON.")]
Days = Annotated[int | None, typer.Option(min=1, max=7300, help="Số ngày hiệu lực / days of validity.")]

app = typer.Typer(no_args_is_help=True, help="Chứng thư số / certificate authority: init, issue, show, revoke, crl")


class Outcome(Protocol):
    """What an action gives back."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """For a program."""

    @property
    def text(self) -> str:
        """For a person."""


@app.command(epilog="Ví dụ / example: lienvien ca init --dir ca --name 'Lien Vien thu nghiem'")
def init(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Tên nơi cấp, không dấu / the authority's name.")] = "Lien Vien",
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Tạo nơi cấp chứng thư mới / make a new authority; an existing one is never overwritten."""
    from lienvien import ca_actions  # noqa: PLC0415

    _answer(as_json, lambda: ca_actions.init(folder, name, days, _now()))


@app.command(
    epilog="Ví dụ / example: lienvien ca issue signing.csr --dir ca --profile sign --name 24001 --out signing.crt"
)
def issue(
    request: Annotated[Path, typer.Argument(help="Yêu cầu PKCS #10, PEM / the certificate request.")],
    *,
    folder: Folder,
    profile: Annotated[Profile, typer.Option(help="Mục đích đã duyệt / the approved use.")],
    name: Annotated[str, typer.Option(help="Mã cơ sở hoặc tên đã duyệt / the approved facility code or name.")],
    generation: Annotated[int, typer.Option(min=1, help="Thế hệ khóa TLS / generation of a TLS key.")] = 1,
    host: Annotated[list[str] | None, typer.Option(help="Tên máy chủ / a server's host; may be repeated.")] = None,
    days: Days = None,
    out: Annotated[Path | None, typer.Option(help="Ghi chứng thư ra tệp / write the certificate here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cấp chứng thư cho một yêu cầu / answer a request; the names in it must be those given here."""
    from lienvien import ca_actions  # noqa: PLC0415

    _answer(
        as_json,
        lambda: ca_actions.issue(
            folder, request, profile, name, generation=generation, hosts=host or (), days=days, out=out, now=_now()
        ),
    )


@app.command(epilog="Ví dụ / example: lienvien ca show --dir ca   |   lienvien ca show 5f0a1c --dir ca --json")
def show(
    folder: Folder,
    serial: Annotated[str | None, typer.Argument(help="Số chứng thư, hệ 16 / serial in hexadecimal.")] = None,
    as_json: AsJson = False,
) -> None:
    """Liệt kê chứng thư đã cấp / list what was issued, or show one certificate."""
    from lienvien import ca_actions  # noqa: PLC0415

    _answer(as_json, lambda: ca_actions.show(folder, serial, _now()))


@app.command(epilog="Ví dụ / example: lienvien ca revoke 5f0a1c --dir ca --reason keyCompromise")
def revoke(
    serial: Annotated[str, typer.Argument(help="Số chứng thư, hệ 16 / serial in hexadecimal.")],
    folder: Folder,
    why: Annotated[Why, typer.Option("--reason", help="Lý do / reason (RFC 5280, 5.3.1).")] = "unspecified",
    as_json: AsJson = False,
) -> None:
    """Thu hồi và công bố danh sách mới / revoke, and publish a new revocation list at once."""
    from lienvien import ca_actions  # noqa: PLC0415

    _answer(as_json, lambda: ca_actions.revoke(folder, serial, why, _now()))


@app.command(epilog="Ví dụ / example: lienvien ca crl --dir ca --days 7")
def crl(folder: Folder, days: Days = None, as_json: AsJson = False) -> None:
    """Công bố danh sách thu hồi mới / publish a new revocation list; past its days messages are held."""
    from lienvien import ca_actions  # noqa: PLC0415

    _answer(as_json, lambda: ca_actions.crl(folder, days, _now()))


def _now() -> datetime:
    return datetime.now(UTC)


def _answer(as_json: bool, act: Callable[[], Outcome]) -> None:
    """Do it and say so: refusals as a sentence in both languages and exit code 1, what the machine refuses as 3."""
    try:
        outcome = act()
    except Refused as refused:
        known = reason(refused.reason)
        if as_json:
            facts = {
                "refused": known.code,
                "where": refused.where,
                "fixer": known.fixer,
                "vi": known.vi,
                "en": known.en,
            }
            typer.echo(json.dumps(facts, ensure_ascii=False))
        else:
            typer.echo(f"{known.vi}\n{known.en}\n[{known.code}] {refused.where}".rstrip(), err=True)
        raise typer.Exit(REFUSED) from None
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        typer.echo(f"Không đọc hoặc ghi được / cannot read or write{place} ({error.strerror})", err=True)
        raise typer.Exit(ENVIRONMENT) from None
    typer.echo(json.dumps(outcome.facts, ensure_ascii=False) if as_json else outcome.text)
