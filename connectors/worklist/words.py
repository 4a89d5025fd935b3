"""States, people and reasons as one phrase in Vietnamese and in English; each table is complete for its kind."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from connectors.link import Trouble
from connectors.store.outbox_rows import OutState
from schemas.codes.lists import NAMES, DeclineReason
from schemas.events import Event
from schemas.words import DECISIONS, FIXERS, JOURNEYS, KINDS, PRIORITIES, Phrase, words

EVENTS: Final = words(
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

OUT_STATES: Final = words(
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

TROUBLES: Final = words(
    Trouble,
    {
        Trouble.UNREACHABLE: (
            "không tới được trục, hoặc chứng thư không được chấp nhận; CNTT cần xem mạng và chứng thư",
            "the exchange cannot be reached, or the certificate is not taken; IT must look at network and certificate",
        ),
        Trouble.NOT_ALLOWED: (
            "trục không cho phép cơ sở này; hãy gọi điều hành trục",
            "the exchange does not admit this facility; call the operator of the exchange",
        ),
        Trouble.LOST: ("đường truyền bị đứt, đang tự nối lại", "the connection broke and is being made again"),
        Trouble.TOO_LARGE: ("một bản tin quá lớn", "one message is too large"),
    },
)

SEXES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {"male": Phrase("nam", "male"), "female": Phrase("nữ", "female"), "other": Phrase("khác", "other")}
)
PURPOSES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "tls": Phrase("Kết nối", "connection"),
        "signing": Phrase("Ký", "signing"),
        "encryption": Phrase("Mã hóa", "encryption"),
    }
)
DECLINE_REASONS: Final[Mapping[str, Phrase]] = MappingProxyType(
    {reason.value: Phrase(*NAMES[reason]) for reason in DeclineReason}
)

STAGES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {  # the last proven one is shown; a delivery must not read like a person's act
        "arrived_at": Phrase("Người bệnh đã đến nơi", "the patient arrived"),
        "departed_at": Phrase("Người bệnh đã xuất phát", "the patient left"),
        "cancelled_at": Phrase("Đã hủy", "cancelled"),
        "decided_at": Phrase("Nơi nhận đã trả lời", "the destination has answered"),
        "opened_at": Phrase("Nơi nhận đã có người mở xem", "opened by a person there"),
        "delivered_at": Phrase("Đã tới máy nơi nhận, chưa ai xem", "reached the machine there, nobody has looked"),
        "received_at": Phrase("Trục đã nhận, chưa tới nơi nhận", "at the exchange, not yet at the destination"),
        "sent_at": Phrase("Đã phát, CHƯA có biên nhận", "no receipt YET"),
        "prepared_at": Phrase("CHƯA GỬI", "NOT SENT"),
    }
)

_TABLES: Final[Mapping[str, Mapping[Any, Phrase]]] = MappingProxyType(
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
    return _TABLES[table].get(text, Phrase(text, text))[language]


def choices(table: str, language: str) -> list[tuple[str, str]]:
    """Every code of a table with its phrase, for a selection."""
    return [(code, word(table, code, language)) for code in _TABLES[table]]
