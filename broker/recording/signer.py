"""The exchange's own word: small tokens signed with a key that is in memory, so a transaction may wait for it."""

from dataclasses import dataclass

from certs.keys import TokenKey
from certs.seal import sign_token
from schemas.ids import exchange_urn
from schemas.tokens.model import TokenModel


@dataclass(frozen=True)
class Signer:
    """Signs as one exchange."""

    exchange: str  # its short name
    key: TokenKey

    @property
    def urn(self) -> str:
        """``urn:lienvien:exchange:<name>``, as every token names the exchange."""
        return exchange_urn(self.exchange)

    def sign(self, token: TokenModel) -> str:
        """The compact JWS over a token. ES256 is randomised: sign once, store, replay."""
        return sign_token(token.encode(), token.TYP, self.key)  # type: ignore[attr-defined]
