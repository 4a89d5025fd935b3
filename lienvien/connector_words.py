"""A connector's answers in words, for a terminal."""

from collections.abc import Mapping
from typing import Any


def status_words(status: Mapping[str, Any]) -> str:
    """The state of a connector on one screen, what must be mended first."""
    link, outbox, inbox = status["link"], status["outbox"]["counts"], status["inbox"]
    lines = [
        f"{status['facility']} {status['name']}",
        f"đường truyền / link: {'tốt / up' if link['connected'] else link['trouble'] or 'mất / down'}",
        "hộp gửi / outbox: " + (", ".join(f"{k} {v}" for k, v in outbox.items() if v) or "trống / empty"),
        f"hộp nhận / inbox: đến số / up to {inbox['complete_to']}, thiếu / missing {len(inbox['missing'])}",
        f"chờ bàn giao / waiting for hand-over: {status['handover']['waiting']}",
    ]
    lines += [f"chứng thư / certificate {c['purpose']}: {c['days_left']} ngày / days" for c in status["certificates"]]
    for item in status["to_fix"]:
        lines += to_fix_lines(item)
    lines += [f"! {alarm['vi']}\n  {alarm['en']}" for alarm in status["alarms"]]
    lines += [transfer_line(row) for row in status["transfers"]]
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


def transfer_line(row: Mapping[str, Any]) -> str:
    """One transfer on one line: code, parties, urgency, the four states."""
    state = row["state"]
    words = " · ".join(str(state[track]) for track in ("delivery", "decision", "journey", "loop"))
    return f"{row['case_code']}  {row['sender']} → {row['destination']}  {row['urgency']}  {words}"


def act_words(answer: Any) -> str:
    """What was entered: on its way until a receipt is here."""
    rows = answer if isinstance(answer, list) else [answer]
    return "\n".join(
        f"{row.get('case_code', '')}: đã ghi, CHƯA GỬI cho đến khi có biên nhận / entered, NOT SENT until the receipt"
        for row in rows
    )
