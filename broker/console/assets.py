"""The addresses of the style sheets and the script."""

from collections.abc import Mapping

from fastapi import APIRouter, Response

from broker.api.problems import NOT_FOUND, Problem
from transport.pages.assets import FOR_EVER, Asset, by_address


def asset_routes(assets: Mapping[str, Asset]) -> APIRouter:
    """The addresses of the assets."""
    known = by_address(assets)
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        asset = known.get(f"/static/{name}")
        if asset is None:
            raise Problem(404, NOT_FOUND)
        return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": FOR_EVER})

    return router
