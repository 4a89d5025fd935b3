"""What is handed over for one message: the Bundle as signed, the slip rebuilt, the form, and what proves them. Pure."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from certs.kinds import MESSAGE_HEADER, MESSAGE_TYP
from certs.token import parse_compact
from connectors.mapping.rebuild import rebuild_slip
from connectors.store.handovers import Handover
from schemas import strict_json
from schemas.events import CARRIES_THE_CASE, Event
from schemas.limits import ENVELOPE_MAX_BYTES
from schemas.reasons import Refused

BUNDLE: Final = "bundle.json"  # byte for byte what the sender signed
SLIP: Final = "slip.xml"  # XML13 rebuilt from the structured elements
MESSAGE: Final = "message.jws"  # the sender's signature over bundle.json, with his certificates
STAMP: Final = "stamp.jws"  # the exchange's word on it
POSSIBLE_DUPLICATE: Final = "possible-duplicate.txt"


@dataclass(frozen=True)
class Parcel:
    """One message for the HIS. ``folder`` is ``<nn>-<event>`` inside ``case_folder``."""

    message_id: str
    sender: str
    event: Event
    case_folder: str
    folder: str
    payload: bytes
    files: Mapping[str, bytes]


def make_parcel(message: Handover, jws: bytes, stamp: bytes) -> Parcel:
    """Everything for one hand-over. The message was verified when it came in."""
    payload = signed_payload(jws)
    event = Event(message.event)
    files = {BUNDLE: payload, MESSAGE: jws, STAMP: stamp}
    if event in CARRIES_THE_CASE:
        bundle = strict_json.loads(payload)
        files |= dict(_slip(bundle)) | dict(_forms(bundle))
    return Parcel(
        message_id=message.message_id,
        sender=message.sender,
        event=event,
        case_folder=message.case_folder,
        folder=f"{message.ordinal:02d}-{event.value}",
        payload=payload,
        files=files,
    )


def signed_payload(jws: bytes) -> bytes:
    """The Bundle inside a signed message of this store."""
    return parse_compact(jws, typ=MESSAGE_TYP, max_bytes=ENVELOPE_MAX_BYTES, header_allow=MESSAGE_HEADER).payload


def _slip(bundle: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The slip, where the message came from an XML13 export; another software's message has none."""
    try:
        yield SLIP, rebuild_slip(bundle).raw
    except (Refused, KeyError, TypeError, ValueError, AttributeError):
        return


def _forms(bundle: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """PDFs attached to the message, under names of ours."""
    count = 0
    for attachment in _attachments(bundle):
        data = attachment.get("data")
        if attachment.get("contentType") != "application/pdf" or not isinstance(data, str):
            continue
        try:
            content = base64.b64decode(data, validate=True)
        except binascii.Error:
            continue
        count += 1
        yield ("form.pdf" if count == 1 else f"form-{count}.pdf"), content


def _attachments(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in bundle.get("entry", []):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or resource.get("resourceType") != "DocumentReference":
            continue
        contents = resource.get("content")
        for content in contents if isinstance(contents, list) else []:
            attachment = content.get("attachment") if isinstance(content, dict) else None
            if isinstance(attachment, dict):
                yield attachment
