"""RSA keys that were made badly: the family of CVE-2017-15361 ("ROCA"), from smart cards and tokens still in use.

Its primes are powers of 65537 modulo the product of the first primes, so the modulus lies in a small subgroup modulo
each of them; a sound key practically never does (Nemec et al., ACM CCS 2017, section 2.3).
"""

from typing import Final

_PRIMES: Final = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109),
    *(113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)


def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1))


_SUBGROUPS: Final = tuple((prime, _powers(prime)) for prime in _PRIMES)


def has_roca_fingerprint(modulus: int) -> bool:
    """True when an RSA modulus bears the mark of the faulty generator; such a key can be factored."""
    return all(modulus % prime in subgroup for prime, subgroup in _SUBGROUPS)
