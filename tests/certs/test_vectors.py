"""Published vectors through our own inner functions: valid ones on our list are accepted, everything else is refused.

A vector that is valid under an algorithm off our list counts as refused on purpose: the list is part of what is tested.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from certs.base64url import decode, decode_text
from certs.signatures import verify
from certs.strict_object import read_object
from certs.unwrap import CONTENT, ECDH_ES, RSA_OAEP, Sealed, open_content, unwrap, unwrap_content_key
from certs.weak_keys import has_roca_fingerprint
from schemas.reasons import ReasonCode, Refused

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "samples" / "vectors"

pytestmark = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="third-party test vectors are not here (../shared/samples/vectors)"
)

ON_LIST = {"ES256", "PS256"}
# Signatures that hold, refused by the vectors for what a JWK says of itself (alg, use, key_ops). Our keys are no JWKs:
# a certificate's key usage says it, and the trust decision refuses the wrong one before any signature is looked at.
REFUSED_BY_THE_KEY_ITSELF = {
    "json_web_signature_test.json": {"338 UsingPS256", "354 rejectWrongUse", "356 rejectWrongKeyOps"},
    "json_web_crypto_test.json": set(),
    "json_web_key_test.json": {"19 mismatchedAlgAndCurve", "20 mismatchedAlgAndCurve", "21 rejectsModifiedKey"},
}


class Tally:
    """What happened to the vectors of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.valid_accepted = self.valid_off_list_refused = self.invalid_refused = 0
        self.wrong: list[str] = []

    def note(self, label: str, *, valid: bool, on_list: bool, accepted: bool) -> None:
        """Count one vector; a wrong verdict is kept by name."""
        if accepted != (valid and on_list):
            self.wrong.append(f"{label}: accepted={accepted}, valid={valid}, on list={on_list}")
        elif accepted:
            self.valid_accepted += 1
        elif valid:
            self.valid_off_list_refused += 1
        else:
            self.invalid_refused += 1

    def report(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Print both counts, whatever pytest captures."""
        with capsys.disabled():
            print(
                f"\n{self.name}: {self.valid_accepted} valid accepted, {self.invalid_refused} invalid refused, "
                f"{self.valid_off_list_refused} of algorithms off our list refused"
            )


def wycheproof(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every (group, test) of a file."""
    for group in json.loads((VECTORS / "wycheproof" / name).read_text())["testGroups"]:
        for test in group["tests"]:
            yield group, test


def accepted(act: Callable[[], object]) -> bool:
    """Our functions answer or refuse; anything else they raise fails the test."""
    try:
        act()
    except Refused:
        return False
    return True


def lax(text: str) -> bytes:
    """Base64url as the files themselves are written."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public_key(jwk: dict[str, Any]) -> Any:
    """The public key of a JWK; None for kinds without place in the product, and for what is no point or exponent."""
    try:
        if jwk.get("kty") == "EC":
            return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")}).public_key
        if jwk.get("kty") == "RSA":
            # Not through joserfc: it warns of the small keys that some vectors have on purpose.
            e, n = (int.from_bytes(lax(jwk[name]), "big") for name in ("e", "n"))
            return rsa.RSAPublicNumbers(e, n).public_key()
    except (KeyError, ValueError):
        pass
    return None


def verify_compact(token: str, key: Any) -> None:
    """What stands before ``verify`` in the product: three strict segments, a header of known members."""
    parts = token.encode("utf-8", "surrogatepass").split(b".")
    if len(parts) != 3:
        raise Refused(ReasonCode.TOKEN_MALFORMED)
    try:
        header, _, signature = read_object(decode(parts[0])), decode(parts[1]), decode(parts[2])
    except ValueError:
        raise Refused(ReasonCode.TOKEN_MALFORMED) from None
    if not header.keys() <= {"alg", "kid", "typ"}:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED)
    verify(header.get("alg", ""), key, parts[0] + b"." + parts[1], signature)


def claimed_alg(token: object) -> object:
    """The ``alg`` of a compact token, for counting."""
    try:
        return json.loads(lax(str(token).split(".")[0]))["alg"]
    except (ValueError, KeyError, TypeError):
        return None


@pytest.mark.parametrize(
    "name", ["json_web_signature_test.json", "json_web_crypto_test.json", "json_web_key_test.json"]
)
def test_wycheproof_jws(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tally, by_key = Tally(name), set()
    for group, test in wycheproof(name):
        if "jws" not in test:
            continue
        jwk = group.get("public") or group["private"]
        keys = [public_key(one) for one in jwk.get("keys", [jwk])]
        token = test["jws"]
        valid = test["result"] == "valid"
        on_list = claimed_alg(token) in ON_LIST
        if not isinstance(token, str):
            token = json.dumps(token)  # JSON serialisations are not compact tokens
        done = any(
            key is not None and accepted(lambda key=key, token=token: verify_compact(token, key)) for key in keys
        )
        label = f"{test['tcId']} {test['comment']}"
        if done and label in REFUSED_BY_THE_KEY_ITSELF[name]:
            by_key.add(label)
            continue
        tally.note(label, valid=valid, on_list=on_list, accepted=done)
    assert by_key == REFUSED_BY_THE_KEY_ITSELF[name]
    tally.report(capsys)
    assert not tally.wrong
    assert tally.invalid_refused > 0


@pytest.mark.parametrize(
    ("name", "alg"),
    [
        ("ecdsa_secp256r1_sha256_p1363_test.json", "ES256"),
        ("ecdsa_secp384r1_sha384_p1363_test.json", "ES384"),
        ("rsa_pss_2048_sha256_mgf1_32_test.json", "PS256"),
        ("rsa_pss_3072_sha256_mgf1_32_test.json", "PS256"),
        ("rsa_signature_2048_sha256_test.json", "RS256"),
        ("ed25519_test.json", "Ed25519"),
    ],
)
def test_wycheproof_signatures(name: str, alg: str, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(name)
    for group, test in wycheproof(name):
        der = group.get("publicKeyDer") or group["publicKey"]["publicKeyDer"]
        key: Any = serialization.load_der_public_key(bytes.fromhex(der))
        message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
        done = accepted(lambda: verify(alg, key, message, signature))  # noqa: B023  called at once
        label = f"{test['tcId']} {test['comment']}"
        tally.note(label, valid=test["result"] != "invalid", on_list=alg in ON_LIST, accepted=done)
        for other in ("ES256", "PS256", "none", "HS256", ""):
            if other != alg and test["comment"] != "RSASSA-PSS signature":  # that one is a PS256 signature
                assert not accepted(lambda: verify(other, key, message, signature)), label  # noqa: B023
    tally.report(capsys)
    assert not tally.wrong
    assert tally.invalid_refused > 0
    assert (tally.valid_accepted > 0) == (alg in ON_LIST)


def private_key(jwk: dict[str, Any]) -> Any:
    """The private key of a JWK; None for kinds that the product has no place for."""
    if jwk.get("kty") == "EC":
        return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y", "d")}).private_key
    if jwk.get("kty") == "RSA":
        members = [name for name in ("kty", "n", "e", "d", "p", "q", "dp", "dq", "qi") if name in jwk]
        return RSAKey.import_key({name: jwk[name] for name in members}).private_key
    return None


def unwrap_compact(token: str, key: Any) -> bytes:
    """A compact JWE as the entry that our envelope would hold."""
    parts = token.encode("utf-8", "surrogatepass").split(b".")
    if len(parts) != 5:
        raise Refused(ReasonCode.ENVELOPE_MALFORMED)
    try:
        header = read_object(decode(parts[0]))
        encrypted_key, iv, ciphertext, tag = map(decode, parts[1:])
    except ValueError:
        raise Refused(ReasonCode.ENVELOPE_MALFORMED) from None
    epk = header.get("epk")
    return unwrap(Sealed(header.get("alg", ""), epk, encrypted_key, parts[0], iv, ciphertext, tag), key)


@pytest.mark.parametrize("name", ["json_web_encryption_test.json", "json_web_crypto_test.json"])
def test_wycheproof_jwe(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(name + " (JWE)")
    for group, test in wycheproof(name):
        if "jwe" not in test:
            continue
        key = private_key(group["private"])
        token = test["jwe"] if isinstance(test["jwe"], str) else json.dumps(test["jwe"])
        header = claimed_header(token)
        on_list = header.get("alg") in (ECDH_ES, RSA_OAEP) and header.get("enc") == CONTENT
        opened: list[bytes] = []
        done = key is not None and accepted(lambda: opened.append(unwrap_compact(token, key)))  # noqa: B023
        if done and "pt" in test:
            assert opened == [bytes.fromhex(test["pt"])]
        label = f"{test['tcId']} {test['comment']}"
        tally.note(label, valid=test["result"] == "valid", on_list=on_list, accepted=done)
    tally.report(capsys)
    assert not tally.wrong
    assert tally.invalid_refused > 0


def claimed_header(token: str) -> dict[str, Any]:
    """The header of a compact token, for counting."""
    try:
        header = json.loads(lax(token.split(".", maxsplit=1)[0]))
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def test_wycheproof_jwe_holds_both_of_our_algorithms() -> None:
    found = {
        claimed_header(test["jwe"]).get("alg")
        for _, test in wycheproof("json_web_encryption_test.json")
        if test["result"] == "valid" and claimed_header(test["jwe"]).get("enc") == CONTENT
    }
    assert {ECDH_ES, RSA_OAEP} <= found


def test_wycheproof_aes_gcm(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally("aes_gcm_test.json")
    for group, test in wycheproof("aes_gcm_test.json"):
        key, iv, aad = (bytes.fromhex(test[name]) for name in ("key", "iv", "aad"))
        ciphertext, tag = bytes.fromhex(test["ct"]), bytes.fromhex(test["tag"])
        on_list = (group["keySize"], group["ivSize"], group["tagSize"]) == (256, 96, 128)
        opened: list[bytes] = []
        done = accepted(lambda: opened.append(open_content(key, iv, ciphertext, tag, aad)))  # noqa: B023
        if done:
            assert opened == [bytes.fromhex(test["msg"])]
        tally.note(str(test["tcId"]), valid=test["result"] == "valid", on_list=on_list, accepted=done)
    tally.report(capsys)
    assert not tally.wrong
    assert min(tally.valid_accepted, tally.invalid_refused, tally.valid_off_list_refused) > 0


def cookbook(name: str) -> dict[str, Any]:
    """One file of the RFC 7520 cookbook."""
    found: dict[str, Any] = json.loads((VECTORS / "jose-cookbook" / name).read_text())
    return found


@pytest.mark.parametrize(
    "name",
    [
        "4_1.rsa_v15_signature.json",
        "4_2.rsa-pss_signature.json",
        "4_3.ecdsa_signature.json",
        "4_5.signature_with_detached_content.json",
        "4_6.protecting_specific_header_fields.json",
        "4_7.protecting_content_only.json",
        "4_8.multiple_signatures.json",
        "4.2.hmac-sha2_b64_false.json",
        "jws.json",
    ],
)
def test_cookbook_signatures_are_all_off_our_list(name: str) -> None:
    vector = cookbook(name)
    jwks = vector["input"]["key"]
    tokens = [value if isinstance(value, str) else json.dumps(value) for value in vector["output"].values()]
    assert tokens
    for jwk in jwks if isinstance(jwks, list) else [jwks]:
        # Keys of other kinds are tried as well: with a key of ours in their place.
        key = public_key(jwk) or ec.generate_private_key(ec.SECP256R1()).public_key()
        for token in tokens:
            assert not accepted(lambda: verify_compact(token, key))  # noqa: B023


def test_cookbook_4_2_under_our_hash_would_need_our_algorithm() -> None:
    """RFC 7520 4.2 is PS384: the same key signs and verifies as PS256, the published signature does not."""
    vector = cookbook("4_2.rsa-pss_signature.json")
    key = public_key(vector["input"]["key"])
    assert isinstance(key, rsa.RSAPublicKey)
    signing = vector["signing"]
    with pytest.raises(Refused) as refused:
        verify("PS256", key, signing["sig-input"].encode(), lax(signing["sig"]))
    assert refused.value.reason is ReasonCode.SIGNATURE_INVALID


def test_cookbook_5_13_content_key_of_the_ec_recipient() -> None:
    """RFC 7520 5.13: three recipients, CBC content; its ECDH-ES+A256KW entry (P-384) yields the published key."""
    vector = cookbook("5_13.encrypting_to_multiple_recipients.json")
    entry = vector["output"]["json"]["recipients"][1]
    key = private_key(vector["input"]["key"][1])
    epk = entry["header"]["epk"]
    found = unwrap_content_key(entry["header"]["alg"], epk, decode_text(entry["encrypted_key"]), key)
    assert found == lax(vector["generated"]["cek"])


@pytest.mark.parametrize(
    "name",
    [
        "5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json",
        "5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json",
        "ecdh-es.json",
    ],
)
def test_cookbook_encryption_off_our_list(name: str) -> None:
    vector = cookbook(name)
    key = private_key(vector["input"]["key"]) or ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Refused) as refused:
        unwrap_compact(vector["output"]["compact"], key)
    assert refused.value.reason is ReasonCode.ALGORITHM_NOT_ALLOWED


def test_cookbook_5_2_content_opens_with_the_published_key() -> None:
    """RFC 7520 5.2 seals its key by OAEP with SHA-1, off our list; its A256GCM content is ours."""
    vector = cookbook("5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json")
    protected, _, iv, ciphertext, tag = vector["output"]["compact"].split(".")
    content_key = lax(vector["generated"]["cek"])
    found = open_content(content_key, lax(iv), lax(ciphertext), lax(tag), protected.encode())
    assert found.decode() == vector["input"]["plaintext"]


def test_cookbook_6_nested_is_refused_whole_and_in_part() -> None:
    vector = cookbook("6.nesting_signatures_and_encryption.json")
    assert {"sign", "encrypt"} <= vector.keys()
    inner = vector["sign"]["output"]["compact"]
    outer = vector["encrypt"]["output"]["compact"]
    assert claimed_alg(inner) == "PS256"
    signer = public_key(vector["sign"]["input"]["key"])
    verify_compact(inner, signer)  # the inner signature is of our kind and holds
    with pytest.raises(Refused) as refused:
        unwrap_compact(outer, private_key(vector["encrypt"]["input"]["key"]))
    assert refused.value.reason is ReasonCode.ALGORITHM_NOT_ALLOWED


def test_wycheproof_keys_of_the_faulty_generator_are_known() -> None:
    seen = 0
    for name in ("json_web_crypto_test.json", "json_web_key_test.json"):
        for group, test in wycheproof(name):
            jwk = group.get("public") or group["private"]
            for key in map(public_key, jwk.get("keys", [jwk])):
                if isinstance(key, rsa.RSAPublicKey):
                    expected = "Roca" in test["comment"] or "roca" in group["comment"]
                    assert has_roca_fingerprint(key.public_numbers().n) == expected, test["tcId"]
                    seen += expected
    assert seen >= 2
