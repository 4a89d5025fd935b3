"""Backup, restore and recovery of an exchange, as the commands do them."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import make_url

from broker.recovery.recover import Outcome, Step
from broker.recovery.run import recover
from broker.run_lock import RunLock
from broker.settings import ExchangeSettings
from transport import sqlite_copy

TABLES: Final = frozenset({"counter", "message", "transfer", "outbox", "inbox_counter", "audit_entry"})
_SAY_EVERY_S: Final = 1.0
_STEPS: Final = {
    Step.INBOXES: ("Đọc hộp nhận", "reading inboxes"),
    Step.SUBMITS: ("Dò chủ đề gửi", "looking into submit topics"),
    Step.WRITING: ("Ghi", "writing"),
}


class PostgresqlError(Exception):
    """The database is a PostgreSQL: its own tools are the ones; the text names them in Vietnamese and English."""

    def __init__(self) -> None:
        super().__init__(
            "Cơ sở dữ liệu là PostgreSQL: lệnh này không sao lưu được, hãy dùng công cụ của PostgreSQL."
            " Sao lưu liên tục: pg_basebackup -D THU_MUC -X stream, cùng archive_mode = on."
            " Sao lưu từng lần: pg_dump --format=custom --file=TEP CSDL;"
            " khôi phục: pg_restore --clean --if-exists --dbname=CSDL TEP. Sau đó: lienvien exchange recover."
            " / The database is a PostgreSQL: this command cannot back it up, use PostgreSQL's own tools."
            " Continuous: pg_basebackup -D FOLDER -X stream, with archive_mode = on."
            " Once: pg_dump --format=custom --file=FILE DATABASE;"
            " restore: pg_restore --clean --if-exists --dbname=DATABASE FILE. Afterwards: lienvien exchange recover."
        )


def database_file(settings: ExchangeSettings) -> Path:
    """The SQLite file. Raises PostgresqlError."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise PostgresqlError
    return Path(url.database)


def back_up(settings: ExchangeSettings, target: Path) -> dict[str, Any]:
    """Copy the database, whether the exchange runs or not. Raises as ``sqlite_copy.back_up``, and PostgresqlError."""
    size = sqlite_copy.back_up(database_file(settings), target)
    return {"backup": str(target), "bytes": size, "not_in_it": [str(settings.keys.folder)]}


def restore(settings: ExchangeSettings, backup: Path) -> dict[str, Any]:
    """Put a backup in place. Raises as ``sqlite_copy.put_back``, PostgresqlError, and AlreadyRunningError."""
    place = database_file(settings)
    with RunLock(settings.folders.data):
        kept = sqlite_copy.put_back(backup, place, tables=TABLES)
    return {"restored": str(place), "kept": str(kept) if kept else None, "next": "lienvien exchange recover"}


def recover_now(settings: ExchangeSettings, *, dry_run: bool) -> Outcome:
    """Raises as ``broker.recovery.run.recover``."""
    return asyncio.run(recover(settings, _progress(), dry_run=dry_run))


def outcome_words(outcome: Outcome) -> str:
    """What was done, and what is left to people."""
    if not outcome.needed:
        return (
            f"Không cần khôi phục: cơ sở dữ liệu không cũ hơn Kafka (thế hệ {outcome.generation})."
            f" / Nothing to recover: the database is not older than Kafka (generation {outcome.generation})."
        )
    facts = outcome.facts
    done = ("Đã khôi phục", "Recovered") if outcome.done else ("Sẽ khôi phục (chạy thử)", "Would recover (dry run)")
    lines = [
        f"{done[0]}, thế hệ {outcome.generation}. / {done[1]}, generation {outcome.generation}.",
        f"  bản tin / messages: {facts['messages']}   lượt chuyển / transfers: {facts['transfers']}",
        f"  số / numbers: {facts['numbers']}   xác nhận / acks: {facts['acks']}",
    ]
    optional = (
        ("receipts_given_anew", "biên nhận ký lại, chưa ai nhận bản cũ", "receipts signed anew, nobody had the first"),
        ("queued_from_submit_topics", "chưa từng phát, nay phát từ chủ đề gửi", "never delivered, queued now"),
        ("voids", "số bị mất bản ghi", "numbers whose record is gone"),
        ("audit_entries_lost_at_least", "dòng nhật ký mất (ít nhất)", "audit entries lost (at least)"),
    )
    lines += [f"  {vi} / {en}: {facts[name]}" for name, vi, en in optional if facts[name]]
    for facility in facts["facilities_admitted_again"]:
        lines.append(
            f"  kết nạp lại, hãy kiểm tra / admitted again, please check: lienvien exchange facility show {facility}"
        )
    if facts["unproven"]:
        lines.append(f"  bản ghi không chứng minh được / records that prove nothing: {len(facts['unproven'])}")
    if facts["resend"]:
        lines.append("Chỉ nơi gửi còn giữ; trục đã hỏi, hãy xem có đến không / only the sender has these; asked for:")
        lines += [f"  {one['facility']}  {one['message_id']}  {one['why']}" for one in facts["resend"]]
    return "\n".join(lines)


def _progress() -> Callable[[Step, int, int], None]:
    """One line for each step at its begin and end, and one a second in between, on standard error."""
    said: dict[Step, float] = {}

    def tell(step: Step, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and step in said and now - said[step] < _SAY_EVERY_S:
            return
        said[step] = now
        vi, en = _STEPS[step]
        print(f"{vi} / {en}: {done}/{total}", file=sys.stderr, flush=True)

    return tell
