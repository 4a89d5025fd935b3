"""Keys, the directory, and what changes while a connector runs."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from certs.directory import countersign, sign_entry
from certs.keys import certificate_kid, save_private_key, write_certificates
from certs.profiles import CertProfile
from connectors.alarm_words import AlarmCode
from connectors.directory_book import DirectoryBook, load_book
from connectors.housekeeping import Housekeeping, certificate_ends
from connectors.inbox import Inbox
from connectors.keyring import load_keyring
from connectors.link import Trouble
from connectors.settings import Settings, load
from connectors.sources.directory import read_directory
from connectors.store import alarms, directory_rows, inbox_rows
from schemas.reasons import ReasonCode, Refused
from schemas.tokens.directory import FacilityCode, KnownFacility, Register
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, EXCHANGE, TestPki, make_pki
from tests.connectors.bundles import make_bundle
from tests.connectors.exchange_double import URN, ExchangeDouble
from tests.connectors.inbox_steps import read_all
from tests.connectors.site_files import write_site
from tests.connectors.site_world import World, directory_entry, make_world
from transport.tls import client_context

TODAY = date(2026, 11, 22)


@pytest.fixture
def pki(tmp_path: Path) -> TestPki:
    return make_pki(tmp_path / "pki")


@pytest.fixture
def settings(pki: TestPki, tmp_path: Path) -> Settings:
    tls = pki.key(CertProfile.TLS, BAC_GIANG)
    identity = tmp_path / "tls.pem"
    save_private_key(tmp_path / "tls.key", tls.private_key)
    identity.write_bytes((tmp_path / "tls.key").read_bytes() + write_certificates([tls.certificate]))
    ca = pki.authority.folder / "ca.pem"
    return load(write_site(tmp_path / "site", pki, BAC_GIANG, "localhost:1", (ca, identity)))


# --- keys -----------------------------------------------------------------------------------------------------------


def test_the_keyring_of_a_site(pki: TestPki, settings: Settings) -> None:
    keyring = load_keyring(settings, pki.now)
    me = pki.facility(BAC_GIANG)
    assert keyring.signing.kid == me.signing.kid
    assert set(keyring.decryption_keys) == {me.encryption.kid}
    assert set(keyring.exchange_keys) == {pki.exchange.signing.kid}
    assert keyring.exchange_reader == pki.exchange.encryption.certificate


def test_older_encryption_keys_still_open_and_the_present_one_is_published_first(
    pki: TestPki, settings: Settings
) -> None:
    older = pki.key(CertProfile.ENC, BAC_GIANG)
    save_private_key(settings.keys.folder / "encryption-2025.key", older.private_key)
    (settings.keys.folder / "encryption-2025.crt").write_bytes(write_certificates([older.certificate]))
    keyring = load_keyring(settings, pki.now)
    me = pki.facility(BAC_GIANG)
    assert set(keyring.decryption_keys) == {me.encryption.kid, older.kid}
    assert keyring.encryption_certificates[0] == me.encryption.certificate


def test_an_exchange_that_changes_its_key_has_two_for_a_while(pki: TestPki, settings: Settings) -> None:
    fresh = pki.key(CertProfile.EXCHANGE_SIGN, EXCHANGE)
    both = write_certificates([pki.exchange.signing.certificate, fresh.certificate])
    settings.exchange.signing_certificate.write_bytes(both)
    assert set(load_keyring(settings, pki.now).exchange_keys) == {pki.exchange.signing.kid, fresh.kid}


def test_a_certificate_of_the_exchange_that_ended_is_left_out(pki: TestPki, settings: Settings) -> None:
    fresh = pki.key(CertProfile.EXCHANGE_SIGN, EXCHANGE)
    pki.revoke(fresh.certificate)
    settings.keys.crl.write_bytes(pki.authority.crl(pki.now))
    both = write_certificates([fresh.certificate, pki.exchange.signing.certificate])
    settings.exchange.signing_certificate.write_bytes(both)
    assert set(load_keyring(settings, pki.now).exchange_keys) == {pki.exchange.signing.kid}
    settings.exchange.signing_certificate.write_bytes(write_certificates([fresh.certificate]))
    with pytest.raises(Refused) as refused:
        load_keyring(settings, pki.now)
    assert refused.value.reason is ReasonCode.CERTIFICATE_REVOKED


@pytest.mark.parametrize(
    ("profile", "name", "reason"),
    [
        (CertProfile.EXCHANGE_SIGN, "other", ReasonCode.EXCHANGE_MISMATCH),
        (CertProfile.EXCHANGE_ENC, EXCHANGE, ReasonCode.CERTIFICATE_WRONG_USAGE),
        (CertProfile.SIGN, BACH_MAI, ReasonCode.CERTIFICATE_MALFORMED),
    ],
)
def test_only_the_exchanges_own_signing_certificate_is_believed(
    pki: TestPki, settings: Settings, profile: CertProfile, name: str, reason: ReasonCode
) -> None:
    wrong = pki.key(profile, name)
    settings.exchange.signing_certificate.write_bytes(write_certificates([wrong.certificate]))
    with pytest.raises(Refused) as refused:
        load_keyring(settings, pki.now)
    assert refused.value.reason is reason


def test_anothers_keys_in_our_folder_are_refused(pki: TestPki, settings: Settings) -> None:
    other = pki.facility(BACH_MAI).signing
    (settings.keys.folder / "signing.key").unlink()
    save_private_key(settings.keys.folder / "signing.key", other.private_key)
    (settings.keys.folder / "signing.crt").write_bytes(write_certificates([other.certificate]))
    with pytest.raises(Refused) as refused:
        load_keyring(settings, pki.now)
    assert refused.value.reason is ReasonCode.FACILITY_MISMATCH


# --- the directory --------------------------------------------------------------------------------------------------


def book(pki: TestPki, *codes: str, register: tuple[KnownFacility, ...] = (), **changes: object) -> DirectoryBook:
    rows = []
    for code in codes:
        entry = directory_entry(pki, code).model_copy(update=changes)
        rows.append((code, 1, sign_entry(entry, pki.facility(code).signing).encode()))
    page = Register(exchange=URN, version=1, page=1, pages=1, at="2026-11-22T08:00:00.000Z", facilities=register)
    found, bad = load_book(rows, [page.encode()] if register else [], pki.trust(), pki.now)
    assert bad == []
    return found


def row(
    code: str, *, connected: bool = True, valid_from: str = "2019-01-01", valid_to: str | None = None
) -> KnownFacility:
    return KnownFacility(
        code=code,
        name=f"Tên {code} {valid_from}",
        valid_from=valid_from,
        valid_to=valid_to,
        phone="024 000",
        connected=connected,
        role="central",
    )


def test_a_code_is_a_dated_alias_of_its_facility(pki: TestPki) -> None:
    codes = (
        FacilityCode(code=BACH_MAI, valid_from="2019-01-01"),
        FacilityCode(code="01X11", valid_from="2015-01-01", valid_to="2018-12-31"),
    )
    found = book(pki, BACH_MAI, codes=codes)
    assert found.facility_of("01X11", date(2018, 6, 1)) == BACH_MAI
    assert found.facility_of("01X11", TODAY) == "01X11"
    assert found.facility_of(BACH_MAI, TODAY) == BACH_MAI


def test_names_and_phones_are_the_facilitys_own_word_before_the_registers(pki: TestPki) -> None:
    found = book(pki, BACH_MAI, register=(row(BACH_MAI), row("01Z98", connected=False)))
    own, other = found.listing(BACH_MAI, TODAY), found.listing("01Z98", TODAY)
    assert own is not None
    assert other is not None
    assert (own.name, own.phone, own.role, own.connected) == (f"Bệnh viện {BACH_MAI}", "024 3869 3731", "central", True)
    assert (other.name, other.phone, other.connected) == ("Tên 01Z98 2019-01-01", "024 000", False)
    assert found.listing("99999", TODAY) is None


def test_of_two_rows_the_one_of_the_day_counts(pki: TestPki) -> None:
    rows = (row("01Z98", valid_to="2025-06-30"), row("01Z98", valid_from="2025-07-01"))
    found = book(pki, register=rows)
    before, after = found.listing("01Z98", date(2025, 6, 30)), found.listing("01Z98", date(2025, 7, 1))
    assert before is not None
    assert after is not None
    assert (before.name, after.name) == ("Tên 01Z98 2019-01-01", "Tên 01Z98 2025-07-01")


def test_the_file_serves_until_the_register_comes(pki: TestPki) -> None:
    fallback = read_directory("code,name,phone,role\n01Z98,Từ tệp,024 111,central\n".encode())
    before, _ = load_book([], [], pki.trust(), pki.now, fallback)
    listed = before.listing("01Z98", TODAY)
    assert listed is not None
    assert (listed.name, listed.phone) == ("Từ tệp", "024 111")
    assert before.knows_who_exists
    assert len(before.directory()) == 1
    empty, _ = load_book([], [], pki.trust(), pki.now)
    assert not empty.knows_who_exists


def test_keys_that_ended_seal_nothing(pki: TestPki) -> None:
    found = book(pki, BACH_MAI)
    certificate = found.reader_of(BACH_MAI, pki.now)
    assert certificate == pki.facility(BACH_MAI).encryption.certificate
    assert found.reader_of(BACH_MAI, pki.now + timedelta(days=800)) is None
    assert found.reader_of("99999", pki.now) is None


def test_an_entry_whose_signer_was_revoked_is_no_longer_used(pki: TestPki) -> None:
    token = sign_entry(directory_entry(pki, BACH_MAI), pki.facility(BACH_MAI).signing).encode()
    pki.revoke(pki.facility(BACH_MAI).signing.certificate)
    found, bad = load_book([(BACH_MAI, 1, token)], [], pki.trust(), pki.now)
    assert bad == [BACH_MAI]
    assert found.reader_of(BACH_MAI, pki.now) is None


# --- while it runs --------------------------------------------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path, pki: TestPki) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "running", ExchangeDouble(pki), BACH_MAI)
    yield made
    await made.close()


def keeper(world: World, settings: Settings) -> Housekeeping:
    context = client_context(settings.keys.ca, settings.keys.folder / "tls.pem")
    world.site.settings = world.site.settings.model_copy(update={"keys": settings.keys})
    return Housekeeping(world.site, Inbox(world.site, world.inbox), context)


async def codes(world: World) -> set[str]:
    return {alarm.code for alarm in await world.database.read(alarms.open_alarms)}


async def test_a_fresh_revocation_list_lets_in_what_was_kept(world: World, settings: Settings, pki: TestPki) -> None:
    world.exchange.later(days=8)
    world.clock.pass_(8 * 86_400)
    world.exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI, priority=Priority.ROUTINE))
    await read_all(world)
    assert len(await world.database.read(inbox_rows.parked)) == 1
    keeping = keeper(world, settings)
    settings.keys.crl.write_bytes(pki.authority.crl(world.clock.now()))
    await keeping.round()
    assert await world.database.read(inbox_rows.parked) == []
    assert (await world.database.read(lambda c: c.execute("SELECT count(*) FROM inbox").fetchone()[0])) == 1


async def test_many_kept_messages_are_let_in_at_once(world: World, settings: Settings, pki: TestPki) -> None:
    world.exchange.later(days=8)
    world.clock.pass_(8 * 86_400)
    for _ in range(60):
        world.exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI, priority=Priority.URGENT))
    await read_all(world)
    keeping = keeper(world, settings)
    settings.keys.crl.write_bytes(pki.authority.crl(world.clock.now()))
    await keeping.round()
    assert await world.database.read(inbox_rows.parked) == []
    assert (await world.database.read(lambda c: c.execute("SELECT count(*) FROM inbox").fetchone()[0])) == 60


async def test_an_entry_that_came_under_an_old_list_is_used_once_the_list_is_fresh(
    world: World, settings: Settings, pki: TestPki
) -> None:
    days = 30  # more than the grace after the list's end
    world.exchange.later(days=days)
    world.clock.pass_(days * 86_400)
    world.introduce(BAC_GIANG)
    await read_all(world)
    assert world.site.book.reader_of(BAC_GIANG, world.clock.now()) is None
    keeping = keeper(world, settings)
    settings.keys.crl.write_bytes(pki.authority.crl(world.clock.now()))
    await keeping.round()
    assert await world.database.read(inbox_rows.parked) == []
    assert world.site.book.reader_of(BAC_GIANG, world.clock.now()) is not None


async def test_a_broken_or_missing_revocation_list_keeps_the_good_one(world: World, settings: Settings) -> None:
    keeping = keeper(world, settings)
    await keeping.round()
    before = dict(world.site.keyring.trust.lists)
    settings.keys.crl.write_bytes(b"broken")
    await keeping.round()
    settings.keys.crl.unlink()
    await keeping.round()
    assert dict(world.site.keyring.trust.lists) == before


@pytest.mark.parametrize(
    ("code", "begin", "end"),
    [
        (AlarmCode.CLOCK_DRIFT, {"drift_s": -90.0}, {"drift_s": 3.0}),
        (AlarmCode.LINK_DOWN, {"connected": False, "trouble": Trouble.LOST}, {"connected": True, "trouble": None}),
    ],
)
async def test_alarms_open_and_close_with_their_cause(
    world: World, settings: Settings, code: AlarmCode, begin: dict[str, object], end: dict[str, object]
) -> None:
    keeping = keeper(world, settings)
    world.site.live.since = world.clock.now() - timedelta(minutes=5)
    for changes, raised in ((begin, True), (begin, True), (end, False)):
        for name, value in changes.items():
            setattr(world.site.live, name, value)
        await keeping.round()
        assert (code in await codes(world)) is raised


async def test_a_certificate_that_ends_soon_alarms_and_one_that_has_ended_says_so(
    world: World, settings: Settings
) -> None:
    keeping = keeper(world, settings)
    ends = {end.purpose: end.until for end in certificate_ends(world.site)}
    assert set(ends) == {"tls", "signing", "encryption"}
    seen = []
    for moment in (min(ends.values()) - timedelta(days=60), min(ends.values()) - timedelta(days=1), max(ends.values())):
        world.clock.pass_((moment - world.clock.now()).total_seconds())
        await keeping.round()
        seen.append(await codes(world) & {AlarmCode.CERTIFICATE_ENDING, AlarmCode.CERTIFICATE_ENDED})
    assert seen == [set(), {AlarmCode.CERTIFICATE_ENDING}, {AlarmCode.CERTIFICATE_ENDED}]
    assert AlarmCode.CRL_OLD in await codes(world)


async def test_an_entry_passed_on_by_a_false_exchange_proves_nothing(world: World, pki: TestPki) -> None:
    """A key of the exchange's own in a hospital's place: countersigned, and refused all the same."""
    false = directory_entry(pki, BAC_GIANG)
    stranger = pki.facility("01Z99")
    forged = false.model_copy(
        update={
            "signing_certificates": directory_entry(pki, "01Z99").signing_certificates,
            "encryption_certificates": directory_entry(pki, "01Z99").encryption_certificates,
        }
    )
    token = countersign(sign_entry(forged, stranger.signing), EXCHANGE, pki.exchange.signing.token_key, now=pki.now)
    from schemas.topics import RecordType

    world.exchange.deliver(BACH_MAI, RecordType.DIRECTORY, token.encode())
    await read_all(world)
    assert world.site.book.reader_of(BAC_GIANG, pki.now) is None
    assert ReasonCode.FACILITY_MISMATCH in await codes(world)
    assert await world.database.read(directory_rows.peer_entries) == []
    assert certificate_kid(stranger.encryption.certificate)
