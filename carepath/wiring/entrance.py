"""Where clients sign in, as it is set."""

from carepath.delivery.targets import Reach
from carepath.identity.entrance import Entrance, entrance
from carepath.identity.issuers import HELSEID, Issuer
from carepath.settings import IssuerSettings, Settings
from carepath.store.database import Database


def entrance_on(settings: Settings, opened: Database) -> Entrance | None:
    """The entrance on an open database; none in open mode."""
    if settings.open_mode:
        return None
    return entrance(
        opened,
        address=settings.address,
        issuers=map(_issuer, settings.issuers),
        reach=Reach(settings.allow_loopback_issuers, settings.private_networks),
    )


def _issuer(told: IssuerSettings) -> Issuer:
    return Issuer(
        url=told.issuer,
        audience=told.audience,
        scopes=told.scopes,
        claims={**HELSEID, **{str(name): claim for name, claim in told.claims.items()}},
        levels=told.levels,
        bound=told.dpop,
    )
