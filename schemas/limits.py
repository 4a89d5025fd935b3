"""Every size and time that the contract fixes, with unit and reason."""

from datetime import timedelta
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# --- sizes of what travels -------------------------------------------------------------------------------------
BUNDLE_MAX_BYTES: Final = 512 * KIB  # signed Bundle; sealed it grows 1.8 times and must stay below ENVELOPE_MAX_BYTES
BUNDLE_MAX_ENTRIES: Final = 120  # entries; a larger file is a record dump, not a transfer
BUNDLE_MAX_DEPTH: Final = 40  # nested JSON levels; FHIR content we know stays below 15
STRING_MAX_CHARS: Final = 256 * KIB  # one JSON string, except an attachment, which BUNDLE_MAX_BYTES bounds
TEXT_MAX_CHARS: Final = 16_000  # one clinical text; XML13 allows 4,000
ENVELOPE_MAX_BYTES: Final = (
    960 * KIB
)  # record value; at least 64 KiB below the topic's limit, so headers and framing fit
RECIPIENTS_MAX: Final = 4  # JWE recipient entries; they are not integrity-protected, so they are capped
HEADER_MAX_BYTES: Final = 8 * KIB  # protected JOSE header, decoded; three certificates need about 5 KiB
CERTIFICATES_MAX: Final = 3  # certificates in x5c: leaf and intermediates, never the root
TOKEN_MAX_BYTES: Final = 256 * KIB  # ack, inbox-status, directory entry, receipt, notice: small by nature
STAMP_MAX_BYTES: Final = 16 * KIB  # the stamp travels as a Kafka header
ACKS_PER_TOKEN: Final = 200  # deliveries named in one ack
MISSING_NUMBERS_MAX: Final = 1_000  # numbers one inbox-status may name as missing

# --- topics ----------------------------------------------------------------------------------------------------
SUBMIT_TOPIC_MAX_BYTES: Final = 1 * MIB
INBOX_TOPIC_MAX_BYTES: Final = 1 * MIB + 256 * KIB  # envelope plus stamp
SUBMIT_RETENTION: Final = timedelta(days=14)  # by time only: by size, a flood would delete unread transfers
INBOX_RETENTION: Final = timedelta(days=90)
SOCKET_REQUEST_MAX_BYTES: Final = 4 * MIB  # the broker's default of 100 MiB invites memory exhaustion

# --- one turn of a worker --------------------------------------------------------------------------------------
TURN_RECORDS_PER_TOPIC: Final = 10  # fair shares: no facility may fill a turn
TURN_BYTES_PER_TOPIC: Final = 1 * MIB
NUMBERED_BATCH_RECORDS: Final = 16  # inbox records numbered at once for one destination
NUMBERED_BATCH_BYTES: Final = 1 * MIB

# --- time ------------------------------------------------------------------------------------------------------
IAT_MAX_AGE: Final = timedelta(days=30)  # a 72 h outage is normal; older is refused unless the id is known
IAT_MAX_AHEAD: Final = timedelta(minutes=5)  # clock skew of a hospital
CLOCK_DISAGREEMENT: Final = timedelta(
    seconds=60
)  # database, broker and monotonic clock: beyond it, time-dependent refusals wait
CRL_GRACE_FOR_STAT: Final = timedelta(hours=72)  # stat passes, flagged, on the last good CRL
SIGNING_STOPS_BEFORE_EXPIRY: Final = timedelta(days=30)
PROVISIONAL_VALIDITY: Final = timedelta(
    days=14
)  # of a slip: 10 working days are never more than 14 days without holidays
EXPECTED_TRANSFER_AHEAD: Final = timedelta(hours=24)  # authoredOn may be an expected time of transfer
LANE_STILL_BEFORE_TAKEOVER: Final = timedelta(
    seconds=15
)  # a renewal counter must stand still this long, by the watcher's clock
LANE_OWNER_STOPS_AFTER: Final = timedelta(seconds=10)  # without renewal; earlier than anyone may take over
HEAD_EVERY: Final = timedelta(minutes=5)
HEAD_EVERY_WATCHED: Final = timedelta(seconds=30)
GAP_ALARM_AFTER: Final = timedelta(seconds=60)
INBOX_STATUS_WITHIN: Final = timedelta(seconds=60)
ACK_WITHIN: Final = timedelta(seconds=2)
SLIP_NEEDS_YES_AFTER: Final = timedelta(hours=24)  # an older slip waits for a person
HALF_WRITTEN_WAIT: Final = timedelta(minutes=10)

# --- lanes -----------------------------------------------------------------------------------------------------
LANES: Final = 64  # fixed shards of the facilities; changing it means moving every position

# --- files -----------------------------------------------------------------------------------------------------
EXPORT_MAX_BYTES: Final = 32 * MIB  # one export file; a full XML set of an inpatient is 30 to 300 KB
