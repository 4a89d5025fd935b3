"""What is wrong with a message whose sender is proven."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.BUNDLE_TOO_LARGE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Hồ sơ lớn hơn 512 KiB. Cán bộ CNTT nơi gửi cần giảm tệp đính kèm.",
        "The Bundle is larger than 512 KiB. The sender's IT officer must shrink the attachments.",
    ),
    Reason(
        ReasonCode.JSON_MALFORMED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Nội dung không phải JSON hợp lệ. Nhà cung cấp phần mềm cần sửa bản tin.",
        "The content is not valid JSON. The software's vendor must correct the message.",
    ),
    Reason(
        ReasonCode.JSON_TOO_DEEP,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Nội dung JSON lồng quá 40 tầng. Nhà cung cấp phần mềm cần sửa bản tin.",
        "The JSON is nested deeper than 40 levels. The software's vendor must correct the message.",
    ),
    Reason(
        ReasonCode.CHARACTER_NOT_ALLOWED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Nội dung có ký tự không được phép (như NUL). Nhà cung cấp phần mềm cần loại bỏ ký tự đó.",
        "The content holds a character that is not allowed (such as NUL). The software's vendor must remove it.",
    ),
    Reason(
        ReasonCode.PROFILE_VIOLATED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Hồ sơ không theo đúng mẫu bản tin chuyển viện. Nhà cung cấp phần mềm cần sửa phần tử được nêu.",
        "The Bundle does not follow the transfer profile. The software's vendor must correct the element named.",
    ),
    Reason(
        ReasonCode.ELEMENT_MISSING,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Thiếu phần tử được nêu: cần có giá trị hoặc lý do không có. Nhà cung cấp phần mềm cần bổ sung; hồ sơ tối khẩn vẫn đi và ghi rõ là gửi thiếu.",
        "The element named is missing: it needs a value, or the reason why there is none. The software's vendor must add it; a stat case travels all the same, marked incomplete.",
    ),
    Reason(
        ReasonCode.MARKUP_IN_TEXT,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Văn bản có thẻ định dạng (HTML), trong khi chỉ được dùng chữ thường. Nhà cung cấp phần mềm cần bỏ thẻ; hồ sơ tối khẩn vẫn đi.",
        "A text holds markup (HTML) where only plain text is allowed. The software's vendor must remove it; a stat case travels all the same.",
    ),
    Reason(
        ReasonCode.BUNDLE_RULE_BROKEN,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Hồ sơ phạm quy tắc của gói tin (tham chiếu, một người bệnh, mục đầu, thời điểm). Nhà cung cấp cần sửa phần tử được nêu.",
        "The Bundle breaks a rule (references, one patient, first entry, times). The software's vendor must correct the element named.",
    ),
    Reason(
        ReasonCode.ID_MALFORMED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Mã định danh không đúng dạng. Nhà cung cấp phần mềm cần dùng UUID chữ thường.",
        "An identifier has the wrong form. The software's vendor must use lower-case UUIDs.",
    ),
    Reason(
        ReasonCode.EVENT_UNKNOWN,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Loại sự kiện không có trong quy ước hoặc chưa được hỗ trợ. Nhà cung cấp phần mềm cần kiểm tra phiên bản.",
        "The event is not in the contract or not supported yet. The software's vendor must check the version.",
    ),
    Reason(
        ReasonCode.PRIORITY_NOT_ALLOWED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Mức ưu tiên không được phép; chỉ có stat, urgent và routine. Nhà cung cấp phần mềm cần sửa.",
        "The priority is not allowed; only stat, urgent and routine are. The software's vendor must correct it.",
    ),
    Reason(
        ReasonCode.SENDER_MISMATCH,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Cơ sở gửi ghi trong hồ sơ khác với chứng thư ký. Cán bộ CNTT nơi gửi cần sửa mã cơ sở.",
        "The sender named in the Bundle is not the one that signed it. The sender's IT officer must correct the facility code.",
    ),
    Reason(
        ReasonCode.DESTINATION_UNKNOWN,
        Disposition.TRANSIENT,
        Fixer.SENDER_CLERK,
        "Nơi nhận không có trong danh bạ cơ sở nên hồ sơ KHÔNG được chuyển. Người lập phiếu cần sửa mã nơi nhận trong HIS rồi xuất lại; nếu mã đúng, hãy in phiếu và gọi điện cho nơi nhận.",
        "The destination is not in the directory of facilities: the papers do NOT arrive. Whoever fills the slip must correct its code in the HIS and export again; if the code is right, print the slip and phone the receiving hospital.",
    ),
    Reason(
        ReasonCode.DESTINATION_CLOSED,
        Disposition.TRANSIENT,
        Fixer.SENDER_CLERK,
        "Mã nơi nhận không còn hiệu lực nên hồ sơ KHÔNG được chuyển. Người lập phiếu cần dùng mã mới trong HIS rồi xuất lại; nếu không có mã mới, hãy in phiếu và gọi điện cho nơi nhận.",
        "The destination's code is not valid on this day: the papers do NOT arrive. Whoever fills the slip must use the new code in the HIS and export again; where there is none, print the slip and phone the receiving hospital.",
    ),
    Reason(
        ReasonCode.DESTINATION_NOT_CONNECTED,
        Disposition.TRANSIENT,
        Fixer.SENDER_DOCTOR,
        "Nơi nhận có trong danh bạ nhưng chưa nối với trục. Hãy in phiếu giao cho người bệnh và gọi điện cho nơi nhận.",
        "The destination is known but not connected to the exchange. Print the slip, give it to the patient, and phone the receiving hospital.",
    ),
    Reason(
        ReasonCode.DESTINATION_IS_SENDER,
        Disposition.REJECT,
        Fixer.SENDER_CLERK,
        "Nơi nhận trùng với nơi gửi. Người lập phiếu cần sửa mã nơi nhận trong HIS rồi xuất lại.",
        "The destination is the sender itself. Whoever fills the slip must correct the destination's code in the HIS and export again.",
    ),
    Reason(
        ReasonCode.EXCHANGE_MISMATCH,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Bản tin gửi cho một trục khác. Cán bộ CNTT cần kiểm tra cấu hình.",
        "The message is addressed to another exchange. The IT officer must check the configuration.",
    ),
    Reason(
        ReasonCode.LEGAL_BASIS_MISSING,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Thiếu căn cứ pháp lý để chia sẻ dữ liệu người bệnh. Người được giao ở nơi gửi cần đặt căn cứ trong cấu hình.",
        "The legal basis for sharing the patient's data is missing. The person in charge at the sender must set it in the configuration.",
    ),
)
