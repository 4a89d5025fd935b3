"""The addresses of the style sheets and scripts; they hold nothing about anybody, so they are open."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from transport.pages.assets import FOR_EVER, Asset, by_address

_HEADERS: Final = {
    "Cache-Control": FOR_EVER,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def asset_route(assets: Mapping[str, Asset]) -> Route:
    """The addresses of the assets."""
    known = by_address(assets)

    async def static(request: Request) -> Response:
        asset = known.get(f"/static/{request.path_params['name']}")
        if asset is None:
            return Response(status_code=404)
        return Response(asset.content, media_type=asset.media_type, headers=_HEADERS)

    return Route("/static/{name}", static)
