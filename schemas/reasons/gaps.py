"""What is noted about a slip that travels all the same."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.SLIP_MISSING,
        Disposition.NOTE,
        Fixer.SENDER_CLERK,
        "Bảng tổng hợp (XML1) ghi chuyển viện nhưng tệp không có phiếu chuyển (XML13). Người lập phiếu cần kiểm tra phiếu đã lập và xuất chưa.",
        "The summary (XML1) says transfer, but the file holds no slip (XML13). Whoever fills slips must check whether it was made and exported.",
    ),
    Reason(
        ReasonCode.SENDER_NOT_LISTED,
        Disposition.NOTE,
        Fixer.SENDER_IT,
        "Nơi gửi chưa có hoặc không còn hiệu lực trong danh bạ. Cán bộ CNTT cần hỏi đơn vị vận hành trục.",
        "The sender is not, or no longer, in the directory. The IT officer must ask the operator of the exchange.",
    ),
    Reason(
        ReasonCode.TABLES_DISAGREE,
        Disposition.NOTE,
        Fixer.SENDER_CLERK,
        "Bảng tổng hợp (XML1) và phiếu chuyển (XML13) ghi khác nhau; phiếu được gửi như đã ghi. Người lập phiếu nên kiểm tra trong HIS.",
        "The summary (XML1) and the slip (XML13) differ here; the slip is sent as it stands. Whoever fills the slip should check it in the HIS.",
    ),
    Reason(
        ReasonCode.TRANSFER_AHEAD,
        Disposition.NOTE,
        Fixer.NOBODY,
        "Giờ chuyển chưa tới; được gửi như giờ dự kiến.",
        "The time of transfer has not come yet; it is sent as an expected time.",
    ),
    Reason(
        ReasonCode.FIELD_MISSING,
        Disposition.NOTE,
        Fixer.SENDER_CLERK,
        "Thiếu thông tin; riêng điều này không giữ phiếu lại: phiếu đi và ghi rõ là gửi thiếu. Người lập phiếu nên bổ sung trong HIS rồi xuất lại.",
        "Something is missing; this alone does not stop the slip, which travels marked incomplete. Whoever fills the slip should add it in the HIS and export again.",
    ),
    Reason(
        ReasonCode.FIELD_TOO_LONG,
        Disposition.NOTE,
        Fixer.VENDOR,
        "Nội dung dài hơn mức cho phép của bảng; vẫn được gửi trọn. Nhà cung cấp HIS nên kiểm tra phần xuất.",
        "The content is longer than the table allows; it is sent whole. The HIS vendor should check the export.",
    ),
    Reason(
        ReasonCode.FIELD_MISSPELT,
        Disposition.NOTE,
        Fixer.VENDOR,
        "Tên thẻ viết sai nhưng nhận ra được. Nhà cung cấp HIS nên sửa phần xuất.",
        "The tag is misspelt but was recognised. The HIS vendor should correct the export.",
    ),
    Reason(
        ReasonCode.FIELD_UNKNOWN,
        Disposition.NOTE,
        Fixer.VENDOR,
        "Phiếu có thẻ không thuộc bảng; thẻ đó không được gửi. Nhà cung cấp HIS nên kiểm tra phần xuất.",
        "The slip holds a tag that is not in the table; it is not sent. The HIS vendor should check the export.",
    ),
    Reason(
        ReasonCode.CODE_UNKNOWN,
        Disposition.NOTE,
        Fixer.SENDER_CLERK,
        "Mã không có trong danh mục; được giữ nguyên như chữ, không quy đổi. Người lập phiếu nên kiểm tra trong HIS.",
        "The code is in no list; it is kept as text and not mapped. Whoever fills the slip should check it in the HIS.",
    ),
    Reason(
        ReasonCode.TOO_MANY_DIAGNOSES,
        Disposition.NOTE,
        Fixer.SENDER_DOCTOR,
        "Có hơn 12 mã bệnh kèm theo; vẫn được gửi đủ. Bác sĩ nên xem lại.",
        "There are more than 12 accompanying diagnoses; all are sent. The doctor should look again.",
    ),
    Reason(
        ReasonCode.IDENTITY_NUMBER_DOUBTFUL,
        Disposition.NOTE,
        Fixer.SENDER_CLERK,
        "Số định danh cá nhân sai dạng hoặc không khớp giới tính, năm sinh (có thể vẫn đúng luật). Người lập phiếu nên đối chiếu giấy tờ.",
        "The personal number has another form, or does not match sex or year of birth (which can be lawful). Whoever fills the slip should compare the document.",
    ),
    Reason(
        ReasonCode.CARD_DOUBTFUL,
        Disposition.NOTE,
        Fixer.SENDER_CLERK,
        "Số thẻ BHYT hoặc hạn thẻ không đúng dạng. Người lập phiếu nên đối chiếu thẻ.",
        "The insurance card number or its end date has another form. Whoever fills the slip should compare the card.",
    ),
    Reason(
        ReasonCode.TEXT_SUSPECT,
        Disposition.NOTE,
        Fixer.SENDER_IT,
        "Nội dung có ký tự ẩn hoặc chữ lạ dễ gây nhầm; vẫn được gửi như đã ghi. Cán bộ CNTT cần kiểm tra bảng mã của HIS.",
        "The text holds hidden or foreign characters that may mislead; it is sent as it stands. The IT officer must check the HIS's character set.",
    ),
    Reason(
        ReasonCode.ABBREVIATION,
        Disposition.NOTE,
        Fixer.SENDER_DOCTOR,
        "Có chữ viết tắt; giấy tờ chuyển cho cơ sở khác không nên viết tắt (TT 32/2023 điều 52). Bác sĩ nên viết đầy đủ.",
        "There are abbreviations; papers for another facility should have none (TT 32/2023 article 52). The doctor should write them out.",
    ),
    Reason(
        ReasonCode.SENSITIVE_SHOWS,
        Disposition.NOTE,
        Fixer.SENDER_DOCTOR,
        "Nội dung phiếu có thể để lộ thông tin HIV dù bảng liên quan đã được giữ lại. Bác sĩ cần xem lại trước khi gửi.",
        "The slip itself may reveal HIV although the table about it is held back. The doctor must look before it is sent.",
    ),
)
