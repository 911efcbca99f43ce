"""The pages under ``/``: patients with recent activity, and one patient's timeline, live.

The pages ask for data through ``Data`` and know neither the store nor the API. A patient is found by
identifier through a POST form, so no national id ever stands in a URL. What is done from them is a message
(``acting``). There is no inline script or style, so the content policy can forbid both.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from carepath.ui import sessions, sign_in
from carepath.ui.door import Door
from carepath.ui.operations import changes as operations_changes
from carepath.ui.operations import pages as operations
from carepath.ui.operations.pages import Desk
from carepath.ui.pathway import pages as pathway
from carepath.ui.patient.glass import break_glass, glass
from carepath.ui.patient.pages import changes, patient
from carepath.ui.patient.recent import find, patients
from carepath.ui.plan import pages as plan
from carepath.ui.rendering import HERE
from carepath.ui.send import corrections
from carepath.ui.send import pages as send
from carepath.ui.values import Data
from carepath.ui.worklist import changes as worklist_changes
from carepath.ui.worklist import pages as worklist
from carepath.ui.worklist.context import Opening

Endpoint = Callable[[Data, Request], Awaitable[Response]]

OWN_DOOR: Final = frozenset(
    {"patients", "find", "patient", "changes", "glass", "break-glass", "static"}
    | {"operations", "deliveries", "deliver", "parked", "parked-one", "settle", "connect"}
    | send.NAMES
    | corrections.NAMES
    | plan.NAMES
    | pathway.NAMES
    | worklist.NAMES
    | {"sign-in", "sign-in-callback", "choices", "choose", "sign-out", "signed-out"}
    | {"sessions", "end-sessions"}
)
"""The names of the routes that let people in themselves (``carepath.ui.door``), or that show nothing."""


def routes(data: Data, door: Door, desk: Desk) -> list[BaseRoute]:
    """All pages, their live updates and their static files; and signing in, where it is set up."""

    def page(path: str, name: str, endpoint: Endpoint, method: str = "GET") -> Route:
        return Route(path, door.guarded(partial(endpoint, data)), methods=[method], name=name)

    return [
        page("/", "patients", patients),
        page("/", "find", find, "POST"),
        page("/break-glass", "glass", glass),
        page("/break-glass", "break-glass", break_glass, "POST"),
        page("/patients/{id}", "patient", patient),
        page("/patients/{id}/changes", "changes", changes),
        *send.routes(data, door),
        *corrections.routes(data, door),
        *plan.routes(data, door),
        *pathway.routes(data, door),
        *Opening(data, door).routes(),
        *worklist_changes.routes(data, door),
        *worklist.routes(data, door),
        *operations.routes(desk, door),
        *operations_changes.routes(desk, door),
        *([*sign_in.routes(door.sign_in), *sessions.routes(door.sign_in)] if door.sign_in else ()),
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
    ]
