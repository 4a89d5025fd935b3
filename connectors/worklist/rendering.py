"""Templates with everything they may use. They ship with the code, escape everything, and fail on a missing name."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from connectors.worklist import formats, words
from connectors.worklist.texts import TEXTS
from transport.pages.assets import Asset
from transport.pages.language import COOKIE, COOKIE_AGE_S, as_language, chosen, other

# No inline script or style, nothing from anywhere else, no frame around us, forms only to ourselves.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# ``same-origin``: with ``no-referrer`` a browser would hide the origin of our own forms from us.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Renderer:
    """Makes pages of one hospital."""

    def __init__(self, facility: str, name: str, assets: Mapping[str, Asset]) -> None:
        self._site = {"facility": facility, "name": name}
        self._assets = {name: asset.address for name, asset in assets.items()}
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(self, request: Request, template: str, here: str, status: int = 200, **values: Any) -> HTMLResponse:
        """One page in the language of the request, or in the one that ``?lang=`` switches to from now on.

        ``here`` is the page's own address as we write it, never as the request had it.
        """
        switched = as_language(request.query_params.get("lang"))
        language = switched or chosen(request.cookies, request.headers.get("accept-language", ""))
        html = self._templates.get_template(template).render(
            site=self._site,
            assets=self._assets,
            here=here,
            language=language,
            other_language=other(language),
            switch=f"{here}?lang={other(language)}",
            t=SimpleNamespace(**{name: phrase[language] for name, phrase in TEXTS.items()}),
            said=lambda item: item["vi" if language == "vi" else "en"],
            word=lambda table, code: words.word(table, code, language),
            choices=lambda table: words.choices(table, language),
            local=formats.local_time,
            clock=formats.clock_time,
            utc=formats.utc_time,
            span=partial(formats.span, language=language),
            **values,
        )
        response = HTMLResponse(html, status, {**_HEADERS, "Content-Language": language})
        if switched:
            response.set_cookie(COOKIE, language, max_age=COOKIE_AGE_S, httponly=True, samesite="strict")
        return response
