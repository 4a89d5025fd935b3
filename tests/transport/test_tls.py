"""TLS contexts: who is let in, what is offered, which files are refused, and renewal while connections live."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.transport.pki_minimal import Pki
from transport.tls import (
    ClientCertificates,
    TlsFileError,
    client_context,
    load_crl,
    load_identity,
    server_context,
)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    pki = Pki(tmp_path / "pki")
    pki.identity("server", "exchange", "platform", server=True)
    pki.identity("clinic", "24Z01", "k1")
    return pki


@asynccontextmanager
async def echo_server(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Answers each connection with the subject of its certificate."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(100):
                peer = writer.get_extra_info("peercert") or {}
                subject = dict(pair[0] for pair in peer.get("subject", ()))
                writer.write(f"{subject.get('commonName')} {subject.get('organizationalUnitName')}\n".encode())
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


class Peer:
    """A connection that asks who the server thinks it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext, name: str = "localhost") -> "Peer":
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name))

    async def ask(self) -> str:
        """Raises OSError or EOFError where TLS refuses us (in TLS 1.3 that shows at the first read)."""
        self._writer.write(b"?")
        return (await self._reader.readuntil(b"\n")).decode().strip()

    @property
    def version(self) -> str:
        return str(self._writer.get_extra_info("ssl_object").version())

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def ask_once(port: int, context: ssl.SSLContext, name: str = "localhost") -> str:
    peer = await Peer.connect(port, context, name)
    try:
        return await peer.ask()
    finally:
        await peer.close()


REFUSED = (OSError, EOFError)  # ssl.SSLError is an OSError


def serving(pki: Pki, clients: ClientCertificates = ClientCertificates.REQUIRED) -> ssl.SSLContext:
    return server_context(pki.ca, pki.folder / "server.pem", clients=clients)


async def test_both_sides_know_each_other_and_speak_tls_1_3(pki: Pki) -> None:
    async with echo_server(serving(pki)) as port:
        peer = await Peer.connect(port, client_context(pki.ca, pki.folder / "clinic.pem"))
        assert await peer.ask() == "24Z01 k1"
        assert peer.version == "TLSv1.3"
        await peer.close()


async def test_wrong_name_is_refused(pki: Pki) -> None:
    async with echo_server(serving(pki)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await Peer.connect(port, client_context(pki.ca, pki.folder / "clinic.pem"), "exchange.example")


async def test_server_of_another_authority_is_refused(pki: Pki, tmp_path: Path) -> None:
    other = Pki(tmp_path / "other", "Other CA")
    other.identity("server", "exchange", "platform", server=True)
    async with echo_server(serving(other, ClientCertificates.IGNORED)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await Peer.connect(port, client_context(pki.ca, pki.folder / "clinic.pem"))


async def test_client_of_another_authority_or_expired_is_refused(pki: Pki, tmp_path: Path) -> None:
    stranger = Pki(tmp_path / "other", "Other CA").identity("clinic", "24Z01", "k1")
    expired = pki.identity("old", "24Z01", "k1", expired=True)
    async with echo_server(serving(pki)) as port:
        for identity in (stranger, expired):
            with pytest.raises(REFUSED):
                await ask_once(port, client_context(pki.ca, identity))


def old_client(pki: Pki, highest: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.ca)
    context.load_cert_chain(pki.folder / "clinic.pem")
    context.set_ciphers(ciphers)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = highest
    return context


async def test_tls_1_2_only_with_authenticated_encryption_and_forward_secrecy(pki: Pki) -> None:
    async with echo_server(serving(pki)) as port:
        assert await ask_once(port, old_client(pki, ssl.TLSVersion.TLSv1_2)) == "24Z01 k1"
        for weak in ("ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0", "DHE+AESGCM:AESGCM+kRSA:@SECLEVEL=0"):
            with pytest.raises(REFUSED):
                await ask_once(port, old_client(pki, ssl.TLSVersion.TLSv1_2, weak))


def test_nothing_below_tls_1_2_is_offered(pki: Pki) -> None:
    for context in (serving(pki), client_context(pki.ca, pki.folder / "clinic.pem")):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert not [cipher["name"] for cipher in context.get_ciphers() if not cipher["aead"]]


async def test_renewal_takes_the_new_certificate_for_new_connections_and_keeps_old_ones(pki: Pki) -> None:
    context = client_context(pki.ca, pki.folder / "clinic.pem")
    async with echo_server(serving(pki)) as port:
        old = await Peer.connect(port, context)
        load_identity(context, pki.identity("renewed", "24Z01", "k2"))
        new = await Peer.connect(port, context)
        assert (await old.ask(), await new.ask()) == ("24Z01 k1", "24Z01 k2")
        await old.close()
        await new.close()


async def test_broken_renewal_leaves_the_old_certificate(pki: Pki, tmp_path: Path) -> None:
    context = client_context(pki.ca, pki.folder / "clinic.pem")
    half = tmp_path / "half.pem"
    half.touch(mode=0o600)
    half.write_bytes((pki.folder / "clinic.pem").read_bytes()[:150])
    mixed = tmp_path / "mixed.pem"  # the key of one, the certificate of another
    mixed.touch(mode=0o600)
    key, _, _ = (pki.folder / "clinic.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE")
    mixed.write_bytes(key + b"-----BEGIN CERTIFICATE" + _certificate(pki.folder / "server.pem"))
    for broken in (half, mixed, tmp_path / "absent.pem"):
        with pytest.raises(TlsFileError):
            load_identity(context, broken)
    async with echo_server(serving(pki)) as port:
        assert await ask_once(port, context) == "24Z01 k1"


def _certificate(identity: Path) -> bytes:
    return identity.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_key_that_others_can_read_is_refused(pki: Pki, mode: int) -> None:
    identity = pki.folder / "clinic.pem"
    identity.chmod(mode)
    with pytest.raises(TlsFileError, match="chmod 600"):
        client_context(pki.ca, identity)


def test_encrypted_key_is_refused_without_a_question_on_the_terminal(pki: Pki, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    pem = (pki.folder / "clinic.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    path = tmp_path / "locked.pem"
    path.touch(mode=0o600)
    path.write_bytes(locked + b"-----BEGIN CERTIFICATE" + _certificate(pki.folder / "clinic.pem"))
    with pytest.raises(TlsFileError):
        client_context(pki.ca, path)


def test_unreadable_authority_is_said_so_in_both_languages(pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(TlsFileError, match=r"nơi cấp.*/.*authority"):
        client_context(tmp_path / "ca.pem", pki.folder / "clinic.pem")


async def test_revoked_client_is_refused_after_the_list_is_loaded_into_the_live_context(pki: Pki) -> None:
    clinic = client_context(pki.ca, pki.folder / "clinic.pem")
    other = client_context(pki.ca, pki.identity("other", "24Z02", "k1"))
    context = server_context(pki.ca, pki.folder / "server.pem", crl=pki.crl("first.crl"))
    async with echo_server(context) as port:
        assert await ask_once(port, clinic) == "24Z01 k1"
        pki.revoke(pki.folder / "clinic.pem")
        load_crl(context, pki.crl("second.crl"))
        with pytest.raises(REFUSED):
            await ask_once(port, clinic)
        assert await ask_once(port, other) == "24Z02 k1"
