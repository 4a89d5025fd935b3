"""Envelopes: what goes in comes out, for the reader alone; nothing that others put beside it matters."""

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk

from certs.base64url import decode, encode
from certs.keys import SigningKey, certificate_kid
from certs.profiles import CertProfile
from certs.seal import compact_json, seal, sign_message, sign_token
from certs.unseal import open_envelope, verify_token
from certs.unwrap import ECDH_ES, RSA_OAEP, Sealed, key_algorithm_of, open_content, unwrap, unwrap_content_key
from schemas.limits import BUNDLE_MAX_BYTES, ENVELOPE_MAX_BYTES, RECIPIENTS_MAX
from schemas.reasons import ReasonCode, Refused
from tests.certs.pki import BAC_GIANG, BACH_MAI, TestPki

JWS = b"eyJhbGciOiJFUzI1NiJ9.e30.AAAA"


@pytest.fixture(scope="module")
def record(pki: TestPki) -> bytes:
    return seal(JWS, [pki.exchange.encryption.certificate, pki.facility(BACH_MAI).encryption.certificate])


def reason(act: Callable[[], object]) -> ReasonCode:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.reason


def changed(record: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    envelope = json.loads(record)
    change(envelope)
    return json.dumps(envelope).encode()


# --- the good way ----------------------------------------------------------------------------------------------


def test_both_readers_and_nobody_else(pki: TestPki, record: bytes) -> None:
    assert open_envelope(record, pki.exchange.decryption_keys) == JWS
    assert open_envelope(record, pki.facility(BACH_MAI).decryption_keys) == JWS
    assert reason(lambda: open_envelope(record, pki.facility(BAC_GIANG).decryption_keys)) is (
        ReasonCode.ENVELOPE_NOT_FOR_US
    )
    assert reason(lambda: open_envelope(record, {})) is ReasonCode.ENVELOPE_NOT_FOR_US


@settings(max_examples=30, deadline=None)
@given(plaintext=st.binary(max_size=2_000))
def test_any_plaintext(pki: TestPki, plaintext: bytes) -> None:
    sealed = seal(plaintext, [pki.exchange.encryption.certificate])
    assert open_envelope(sealed, pki.exchange.decryption_keys) == plaintext


def test_the_form_of_an_envelope(pki: TestPki, record: bytes) -> None:
    envelope = json.loads(record)
    assert set(envelope) == {"protected", "recipients", "iv", "ciphertext", "tag"}
    assert b" " not in record
    protected = decode(envelope["protected"].encode())
    assert json.loads(protected) == {"enc": "A256GCM", "cty": "JOSE"}
    assert b" " not in protected
    exchange, destination = envelope["recipients"]
    assert exchange["header"]["kid"] == pki.exchange.encryption.kid
    assert destination["header"]["kid"] == pki.facility(BACH_MAI).encryption.kid
    for entry in (exchange, destination):
        assert set(entry) == {"header", "encrypted_key"}
        assert set(entry["header"]) == {"alg", "kid", "epk"}
        assert entry["header"]["alg"] == "ECDH-ES+A256KW"
        assert set(entry["header"]["epk"]) == {"kty", "crv", "x", "y"}


def test_nothing_repeats_between_two_seals(pki: TestPki) -> None:
    """A repeated initialisation vector under one content key would be fatal; here both are always new."""
    certificates = [pki.exchange.encryption.certificate]
    one, two = (json.loads(seal(JWS, certificates)) for _ in range(2))
    for name in ("iv", "ciphertext", "tag"):
        assert one[name] != two[name]
    assert one["recipients"][0]["header"]["epk"] != two["recipients"][0]["header"]["epk"]
    assert one["recipients"][0]["encrypted_key"] != two["recipients"][0]["encrypted_key"]


def test_every_recipient_has_its_own_ephemeral_key(record: bytes) -> None:
    one, two = json.loads(record)["recipients"]
    assert one["header"]["epk"] != two["header"]["epk"]


def test_a_reader_with_two_keys_during_a_rollover(pki: TestPki) -> None:
    new = pki.key(CertProfile.ENC, BACH_MAI)
    keys = {**pki.facility(BACH_MAI).decryption_keys, new.kid: new.private_key}
    for certificate in (pki.facility(BACH_MAI).encryption.certificate, new.certificate):
        assert open_envelope(seal(JWS, [certificate]), keys) == JWS


def test_rsa_readers(pki: TestPki) -> None:
    key = pki.rsa_key(CertProfile.ENC, BACH_MAI)
    sealed = seal(JWS, [pki.exchange.encryption.certificate, key.certificate])
    entry = json.loads(sealed)["recipients"][1]
    assert entry["header"] == {"alg": "RSA-OAEP-256", "kid": key.kid}
    assert open_envelope(sealed, {key.kid: key.private_key}) == JWS
    assert open_envelope(sealed, pki.exchange.decryption_keys) == JWS


def test_p384_readers(pki: TestPki) -> None:
    from certs.profiles import Holder
    from certs.requests import build_request

    private = ec.generate_private_key(ec.SECP384R1())
    pem = build_request(private, Holder(CertProfile.ENC, BACH_MAI))
    certificate = pki.authority.issue(pem, CertProfile.ENC, BACH_MAI, now=pki.now)
    sealed = seal(JWS, [certificate])
    assert open_envelope(sealed, {certificate_kid(certificate): private}) == JWS


# --- other implementations -------------------------------------------------------------------------------------


def pem_of(key: SigningKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_jwcrypto_opens_ours(pki: TestPki, record: bytes) -> None:
    for party in (pki.exchange, pki.facility(BACH_MAI)):
        token = jwcrypto_jwe.JWE()
        token.deserialize(record.decode(), jwcrypto_jwk.JWK.from_pem(pem_of(party.encryption)))
        assert token.payload == JWS


def test_joserfc_itself_opens_ours(pki: TestPki, record: bytes) -> None:
    """The library's own door, with only our entry, agrees with our use of its parts."""
    registry = joserfc_jwe.JWERegistry(algorithms=[ECDH_ES, "A256GCM"], verify_all_recipients=False)
    envelope = json.loads(record)
    envelope["recipients"] = envelope["recipients"][:1]
    key = ECKey.import_key(pki.exchange.encryption.private_key)  # type: ignore[arg-type]
    assert joserfc_jwe.decrypt_json(envelope, key, registry=registry).plaintext == JWS


def jwcrypto_envelope(pki: TestPki, protected: str) -> bytes:
    token = jwcrypto_jwe.JWE(JWS, protected=protected)
    for key in (pki.exchange.encryption, pki.facility(BACH_MAI).encryption):
        header = json.dumps({"alg": "ECDH-ES+A256KW", "kid": key.kid})
        token.add_recipient(jwcrypto_jwk.JWK.from_pem(pem_of(key)), header=header)
    return token.serialize().encode()  # type: ignore[no-any-return]


@pytest.mark.parametrize("protected", ['{"enc":"A256GCM","cty":"JOSE"}', '{"cty":"JOSE","enc":"A256GCM"}'])
def test_we_open_what_jwcrypto_sealed(pki: TestPki, protected: str) -> None:
    made = jwcrypto_envelope(pki, protected)
    assert open_envelope(made, pki.exchange.decryption_keys) == JWS
    assert open_envelope(made, pki.facility(BACH_MAI).decryption_keys) == JWS


@pytest.mark.parametrize(
    "protected",
    [
        '{"enc": "A256GCM", "cty": "JOSE"}',
        '{"enc":"A256GCM","cty":"JOSE"} ',
        '{\n"enc":"A256GCM","cty":"JOSE"}',
        '{"enc":"A256GCM","cty":"\\u004aOSE"}',
    ],
)
def test_a_protected_header_that_is_not_compact_has_its_own_reason(pki: TestPki, protected: str) -> None:
    made = jwcrypto_envelope(pki, protected)
    made = changed(made, lambda envelope: envelope.update(protected=encode(protected.encode()).decode()))
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_HEADER_NOT_COMPACT


# --- what others put beside it ---------------------------------------------------------------------------------

JUNK: list[Any] = [
    {"header": {"alg": "ECDH-ES+A256KW", "kid": "x", "epk": {"kty": "EC", "crv": "P-256", "x": "!!", "y": 7}}},
    {"header": {"alg": "none", "kid": "x"}, "encrypted_key": "***"},
    {"header": {"alg": "PBES2-HS512+A256KW", "p2c": 10**9, "p2s": "AAAA", "kid": "x"}, "encrypted_key": "AAAA"},
    {"header": {"kid": ["x"]}, "encrypted_key": 1},
    {"header": None},
    {},
    None,
    7,
    "text",
    [[[[]]]],
]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("first", [True, False])
def test_a_malformed_foreign_entry_changes_nothing(pki: TestPki, record: bytes, junk: Any, first: bool) -> None:
    def add(envelope: dict[str, Any]) -> None:
        envelope["recipients"].insert(0 if first else 2, junk)

    assert open_envelope(changed(record, add), pki.exchange.decryption_keys) == JWS


def test_an_off_curve_entry_of_somebody_else_first(pki: TestPki, record: bytes) -> None:
    def spoil(envelope: dict[str, Any]) -> None:
        envelope["recipients"].reverse()
        envelope["recipients"][0]["header"]["epk"]["y"] = encode(b"\x01" * 32).decode()

    made = changed(record, spoil)
    assert open_envelope(made, pki.exchange.decryption_keys) == JWS
    assert reason(lambda: open_envelope(made, pki.facility(BACH_MAI).decryption_keys)) is (
        ReasonCode.ENVELOPE_UNDECRYPTABLE
    )


def test_recipients_are_capped_before_anything_is_decrypted(pki: TestPki, record: bytes) -> None:
    for count in (RECIPIENTS_MAX + 1, 5_000):
        made = changed(record, lambda envelope: envelope.update(recipients=[JUNK[5]] * count))  # noqa: B023
        assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is (  # noqa: B023
            ReasonCode.ENVELOPE_TOO_MANY_RECIPIENTS
        )
    full = changed(record, lambda envelope: envelope["recipients"].extend([JUNK[5]] * (RECIPIENTS_MAX - 2)))
    assert open_envelope(full, pki.exchange.decryption_keys) == JWS


# --- an envelope of another form -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("an unprotected header", lambda envelope: envelope.update(unprotected={"alg": "dir"})),
        ("additional data", lambda envelope: envelope.update(aad="AAAA")),
        ("flattened form", lambda envelope: envelope.update(encrypted_key="AAAA", header={})),
        ("no recipients", lambda envelope: envelope.update(recipients=[])),
        ("recipients that are no list", lambda envelope: envelope.update(recipients={"0": {}})),
        ("no tag", lambda envelope: envelope.pop("tag")),
        ("a number as ciphertext", lambda envelope: envelope.update(ciphertext=5)),
        ("ciphertext of another alphabet", lambda envelope: envelope.update(ciphertext="+/8=")),
        ("an entry with more members", lambda envelope: envelope["recipients"][0].update(alg="dir")),
        ("an encrypted key that is no text", lambda envelope: envelope["recipients"][0].update(encrypted_key=None)),
        ("a protected header that is no base64url", lambda envelope: envelope.update(protected="{}")),
        ("a protected header that is no object", lambda envelope: envelope.update(protected="W10")),
    ],
)
def test_malformed(pki: TestPki, record: bytes, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    made = changed(record, change)
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_MALFORMED, name


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{", b"\xff" * 50, b"\0", b'{"a":' * 9_000, JWS])
def test_no_envelope_at_all(pki: TestPki, raw: bytes) -> None:
    assert reason(lambda: open_envelope(raw, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_MALFORMED


def test_duplicate_members(pki: TestPki, record: bytes) -> None:
    made = record.replace(b'"iv":', b'"iv":"AAAAAAAAAAAAAAAA","iv":', 1)
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.DUPLICATE_MEMBER


def test_too_large(pki: TestPki, record: bytes) -> None:
    raw = record + b" " * (ENVELOPE_MAX_BYTES - len(record))
    assert open_envelope(raw, pki.exchange.decryption_keys) == JWS
    assert reason(lambda: open_envelope(raw + b" ", pki.exchange.decryption_keys)) is ReasonCode.RECORD_TOO_LARGE


@pytest.mark.parametrize(
    ("protected", "expected"),
    [
        ({"enc": "A128GCM", "cty": "JOSE"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"enc": "A256CBC-HS512", "cty": "JOSE"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"cty": "JOSE"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"enc": "A256GCM"}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"enc": "A256GCM", "cty": "JWT"}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"enc": "A256GCM", "cty": "JOSE", "zip": "DEF"}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"enc": "A256GCM", "cty": "JOSE", "crit": ["exp"]}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"enc": "A256GCM", "cty": "JOSE", "alg": "dir"}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"enc": "A256GCM", "cty": "JOSE", "typ": "JOSE"}, ReasonCode.HEADER_NOT_ALLOWED),
    ],
)
def test_protected_headers(pki: TestPki, record: bytes, protected: dict[str, Any], expected: ReasonCode) -> None:
    made = changed(record, lambda envelope: envelope.update(protected=encode(compact_json(protected)).decode()))
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"alg": "dir"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"alg": "ECDH-ES"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"alg": "ECDH-ES+A128KW"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"alg": "RSA1_5"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"alg": "PBES2-HS512+A256KW", "p2c": 10**9, "p2s": "AAAA"}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"alg": None}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"alg": ["ECDH-ES+A256KW"]}, ReasonCode.ALGORITHM_NOT_ALLOWED),
        ({"alg": "RSA-OAEP-256"}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"apu": "AAAA"}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"jku": "http://127.0.0.1/"}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"crit": ["epk"]}, ReasonCode.HEADER_NOT_ALLOWED),
        ({"epk": None}, ReasonCode.ENVELOPE_UNDECRYPTABLE),
        ({"epk": []}, ReasonCode.ENVELOPE_UNDECRYPTABLE),
        ({"epk": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}}, ReasonCode.ENVELOPE_UNDECRYPTABLE),
        ({"epk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}}, ReasonCode.ENVELOPE_UNDECRYPTABLE),
        ({"epk": {"kty": "EC", "crv": "P-384", "x": "A" * 64, "y": "A" * 64}}, ReasonCode.ENVELOPE_UNDECRYPTABLE),
        ({"epk": {"kty": "EC", "crv": ["P-256"], "x": "A" * 43, "y": "A" * 43}}, ReasonCode.ENVELOPE_UNDECRYPTABLE),
        ({"epk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}}, ReasonCode.ENVELOPE_UNDECRYPTABLE),
    ],
)
def test_own_entry(pki: TestPki, record: bytes, change: dict[str, Any], expected: ReasonCode) -> None:
    made = changed(record, lambda envelope: envelope["recipients"][0]["header"].update(change))
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is expected


@pytest.mark.parametrize(
    "change", [{"crv": "P-384"}, {"crv": "secp256r1"}, {"crv": None}, {"kty": "OKP"}, {"kty": None}]
)
def test_a_good_point_under_another_name(pki: TestPki, record: bytes, change: dict[str, Any]) -> None:
    made = changed(record, lambda envelope: envelope["recipients"][0]["header"]["epk"].update(change))
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_UNDECRYPTABLE


def test_private_members_in_an_ephemeral_key_are_refused(pki: TestPki, record: bytes) -> None:
    made = changed(record, lambda envelope: envelope["recipients"][0]["header"]["epk"].update(d="AAAA"))
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_UNDECRYPTABLE


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(["iv", "ciphertext", "tag", "encrypted_key", "x", "y"]), seed=st.integers(0, 2**32))
def test_every_changed_byte_is_noticed(pki: TestPki, record: bytes, name: str, seed: int) -> None:
    rng = random.Random(seed)

    def flip(envelope: dict[str, Any]) -> None:
        entry = envelope["recipients"][0]
        place = {"encrypted_key": entry, "x": entry["header"]["epk"], "y": entry["header"]["epk"]}.get(name, envelope)
        data = bytearray(decode(place[name].encode()))
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        place[name] = encode(bytes(data)).decode()

    made = changed(record, flip)
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_UNDECRYPTABLE


@pytest.mark.parametrize(
    ("name", "size"), [("iv", 0), ("iv", 8), ("iv", 16), ("tag", 0), ("tag", 4), ("tag", 15), ("tag", 17)]
)
def test_sizes_of_iv_and_tag(pki: TestPki, record: bytes, name: str, size: int) -> None:
    made = changed(record, lambda envelope: envelope.update({name: encode(b"\0" * size).decode()}))
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_UNDECRYPTABLE


def test_entries_of_two_envelopes_do_not_mix(pki: TestPki, record: bytes) -> None:
    other = json.loads(seal(b"other", [pki.exchange.encryption.certificate]))
    made = changed(record, lambda envelope: envelope.update(recipients=other["recipients"]))
    assert reason(lambda: open_envelope(made, pki.exchange.decryption_keys)) is ReasonCode.ENVELOPE_UNDECRYPTABLE


@given(raw=st.binary(max_size=300))
def test_random_bytes(pki: TestPki, raw: bytes) -> None:
    with pytest.raises(Refused):
        open_envelope(raw, pki.exchange.decryption_keys)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_member_may_be_anything(pki: TestPki, record: bytes, data: st.DataObject) -> None:
    """Whatever stands anywhere in an envelope, there is an answer or a refusal, and never another plaintext."""

    def replace(envelope: dict[str, Any]) -> None:
        places = [envelope, envelope["recipients"][0], envelope["recipients"][0]["header"]]
        place = data.draw(st.sampled_from([*places, places[2]["epk"]]))
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)

    made = changed(record, replace)
    with contextlib.suppress(Refused):
        assert open_envelope(made, pki.exchange.decryption_keys) == JWS


