"""What is wrong with an export file or with a slip in it."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.FILE_TOO_LARGE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Tệp xuất lớn hơn 32 MiB nên không được đọc. Cán bộ CNTT cần xuất từng hồ sơ riêng.",
        "The export file is larger than 32 MiB and was not read. The IT officer must export the records one by one.",
    ),
    Reason(
        ReasonCode.FILE_EMPTY,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Tệp trống. Cán bộ CNTT cần xuất lại từ HIS.",
        "The file is empty. The IT officer must export it again from the HIS.",
    ),
    Reason(
        ReasonCode.FILE_INCOMPLETE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Tệp bị cắt giữa chừng và không lớn thêm nữa. Cán bộ CNTT cần xuất lại từ HIS.",
        "The file is cut in the middle and has stopped growing. The IT officer must export it again from the HIS.",
    ),
    Reason(
        ReasonCode.FILE_STILL_GROWING,
        Disposition.TRANSIENT,
        Fixer.NOBODY,
        "Tệp có thể còn đang được ghi; phần mềm sẽ đọc khi tệp đã đứng yên.",
        "The file may still be being written; it is read once it stands still.",
    ),
    Reason(
        ReasonCode.FILE_NOT_XML,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Tệp không phải XML đọc được. Cán bộ CNTT cần xuất lại từ HIS.",
        "The file is not readable XML. The IT officer must export it again from the HIS.",
    ),
    Reason(
        ReasonCode.DOCTYPE_REFUSED,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Tệp có khai báo DOCTYPE, điều không bao giờ được phép. Nhà cung cấp HIS cần bỏ khai báo này.",
        "The file holds a DOCTYPE declaration, which is never allowed. The HIS vendor must remove it.",
    ),
    Reason(
        ReasonCode.NO_TRANSFER,
        Disposition.REJECT,
        Fixer.NOBODY,
        "Tệp không có phiếu chuyển (XML13); phần mềm để yên tệp này.",
        "The file holds no transfer slip (XML13); it is left in peace.",
    ),
    Reason(
        ReasonCode.SLIP_OLD,
        Disposition.TRANSIENT,
        Fixer.SENDER_CLERK,
        "Phiếu đã quá 24 giờ nên chờ một người xác nhận có gửi hay không.",
        "The slip is older than 24 hours and waits for a person to say whether to send it.",
    ),
    Reason(
        ReasonCode.ENCODING_WRONG,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Nội dung không theo bảng mã đã khai (UTF-8); phần mềm không đoán và không thay ký tự. Nhà cung cấp HIS cần xuất đúng UTF-8.",
        "The content is not in the encoding it declares (UTF-8); nothing is guessed or replaced. The HIS vendor must export real UTF-8.",
    ),
    Reason(
        ReasonCode.FILE_TOO_COMPLEX,
        Disposition.REJECT,
        Fixer.VENDOR,
        "Tệp có quá nhiều thẻ, thuộc tính, tầng hoặc hồ sơ nên không được đọc. Nhà cung cấp HIS cần xuất từng hồ sơ riêng.",
        "The file has too many tags, attributes, levels or records and was not read. The HIS vendor must export the records one by one.",
    ),
    Reason(
        ReasonCode.FILE_UNREADABLE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Không mở được tệp. Cán bộ CNTT cần kiểm tra quyền đọc và ổ đĩa.",
        "The file cannot be opened. The IT officer must check its permissions and the disk.",
    ),
    Reason(
        ReasonCode.FILE_IS_LINK,
        Disposition.NOTE,
        Fixer.SENDER_IT,
        "Mục này là liên kết hoặc không phải tệp thường nên không bao giờ được mở. Cán bộ CNTT cần đặt tệp thật vào thư mục.",
        "This is a link or no ordinary file, and is never opened. The IT officer must put the file itself into the folder.",
    ),
    Reason(
        ReasonCode.TABLE_UNREADABLE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Nội dung một bảng bị cắt, không phải base64 hoặc không phải XML, nên không đọc gì từ đó. Cán bộ CNTT cần xuất lại từ HIS.",
        "A table's content is cut, is not base64, or is not XML, and nothing is read from it. The IT officer must export it again from the HIS.",
    ),
    Reason(
        ReasonCode.TABLE_TOO_LARGE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Một bảng lớn quá mức được đọc. Cán bộ CNTT cần xuất riêng hồ sơ này.",
        "A table is larger than what is read. The IT officer must export this record by itself.",
    ),
    Reason(
        ReasonCode.TABLE_LEFT_OUT,
        Disposition.NOTE,
        Fixer.SENDER_IT,
        "Một bảng kèm theo không đọc hoặc không ghép được; riêng điều này không giữ phiếu lại: phiếu đi và ghi rõ là gửi thiếu. Cán bộ CNTT nên xuất lại từ HIS.",
        "An accompanying table cannot be read or joined; this alone does not stop the slip, which travels without it, marked incomplete. The IT officer should export it again from the HIS.",
    ),
    Reason(
        ReasonCode.COUNT_DIFFERS,
        Disposition.NOTE,
        Fixer.VENDOR,
        "Số hồ sơ ghi trong tệp khác với số hồ sơ có thật. Nhà cung cấp HIS nên kiểm tra phần xuất.",
        "The number of records that the file states is not the number it holds. The HIS vendor should check the export.",
    ),
    Reason(
        ReasonCode.HELD_BACK,
        Disposition.NOTE,
        Fixer.NOBODY,
        "Hồ sơ có dữ liệu rất nhạy cảm (bảng XML6, XML15 hoặc mã đối tượng để lộ bệnh); phần đó không được gửi.",
        "The record holds something very sensitive (XML6, XML15, or a category code that tells an illness); that part is not sent.",
    ),
    Reason(
        ReasonCode.ATTACHMENT_LEFT_OUT,
        Disposition.NOTE,
        Fixer.SENDER_IT,
        "Tệp PDF cùng tên không gửi kèm được (quá lớn hoặc không phải PDF); phiếu vẫn đi. Cán bộ CNTT nên giảm dung lượng tệp.",
        "The PDF of the same name is not sent along (too large, or no PDF); the slip travels. The IT officer should make the file smaller.",
    ),
    Reason(
        ReasonCode.HELPER_FAILED,
        Disposition.NOTE,
        Fixer.VENDOR,
        "Tiến trình phụ (in phiếu, kiểm tra FHIR) không trả lời; phiếu đi với bản chữ. Nhà cung cấp phần mềm cần xem xét.",
        "The helper process (printing, FHIR check) gave no answer; the slip travels with a plain text form. The software's vendor must look at it.",
    ),
)
