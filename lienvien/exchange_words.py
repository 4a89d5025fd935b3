"""An exchange's answers in words, for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from broker.api.words import SITUATIONS
from connectors.worklist.formats import local_time
from lienvien.connector_words import NO_TRANSFERS
from schemas.words import DECISIONS, JOURNEYS, PRIORITIES, Phrase

_TIME_WIDTH: Final = len("23/11/2026 06:08")
_SUSPENDED: Final = "ĐANG BỊ TẠM NGỪNG / SUSPENDED"


def transfers_words(rows: Sequence[Mapping[str, Any]], *, steps: bool) -> str:
    """Transfers with their last proven step, decision, journey; ``steps``: each proven step with its time."""
    return "\n".join(_transfer_words(row, steps=steps) for row in rows) or NO_TRANSFERS


def no_such_case(case: str | None) -> dict[str, str]:
    """Said of a name that the exchange does not know; it reads no slips, so it cannot know their numbers."""
    return {
        "vi": f"Trục không biết ca {case}. Trục không giữ số phiếu: hãy hỏi bằng mã ca hay mã định danh, "
        "hoặc hỏi phần mềm kết nối của bệnh viện.",
        "en": f"The exchange knows no case {case}. It keeps no slip numbers: ask by case code or id, "
        "or ask the hospital's connector.",
    }


def facility_words(row: Mapping[str, Any]) -> str:
    """One facility: whether it takes part, since when, its keys' generations, its open stat cases. Or a row count."""
    if "facilities" in row:
        return f"đã nạp danh mục {row['facilities']} cơ sở / register taken, facilities: {row['facilities']}"
    active = row.get("status") == "active"
    lines = [f"{row['facility_id']}  {'đang hoạt động / active' if active else _SUSPENDED}"]
    if row.get("admitted_at"):
        lines.append(f"    kết nạp / admitted: {local_time(row['admitted_at'])}")
    if row.get("suspended_at"):
        lines.append(f"    tạm ngừng / suspended: {local_time(row['suspended_at'])}")
    if row.get("generations"):
        lines.append(f"    thế hệ khóa TLS / TLS key generations: {', '.join(map(str, row['generations']))}")
    lines += [
        f"    ca tối khẩn đang mở / open stat case: {case['case_code']}  {case['sender']} → {case['destination']}"
        for case in row.get("open_stat_cases") or ()
    ]
    return "\n".join(lines)


def _transfer_words(row: Mapping[str, Any], *, steps: bool) -> str:
    name, state, last = row["case_code"] or row["case_id"], row["state"], row["last_proven"]
    priority, situation = _both(PRIORITIES[row["priority"]]), _both(SITUATIONS[row["situation"]])
    decision, journey = DECISIONS[state["decision"]], JOURNEYS[state["journey"]]
    lines = [
        f"{name}  {row['sender']} → {row['destination']}  {priority}  [{situation}]",
        f"    {local_time(last['at'])}  {last['vi']} · {decision.vi} · {journey.vi}",
        f"    {'':<{_TIME_WIDTH}}  {last['en']} · {decision.en} · {journey.en}",
    ]
    if cause := row.get("cause"):
        owner = f" → {cause['owner']['vi']} / {cause['owner']['en']}" if cause.get("owner") else ""
        lines.append(f"    ! {cause['vi']} / {cause['en']}{owner}")
    if steps:
        proven = (step for step in row["stages"] if step["at"])
        lines += [f"    {local_time(step['at'])}  {step['vi']} / {step['en']}" for step in proven]
    return "\n".join(lines)


def _both(phrase: Phrase) -> str:
    return f"{phrase.vi} / {phrase.en}"
