"""States, people and reasons as one phrase in Vietnamese and in English; each table is complete for its kind."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeVar

from connectors.link import Trouble
from connectors.store.outbox_rows import OutState
from schemas.codes.lists import NAMES, DeclineReason
from schemas.events import Event
from schemas.lifecycle import Decision, Journey
from schemas.reasons import Fixer
from schemas.urgency import Kind, Priority

Phrase = tuple[str, str]  # Vietnamese, English
_Word = TypeVar("_Word", bound=StrEnum)


def _words(kind: type[_Word], phrases: Mapping[_Word, Phrase]) -> Mapping[str, Phrase]:
    if phrases.keys() != set(kind):
        raise LookupError(f"not every {kind.__name__} has its words")
    return MappingProxyType({member.value: phrase for member, phrase in phrases.items()})


DECISIONS: Final = _words(
    Decision,
    {
        Decision.OPEN: ("Chưa có quyết định", "no decision yet"),
        Decision.UNDER_REVIEW: ("Đang xem xét", "under review"),
        Decision.AWAITING_INFORMATION: ("Chờ bổ sung thông tin", "more information asked for"),
        Decision.ACCEPTED: ("Đồng ý tiếp nhận", "accepted"),
        Decision.DECLINED: (
            "Đã từ chối trên hệ thống; người bệnh vẫn có thể đến",
            "declined in the system; the patient may still come",
        ),
        Decision.REDIRECT_SUGGESTED: (
            "Đã đề nghị nơi khác; người bệnh vẫn có thể đến",
            "another hospital suggested; the patient may still come",
        ),
        Decision.WITHDRAWN: (
            "Đã rút lời tiếp nhận; người bệnh vẫn có thể đến",
            "acceptance withdrawn; the patient may still come",
        ),
        Decision.CANCELLED: ("Nơi gửi đã HỦY", "CANCELLED by the sender"),
        Decision.EXPIRED: ("Phiếu hết hạn", "expired"),
    },
)

JOURNEYS: Final = _words(
    Journey,
    {
        Journey.NOT_DEPARTED: ("Chưa báo xuất phát", "departure not reported"),
        Journey.DEPARTED: ("Đang trên đường", "on the way"),
        Journey.ARRIVED: ("Đã đến nơi", "arrived"),
        Journey.NOT_ARRIVED: ("Không đến nơi", "did not arrive"),
        Journey.DIED: ("Tử vong", "died"),
    },
)

PRIORITIES: Final = _words(
    Priority,
    {Priority.STAT: ("Cấp cứu", "stat"), Priority.URGENT: ("Khẩn", "urgent"), Priority.ROUTINE: ("Thường", "routine")},
)

KINDS: Final = _words(
    Kind,
    {
        Kind.EMERGENCY: ("Cấp cứu", "emergency"),
        Kind.INPATIENT: ("Nội trú", "inpatient"),
        Kind.OUTPATIENT: ("Ngoại trú", "outpatient"),
        Kind.ONE_YEAR: ("Phiếu có giá trị một năm", "valid for one year"),
        Kind.TEST_ONLY: ("Chỉ làm cận lâm sàng", "tests only"),
        Kind.BACK_REFERRAL: ("Chuyển về để tiếp tục điều trị", "back-referral"),
    },
)

FIXERS: Final = _words(
    Fixer,
    {
        Fixer.SENDER_IT: ("CNTT nơi gửi", "IT of the sender"),
        Fixer.SENDER_CLERK: ("Người lập phiếu nơi gửi", "clerk at the sender"),
        Fixer.SENDER_DOCTOR: ("Bác sĩ nơi gửi", "doctor at the sender"),
        Fixer.RECEIVER_IT: ("CNTT nơi nhận", "IT of the destination"),
        Fixer.RECEIVER_DUTY: ("Trực tiếp nhận nơi nhận", "duty desk of the destination"),
        Fixer.OPERATOR: ("Điều hành trục", "operator of the exchange"),
        Fixer.VENDOR: ("Nhà cung cấp phần mềm", "software vendor"),
        Fixer.NOBODY: ("Không cần ai", "nobody"),
    },
)

EVENTS: Final = _words(
    Event,
    {
        Event.ANNOUNCE: ("Báo trước", "announcement"),
        Event.SUBMIT: ("Phiếu chuyển", "transfer slip"),
        Event.UPDATE: ("Sửa phiếu", "correction"),
        Event.RECEIVED: ("Đã mở xem", "opened"),
        Event.INFO_REQUEST: ("Hỏi thêm thông tin", "question"),
        Event.ACCEPT: ("Đồng ý tiếp nhận", "acceptance"),
        Event.ACCEPT_WITHDRAW: ("Rút lời tiếp nhận", "withdrawal of the acceptance"),
        Event.DECLINE: ("Từ chối", "decline"),
        Event.REDIRECT: ("Đề nghị nơi khác", "suggestion of another hospital"),
        Event.CANCEL: ("Hủy", "cancellation"),
        Event.DEPARTED: ("Xuất phát", "departure"),
        Event.ARRIVED: ("Đã đến", "arrival"),
        Event.NOT_ARRIVED: ("Không đến", "no arrival"),
        Event.DIED: ("Tử vong", "death"),
        Event.PHONE_NOTE: ("Ghi cuộc gọi", "phone note"),
        Event.INTERIM: ("Tóm tắt tạm", "interim summary"),
        Event.COMPLETED: ("Tóm tắt ra viện", "discharge summary"),
        Event.CLOSED: ("Khép hồ sơ", "closing"),
    },
)

OUT_STATES: Final = _words(
    OutState,
    {
        OutState.WAITING_PERSON: ("Chờ một người đồng ý", "waits for a person's yes"),
        OutState.WAITING_KEY: ("Chờ khóa mã hóa của nơi nhận", "waits for the destination's key"),
        OutState.READY: ("CHƯA GỬI, đang chờ đường truyền", "NOT SENT, waits for the line"),
        OutState.SENT: ("Đã phát, CHƯA có biên nhận; phần mềm tự gửi lại", "no receipt YET; it is repeated by itself"),
        OutState.HELD: ("Trục đang giữ và sẽ xét lại", "held by the exchange, which judges it again"),
        OutState.ACCEPTED: ("Trục đã nhận", "accepted by the exchange"),
        OutState.REFUSED: ("Bị từ chối", "refused"),
        OutState.DISCARDED: ("Đã bỏ, không gửi", "discarded, not sent"),
    },
)

TROUBLES: Final = _words(
    Trouble,
    {
        Trouble.UNREACHABLE: (
            "không tới được trục, hoặc chứng thư không được chấp nhận",
            "the exchange cannot be reached, or the certificate is not taken",
        ),
        Trouble.NOT_ALLOWED: ("trục không cho phép cơ sở này", "the exchange does not admit this facility"),
        Trouble.LOST: ("đường truyền bị đứt", "the connection broke"),
        Trouble.TOO_LARGE: ("một bản tin quá lớn", "one message is too large"),
    },
)

SEXES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {"male": ("nam", "male"), "female": ("nữ", "female"), "other": ("khác", "other")}
)
PURPOSES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {"tls": ("Kết nối", "connection"), "signing": ("Ký", "signing"), "encryption": ("Mã hóa", "encryption")}
)
DECLINE_REASONS: Final[Mapping[str, Phrase]] = MappingProxyType(
    {reason.value: NAMES[reason] for reason in DeclineReason}
)

STAGES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {  # the last proven one is shown; a delivery must not read like a person's act
        "arrived_at": ("Người bệnh đã đến nơi", "the patient arrived"),
        "departed_at": ("Người bệnh đã xuất phát", "the patient left"),
        "cancelled_at": ("Đã hủy", "cancelled"),
        "decided_at": ("Nơi nhận đã trả lời", "the destination has answered"),
        "opened_at": ("Nơi nhận đã có người mở xem", "opened by a person there"),
        "delivered_at": ("Đã tới máy nơi nhận, chưa ai xem", "reached the machine there, nobody has looked"),
        "received_at": ("Trục đã nhận, chưa tới nơi nhận", "at the exchange, not yet at the destination"),
        "sent_at": ("Đã phát, CHƯA có biên nhận", "no receipt YET"),
        "prepared_at": ("CHƯA GỬI", "NOT SENT"),
    }
)

_TABLES: Final[Mapping[str, Mapping[str, Phrase]]] = MappingProxyType(
    {
        "decision": DECISIONS,
        "journey": JOURNEYS,
        "priority": PRIORITIES,
        "kind": KINDS,
        "fixer": FIXERS,
        "event": EVENTS,
        "out": OUT_STATES,
        "trouble": TROUBLES,
        "sex": SEXES,
        "purpose": PURPOSES,
        "decline": DECLINE_REASONS,
        "stage": STAGES,
    }
)


def word(table: str, code: Any, language: str) -> str:
    """The phrase for a code; a code that no table knows (a newer database) stands for itself."""
    text = str(code)
    vi, en = _TABLES[table].get(text, (text, text))
    return vi if language == "vi" else en


def choices(table: str, language: str) -> list[tuple[str, str]]:
    """Every code of a table with its phrase, for a selection."""
    return [(code, word(table, code, language)) for code in _TABLES[table]]