# --- making ----------------------------------------------------------------------------------------------------


def test_only_encryption_certificates_are_sealed_for(pki: TestPki) -> None:
    party = pki.facility(BACH_MAI)
    for certificate in (party.signing.certificate, party.tls.certificate, pki.authority.certificate):
        assert reason(lambda: seal(JWS, [certificate])) is ReasonCode.CERTIFICATE_WRONG_USAGE  # noqa: B023


def test_recipients_are_distinct_and_few(pki: TestPki) -> None:
    certificate = pki.exchange.encryption.certificate
    with pytest.raises(ValueError, match="distinct"):
        seal(JWS, [])
    with pytest.raises(ValueError, match="distinct"):
        seal(JWS, [certificate, certificate])
    many = [pki.key(CertProfile.ENC, BACH_MAI).certificate for _ in range(RECIPIENTS_MAX + 1)]
    assert reason(lambda: seal(JWS, many)) is ReasonCode.ENVELOPE_TOO_MANY_RECIPIENTS
    assert len(json.loads(seal(JWS, many[:-1]))["recipients"]) == RECIPIENTS_MAX


def test_the_largest_bundle_fits_and_one_byte_more_is_refused(pki: TestPki) -> None:
    party = pki.facility(BAC_GIANG)
    iat = int(pki.now.timestamp())
    jws = sign_message(b"x" * BUNDLE_MAX_BYTES, party.signing, iat=iat)
    certificates = [pki.key(CertProfile.ENC, BACH_MAI).certificate for _ in range(RECIPIENTS_MAX)]
    sealed = seal(jws, certificates)
    assert len(sealed) <= ENVELOPE_MAX_BYTES
    assert reason(lambda: sign_message(b"x" * (BUNDLE_MAX_BYTES + 1), party.signing, iat=iat)) is (
        ReasonCode.BUNDLE_TOO_LARGE
    )
    assert reason(lambda: seal(b"x" * ENVELOPE_MAX_BYTES, certificates[:1])) is ReasonCode.RECORD_TOO_LARGE


