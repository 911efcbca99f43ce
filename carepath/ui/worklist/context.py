"""From a record system that has a patient open, to what is owed about that one: with the session, from another site.

Browsers send no session along with another site's form (SameSite), and none of those may act in anybody's name. So
what such a form names is only sealed and given to the browser to keep, under a handle that is good once; a GET of ours
follows, which comes with the session, or after signing in, and looks. The number stands in no address.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from carepath.identity.sign_in import LASTS
from carepath.store.blind import Keys
from carepath.ui.door import Door
from carepath.ui.forms import form_of
from carepath.ui.rendering import HEADERS, page
from carepath.ui.values import Data
from carepath.ui.worklist.pages import at_work, guarded, kept

LONGEST: Final = 500
"""Characters of an identifier with its system: it has to fit in a cookie."""


@dataclass(frozen=True, slots=True)
class Opening:
    """``POST /worklist/open``, by anybody, and ``GET /worklist/opened/{handle}``, behind the door."""

    data: Data
    door: Door

    def routes(self) -> list[Route]:
        """Both; they come before the pages that take any id."""
        looks = guarded(self.door, self.data, self._opened)
        return [
            Route("/worklist/open", self._open, methods=["POST"], name="work-open"),
            Route("/worklist/opened/{handle}", looks, name="work-opened"),
        ]

    async def _open(self, request: Request) -> Response:
        """Nothing is looked up, and nobody is asked who they are."""
        identifier = (await form_of(request)).one("identifier")
        if not identifier or len(identifier) > LONGEST:
            return page(request, "problem.html", status=400, problem="worklist.names-nobody")
        handle = secrets.token_urlsafe(16)
        sealed = _sealed(self.data.lists.keys, handle, identifier)
        where = f"/worklist/opened/{handle}{kept(request)}"
        response = RedirectResponse(where, 303, headers=HEADERS)
        self.door.put(response, _cookie(handle), sealed, LASTS)
        return response

    async def _opened(self, data: Data, request: Request) -> Response:
        handle = request.path_params["handle"]
        sealed = request.cookies.get(self.door.cookie(_cookie(handle)))
        identifier = _unsealed(data.lists.keys, handle, sealed)
        if identifier is None:
            return page(request, "problem.html", status=410, problem="worklist.opened-before")
        found = await run_in_threadpool(data.find, at_work(request), identifier)
        if found is None:
            response: Response = page(
                request, "problem.html", status=404, problem="page.unknown-identifier"
            )
        else:
            where = f"/worklist{kept(request, patient=found)}"
            response = RedirectResponse(where, 303, headers=HEADERS)
        self.door.take(response, _cookie(handle))
        return response


def _cookie(handle: str) -> str:
    """Each has its own: several patients may be opened at once."""
    return f"context-{handle}"


def _sealed(keys: Keys, handle: str, identifier: str) -> str:
    told = orjson.dumps([identifier, datetime.now(UTC).timestamp()]).decode()
    return urlsafe_b64encode(keys.seal(told, _about(handle))).decode()


def _unsealed(keys: Keys, handle: str, sealed: str | None) -> str | None:
    """What was named; ``None``: not in this browser, not in these minutes, or looked at before."""
    try:
        told = keys.unseal(urlsafe_b64decode(sealed or ""), _about(handle))
    except (InvalidTag, ValueError):
        return None
    identifier, at = orjson.loads(told)
    late = datetime.now(UTC).timestamp() - at > LASTS.total_seconds()
    return None if late else str(identifier)


def _about(handle: str) -> bytes:
    return f"patient context {handle}".encode()
