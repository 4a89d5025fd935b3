"""Which lane a facility belongs to: a fixed share of the work, for its submit topic and its inbox alike."""

import hashlib
from functools import lru_cache

from schemas.limits import LANES


@lru_cache(maxsize=65_536)
def lane_of(facility: str) -> int:
    """0 to 63, from the SHA-256 of the facility code: the same for every process, for ever."""
    return int.from_bytes(hashlib.sha256(facility.encode("ascii")).digest()[:8], "big") % LANES
