"""All checks in order: what is claimed, and whether the evidence shows it."""

from pathlib import Path

from lienvien.prove import audit_root, handed_over, inboxes
from lienvien.prove.answers import check_answers
from lienvien.prove.evidence import AUDIT, load
from lienvien.prove.report import Claim
from lienvien.prove.signed import exchange_keyring


def prove(folder: Path) -> list[Claim]:
    """Checks a folder of evidence. Raises OSError, ValueError, Refused where it is not one at all.

    1. Every inbox record carries one stamp of the exchange, certified, for this inbox, over these bytes.
    2. Numbers run without a gap. 3. Receipts are signed, and 4. name the records they answer; 5. all are answered;
    6. repeats got the same bytes. 7. Nothing accepted is lost, 8. nothing doubled.
    9. The hospitals hold exactly what was stamped, 10. signed by its senders, 11. with a readable form.
    12. The audit log's root is the signed one and 13. holds every receipt. 14. No source file was touched.
    """
    evidence = load(folder)
    exchange = exchange_keyring(evidence.exchange, evidence.exchange_certificate, evidence.authority)
    claims: list[Claim] = []

    def claim(vi: str, en: str, at_least: int = 1) -> Claim:
        claims.append(Claim(vi, en, at_least))
        return claims[-1]

    stamped = inboxes.stamped_records(
        evidence, exchange, claim("mỗi bản ghi có dấu của trục", "every record is stamped")
    )
    inboxes.check_numbers(stamped, claim("số thứ tự liền mạch", "numbers without a gap"))
    answers = inboxes.read_receipts(stamped, exchange, claim("biên nhận có chữ ký đúng", "receipts are truly signed"))
    inboxes.check_sources(evidence, answers, claim("biên nhận chỉ đúng bản ghi", "receipts name their records"))
    entries = list(audit_root.opened_entries(folder / AUDIT))
    answered = claim("gói nào cũng được trả lời", "every envelope is answered")
    check_answers(evidence, entries, answers, answered)
    inboxes.check_repeats(answers, claim("gửi lặp nhận cùng câu trả lời", "a repeat gets the same bytes", 0))
    inboxes.check_deliveries(stamped, answers, claim("không mất gói nào", "nothing lost"))
    doubled = claim("không gói nào bị nhân đôi", "nothing doubled")
    inboxes.check_doubles(evidence, stamped, answers, doubled)
    found = handed_over.handed_over(evidence)
    handed_over.check_against_stamps(found, stamped, claim("nơi nhận có đúng các gói", "receivers hold exactly these"))
    signed = claim("nơi gửi đã ký từng gói", "each message is signed by its sender")
    handed_over.check_signatures(found, evidence.authority, signed)
    handed_over.check_forms(found, claim("phiếu in có số phiếu", "printed forms show the slip number"))
    audit_root.check_root(folder / AUDIT, claim("gốc nhật ký tính lại khớp", "audit root recomputed"))
    leaves = claim("biên nhận nào cũng có trong nhật ký", "every receipt is in the log")
    audit_root.check_leaves(folder / AUDIT, (receipt for _, receipt in answers), leaves)
    handed_over.check_sources(evidence, claim("tệp nguồn còn nguyên", "source files untouched"))
    return claims
