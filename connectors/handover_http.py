"""Hand-over by HTTP POST: the body is the signed Bundle, byte for byte; only 2xx means yes."""

import ssl
from pathlib import Path
from typing import Final

import httpx2

from connectors.handover import NotTakenError
from connectors.parcel import Parcel

KEY: Final = "Idempotency-Key"
POSSIBLE_DUPLICATE: Final = "X-Possible-Duplicate"
EVENT: Final = "X-Transfer-Event"
SENDER: Final = "X-Transfer-Sender"
MEDIA_TYPE: Final = "application/fhir+json"
# The request did not leave: the HIS certainly does not have it.
_NEVER_LEFT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class HttpTarget:
    """A HIS that takes messages over HTTP. Redirects are not followed: the address is the operator's word."""

    def __init__(self, url: str, *, timeout_s: float, ca: Path | None = None) -> None:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca)) if ca else True
        self._url = url
        self._client = httpx2.AsyncClient(timeout=timeout_s, follow_redirects=False, verify=verify, trust_env=False)

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        """See ``handover.Target``. Header values are ids and codes: ASCII by their form."""
        headers = {
            "Content-Type": MEDIA_TYPE,
            KEY: parcel.message_id,
            EVENT: parcel.event.value,
            SENDER: parcel.sender,
        }
        if possible_duplicate:
            headers[POSSIBLE_DUPLICATE] = "true"
        try:
            async with self._client.stream("POST", self._url, content=parcel.payload, headers=headers) as answer:
                status = answer.status_code
        except httpx2.HTTPError as error:
            raise NotTakenError(type(error).__name__, outcome_known=isinstance(error, _NEVER_LEFT)) from error
        if (
            not 200 <= status < 300
        ):  # a fault of the server, or of one before it, may have come after it took the message
            raise NotTakenError(f"HTTP {status}", outcome_known=status < 500)

    async def close(self) -> None:
        """See ``handover.Target``."""
        await self._client.aclose()