# --- the inner functions ---------------------------------------------------------------------------------------


def test_the_key_fixes_the_algorithm_of_an_entry() -> None:
    p256, rsa2048 = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    assert key_algorithm_of(p256) == key_algorithm_of(p256.public_key()) == ECDH_ES
    assert key_algorithm_of(rsa2048) == RSA_OAEP
    assert reason(lambda: unwrap_content_key(RSA_OAEP, None, b"", p256)) is ReasonCode.ALGORITHM_NOT_ALLOWED
    assert reason(lambda: unwrap_content_key(ECDH_ES, None, b"", rsa2048)) is ReasonCode.ALGORITHM_NOT_ALLOWED
    for key in (ec.generate_private_key(ec.SECP521R1()), ec.generate_private_key(ec.SECP256K1())):
        assert reason(lambda: key_algorithm_of(key)) is ReasonCode.ALGORITHM_NOT_ALLOWED  # noqa: B023


@given(encrypted=st.binary(max_size=300))
def test_any_encrypted_key_for_rsa(encrypted: bytes) -> None:
    assert reason(lambda: unwrap_content_key(RSA_OAEP, None, encrypted, RSA)) is ReasonCode.ENVELOPE_UNDECRYPTABLE


RSA = rsa.generate_private_key(65537, 2048)


