"""The style sheet and the script: own files, under addresses that name their content, cached for ever."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Response

from broker.api.problems import NOT_FOUND, Problem

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. ``address`` changes with its content."""

    address: str
    media_type: str
    content: bytes


def load_assets() -> Mapping[str, Asset]:
    """Every file of the folder, by its name."""
    return MappingProxyType({path.name: _load(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES})


def asset_routes(assets: Mapping[str, Asset]) -> APIRouter:
    """The addresses of the assets."""
    by_address = {asset.address: asset for asset in assets.values()}
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        asset = by_address.get(f"/static/{name}")
        if asset is None:
            raise Problem(404, NOT_FOUND)
        return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": _FOR_EVER})

    return router


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/static/{path.stem}.{digest}{path.suffix}", _TYPES[path.suffix], content)
