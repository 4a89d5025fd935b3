"""Back from the Bundle to the slip, from structured elements alone: attachments are never looked at."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from connectors.mapping.exact import ABSENT, DIALECT, EMPTY, kept
from connectors.mapping.fields import REQUEST, home
from connectors.mapping.natives import READERS
from connectors.mapping.view import View
from connectors.mapping.writer import slip_xml
from connectors.sources.xml13.dialects import FIELDS, Dialect, Slip
from schemas.reasons import ReasonCode, Refused


def rebuild_slip(bundle: Mapping[str, Any]) -> Slip:
    """The slip behind a transfer-submit or transfer-update that connectors.mapping made.

    All 39 or 37 fields in their order, "" and None told apart; ``raw`` is the slip as ``write_xml13`` writes it.

    Raises:
        Refused: PROFILE_VIOLATED, when the Bundle does not say which dialect it came from, or an exact text is broken:
            another software made it, and there is no slip to give back.
    """
    view = View(bundle)
    try:
        said = kept(view.request)
        dialect = Dialect(said.get(DIALECT, ""))
        values = _values(view, dialect, said)
        raw = slip_xml(dialect, values)
    except ValueError:
        raise Refused(ReasonCode.PROFILE_VIOLATED, "ServiceRequest.extension(xml13)") from None
    return Slip(dialect, MappingProxyType(values), raw, hashlib.sha256(raw).hexdigest())


def _values(view: View, dialect: Dialect, said: Mapping[str, str]) -> dict[str, str | None]:
    empty, absent = said.get(EMPTY, "").split(), said.get(ABSENT, "").split()
    texts = {kind: kept(view.first(kind)) for kind in ("Patient", "Encounter", REQUEST)}
    values: dict[str, str | None] = {}
    for tag in (field.tag for field in FIELDS[dialect]):
        if tag in absent:
            values[tag] = None
        elif tag in empty:
            values[tag] = ""
        else:
            exact = texts[home(tag)].get(tag)
            values[tag] = READERS[tag](view) if exact is None and tag in READERS else exact
    return values
