"""Style sheets and scripts: own files, under addresses that name their content, cached for ever."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

_SHARED: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FOR_EVER: Final = "public, max-age=31536000, immutable"  # Cache-Control: another content has another address


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. ``address`` changes with its content."""

    address: str
    media_type: str
    content: bytes


def load_assets(folder: Path) -> Mapping[str, Asset]:
    """Every file of a folder, and those that all pages share, by name."""
    files = sorted([*_SHARED.iterdir(), *folder.iterdir()])
    return MappingProxyType({path.name: _load(path) for path in files if path.suffix in _TYPES})


def by_address(assets: Mapping[str, Asset]) -> Mapping[str, Asset]:
    """The same assets by their addresses."""
    return MappingProxyType({asset.address: asset for asset in assets.values()})


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/static/{path.stem}.{digest}{path.suffix}", _TYPES[path.suffix], content)
