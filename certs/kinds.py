"""The words of the wire that both sides of a token or envelope must know."""

from typing import Final

MESSAGE_TYP: Final = "lienvien-message+jws"
MESSAGE_CTY: Final = "application/fhir+json"
MESSAGE_HEADER: Final = frozenset({"alg", "typ", "cty", "kid", "iat", "x5t#S256", "x5c"})
ENVELOPE_CTY: Final = "JOSE"  # the plaintext of an envelope is a signed message (RFC 7515 section 4.1.10)
ENVELOPE_MEDIA_TYPE: Final = "application/jose+json"