def test_a_content_key_of_another_size_is_refused() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    for size in (0, 16, 31, 33, 64):
        encrypted = RSA.public_key().encrypt(b"k" * size, oaep)
        assert reason(lambda: unwrap_content_key(RSA_OAEP, None, encrypted, RSA)) is (  # noqa: B023
            ReasonCode.ENVELOPE_UNDECRYPTABLE
        )
    encrypted = RSA.public_key().encrypt(b"k" * 32, oaep)
    assert unwrap_content_key(RSA_OAEP, None, encrypted, RSA) == b"k" * 32


def test_every_failure_of_decryption_reads_the_same() -> None:
    """Who probes learns neither which step failed nor anything of the content."""
    texts = set()
    for act in (
        lambda: unwrap_content_key(RSA_OAEP, None, b"x" * 256, RSA),
        lambda: unwrap_content_key(ECDH_ES, {}, b"x", ec.generate_private_key(ec.SECP256R1())),
        lambda: open_content(b"k" * 32, b"i" * 12, b"c", b"t" * 16, b""),
        lambda: open_content(b"k" * 16, b"i" * 12, b"c", b"t" * 16, b""),
        lambda: unwrap(Sealed(RSA_OAEP, None, b"", b"", b"", b"", b""), RSA),
    ):
        with pytest.raises(Refused) as refused:
            act()
        texts.add(str(refused.value))
    assert texts == {"envelope-undecryptable"}


