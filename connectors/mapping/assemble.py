"""The Bundle as bytes that fit: what is too large for a message is left out, in words, in a fixed order."""

from dataclasses import dataclass, replace

from connectors.mapping.build import build_bundle
from connectors.mapping.context import RENDITION, SIGNED_FORM, Attachment, BuildContext
from connectors.mapping.elements import Element
from connectors.mapping.encode import encode_bundle
from connectors.sources.xml13.records import Dossier
from schemas.limits import BUNDLE_MAX_BYTES
from schemas.reasons import ReasonCode, Refused


@dataclass(frozen=True, slots=True)
class Assembled:
    """The Bundle, the bytes to sign, and the files that did not fit."""

    bundle: Element
    data: bytes
    not_attached: tuple[Attachment, ...] = ()


def assemble(dossier: Dossier, context: BuildContext, longest: int = BUNDLE_MAX_BYTES) -> Assembled:
    """Build and encode once for each choice of attachments, the fullest first.

    Our own rendition goes first when a signed form is there to be read; then the signed form, and the rendition stays.

    Raises:
        Refused: LEGAL_BASIS_MISSING; BUNDLE_TOO_LARGE, when the texts alone do not fit.
    """
    everything = context.attachments
    signed = tuple(file for file in everything if file.purpose == SIGNED_FORM)
    own = tuple(file for file in everything if file.purpose == RENDITION)
    for choice in dict.fromkeys((everything, signed, own)):
        if not choice:
            continue
        rest = tuple(file for file in everything if file not in choice and file.purpose != RENDITION)
        bundle = build_bundle(dossier, replace(context, attachments=choice, not_attached=rest))
        data = encode_bundle(bundle)
        if len(data) <= longest:
            return Assembled(bundle, data, rest)
    raise Refused(ReasonCode.BUNDLE_TOO_LARGE, "Bundle")
