"""The pages of a running broker, and what they ask it for."""

from starlette.routing import BaseRoute

from carepath.api.context import Context
from carepath.service import Service
from carepath.ui.acting import Acting
from carepath.ui.data import data
from carepath.ui.door import Door
from carepath.ui.operations.connect import Guide
from carepath.ui.operations.data import Operations
from carepath.ui.operations.pages import Desk
from carepath.ui.routes import routes


def pages(context: Context, door: Door, service: Service, guide: Guide) -> list[BaseRoute]:
    """All of them. ``service``: one that nothing else uses, for what is parked; ``guide``: for who connects."""
    database, relay, base_url = context.database, context.relay, context.base_url
    acting = Acting(database, base_url, context.gather.submit, mail=context.mail)
    desk = Desk(Operations(database, relay, service, base_url), guide)
    return routes(data(database, relay, acting), door, desk)
