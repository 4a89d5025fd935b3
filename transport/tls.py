"""TLS contexts for Kafka clients and HTTP servers, made from files, and renewed while connections live.

One file holds a private key (PKCS#8, no password) followed by its certificate and the intermediates. TLS 1.2 is the
floor; 1.3 is what two of our own programs agree on. Only authenticated encryption with forward secrecy is offered.
"""

import os
import ssl
import stat
from enum import Enum
from pathlib import Path
from typing import Final

# TLS 1.2 only; TLS 1.3 has nothing else. No CBC, no RSA key exchange, no finite-field DH.
_TLS12_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO


class ClientCertificates(Enum):
    """What an HTTP server asks of those who connect."""

    REQUIRED = ssl.CERT_REQUIRED
    OPTIONAL = ssl.CERT_OPTIONAL  # a wrong one is refused, none is let in
    IGNORED = ssl.CERT_NONE


class TlsFileError(Exception):
    """A TLS file cannot be used. ``path`` names it; the text says what to do, in Vietnamese and English."""

    def __init__(self, path: Path, vi: str, en: str) -> None:
        super().__init__(f"{path}: {vi} / {en}")
        self.path = path


def client_context(ca: Path, identity: Path, *, crl: Path | None = None) -> ssl.SSLContext:
    """For connecting as the owner of ``identity`` to servers whose certificate comes from ``ca``.

    The server's name is always checked against its SAN. With ``crl`` a revoked server is refused, and so is every
    server once that list has passed its nextUpdate. Raises TlsFileError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _restrict(context)
    _trust(context, ca, crl)
    load_identity(context, identity)
    return context


def server_context(
    ca: Path,
    identity: Path,
    *,
    clients: ClientCertificates = ClientCertificates.REQUIRED,
    crl: Path | None = None,
) -> ssl.SSLContext:
    """For serving as the owner of ``identity``; client certificates must come from ``ca``. Raises TlsFileError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _restrict(context)
    context.verify_mode = clients.value
    _trust(context, ca, crl)
    load_identity(context, identity)
    return context


def load_identity(context: ssl.SSLContext, identity: Path) -> None:
    """Give a context its key and certificate, also one in use: new connections take the new one, old ones live on.

    The pair is tried on a context of its own first, so that a half-written file never replaces a good one.
    Raises TlsFileError; the context is unchanged then.
    """
    _refuse_readable_by_others(identity)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(identity, password=_no_password)
        context.load_cert_chain(identity, password=_no_password)
    except (OSError, ValueError) as cause:  # ssl.SSLError is an OSError; its text names no content
        raise TlsFileError(
            identity,
            "không đọc được khóa và chứng thư; tệp phải gồm khóa riêng PKCS#8 không mật khẩu rồi đến chứng thư của nó.",
            "key and certificate cannot be read; wanted: a PKCS#8 key without password, then its certificate.",
        ) from cause


def load_crl(context: ssl.SSLContext, crl: Path) -> None:
    """Check leaf certificates against this revocation list from now on, also on a context in use. Raises TlsFileError.

    Of several lists of one issuer OpenSSL takes the one issued last.
    """
    _load_authorities(context, crl)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def _restrict(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS12_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _trust(context: ssl.SSLContext, ca: Path, crl: Path | None) -> None:
    _load_authorities(context, ca)
    if crl is not None:
        load_crl(context, crl)


def _load_authorities(context: ssl.SSLContext, pem: Path) -> None:
    try:
        context.load_verify_locations(cafile=pem)
    except (OSError, ValueError) as cause:
        raise TlsFileError(
            pem,
            "không đọc được chứng thư của nơi cấp hoặc danh sách thu hồi (PEM).",
            "the authority's certificate or revocation list cannot be read (PEM).",
        ) from cause


def _refuse_readable_by_others(identity: Path) -> None:
    if os.name != "posix":  # rights are lists there, not bits
        return
    try:
        mode = identity.stat().st_mode
    except OSError as cause:
        raise TlsFileError(identity, "không mở được tệp khóa.", "the key file cannot be opened.") from cause
    if mode & _OTHERS_MAY:
        raise TlsFileError(
            identity,
            "người khác trên máy đọc được khóa riêng; hãy chạy: chmod 600.",
            "others on this machine can read the private key; run: chmod 600.",
        )


def _no_password() -> str:
    """Answer for an encrypted key: a wrong word instead of a question on the terminal, which would hang a service."""
    return ""
