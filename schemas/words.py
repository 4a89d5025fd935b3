"""What people read wherever a case is shown: one agreed phrase in Vietnamese and in English for each code.

Pages, status and command line take these words from here, so that one thing has one name everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from schemas.lifecycle import Decision, Journey
from schemas.reasons import Fixer
from schemas.urgency import Kind, Priority


@dataclass(frozen=True, slots=True)
class Phrase:
    """The same thing said twice."""

    vi: str
    en: str

    def __getitem__(self, language: str) -> str:
        """``phrase["vi"]``, ``phrase["en"]``."""
        return self.vi if language == "vi" else self.en


Word = TypeVar("Word", bound=StrEnum)


def words(kind: type[Word], phrases: Mapping[Word, tuple[str, str]]) -> Mapping[Word, Phrase]:
    """A table that has words for every member. Raises LookupError where one is missing."""
    if phrases.keys() != set(kind):
        raise LookupError(f"not every {kind.__name__} has its words")
    return MappingProxyType({member: Phrase(*texts) for member, texts in phrases.items()})


DECISIONS: Final = words(
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

JOURNEYS: Final = words(
    Journey,
    {
        Journey.NOT_DEPARTED: ("Chưa báo xuất phát", "departure not reported"),
        Journey.DEPARTED: ("Đang trên đường", "on the way"),
        Journey.ARRIVED: ("Đã đến nơi", "arrived"),
        Journey.NOT_ARRIVED: ("Không đến nơi", "did not arrive"),
        Journey.DIED: ("Tử vong", "died"),
    },
)

PRIORITIES: Final = words(
    Priority,
    {Priority.STAT: ("Cấp cứu", "stat"), Priority.URGENT: ("Khẩn", "urgent"), Priority.ROUTINE: ("Thường", "routine")},
)

KINDS: Final = words(
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

FIXERS: Final = words(
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
