"""The command tree. Command modules import what they need when they run, so that ``--help`` is instant."""

import sys

import typer

from lienvien import audit_commands, ca_commands, connector_commands, demo_commands, exchange_commands, status_commands

app = typer.Typer(
    name="lienvien",
    help="Liên Viện: chuyển người bệnh giữa các bệnh viện / patient transfers between hospitals.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(exchange_commands.app, name="exchange", help="Trục trao đổi / the exchange: init, run, facilities")
app.add_typer(connector_commands.app, name="connector", help="Phần mềm kết nối / a hospital's connector")
app.add_typer(ca_commands.app, name="ca", help="Chứng thư số / certificate authority: init, issue, show, revoke, crl")
app.add_typer(audit_commands.app, name="audit", help="Nhật ký chứng cứ / audit log: export, verify")
app.command(
    "status",
    help="Hồ sơ đang ở đâu? / where does a transfer stand?",
    epilog="Ví dụ / examples: lienvien status --config benh-vien/connector.toml"
    " | lienvien status 24Z01-2211-001-7 --config exchange/exchange.toml --json",
)(status_commands.status)
app.command(
    "demo",
    help="Chạy thử toàn bộ rồi chứng minh / the whole story on this machine, with proof",
    epilog="Ví dụ / example: lienvien demo --folder /tmp/thu",
)(demo_commands.demo)
app.command(
    "sandbox",
    help="Như demo nhưng chạy tiếp / as demo, kept running until Ctrl-C",
    epilog="Ví dụ / example: lienvien sandbox --folder /tmp/thu",
)(demo_commands.sandbox)
app.command(
    "example",
    help="Ghi một tệp XML13 hư cấu để thử / write an invented export to try things with",
    epilog="Ví dụ / example: lienvien example /tmp/thu/hospitals/his-exports/24Z01/a.xml --number 777",
)(demo_commands.example)
app.command(
    "prove",
    help="Kiểm chứng một thư mục bằng chứng / check a folder of evidence, without keys or database",
    epilog="Ví dụ / example: lienvien prove /tmp/thu/evidence",
)(demo_commands.prove)


def main() -> None:
    """The console script. Exit codes: 0 done, 1 refused or faults found, 2 usage, 3 environment, 4 later."""
    # Vietnamese text must print on any console, also where the locale says ASCII.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    app()


if __name__ == "__main__":
    main()
