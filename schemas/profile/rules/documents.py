"""Documents: an attachment is what its size and digest say."""

import base64
import binascii
import hashlib
from collections.abc import Iterator

from schemas.codes import systems
from schemas.profile.contents import Broken, Contents, Resource


def attachments(contents: Contents) -> Iterator[Broken]:
    """Content decodes strictly, and has the size and the SHA-256 that stand beside it."""
    for position, document in contents.of("DocumentReference"):
        for content in document["content"]:
            fault = _fault(content["attachment"])
            if fault:
                yield contents.broken(position, f"content.attachment.{fault}")


def _fault(attachment: Resource) -> str:
    """The element that is wrong, or an empty text."""
    data = attachment.get("data")
    if data is None:
        return ""
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return "data"
    if base64.b64encode(content).decode() != data:
        return "data"  # leftover bits: the same content in two spellings
    if attachment.get("size", len(content)) != len(content):
        return "size"
    digests = [item.get("valueString") for item in attachment.get("extension", ()) if item["url"] == systems.EXT_SHA256]
    return "" if all(digest == hashlib.sha256(content).hexdigest() for digest in digests) else "extension(sha-256)"
