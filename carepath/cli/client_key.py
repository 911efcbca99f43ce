"""``carepath client-key``: whose systems may sign in, and with which keys."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from joserfc import jwk
from pydantic import TypeAdapter

from carepath.cli import local, output
from carepath.cli.options import AsJson, DatabaseUrl, instant
from carepath.delivery.targets import Reach, problem
from carepath.identity import jose, scopes
from carepath.settings import Settings
from carepath.store.clients import Client, Unregistered
from carepath.texts import ZONE
from carepath.wiring.store import Store
from pathways.access import Role

app = typer.Typer(
    help="Clients: whose systems may sign in, and with which keys.", no_args_is_help=True
)

_EVERYTHING = "system/*.cruds"
_CLIENT: TypeAdapter[Client] = TypeAdapter(Client)


Organisation = Annotated[str, typer.Argument(metavar="ORG", help="Whose it is: a directory key.")]
ClientId = Annotated[str, typer.Option("--client-id", help="What it calls itself.")]
JwksFile = Annotated[Path | None, typer.Option(help="Its public keys: a JWK Set, or one JWK.")]
JwksUrl = Annotated[str | None, typer.Option(help="Where it publishes its public keys.")]
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        help="What it may do, such as system/Task.rs; as often as needed.", show_default=_EVERYTHING
    ),
]
ClientRole = Annotated[
    str, typer.Option(help="system: the organisation's own; supplier: works for others.")
]
ActsFor = Annotated[
    list[str] | None,
    typer.Option(metavar="ORG", help="Whom else it may act as, while this holds."),
]
Until = Annotated[str | None, typer.Option(help="When it ends: a day, or a time.")]


@app.command()
def add(  # noqa: PLR0913, PLR0917 -- an option is an argument
    organisation: Organisation,
    client_id: ClientId,
    jwks_file: JwksFile = None,
    jwks_url: JwksUrl = None,
    scope: Scopes = None,
    role: ClientRole = Role.SYSTEM,
    acts_for: ActsFor = None,
    until: Until = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Register a client, or register one anew: what was before ends now, and stays on the list.

    For example:

      carepath client-key add solvik --client-id journal --jwks-url https://journal.solvik.example/jwks.json

      carepath client-key add solvik --client-id journal --jwks-file public.json --scope system/Bundle.cru
    """
    if role not in (Role.SYSTEM, Role.SUPPLIER):
        raise output.Trouble(f"{role!r} is no role of a client.", "It is system or supplier.")
    entered = Client(
        id=_id(client_id),
        party=organisation,
        role=Role(role),
        scopes=_scopes(scope or [_EVERYTHING]),
        since=datetime.now(UTC),
        acts_for=tuple(dict.fromkeys(acts_for or ())),
        jwks=None if jwks_file is None else _keys(jwks_file),
        jwks_url=jwks_url,
        until=None if until is None else instant(until),
    )
    _check_keys(entered)
    with local.store(database_url) as store:
        _check_parties(store, entered)
        before = store.enter_client(entered)
    output.say(f"{client_id} {'is changed' if before else 'may sign in'} as {organisation}")


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List the clients, with what they may do. Only their public keys are known here."""
    now = datetime.now(UTC)
    with local.store(database_url) as store:
        found = [
            one for one in store.clients() if everything or one.until is None or one.until > now
        ]
    if as_json:
        output.json([_CLIENT.dump_python(one, mode="json") for one in found])
        return
    columns = (
        "Client",
        "Organisation",
        "Role",
        "Scopes",
        "Acts for",
        "Keys",
        "Since",
        "Until",
        "Why",
    )
    output.table(columns, map(_row, found), empty="No client is registered.")


@app.command()
def revoke(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID")],
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    database_url: DatabaseUrl = None,
) -> None:
    """Let a client sign in no more. Its tokens are worth nothing within a second."""
    if not reason.strip():
        raise output.Trouble("say why.", "--reason 'the key was lost'")
    with local.store(database_url) as store:
        try:
            store.revoke_client(client_id, reason)
        except Unregistered:
            raise output.Trouble(
                f"no client has the id {client_id!r} now.", "See 'carepath client-key list --all'."
            ) from None
    output.say(f"{client_id} may not sign in any more")


@app.command()
def generate(
    private: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the private key is written.")
    ],
    public: Annotated[Path, typer.Option(help="Where the public JWK Set is written.")],
    kind: Annotated[str, typer.Option(help="ES384 or RS384.")] = "ES384",
) -> None:
    """Make a key pair for a client, for development: in production its owner makes it, and shows the public half.

    For example:

      carepath client-key generate private.json --public public.json
    """
    if kind not in ("ES384", "RS384"):
        raise output.Trouble(f"{kind!r} is not offered.", "It is ES384 or RS384.")
    parameters: Any = {"use": "sig", "alg": kind}
    key = (
        jwk.generate_key("EC", "P-384", parameters, auto_kid=True)
        if kind == "ES384"
        else jwk.generate_key("RSA", 3072, parameters, auto_kid=True)
    )
    _write(private, orjson.dumps(key.as_dict(private=True)), 0o600)
    _write(public, orjson.dumps({"keys": [key.as_dict(private=False)]}), 0o644)
    output.say(f"the private key is in {private}, the public one in {public}")


def _write(file: Path, content: bytes, mode: int) -> None:
    """A new file: none is ever written over."""
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:  # noqa: PTH123
            opened.write(content)
    except OSError as error:
        raise output.Trouble(f"{file} cannot be written: {error.strerror}.") from None


def _id(text: str) -> str:
    if not (0 < len(text) <= 255 and text.isascii() and text.isprintable() and " " not in text):
        raise output.Trouble("a client's id has 1 to 255 printable characters, and no space.")
    return text


def _scopes(told: list[str]) -> tuple[str, ...]:
    try:
        found = scopes.scopes(" ".join(told))
    except scopes.NoScope as wrong:
        raise output.Trouble(f"{wrong}.") from None
    if others := [str(one) for one in found if one.context != "system"]:
        raise output.Trouble(f"{others[0]} is not for systems.", "Write system/Type.cruds.")
    return tuple(map(str, sorted(found)))


def _keys(file: Path) -> dict[str, Any]:
    """The public keys of a file, each with a ``kid``: signatures say by it which key they are of."""
    try:
        told = orjson.loads(file.read_bytes())
        keys = jose.key_set(told if "keys" in told else {"keys": [told]})
    except OSError as error:
        raise output.Trouble(f"{file} cannot be read: {error.strerror}.") from None
    except (jose.NoKey, ValueError, TypeError) as wrong:
        text = str(wrong) if isinstance(wrong, jose.NoKey) else "it is no JSON object"
        raise output.Trouble(f"{file} cannot be used: {text}.") from None
    names = [(one.get("kid"), one["kty"]) for one in keys]
    if any(not isinstance(kid, str) or not kid for kid, _ in names) or len({*names}) < len(names):
        raise output.Trouble(f"{file} cannot be used: each key needs a kid of its own.")
    return {"keys": keys}


def _check_keys(client: Client) -> None:
    if (client.jwks is None) == (client.jwks_url is None):
        raise output.Trouble("name its keys once.", "With --jwks-file or --jwks-url.")
    if client.until is not None and client.until <= client.since:
        raise output.Trouble("--until is over already.")
    if client.jwks_url is not None:
        settings = Settings()
        reach = Reach(settings.allow_loopback_issuers, settings.private_networks)
        if wrong := problem(client.jwks_url, reach=reach):
            raise output.Trouble(f"--jwks-url {wrong}.")


def _check_parties(store: Store, client: Client) -> None:
    known = {party.key for party in store.parties()}
    if missing := [key for key in (client.party, *client.acts_for) if key not in known]:
        raise output.Trouble(
            f"no organisation has the key {missing[0]}.", "See 'carepath org list'."
        )
    now = [one for one in store.clients() if one.id == client.id and one.holds_at(client.since)]
    if now and now[0].party != client.party:
        raise output.Trouble(
            f"{client.id} is {now[0].party}'s.", "Revoke it first, or take another id."
        )


def _row(one: Client) -> tuple[str, ...]:
    keys = one.jwks_url or ", ".join(
        str(key.get("kid")) for key in (one.jwks or {}).get("keys", ())
    )
    return (
        *(one.id, one.party, one.role, " ".join(one.scopes), " ".join(one.acts_for), keys),
        *(_moment(one.since), _moment(one.until), one.reason or ""),
    )


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")