# --- tokens ----------------------------------------------------------------------------------------------------


def test_tokens(pki: TestPki) -> None:
    key = pki.exchange.signing.token_key
    keys = {key.kid: key.public_key}
    token = sign_token(b'{"a":1}', "lienvien-receipt+jws", key)
    assert json.loads(decode(token.split(".")[0].encode())) == {
        "alg": "ES256",
        "typ": "lienvien-receipt+jws",
        "kid": key.kid,
    }
    for spelled in (token, token.encode()):
        assert verify_token(spelled, typ="lienvien-receipt+jws", keys=keys) == b'{"a":1}'
    assert reason(lambda: verify_token(token, typ="lienvien-stamp+jws", keys=keys)) is ReasonCode.TOKEN_WRONG_TYPE
    assert reason(lambda: verify_token(token, typ="lienvien-receipt+jws", keys={})) is ReasonCode.KEY_UNKNOWN
    assert reason(lambda: verify_token("é" + token, typ="lienvien-receipt+jws", keys=keys)) is (
        ReasonCode.TOKEN_MALFORMED
    )
    assert reason(lambda: verify_token(token, typ="lienvien-receipt+jws", keys=keys, max_bytes=10)) is (
        ReasonCode.RECORD_TOO_LARGE
    )
    assert reason(lambda: sign_token(b"x" * 300_000, "lienvien-ack+jws", key)) is ReasonCode.RECORD_TOO_LARGE


def test_a_known_kid_under_another_key(pki: TestPki) -> None:
    key = pki.exchange.signing.token_key
    other = pki.facility(BAC_GIANG).signing.token_key
    token = sign_token(b"{}", "lienvien-receipt+jws", key)
    assert (
        reason(lambda: verify_token(token, typ="lienvien-receipt+jws", keys={key.kid: other.public_key}))
        is ReasonCode.SIGNATURE_INVALID
    )
    rsa_keys = {key.kid: RSA.public_key()}
    assert reason(lambda: verify_token(token, typ="lienvien-receipt+jws", keys=rsa_keys)) is (
        ReasonCode.ALGORITHM_NOT_ALLOWED
    )


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_changed_token_verifies(pki: TestPki, data: st.DataObject) -> None:
    key = pki.exchange.signing.token_key
    token = sign_token(b'{"verdict":"accepted"}', "lienvien-receipt+jws", key).encode()
    place = data.draw(st.integers(0, len(token) - 1))
    made = token[:place] + data.draw(st.binary(max_size=3)) + token[place + 1 :]
    if made != token:
        with pytest.raises(Refused):
            verify_token(made, typ="lienvien-receipt+jws", keys={key.kid: key.public_key})
