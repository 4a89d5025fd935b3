"""What people read of the exchange's own view: stages, causes, answers. Words for all are in ``schemas.words``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from broker.api.progress import Cause, Situation
from broker.queries.views import HandedOn, Stage
from schemas.events import Event
from schemas.lifecycle import Delivery, Loop
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.words import Phrase, words

STAGES: Final = words(
    Stage,
    {
        Stage.RECEIVED: ("Trục đã nhận", "received by the exchange"),
        Stage.DELIVERED: ("Đã tới máy nơi nhận", "reached the other hospital's system"),
        Stage.OPENED: ("Đã có người mở xem", "opened by a person"),
        Stage.DECIDED: ("Đã có quyết định", "decided"),
        Stage.DEPARTED: ("Người bệnh đã xuất phát", "patient departed"),
        Stage.ARRIVED: ("Người bệnh đã tới nơi", "patient arrived"),
        Stage.COMPLETED: ("Đã có tóm tắt ra viện", "discharge summary returned"),
        Stage.CLOSED: ("Đã khép hồ sơ", "closed"),
    },
)

# As the last thing known, a delivery must not read like a person's act.
LAST_PROVEN: Final[Mapping[Stage, Phrase]] = MappingProxyType(
    {
        **STAGES,
        Stage.DELIVERED: Phrase(
            "Đã tới máy nơi nhận, chưa ai mở xem", "reached the other hospital's system, nobody has looked"
        ),
    }
)

DELIVERIES: Final = words(
    Delivery,
    {
        Delivery.SUBMITTED: ("Nơi nhận chưa xác nhận", "not confirmed by the destination"),
        Delivery.DELIVERED: ("Đã tới máy nơi nhận", "reached the destination's system"),
        Delivery.OPENED: ("Đã có người mở xem", "opened by a person"),
        Delivery.UNREADABLE: ("Nơi nhận không đọc được", "the destination cannot read it"),
        Delivery.UNDELIVERABLE: ("Không giao được", "could not be delivered"),
    },
)

LOOPS: Final = words(
    Loop,
    {
        Loop.NONE: ("Không nợ tóm tắt", "no summary owed"),
        Loop.OWED: ("Còn nợ tóm tắt ra viện", "discharge summary owed"),
        Loop.INTERIM: ("Mới có tóm tắt tạm", "interim summary only"),
        Loop.COMPLETED: ("Đã có tóm tắt ra viện", "discharge summary returned"),
        Loop.CLOSED: ("Đã khép hồ sơ", "closed"),
    },
)

HANDED_ON: Final = words(
    HandedOn,
    {
        HandedOn.QUEUED: ("Đang chờ trong trục", "waiting in the exchange"),
        HandedOn.NUMBERED: ("Trục đang phát", "being published"),
        HandedOn.PUBLISHED: ("Đã nằm trong hộp nhận", "lies in the inbox"),
        HandedOn.CONFIRMED: ("Hộp nhận đã xác nhận", "inbox confirmed"),
    },
)

SITUATIONS: Final = words(
    Situation,
    {
        Situation.MOVING: ("Trong hạn", "on time"),
        Situation.STUCK: ("Đang tắc", "stuck"),
        Situation.FINISHED: ("Đã xong", "finished"),
    },
)

CAUSES: Final = words(
    Cause,
    {
        Cause.WAITING_IN_EXCHANGE: (
            "Quá hạn mà trục chưa phát được vào hộp nhận; kiểm tra Kafka và làn xử lý.",
            "Past its time, the exchange has not published it; check Kafka and the lane.",
        ),
        Cause.NOT_CONFIRMED: (
            "Quá hạn mà máy nơi nhận chưa xác nhận; kiểm tra phần mềm kết nối và đường truyền ở nơi nhận.",
            "Past its time, the destination has not confirmed; check its connector and its link.",
        ),
        Cause.UNREADABLE: (
            "Nơi nhận không đọc được; nơi gửi cần niêm phong và gửi lại.",
            "The destination cannot read it; the sender must seal and send it again.",
        ),
        Cause.UNDELIVERABLE: (
            "Nơi nhận không xác nhận suốt thời gian dài; hãy gọi điện.",
            "The destination has not confirmed for a long time; telephone.",
        ),
        Cause.NOBODY_OPENED: (
            "Quá hạn mà nơi nhận chưa ai mở xem; gọi trực tiếp nhận.",
            "Past its time, nobody there has opened it; phone the duty desk.",
        ),
        Cause.NOBODY_DECIDED: (
            "Quá hạn mà nơi nhận chưa quyết định; gọi trực tiếp nhận.",
            "Past its time, nobody there has decided; phone the duty desk.",
        ),
        Cause.INFORMATION_AWAITED: (
            "Nơi nhận đã hỏi thêm thông tin mà chưa có trả lời.",
            "The destination asked for more information and has no answer.",
        ),
    },
)

EVENTS: Final = words(
    Event,
    {
        Event.ANNOUNCE: ("Báo trước", "announced"),
        Event.SUBMIT: ("Gửi phiếu chuyển", "submitted"),
        Event.UPDATE: ("Sửa phiếu", "updated"),
        Event.RECEIVED: ("Mở xem", "opened"),
        Event.INFO_REQUEST: ("Hỏi thêm thông tin", "information asked for"),
        Event.ACCEPT: ("Đồng ý tiếp nhận", "accepted"),
        Event.ACCEPT_WITHDRAW: ("Rút lời tiếp nhận", "acceptance withdrawn"),
        Event.DECLINE: ("Từ chối", "declined"),
        Event.REDIRECT: ("Đề nghị nơi khác", "another hospital suggested"),
        Event.CANCEL: ("Hủy", "cancelled"),
        Event.DEPARTED: ("Xuất phát", "departed"),
        Event.ARRIVED: ("Tới nơi", "arrived"),
        Event.NOT_ARRIVED: ("Không tới nơi", "did not arrive"),
        Event.DIED: ("Tử vong", "died"),
        Event.PHONE_NOTE: ("Ghi cuộc gọi", "phone note"),
        Event.INTERIM: ("Tóm tắt tạm", "interim summary"),
        Event.COMPLETED: ("Tóm tắt ra viện", "discharge summary"),
        Event.CLOSED: ("Khép hồ sơ", "closed"),
    },
)

VERDICTS: Final = words(
    Verdict,
    {
        Verdict.ACCEPTED: ("Trục đã nhận", "accepted"),
        Verdict.REFUSED: ("Trục từ chối", "refused"),
        Verdict.TRANSIENT: ("Trục hẹn gửi lại", "try again later"),
        Verdict.HELD: ("Trục đang giữ", "held"),
    },
)

ACKS: Final = words(
    AckVerdict,
    {
        AckVerdict.DELIVERED: ("Nơi nhận đã có", "delivered"),
        AckVerdict.UNREADABLE: ("Nơi nhận không đọc được", "unreadable"),
    },
)
