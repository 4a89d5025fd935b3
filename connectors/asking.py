"""Why a slip waits for a person's yes, in words."""

from enum import StrEnum
from typing import Final

from schemas.reasons import REASONS, ReasonCode


class Ask(StrEnum):
    """The question behind a message in state ``waiting-person``."""

    SLIP_OLD = "slip-old"
    DESTINATION_CHANGED = "destination-changed"
    TRANSFER_ENDED = "transfer-ended"


_OLD: Final = REASONS[ReasonCode.SLIP_OLD]

WORDS: Final[dict[str, tuple[str, str]]] = {
    Ask.SLIP_OLD: (_OLD.vi, _OLD.en),
    Ask.DESTINATION_CHANGED: (
        "Phiếu này đã gửi tới một bệnh viện khác và chưa được hủy. Hãy xác nhận có gửi tới nơi mới không.",
        "This slip was sent to another hospital and not taken back. Say whether to send it to the new one.",
    ),
    Ask.TRANSFER_ENDED: (
        "Ca chuyển của phiếu này đã bị hủy hoặc hết hạn. Hãy xác nhận có gửi lại không.",
        "The transfer of this slip was cancelled or has expired. Say whether to send it again.",
    ),
}
