"""Writes the attack files of this folder. None of them needs a key to be refused, so they serve at every door.

``python tests/certs/attacks/generate.py`` writes them again, byte for byte. Large ones are not kept as files: ``LARGE``
makes them when a test asks.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KID = "A" * 43
PROTECTED = urlsafe_b64encode(b'{"enc":"A256GCM","cty":"JOSE"}').decode().rstrip("=")
ENTRY: dict[str, Any] = {
    "header": {
        "alg": "ECDH-ES+A256KW",
        "kid": KID,
        "epk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
    },
    "encrypted_key": "A" * 54,
}


def b64(text: str | bytes) -> str:
    """base64url without padding."""
    data = text.encode() if isinstance(text, str) else text
    return urlsafe_b64encode(data).decode().rstrip("=")


def envelope(**changes: Any) -> str:
    """An envelope whose form is right, sealed by nobody for nobody."""
    whole = {
        "protected": PROTECTED,
        "recipients": [ENTRY],
        "iv": "A" * 16,
        "ciphertext": "A" * 64,
        "tag": "A" * 22,
    }
    whole.update(changes)
    return json.dumps({key: value for key, value in whole.items() if value is not None}, separators=(",", ":"))


def token(header: str, payload: str = "{}") -> str:
    """A compact token with any header text and a signature by nobody."""
    return f"{b64(header)}.{b64(payload)}.{'A' * 86}"


MESSAGE = {
    "alg": "ES256",
    "typ": "lienvien-message+jws",
    "cty": "application/fhir+json",
    "kid": KID,
    "iat": 1_763_798_400,
    "x5t#S256": KID,
    "x5c": ["MAA="],
}
RECEIPT = {"alg": "ES256", "typ": "lienvien-receipt+jws", "kid": KID}


def header(base: dict[str, Any], **changes: Any) -> str:
    """A header with some members changed; None takes one away."""
    return json.dumps({key: value for key, value in {**base, **changes}.items() if value is not None})


# file → (door, reason code, content)
FILES: dict[str, tuple[str, str, str | bytes]] = {
    "empty.bin": ("envelope", "envelope-malformed", b""),
    "random.bin": ("envelope", "envelope-malformed", bytes((7 * i * i + 13 * i) % 256 for i in range(512))),
    "nul.bin": ("envelope", "envelope-malformed", b"\0" * 64),
    "gzip.bin": ("envelope", "envelope-malformed", b"\x1f\x8b\x08\x00" + b"\0" * 60),
    "byte-order-mark.json": ("envelope", "envelope-malformed", b"\xef\xbb\xbf" + envelope().encode()),
    "utf-16.json": ("envelope", "envelope-malformed", envelope().encode("utf-16")),
    "plain-bundle.json": ("envelope", "envelope-malformed", '{"resourceType":"Bundle","type":"message"}'),
    "array.json": ("envelope", "envelope-malformed", "[" + envelope() + "]"),
    "two-documents.json": ("envelope", "envelope-malformed", envelope() + envelope()),
    "compact-jwe.txt": (
        "envelope",
        "envelope-malformed",
        f"{PROTECTED}.{'A' * 54}.{'A' * 16}.{'A' * 64}.{'A' * 22}",
    ),
    "flattened.json": ("envelope", "envelope-malformed", envelope(recipients=None, **ENTRY)),
    "unprotected-header.json": ("envelope", "envelope-malformed", envelope(unprotected={"alg": "dir"})),
    "additional-data.json": ("envelope", "envelope-malformed", envelope(aad="AAAA")),
    "no-recipients.json": ("envelope", "envelope-malformed", envelope(recipients=[])),
    "five-recipients.json": ("envelope", "envelope-too-many-recipients", envelope(recipients=[ENTRY] * 5)),
    "duplicate-member.json": ("envelope", "duplicate-member", envelope().replace('"iv":', '"iv":"A","iv":')),
    "duplicate-in-recipient.json": ("envelope", "duplicate-member", envelope().replace('"kid":', '"kid":"B","kid":')),
    "duplicate-by-escape.json": (
        "envelope",
        "duplicate-member",
        envelope().replace('"tag":', '"\\u0074ag":"","tag":'),
    ),
    "spaced-header.json": (
        "envelope",
        "envelope-header-not-compact",
        envelope(protected=b64('{"enc": "A256GCM", "cty": "JOSE"}')),
    ),
    "zip.json": (
        "envelope",
        "header-not-allowed",
        envelope(protected=b64('{"enc":"A256GCM","cty":"JOSE","zip":"DEF"}')),
    ),
    "critical.json": (
        "envelope",
        "header-not-allowed",
        envelope(protected=b64('{"enc":"A256GCM","cty":"JOSE","crit":["exp"],"exp":1}')),
    ),
    "other-content-type.json": (
        "envelope",
        "header-not-allowed",
        envelope(protected=b64('{"enc":"A256GCM","cty":"JWT"}')),
    ),
    "cbc-content.json": (
        "envelope",
        "algorithm-not-allowed",
        envelope(protected=b64('{"enc":"A256CBC-HS512","cty":"JOSE"}')),
    ),
    "duplicate-in-protected.json": (
        "envelope",
        "duplicate-member",
        envelope(protected=b64('{"enc":"A128GCM","enc":"A256GCM","cty":"JOSE"}')),
    ),
    "not-for-us.json": ("envelope", "envelope-not-for-us", envelope()),
    "kid-is-a-path.json": (
        "envelope",
        "envelope-not-for-us",
        envelope(recipients=[{**ENTRY, "header": {**ENTRY["header"], "kid": "../../../etc/passwd"}}]),
    ),
    "key-from-the-net.json": (
        "envelope",
        "envelope-not-for-us",
        envelope(recipients=[{**ENTRY, "header": {**ENTRY["header"], "jku": "http://127.0.0.1:9/keys"}}]),
    ),
    "password.json": (
        "envelope",
        "envelope-not-for-us",
        envelope(
            recipients=[{"header": {"alg": "PBES2-HS512+A256KW", "p2c": 10**9, "p2s": "AA"}, "encrypted_key": "A" * 54}]
        ),
    ),
    "message-none.txt": ("message", "algorithm-not-allowed", token(header(MESSAGE, alg="none"))),
    "message-hs256.txt": ("message", "algorithm-not-allowed", token(header(MESSAGE, alg="HS256"))),
    "message-rs256.txt": ("message", "algorithm-not-allowed", token(header(MESSAGE, alg="RS256"))),
    "message-eddsa.txt": ("message", "algorithm-not-allowed", token(header(MESSAGE, alg="EdDSA"))),
    "message-two-algs.txt": ("message", "duplicate-member", token('{"alg":"none",' + header(MESSAGE)[1:])),
    "message-embedded-key.txt": ("message", "header-not-allowed", token(header(MESSAGE, jwk={"kty": "EC"}))),
    "message-jku.txt": ("message", "header-not-allowed", token(header(MESSAGE, jku="http://127.0.0.1:9/keys"))),
    "message-x5u.txt": ("message", "header-not-allowed", token(header(MESSAGE, x5u="file:///etc/passwd"))),
    "message-b64-false.txt": ("message", "header-not-allowed", token(header(MESSAGE, b64=False, crit=["b64"]))),
    "message-no-certificate.txt": ("message", "header-not-allowed", token(header(MESSAGE, x5c=[]))),
    "message-four-certificates.txt": ("message", "header-not-allowed", token(header(MESSAGE, x5c=["MAA="] * 4))),
    "message-iat-text.txt": ("message", "header-not-allowed", token(header(MESSAGE, iat="1763798400"))),
    "message-kid-differs.txt": ("message", "header-not-allowed", token(header(MESSAGE, kid="B" * 43))),
    "message-empty-certificate.txt": ("message", "certificate-malformed", token(header(MESSAGE))),
    "message-of-another-kind.txt": ("message", "token-wrong-type", token(header(RECEIPT))),
    "message-jwt.txt": ("message", "token-wrong-type", token('{"alg":"ES256","typ":"JWT"}', '{"sub":"x"}')),
    "message-four-parts.txt": ("message", "token-malformed", token(header(MESSAGE)) + ".AAAA"),
    "message-padding.txt": ("message", "token-malformed", token(header(MESSAGE)) + "=="),
    "message-detached.txt": ("message", "token-malformed", token(header(MESSAGE)).replace(".e30.", "..e30.")),
    "message-json-form.json": (
        "message",
        "token-malformed",
        json.dumps({"payload": "e30", "signatures": [{"protected": b64(header(MESSAGE)), "signature": "A" * 86}]}),
    ),
    "message-no-signatures.json": ("message", "token-malformed", '{"payload":"e30","signatures":[]}'),
    "token-none.txt": ("token", "algorithm-not-allowed", token(header(RECEIPT, alg="none"))),
    "token-of-another-kind.txt": ("token", "token-wrong-type", token(header(RECEIPT, typ="lienvien-ack+jws"))),
    "token-with-chain.txt": ("token", "header-not-allowed", token(header(RECEIPT, x5c=["MAA="]))),
    "token-without-kid.txt": ("token", "header-not-allowed", token(header(RECEIPT, kid=None))),
    "token-unknown-key.txt": ("token", "key-unknown", token(header(RECEIPT))),
    "token-header-not-json.txt": ("token", "token-malformed", token("alg=ES256")),
    "token-header-nan.txt": ("token", "token-malformed", token('{"alg":NaN}')),
}

# made when asked for, because they are large
LARGE: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "five-thousand-recipients": (
        "envelope",
        "envelope-too-many-recipients",
        lambda: envelope(recipients=[{"header": {"kid": "x"}}] * 5_000).encode(),
    ),
    "deep-nesting": (
        "envelope",
        "envelope-malformed",
        lambda: b'{"recipients":' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    ),
    "many-members": (
        "envelope",
        "envelope-malformed",
        lambda: json.dumps({str(number): 0 for number in range(60_000)}).encode(),
    ),
    "long-number": ("envelope", "envelope-malformed", lambda: b'{"iv":' + b"9" * 900_000 + b"}"),
    "oversize": ("envelope", "record-too-large", lambda: b" " * 983_041),
    "message-oversize": ("message", "record-too-large", lambda: b"A" * 983_041),
    "message-of-dots": ("message", "token-malformed", lambda: b"." * 900_000),
    "message-header-deep": ("message", "token-malformed", lambda: token("[" * 6_000).encode()),
    "message-header-large": ("message", "token-malformed", lambda: token(header(MESSAGE, x5c=["A" * 20_000])).encode()),
    "token-oversize": ("token", "record-too-large", lambda: b"A" * 262_145),
}


def write() -> None:
    """Write every file and the table of what must happen to each."""
    rows = ["file,door,reason"]
    for name, (door, reason, content) in FILES.items():
        (HERE / name).write_bytes(content.encode() if isinstance(content, str) else content)
        rows.append(f"{name},{door},{reason}")
    (HERE / "expected.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    write()
