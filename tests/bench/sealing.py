"""Records made beforehand, on every core: built, signed by their sender, sealed for exchange and destination."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

from certs.keys import SigningKey, load_certificates, load_signing_key
from certs.seal import seal, sign_message
from lienvien.enrolment import KeyFolder
from tests.bench.cast import Cast
from tests.bench.messages import Recipe, bundle

_AT_ONCE = 100  # records in one job of the pool


@dataclass(frozen=True)
class Sealed:
    """One record as its sender writes it, with what is needed to recognise it."""

    sender: str
    destination: str
    value: bytes
    sha256: str
    bundle_bytes: int


@dataclass(frozen=True)
class Keys:
    """Where the keys lie: one folder for each hospital, one certificate of the exchange."""

    hospitals: Path
    exchange: Path

    def of(self, facility: str) -> KeyFolder:
        """A hospital's keys."""
        return KeyFolder(self.hospitals / facility / "keys")


def seal_all(count: int, *, first: int, cast: Cast, recipe: Recipe, keys: Keys) -> list[Sealed]:
    """``count`` records with the numbers from ``first`` on."""
    starts = range(first, first + count, _AT_ONCE)
    jobs = [(start, min(_AT_ONCE, first + count - start)) for start in starts]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return [one for part in pool.map(partial(_some, cast=cast, recipe=recipe, keys=keys), jobs) for one in part]


def _some(job: tuple[int, int], *, cast: Cast, recipe: Recipe, keys: Keys) -> Sequence[Sealed]:
    start, count = job
    return [_one(number, cast, recipe, keys) for number in range(start, start + count)]


def _one(number: int, cast: Cast, recipe: Recipe, keys: Keys) -> Sealed:
    sender, destination = cast.pair(number)
    payload = bundle(recipe, sender, destination, number)
    jws = sign_message(payload, _signing(keys, sender), iat=int(recipe.now.timestamp()))
    reader = _certificate(keys.of(destination).certificate("encryption"))
    value = seal(jws, [_certificate(keys.exchange), reader])
    return Sealed(sender, destination, value, hashlib.sha256(value).hexdigest(), len(payload))


@lru_cache
def _signing(keys: Keys, facility: str) -> SigningKey:
    folder = keys.of(facility)
    return load_signing_key(folder.key("signing"), folder.certificate("signing"))


_certificate = lru_cache(lambda path: load_certificates(path)[0])
