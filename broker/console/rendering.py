"""Templates with everything they may use. They ship with the code, escape everything, and fail on a missing name."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from broker.api import words
from broker.console import formats
from broker.console.texts import TEXTS, alarm_phrase
from schemas.times import iso
from schemas.words import DECISIONS, JOURNEYS, KINDS, PRIORITIES, Phrase
from transport.pages.assets import Asset
from transport.pages.language import COOKIE, COOKIE_AGE_S, as_language, chosen, other

# No inline script or style, nothing from anywhere else, no frame around us, forms only to ourselves.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_WORDS: Final[Mapping[str, Mapping[Any, Phrase]]] = {
    "stage": words.STAGES,
    "decision": DECISIONS,
    "delivery": words.DELIVERIES,
    "journey": JOURNEYS,
    "loop": words.LOOPS,
    "priority": PRIORITIES,
    "kind": KINDS,
    "handed_on": words.HANDED_ON,
    "situation": words.SITUATIONS,
}


class Renderer:
    """Makes pages. ``exchange`` is the exchange's name, shown on each."""

    def __init__(self, exchange: str, assets: Mapping[str, Asset]) -> None:
        self._exchange = exchange
        self._assets = {name: asset.address for name, asset in assets.items()}
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def page(
        self, request: Request, template: str, now: datetime, here: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """One page in the language of the request, or in the one that ``?lang=`` switches to from now on.

        ``here`` is the page's own address as we write it, never as the request had it.
        """
        switched = as_language(request.query_params.get("lang"))
        language = switched or chosen(request.cookies, request.headers.get("accept-language", ""))
        text = SimpleNamespace(**{name: phrase[language] for name, phrase in TEXTS.items()})
        html = self._templates.get_template(template).render(
            exchange=self._exchange,
            assets=self._assets,
            language=language,
            other_language=other(language),
            t=text,
            word=lambda table, code: _WORDS[table][code][language],
            choices=lambda table: [(code, phrase[language]) for code, phrase in _WORDS[table].items()],
            alarm=lambda code: alarm_phrase(code)[language],
            local=formats.local_time,
            utc=formats.utc_time,
            span=partial(formats.span, language=language),
            whole=partial(formats.whole, language=language),
            now=iso(now),
            switch=f"{here}{'&' if '?' in here else '?'}lang={other(language)}",
            **values,
        )
        response = HTMLResponse(html, status, {"Content-Security-Policy": POLICY, "Content-Language": language})
        if switched:
            response.set_cookie(COOKIE, language, max_age=COOKIE_AGE_S, httponly=True, samesite="strict")
        return response
