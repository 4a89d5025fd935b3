"""A recovery with everything real around it: files, keys, Kafka, the database, and the certainty that nothing runs."""

from collections.abc import Mapping
from pathlib import Path

from broker.audit.checkpoint import log_origin, open_checkpoint
from broker.audit.log_key import load_log_key
from broker.audit.note import NoteError
from broker.audit.publishing import CheckpointFile
from broker.material import CurrentMaterial, load_keys
from broker.recovery.kafka_topics import KafkaTopics
from broker.recovery.recover import Outcome, Recovery, Tell
from broker.run_lock import RunLock
from broker.settings import ExchangeSettings
from broker.store import counters
from broker.store.engine import Database
from broker.store.migrating import migrate
from certs.keys import PublicKey, certificate_kid, load_certificates
from schemas.reasons import Refused
from transport.clock import Clock, SystemClock
from transport.kafka import KafkaLink
from transport.tls import client_context


async def recover(
    settings: ExchangeSettings,
    tell: Tell,
    *,
    dry_run: bool = False,
    actor: str = "operator",
    clock: Clock | None = None,
) -> Outcome:
    """``exchange recover``.

    Raises AlreadyRunningError, Refused (keys, certificates), DatabaseTooNewError, and as ``Recovery.run``.
    """
    clock = clock or SystemClock()
    with RunLock(settings.folders.data):
        keys = load_keys(settings)
        database = Database(settings.database_url)
        topics = KafkaTopics(_link(settings, "tls"), _link(settings, "admin"))
        try:
            await migrate(database)
            async with database.write() as connection:
                await counters.ensure(connection)
            recovery = Recovery(
                database=database,
                log=topics,
                material=CurrentMaterial(settings, keys).current(),
                keys=exchange_keys(settings),
                signer=keys.signer,
                clock=clock,
                data=settings.folders.data,
                published=await _published(settings),
                actor=actor,
                tell=tell,
            )
            return await recovery.run(dry_run=dry_run)
        finally:
            await topics.close()
            await database.close()


def exchange_keys(settings: ExchangeSettings) -> Mapping[str, PublicKey]:
    """What stamps and receipts may be signed with: the present signing key, and former ones kept beside it.

    Raises Refused.
    """
    found = {}
    for path in sorted(Path(settings.keys.folder).glob("signing*.crt")):
        certificate = load_certificates(path)[0]
        found[certificate_kid(certificate)] = certificate.public_key()
    return found  # type: ignore[return-value]  # the authority certifies these kinds only


def _link(settings: ExchangeSettings, purpose: str) -> KafkaLink:
    context = client_context(settings.keys.ca, settings.identity(purpose))
    return KafkaLink(settings.kafka.bootstrap, context, f"lienvien-recover-{purpose}")


async def _published(settings: ExchangeSettings) -> int:
    """The size of the published checkpoint; 0 for none, or for one that cannot be read (the audit task reports it)."""
    try:
        note = await CheckpointFile(settings.folders.data).published()
        if note is None:
            return 0
        signer = load_log_key(settings.key("audit"), log_origin(settings.exchange.name))
        return open_checkpoint(note, signer.verifier).size
    except (NoteError, Refused, OSError):
        return 0
