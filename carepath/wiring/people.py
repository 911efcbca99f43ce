"""Signing people in to the pages, as it is set; and who works where."""

from collections.abc import Callable
from datetime import datetime, timedelta

from carepath.identity.addresses import is_safe
from carepath.identity.oidc import Issuer, Registration
from carepath.identity.sessions import Limits, Sessions
from carepath.identity.sign_in import SignInFault
from carepath.settings import Settings
from carepath.store import members
from carepath.store.database import Database
from carepath.store.members import Membership
from carepath.ui.door import SignIn
from carepath.wiring.signing_keys import signing_key
from carepath.wiring.store import Store, Unusable
from pathways.access import Role
from pathways.parties import Identifier


def sign_in(
    settings: Settings, opened: Database, count: Callable[[SignInFault], object]
) -> SignIn | None:
    """How people sign in; ``None``: not at all. Raises ``Unusable``."""
    if settings.oidc_issuer is None:
        return None
    return SignIn(
        issuer=Issuer(registration(settings, settings.oidc_issuer)),
        sessions=sessions(settings, opened),
        address=settings.address,
        count=count,
        accept_synthetic=settings.accept_synthetic,
    )


def sessions(settings: Settings, opened: Database) -> Sessions:
    """The sessions of the pages."""
    limits = Limits(
        idle=timedelta(minutes=settings.session_idle_minutes),
        lasting=timedelta(hours=settings.session_hours),
    )
    return Sessions(opened, limits)


def registration(settings: Settings, issuer: str) -> Registration:
    """How the issuer knows us. Raises ``Unusable`` where that cannot work, or would not be safe."""
    if not settings.oidc_client_id:
        raise Unusable("the issuer does not know us by any name", "Set CAREPATH_OIDC_CLIENT_ID.")
    if not is_safe(issuer):
        raise Unusable("the issuer can be read along: it has no TLS", "Set an https:// issuer.")
    if not is_safe(settings.address):
        hint = "Set CAREPATH_BASE_URL to the https:// address that people use."
        raise Unusable("people cannot sign in over a connection without TLS", hint)
    secret, key_file = settings.oidc_client_secret, settings.oidc_private_key_file
    if secret and key_file:
        hint = "Set CAREPATH_OIDC_CLIENT_SECRET or CAREPATH_OIDC_PRIVATE_KEY_FILE."
        raise Unusable("the issuer can know us by a secret or by a key, not by both", hint)
    return Registration(
        issuer=issuer,
        client_id=settings.oidc_client_id,
        redirect_uri=f"{settings.address}/sign-in/callback",
        signed_out_uri=f"{settings.address}/signed-out",
        scope=settings.oidc_scope,
        levels=tuple((settings.oidc_levels or "").split()),
        secret=secret.get_secret_value() if secret else None,
        key=signing_key(key_file, "CAREPATH_OIDC_PRIVATE_KEY_FILE") if key_file else None,
    )


def listed(store: Store, party: str | None) -> list[Membership]:
    """All memberships there are and were, or a party's."""
    with store.database.read() as conn:
        return members.listed(conn, store.database.keys, party)


def add(  # noqa: PLR0913, PLR0917 -- a membership's parts
    store: Store,
    identifier: Identifier,
    name: str,
    party: str | None,
    role: Role,
    since: datetime,
    until: datetime | None,
) -> Membership:
    """Enter a membership."""
    with store.database.write() as conn:
        keys = store.database.keys
        return members.add(conn, keys, identifier, name, party, role, since, until)


def end(store: Store, id_: str, until: datetime) -> Membership | None:
    """End a membership; as it was. ``None``: there is no such one."""
    with store.database.write() as conn:
        found = members.show(conn, store.database.keys, id_)
        if found is not None:
            members.end(conn, id_, until)
    return found


def sign_out(store: Store, settings: Settings, identifier: Identifier) -> int:
    """Sign a person out everywhere; how many sessions there were."""
    return sessions(settings, store.database).end_of([identifier])
