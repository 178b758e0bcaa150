"""Scripts, styles and the icon: each at an address that names its content, so it is kept for ever.

Everything a page needs comes from here; nothing is asked of another host.
"""

import hashlib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from litestar import Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from app.api.problems import not_found
from app.api.ui.guarding import unsigned

ROOT: Final = "/static"
FOR_EVER: Final = "public, max-age=31536000, immutable"
DIGEST_CHARS: Final = 16
_MEDIA_TYPES: Final = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


class Asset(NamedTuple):
    digest: str
    media_type: str
    content: bytes


class Assets:
    """Read once, when the process starts."""

    def __init__(self) -> None:
        root = resources.files(__package__) / "static"
        self._assets = dict(_read(root, ""))

    def address(self, name: str) -> str:
        """KeyError: there is no such file."""
        return f"{ROOT}/{self._assets[name].digest}/{name}"

    def find(self, digest: str, name: str) -> Asset | None:
        found = self._assets.get(name)
        return found if found is not None and found.digest == digest else None


def _read(directory: Traversable, above: str) -> Iterator[tuple[str, Asset]]:
    for each in sorted(directory.iterdir(), key=lambda entry: entry.name):
        name = f"{above}{each.name}"
        if each.is_dir():
            yield from _read(each, f"{name}/")
            continue
        media_type = _MEDIA_TYPES.get(name.rpartition(".")[2])
        if media_type is not None:  # licences and notes stay where they are
            content = each.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:DIGEST_CHARS]
            yield name, Asset(digest, media_type, content)


@get(f"{ROOT}/{{digest:str}}/{{name:path}}", **unsigned())
async def asset(
    digest: FromPath[str], name: FromPath[str], assets: Given[Assets]
) -> Response[bytes]:
    found = assets.find(digest, name.lstrip("/"))
    if found is None:
        raise not_found("file")
    return Response(found.content, media_type=found.media_type, headers={"cache-control": FOR_EVER})


ASSET_ROUTES: list[HTTPRouteHandler] = [asset]
