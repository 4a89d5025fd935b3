"""Who signs for whom: read back from the stored directory entries, proven anew under today's trust."""

from collections.abc import Mapping
from datetime import datetime

from broker.stages.tokens import WITHOUT_A_FRESH_LIST, Signers
from certs.base64url import decode
from certs.directory import verify_entry
from certs.trust import TrustMaterial
from schemas.reasons import Refused
from schemas.tokens.directory import CountersignedEntry


def signers_from(entries: Mapping[str, str], trust: TrustMaterial, now: datetime) -> dict[str, Signers]:
    """Signers by facility, from stored countersigned tokens. An entry that is not good today makes nobody known.

    An old revocation list takes nobody's name away: what may pass under it is decided token by token.
    """
    found = {}
    for facility, token in entries.items():
        try:
            carried = CountersignedEntry.decode(decode(token.split(".")[1].encode("ascii")))
            verified = verify_entry(
                carried.entry.encode("ascii"),
                trust,
                now=now,
                known={},
                owner=facility,
                tolerate=WITHOUT_A_FRESH_LIST,
            )
        except Refused:
            continue
        found[facility] = Signers(verified.signers, verified.chain, verified.known)
    return found
