"""A connector's answers in words, for a terminal."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from connectors.worklist.formats import local_time
from connectors.worklist.sending import last_stage
from connectors.worklist.texts import TEXTS
from connectors.worklist.words import word
from schemas.words import Phrase

LANGUAGES: Final = (("vi", True), ("en", False))  # and whether the time stands in that line
NO_TRANSFERS: Final = "chưa có ca nào / no transfers yet"
_TIME_WIDTH: Final = len("23/11/2026 06:08")
_STEPS: Final[Mapping[str, Phrase]] = MappingProxyType(
    {  # in the order in which they usually come
        "prepared_at": Phrase("Đã lập ở nơi gửi", "prepared by the sender"),
        "sent_at": Phrase("Đã phát đi", "sent"),
        "received_at": Phrase("Trục đã nhận", "received by the exchange"),
        "delivered_at": Phrase("Đã tới máy nơi nhận", "reached the destination's system"),
        "opened_at": Phrase("Đã có người mở xem", "opened by a person"),
        "decided_at": Phrase("Nơi nhận đã trả lời", "the destination has answered"),
        "cancelled_at": Phrase("Đã hủy", "cancelled"),
        "departed_at": Phrase("Người bệnh đã xuất phát", "the patient left"),
        "arrived_at": Phrase("Người bệnh đã đến nơi", "the patient arrived"),
    }
)


def status_words(status: Mapping[str, Any]) -> str:
    """The state of a connector on one screen, what must be mended first."""
    outbox, inbox = status["outbox"]["counts"], status["inbox"]
    lines = [
        f"{status['facility']} {status['name']}",
        f"đường truyền / link: {_link_words(status['link'])}",
        "hộp gửi / outbox:" + ("" if any(outbox.values()) else " trống / empty"),
        *(f"    {count} · {both('out', state)}" for state, count in outbox.items() if count),
        f"hộp nhận / inbox: đến số / up to {inbox['complete_to']}, thiếu / missing {len(inbox['missing'])}",
        f"chờ bàn giao / waiting for hand-over: {status['handover']['waiting']}",
    ]
    lines += [f"chứng thư / certificate {c['purpose']}: {_days_words(c['days_left'])}" for c in status["certificates"]]
    for item in status["to_fix"]:
        lines += to_fix_lines(item)
    lines += [f"! {alarm['vi']}\n  {alarm['en']}" for alarm in status["alarms"]]
    lines += [transfer_words(row) for row in status["transfers"]]
    return "\n".join(lines)


def to_fix_lines(item: Mapping[str, Any]) -> list[str]:
    """What a person must act on: which file or message, what is wrong, who must act and how, in both languages."""
    name = str(item.get("path") or item.get("case_code") or "")
    found = item.get("findings") or [item]
    lines = []
    for one in found:
        lines.append(f"! {name}  [{one.get('fixer', '')}]")
        lines += [f"    {one[language]}" for language in ("vi", "en") if one.get(language)]
    if item.get("document"):
        lines.append(f"    → {item['document']}")
    return lines


def transfer_words(row: Mapping[str, Any], *, steps: bool = False) -> str:
    """One transfer: code, parties, urgency, the last proven step, decision, journey; ``steps``: each with its time."""
    stage, state = last_stage(row), row["state"]
    lines = [f"{row['case_code']}  {row['sender']} → {row['destination']}  {both('priority', row['urgency'])}"]
    when = local_time(row[stage]) if stage else ""
    for language, margin in LANGUAGES:
        told = [word("stage", stage, language)] if stage else []
        told += [word("decision", state["decision"], language), word("journey", state["journey"], language)]
        lines.append(f"    {when if margin else '':<{_TIME_WIDTH}}  {' · '.join(told)}")
    if row["conflict"]:
        lines += [f"    ! {TEXTS['conflict'].vi}", f"      {TEXTS['conflict'].en}"]
    if steps:
        lines += [f"    {local_time(row[at])}  {step.vi} / {step.en}" for at, step in _STEPS.items() if row[at]]
    return "\n".join(lines)


def case_words(answer: Mapping[str, Any], *, steps: bool = True) -> str:
    """The transfers of one case, or all that are shown."""
    return "\n".join(transfer_words(row, steps=steps) for row in answer["transfers"]) or NO_TRANSFERS


def both(table: str, code: str) -> str:
    """The phrase for a code in both languages."""
    return f"{word(table, code, 'vi')} / {word(table, code, 'en')}"


def _days_words(days_left: int) -> str:
    return "ĐÃ HẾT HẠN / EXPIRED" if days_left < 0 else f"{days_left} ngày / days"


def _link_words(link: Mapping[str, Any]) -> str:
    trouble = both("trouble", link["trouble"]) if link["trouble"] else ""
    if link["connected"]:
        return f"KHÔNG GỬI ĐƯỢC / CANNOT SEND: {trouble}" if trouble else "tốt / up"
    return f"MẤT KẾT NỐI / NOT CONNECTED: {trouble}".rstrip(": ")


def act_words(answer: Any) -> str:
    """What was entered: on its way until a receipt is here."""
    rows = answer if isinstance(answer, list) else [answer]
    return "\n".join(
        f"{row.get('case_code', '')}: đã ghi, CHƯA GỬI cho đến khi có biên nhận / entered, NOT SENT until the receipt"
        for row in rows
    )
