"""What a transfer's state, or an earlier message, forbids."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.MESSAGE_ID_REUSED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Mã bản tin đã được dùng cho nội dung khác. Nhà cung cấp phần mềm cần cấp mã mới cho nội dung mới.",
        "The message id was already used for other content. The software's vendor must give new content a new id.",
    ),
    Reason(
        ReasonCode.BUNDLE_ID_REUSED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Mã gói tin đã được dùng cho nội dung khác. Nhà cung cấp phần mềm cần cấp mã mới.",
        "The Bundle id was already used for other content. The software's vendor must give a new id.",
    ),
    Reason(
        ReasonCode.DUPLICATE_OF,
        Disposition.REJECT,
        Fixer.NOBODY,
        "Cùng một phiếu đã được gửi trước đó; phiếu trước vẫn có hiệu lực, không cần làm gì.",
        "The same slip was sent before; the earlier one stands, nothing needs to be done.",
    ),
    Reason(
        ReasonCode.TRANSFER_UNKNOWN,
        Disposition.TRANSIENT,
        Fixer.VENDOR,
        "Trục chưa biết ca chuyển này. Nếu phiếu chuyển còn đang trên đường, phần mềm sẽ tự gửi lại; nếu vẫn vậy, nhà cung cấp phần mềm cần kiểm tra mã ca.",
        "The exchange does not know this transfer yet. If its slip is still on the way, the message is sent again by itself; if this stays so, the software's vendor must check the transfer's id.",
    ),
    Reason(
        ReasonCode.NOT_A_PARTY,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Cơ sở này không phải nơi gửi hay nơi nhận của ca chuyển. Cán bộ CNTT cần kiểm tra mã ca.",
        "This facility is neither sender nor destination of the transfer. The IT officer must check the case.",
    ),
    Reason(
        ReasonCode.EVENT_NOT_ALLOWED,
        Disposition.REJECT,
        Fixer.NOBODY,
        "Ở trạng thái hiện tại của ca, việc này không thực hiện được; đã lưu làm bằng chứng. Hãy xem trạng thái ca rồi gọi điện cho bên kia nếu cần.",
        "The transfer's present state does not allow this; it is kept as evidence. Look at the case, and phone the other side if needed.",
    ),
    Reason(
        ReasonCode.LATE,
        Disposition.REJECT,
        Fixer.NOBODY,
        "Việc này đến sau khi ca đã được quyết định; quyết định trước có hiệu lực. Hãy gọi điện cho bên kia nếu cần.",
        "This came after the transfer had been decided; the earlier decision stands. Phone the other side if needed.",
    ),
    Reason(
        ReasonCode.CROSSED,
        Disposition.REJECT,
        Fixer.SENDER_DOCTOR,
        "Hai bên cùng gửi quyết định; quyết định đến trước có hiệu lực và cả hai bên đều được báo. Bác sĩ hãy gọi điện cho bên kia.",
        "Both sides decided at the same time; the one that came first stands and both are told. A doctor must phone the other side.",
    ),
    Reason(
        ReasonCode.OVER_QUOTA,
        Disposition.TRANSIENT,
        Fixer.SENDER_IT,
        "Cơ sở gửi quá nhanh; phần mềm sẽ tự gửi lại sau, trường hợp tối khẩn vẫn được chuyển. Nếu kéo dài, cán bộ CNTT nơi gửi cần tìm nguyên nhân.",
        "The facility is sending too fast; this is sent again by itself later, and stat cases pass. If it lasts, the sender's IT officer must find out why.",
    ),
    Reason(
        ReasonCode.CASE_HELD,
        Disposition.HELD,
        Fixer.OPERATOR,
        "Một bản tin trước của ca này đang được giữ lại nên bản tin này chờ theo. Điều hành trục cần xử lý bản tin trước.",
        "An earlier message of this case is held, so this one waits behind it. The exchange's operator must settle the earlier one.",
    ),
    Reason(
        ReasonCode.INCARNATION_CLONED,
        Disposition.HELD,
        Fixer.SENDER_IT,
        "Cơ sở dữ liệu của phần mềm kết nối dường như đang chạy ở hai nơi. Cán bộ CNTT nơi gửi cần dừng bản sao.",
        "The connector's database seems to run in two places. The sender's IT officer must stop the copy.",
    ),
)
