"""The service for facilities over real mutual TLS: who is let in, and what each may see."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization

from broker.api.callers import Callers, generation_of
from broker.api.facility_app import facility_app
from broker.queries import Queries
from certs.keys import SigningKey, write_certificates
from certs.profiles import CertProfile
from schemas.reasons import REASONS, ReasonCode, Refused
from tests.broker.api.world import ACCEPTED, DECLINED, DESTINATION, OTHER, SENDER, SUSPENDED, code, uid
from tests.certs.pki import TestPki, make_pki
from transport.clock import SystemClock
from transport.http_server import HttpServer
from transport.tls import client_context, server_context


def _identity(folder: Path, key: SigningKey, name: str) -> Path:
    """Key and certificate in one file."""
    path = folder / f"{name}.identity"
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    pem = key.private_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.touch(0o600)
    path.write_bytes(pem + write_certificates([key.certificate]))
    return path


@dataclass
class Site:
    """A running service and the authority that everybody trusts."""

    pki: TestPki
    folder: Path
    ca: Path
    url: str = ""

    def context(self, key: SigningKey | None, name: str) -> ssl.SSLContext:
        """TLS of one client; without a key it shows no certificate."""
        if key is not None:
            return client_context(self.ca, _identity(self.folder, key, name))
        context = ssl.create_default_context(cafile=str(self.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    async def get(self, key: SigningKey | None, path: str) -> httpx2.Response:
        """One request as the owner of ``key``."""
        name = f"client-{id(key)}-{len(list(self.folder.iterdir()))}"
        async with httpx2.AsyncClient(verify=self.context(key, name), base_url=self.url, timeout=10) as client:
            return await client.get(path)

    def tls(self, facility: str) -> SigningKey:
        """A facility's TLS key."""
        return self.pki.facility(facility).tls


@pytest.fixture
async def site(queries: Queries, tmp_path: Path) -> AsyncIterator[Site]:
    now = datetime.now(UTC)
    pki = make_pki(tmp_path, facilities=(SENDER, DESTINATION, OTHER, SUSPENDED), now=now)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(write_certificates([pki.authority.certificate]))
    server = pki.key(CertProfile.PLATFORM, "exchange", hosts=("localhost", "127.0.0.1"))
    made = Site(pki, tmp_path, ca)
    app = facility_app(queries, Callers(queries, lambda: pki.trust(now=now)), SystemClock())
    context = server_context(ca, _identity(tmp_path, server, "server"))
    async with HttpServer(app, ssl_context=context) as running:
        made.url = running.url
        yield made


def _numbers(answer: httpx2.Response) -> set[int]:
    return {int(each["transfer_id"][-12:]) for each in answer.json()["transfers"]}


async def test_each_facility_sees_its_own_cases(site: Site) -> None:
    assert _numbers(await site.get(site.tls(SENDER), "/v1/transfers")) == {1, 2, 3, 4, 5, 6, 7, 8, 10}
    assert _numbers(await site.get(site.tls(OTHER), "/v1/transfers")) == {9}
    assert len(_numbers(await site.get(site.tls(DESTINATION), "/v1/transfers"))) == 10


async def test_anothers_case_and_no_case_look_alike(site: Site) -> None:
    bodies: list[Any] = []
    for name in (code(ACCEPTED), uid(1, ACCEPTED), uid(3, ACCEPTED), uid(4, 91), uid(9, 999), "nothing"):
        answer = await site.get(site.tls(OTHER), f"/v1/transfers/{name}")
        assert answer.status_code == 404
        bodies.append(answer.json())
    assert all(body == bodies[0] for body in bodies)


async def test_a_refused_answer_of_the_other_side_is_not_shown(site: Site) -> None:
    (own,) = (await site.get(site.tls(DESTINATION), f"/v1/transfers/{code(DECLINED)}")).json()["transfers"]
    (theirs,) = (await site.get(site.tls(SENDER), f"/v1/transfers/{code(DECLINED)}")).json()["transfers"]
    assert [m["verdict"]["code"] for m in own["messages"]] == ["accepted", "refused"]
    assert [m["verdict"]["code"] for m in theirs["messages"]] == ["accepted"]


async def test_what_needs_a_facilitys_own_people(site: Site) -> None:
    answer = (await site.get(site.tls(OTHER), "/v1/attention")).json()
    assert [each["sender"] for each in answer["held"]] == [OTHER]
    assert answer["refused"] == []


@pytest.mark.parametrize("path", ["/v1/overview", "/metrics", "/ready", "/docs"])
async def test_the_operators_addresses_do_not_exist_here(site: Site, path: str) -> None:
    assert (await site.get(site.tls(SENDER), path)).status_code == 404


async def _refused(site: Site, key: SigningKey, reason: ReasonCode) -> None:
    answer = await site.get(key, "/v1/transfers")
    assert (answer.status_code, answer.json()["code"]) == (403, reason)
    assert (answer.json()["vi"], answer.json()["en"]) == (REASONS[reason].vi, REASONS[reason].en)


async def test_a_suspended_facility_is_refused(site: Site) -> None:
    await _refused(site, site.tls(SUSPENDED), ReasonCode.FACILITY_SUSPENDED)


async def test_an_unknown_facility_is_refused(site: Site) -> None:
    await _refused(site, site.pki.facility("55555").tls, ReasonCode.FACILITY_UNKNOWN)


async def test_a_revoked_certificate_is_refused_although_tls_lets_it_in(site: Site) -> None:
    key = site.pki.key(CertProfile.TLS, OTHER)
    assert (await site.get(key, "/v1/transfers")).status_code == 200
    site.pki.revoke(key.certificate)
    await _refused(site, key, ReasonCode.CERTIFICATE_REVOKED)


async def test_a_generation_that_was_cut_is_refused(site: Site) -> None:
    assert (await site.get(site.pki.key(CertProfile.TLS, SENDER, generation=2), "/v1/transfers")).status_code == 200
    await _refused(site, site.pki.key(CertProfile.TLS, SENDER, generation=3), ReasonCode.CERTIFICATE_REVOKED)


async def test_the_exchanges_own_certificate_is_no_facility(site: Site) -> None:
    answer = await site.get(site.pki.exchange.tls, "/v1/transfers")
    assert answer.status_code == 403
    assert "transfers" not in answer.json()


async def test_a_signing_certificate_opens_no_connection(site: Site) -> None:
    with pytest.raises(httpx2.TransportError):
        await site.get(site.pki.facility(SENDER).signing, "/v1/transfers")


async def test_no_certificate_no_connection(site: Site) -> None:
    with pytest.raises(httpx2.TransportError):
        await site.get(None, "/v1/transfers")


async def test_without_tls_nobody_is_let_in(queries: Queries, tmp_path: Path) -> None:
    pki = make_pki(tmp_path, facilities=(SENDER,))
    app = facility_app(queries, Callers(queries, pki.trust), SystemClock())
    async with HttpServer(app) as running, httpx2.AsyncClient(base_url=running.url) as client:
        answer = await client.get("/v1/transfers")
        assert (answer.status_code, answer.json()["code"]) == (401, "certificate-missing")
        assert (await client.get("/health")).status_code == 200


def test_the_generation_is_read_from_one_place(tmp_path: Path) -> None:
    pki = make_pki(tmp_path, facilities=(SENDER,))
    assert generation_of(pki.key(CertProfile.TLS, SENDER, generation=12).certificate) == "12"
    with pytest.raises(Refused) as caught:
        generation_of(pki.facility(SENDER).signing.certificate)
    assert caught.value.reason is ReasonCode.CERTIFICATE_WRONG_USAGE
