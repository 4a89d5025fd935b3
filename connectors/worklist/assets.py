"""Style sheet and scripts: own files, under addresses that name their content, cached for ever."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. ``address`` changes with its content."""

    address: str
    media_type: str
    content: bytes


def load_assets() -> Mapping[str, Asset]:
    """Every file of the folder, by its name."""
    return MappingProxyType({path.name: _load(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES})


def asset_route(assets: Mapping[str, Asset]) -> Route:
    """The addresses of the assets; they hold nothing about anybody, so they are open."""
    by_address = {asset.address: asset for asset in assets.values()}

    async def static(request: Request) -> Response:
        asset = by_address.get(f"/static/{request.path_params['name']}")
        if asset is None:
            return Response(status_code=404)
        return Response(asset.content, media_type=asset.media_type, headers=_HEADERS)

    return Route("/static/{name}", static)


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/static/{path.stem}.{digest}{path.suffix}", _TYPES[path.suffix], content)
