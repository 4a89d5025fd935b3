"""A key as joserfc takes it, made once: the library describes every key as a JWK first, which costs as much as half a
signature.
"""

from collections import OrderedDict
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, RSAKey

from certs.keys import PrivateKey, PublicKey

_KEPT_MAX: Final = 2_048  # keys: more senders than one worker usually hears within a day

# By the object, which is kept too: so no other object can have its address.
_kept: Final[OrderedDict[int, tuple[PrivateKey | PublicKey, ECKey | RSAKey]]] = OrderedDict()


def jose_key(key: PrivateKey | PublicKey) -> ECKey | RSAKey:
    """The same key for joserfc. Raises what ``import_key`` raises for a key it cannot describe."""
    found = _kept.get(id(key))
    if found is not None:
        return found[1]
    made: ECKey | RSAKey
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        made = ECKey.import_key(key)
    else:
        made = RSAKey.import_key(key)
    _kept[id(key)] = (key, made)
    while len(_kept) > _KEPT_MAX:
        _kept.popitem(last=False)
    return made
