"""Slow, silent and oversize clients are cut, an honest one is answered meanwhile, and the server stops when told."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from tests.transport.http_client import Client, get
from tests.transport.pki_minimal import Pki
from transport.http_limits import Message, Receive, Scope, Send
from transport.http_server import HttpLimits, HttpServer, HttpServerError, client_certificate
from transport.tls import ClientCertificates, client_context, server_context

QUICK = HttpLimits(
    handshake_s=0.4,
    header_s=0.4,
    body_window_s=0.4,
    body_window_bytes=100,
    idle_s=1,
    write_stall_s=0.4,
    header_bytes=4_096,
    body_bytes=100_000,
    connections=50,
    stop_s=1,
)
MARGIN = 3.0  # a loaded machine; a client that is not cut at all waits far longer


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    if scope["type"] == "lifespan":
        return await _live(receive, send)
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        length += len(message["body"])
        more = message["more_body"]
    text = b"%d" % length
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})
    return None


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with HttpServer(echo, limits=QUICK) as running:
        yield running


async def test_good_client_is_answered(server: HttpServer) -> None:
    answer = await get(server.url)
    assert (answer.status, answer.body) == (200, b"0")
    assert "server" not in answer.headers


async def test_connection_is_kept_for_a_second_request_then_closed_when_idle(server: HttpServer) -> None:
    client = await Client.connect(server.url)
    assert (await client.get()).status == 200
    assert (await client.get()).status == 200
    assert await client.cut_after(QUICK.idle_s + MARGIN) > 0.5
    await client.close()


STALLS = {
    "silent": b"",
    "half a request line": b"GET / HT",
    "half a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "no body": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500,
    "half a chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nxxx",
}


@pytest.mark.parametrize("beginning", STALLS.values(), ids=STALLS.keys())
async def test_stalling_client_is_cut(server: HttpServer, beginning: bytes) -> None:
    client = await Client.connect(server.url)
    if beginning:
        await client.send(beginning)
    seconds = await client.cut_after(QUICK.header_s * 2 + MARGIN)
    assert seconds > QUICK.header_s * 0.5
    await client.close()


async def drip(client: Client, data: bytes, every_s: float) -> None:
    """Send byte by byte until the server has had enough."""
    for byte in data:
        try:
            await client.send(bytes([byte]))
        except OSError:
            return
        await asyncio.sleep(every_s)


@pytest.mark.parametrize(
    "beginning",
    [b"GET / HTTP/1.1\r\nX-Slow: ", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"],
    ids=["header", "body"],
)
async def test_dripping_client_is_cut_although_it_never_pauses_long(server: HttpServer, beginning: bytes) -> None:
    client = await Client.connect(server.url)
    await client.send(beginning)
    dripping = asyncio.create_task(drip(client, b"x" * 2_000, 0.02))
    await client.cut_after(QUICK.header_s * 3 + MARGIN)
    dripping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await dripping
    await client.close()


async def test_stall_in_the_second_request_is_cut_too(server: HttpServer) -> None:
    client = await Client.connect(server.url)
    assert (await client.get()).status == 200
    await client.send(b"GET / HTTP/1.1\r\nHost:")
    await client.cut_after(QUICK.header_s * 2 + MARGIN)
    await client.close()


async def test_slow_but_steady_body_is_served(server: HttpServer) -> None:
    """Takes several windows in all, brings enough in each."""
    client = await Client.connect(server.url)
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n")
    for _ in range(10):
        await client.send(b"x" * 300)
        await asyncio.sleep(0.1)
    assert (await client.answer()).body == b"3000"
    await client.close()


async def test_header_too_large_is_refused(server: HttpServer) -> None:
    client = await Client.connect(server.url)
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Big: " + b"x" * (QUICK.header_bytes + 1))
    await client.cut_after(MARGIN)
    await client.close()


async def test_header_too_large_in_one_piece_is_refused(server: HttpServer) -> None:
    answer = await get(server.url, headers=f"X-Big: {'x' * (QUICK.header_bytes + 1)}\r\n")
    assert answer.status in {400, 431}
    assert answer.headers["connection"] == "close"


async def test_declared_body_too_large_is_refused_before_it_comes(server: HttpServer) -> None:
    client = await Client.connect(server.url)
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (QUICK.body_bytes + 1))
    answer = await client.answer()
    assert (answer.status, answer.body) == (413, b"body-too-large")
    await client.cut_after(MARGIN)
    await client.close()


async def test_chunked_body_is_counted_and_refused(server: HttpServer) -> None:
    client = await Client.connect(server.url)
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    with contextlib.suppress(OSError):
        for _ in range(11):
            await client.send(chunk)
    assert (await client.answer()).status == 413
    await client.close()


async def test_largest_allowed_body_passes(server: HttpServer) -> None:
    client = await Client.connect(server.url)
    body = b"x" * QUICK.body_bytes
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert (await client.answer()).body == b"%d" % len(body)
    await client.close()


async def test_reader_who_does_not_read_is_cut() -> None:
    app = FastAPI()

    @app.get("/")
    async def endless() -> StreamingResponse:
        async def stream() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65_536

        return StreamingResponse(stream())

    began = time.monotonic()
    async with HttpServer(app, limits=QUICK) as server:
        client = await Client.connect(server.url)
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(QUICK.write_stall_s * 3)
        await client.cut_after(MARGIN)  # what is in the pipe, then the end of an answer that has none
        assert (await get(server.url, "/unknown")).status == 404
        assert time.monotonic() - began < 15  # the answer that nobody takes does not keep the loop to itself
        await client.close()


async def test_crowd_of_silent_clients_does_not_keep_a_good_one_out(server: HttpServer) -> None:
    crowd = [await Client.connect(server.url) for _ in range(QUICK.connections * 3)]
    assert (await get(server.url)).status == 200
    for client in crowd:
        await client.close()


async def test_no_more_connections_than_allowed_are_held() -> None:
    """Long deadlines: only the cap can be what cuts them."""
    patient = replace(QUICK, header_s=60, connections=10)
    async with HttpServer(echo, limits=patient) as server:
        crowd = [await Client.connect(server.url) for _ in range(30)]
        cuts = [asyncio.create_task(client.cut_after(MARGIN)) for client in crowd]
        await asyncio.wait(cuts)
        assert sum(cut.exception() is None for cut in cuts) == 20
        for client in crowd:
            await client.close()


async def test_good_client_is_answered_while_others_stall(server: HttpServer) -> None:
    stalled = [await Client.connect(server.url) for _ in STALLS]
    for client, beginning in zip(stalled, STALLS.values(), strict=True):
        if beginning:
            await client.send(beginning)
    assert (await get(server.url)).status == 200
    for client in stalled:
        await client.cut_after(QUICK.header_s * 2 + MARGIN)
        await client.close()


async def test_not_http_at_all_is_refused(server: HttpServer) -> None:
    client = await Client.connect(server.url)
    await client.send(b"\x00\x01\x02 what\r\n\r\n")
    await client.cut_after(MARGIN)
    await client.close()
    assert (await get(server.url)).status == 200


async def test_stop_ends_an_endless_answer_that_watches_the_event() -> None:
    stopping = asyncio.Event()
    app = FastAPI()

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def stream() -> AsyncIterator[bytes]:
            yield b"first"
            await stopping.wait()
            yield b"last"

        return StreamingResponse(stream())

    server = HttpServer(app, limits=QUICK, stopping=stopping)
    await server.start()
    client = await Client.connect(server.url)
    await client.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.reader.readuntil(b"first")
    await server.stop()
    assert b"last" in await client.reader.read(1_000)
    await client.close()


async def test_stop_does_not_wait_for_ever() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await asyncio.Event().wait()

    server = HttpServer(never, limits=QUICK)
    await server.start()
    client = await Client.connect(server.url)
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0.1)
    async with asyncio.timeout(QUICK.stop_s + MARGIN):
        await server.stop()
    await client.cut_after(MARGIN)
    await client.close()


async def test_stop_leaves_no_connection_with_something_to_write() -> None:
    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 50_000_000, "more_body": False})

    server = HttpServer(much, limits=replace(QUICK, write_stall_s=60))
    await server.start()
    client = await Client.connect(server.url)
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0.2)
    assert server._server is not None
    transports = [connection.transport for connection in server._server.server_state.connections]
    assert [transport.get_write_buffer_size() > 0 for transport in transports] == [True]
    await server.stop()
    assert [transport.get_write_buffer_size() for transport in transports] == [0]
    await client.close()


async def test_failing_start_up_is_an_error_not_an_exit() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(HttpServerError):
        await HttpServer(broken).start()


async def test_server_that_hears_nobody_any_more_says_so_instead_of_living_on() -> None:
    server = HttpServer(echo, limits=QUICK)
    await server.start()
    waiting = asyncio.create_task(server.wait())
    await asyncio.sleep(0.2)
    assert not waiting.done()
    assert server._server is not None
    server._server._acceptor._task.cancel()
    with pytest.raises(HttpServerError):
        await asyncio.wait_for(waiting, MARGIN)
    await server.stop()
    await server.wait()  # nothing to wait for


async def test_the_port_of_the_last_time_is_taken_again_and_another_one_where_it_is_held() -> None:
    async with HttpServer(echo) as first:
        last = first.port
        async with HttpServer(echo, rather=last) as beside:
            assert beside.port != last
    async with HttpServer(echo, rather=last) as again:
        assert again.port == last


async def test_port_taken_is_said_so(server: HttpServer) -> None:
    with pytest.raises(HttpServerError, match=str(server.port)):
        await HttpServer(echo, port=server.port).start()


# --- client certificates -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    pki = Pki(tmp_path_factory.mktemp("http-tls"))
    pki.identity("server", "exchange", "platform", server=True)
    pki.identity("clinic", "24Z01", "k1")
    return pki


def whoami() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def who(request: Request) -> str:
        der = client_certificate(request.scope)
        return x509.load_der_x509_certificate(der).subject.rfc4514_string() if der else "nobody"

    return app


@contextlib.asynccontextmanager
async def tls_server(pki: Pki, clients: ClientCertificates) -> AsyncIterator[HttpServer]:
    context = server_context(pki.ca, pki.folder / "server.pem", clients=clients)
    async with HttpServer(whoami(), ssl_context=context, limits=QUICK) as server:
        yield server


def anonymous(pki: Pki) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(pki.ca))


async def test_application_sees_the_client_certificate(pki: Pki) -> None:
    async with tls_server(pki, ClientCertificates.REQUIRED) as server:
        answer = await get(server.url, context=client_context(pki.ca, pki.folder / "clinic.pem"))
    assert answer.body == b'"CN=24Z01,OU=k1,O=Lien Vien,C=VN"'


async def test_without_a_certificate_nothing_is_answered_where_one_is_required(pki: Pki) -> None:
    async with tls_server(pki, ClientCertificates.REQUIRED) as server:
        with pytest.raises((OSError, EOFError)):
            await get(server.url, context=anonymous(pki))


async def test_without_a_certificate_the_application_sees_none_where_it_is_optional(pki: Pki) -> None:
    async with tls_server(pki, ClientCertificates.OPTIONAL) as server:
        assert (await get(server.url, context=anonymous(pki))).body == b'"nobody"'


async def test_certificate_of_another_authority_is_refused_even_where_optional(pki: Pki, tmp_path: Path) -> None:
    stranger = Pki(tmp_path, "Other CA").identity("clinic", "24Z01", "k1")
    async with tls_server(pki, ClientCertificates.OPTIONAL) as server:
        with pytest.raises((OSError, EOFError)):
            await get(server.url, context=client_context(pki.ca, stranger))


async def test_plain_connection_that_never_shakes_hands_is_cut(pki: Pki) -> None:
    async with tls_server(pki, ClientCertificates.REQUIRED) as server:
        client = await Client.connect(server.url)  # TCP only
        assert await client.cut_after(QUICK.handshake_s + MARGIN) > QUICK.handshake_s * 0.5
        await client.close()


async def test_silent_client_after_the_handshake_is_cut(pki: Pki) -> None:
    async with tls_server(pki, ClientCertificates.REQUIRED) as server:
        client = await Client.connect(server.url, client_context(pki.ca, pki.folder / "clinic.pem"))
        await client.cut_after(QUICK.header_s + MARGIN)
        await client.close()


async def test_crowd_before_the_handshake_does_not_keep_a_good_client_out(pki: Pki) -> None:
    async with tls_server(pki, ClientCertificates.REQUIRED) as server:
        crowd = [await Client.connect(server.url) for _ in range(QUICK.connections * 3)]
        good = client_context(pki.ca, pki.folder / "clinic.pem")
        assert (await get(server.url, context=good)).status == 200
        for client in crowd:
            await client.close()


def test_scope_cannot_bring_its_own_certificate() -> None:
    message: Message = {"type": "http", "headers": [(b"client-cert", b"x")]}
    assert client_certificate(message) is None


def test_the_same_on_uvloop(pki: Pki) -> None:
    """Production runs on it: its transports and handshakes are other code."""
    uvloop = pytest.importorskip("uvloop", reason="there is no uvloop on Windows")

    async def visit() -> None:
        good = client_context(pki.ca, pki.folder / "clinic.pem")
        async with tls_server(pki, ClientCertificates.REQUIRED) as server:
            crowd = [await Client.connect(server.url) for _ in range(QUICK.connections + 10)]
            assert (await get(server.url, context=good)).body == b'"CN=24Z01,OU=k1,O=Lien Vien,C=VN"'
            silent = await Client.connect(server.url, good)
            for client in (*crowd, silent):
                await client.cut_after(QUICK.handshake_s + MARGIN)
                await client.close()
        async with HttpServer(echo, limits=QUICK) as plain:
            half = await Client.connect(plain.url)
            await half.send(STALLS["half a body"])
            await half.cut_after(QUICK.header_s + MARGIN)
            await half.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(visit())
