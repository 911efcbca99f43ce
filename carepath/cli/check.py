"""``carepath check``: what is wrong with the set-up, and how to mend it."""

import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import typer
from rich.text import Text

from carepath.cli import local, output
from carepath.cli.options import LOCAL, AsJson, DatabaseUrl, Url, settings
from carepath.identity.addresses import is_safe
from carepath.settings import NETWORK_CONSENT, Settings
from carepath.wiring.people import registration
from carepath.wiring.store import Store, key_file, open_store


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``mend`` is empty when all is well; ``wrong`` decides the exit code."""

    what: str
    mend: str = ""
    wrong: bool = False


def check(url: Url = LOCAL, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Look at settings, database, key, directory and server. Ends with 1 when something is wrong."""
    chosen = settings(database_url=database_url)
    findings = [*_settings(chosen), *_database(chosen), *_server(url)]
    if as_json:
        output.json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            output.say(_line(finding))
    if any(finding.wrong for finding in findings):
        raise typer.Exit(1)


def _settings(chosen: Settings) -> Iterator[Finding]:
    if chosen.exposed:
        mend = f"listen on 127.0.0.1, or set CAREPATH_OPEN_NETWORK={NETWORK_CONSENT} in a private network"
        yield Finding(f"open mode would listen on {chosen.host}", mend, wrong=True)
    elif chosen.open_mode:
        yield Finding("open mode: callers are taken at their word, from nearby only")
    else:
        yield _address(chosen)
    yield from _people(chosen)
    if chosen.accept_synthetic:
        yield Finding(
            "synthetic national ids are accepted", "CAREPATH_ACCEPT_SYNTHETIC=no in production"
        )


def _people(chosen: Settings) -> Iterator[Finding]:
    """Where people sign in to the pages."""
    if chosen.oidc_issuer is None:
        if not chosen.open_mode:
            yield Finding("the pages are closed: people cannot sign in", "CAREPATH_OIDC_ISSUER=…")
        return
    try:
        with local.mendable():
            registration(chosen, chosen.oidc_issuer)
    except output.Trouble as trouble:
        yield Finding(str(trouble), trouble.hint or "", wrong=True)
        return
    level = "" if chosen.oidc_levels else "any level of security will do: CAREPATH_OIDC_LEVELS"
    yield Finding(f"people sign in at {chosen.oidc_issuer}", level)


def _address(chosen: Settings) -> Finding:
    """Whether callers who sign in know us by the address that stands in their statements and proofs."""
    if not is_safe(chosen.address):
        mend = "CAREPATH_BASE_URL=https://…, the address that callers use"
        return Finding(f"callers sign in at {chosen.address}", mend, wrong=True)
    return Finding(f"callers sign in at {chosen.address}")


def _signing_in(chosen: Settings, store: Store) -> Iterator[Finding]:
    if chosen.open_mode:
        return
    now = datetime.now(UTC)
    clients = [one for one in store.clients() if one.holds_at(now)]
    nobody = not clients and not chosen.issuers
    mend = "carepath client-key add, or CAREPATH_ISSUERS" if nobody else ""
    issuers = len(chosen.issuers)
    yield Finding(f"{len(clients)} clients may sign in, and tokens of {issuers} issuers", mend)


def _database(chosen: Settings) -> Iterator[Finding]:
    try:
        with local.mendable(), open_store(chosen) as store:
            yield Finding("the database answers and is up to date")
            if not store.knows_promises():
                mend = "carepath rebuild, when every process is of this release"
                yield Finding("the watch waits: nobody is told of what is due", mend, wrong=True)
            yield from _payloads(store)
            yield from _signing_in(chosen, store)
            registered = [party for party in store.parties() if not party.seen]
    except output.Trouble as trouble:
        yield Finding(str(trouble), trouble.hint or "", wrong=True)
        return
    key = key_file(chosen)
    yield _key(key)
    empty = Finding("the directory is empty", "carepath org import FILE")
    yield Finding(f"the directory has {len(registered)} organisations") if registered else empty


def _payloads(store: Store) -> Iterator[Finding]:
    if clear := store.in_clear():
        mend = "carepath encrypt, when every process is of this release"
        yield Finding(f"{clear} rows hold payloads in the clear", mend, wrong=True)


def _key(path: Path) -> Finding:
    if not path.exists():
        return Finding(
            "there is no key yet", "it is made when the server starts; keep a copy apart"
        )
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("others may read the key", f"chmod 600 {path}", wrong=True)
    return Finding(f"the key is {path}; keep a copy apart from the database")


def _server(url: str) -> Iterator[Finding]:
    try:
        response = httpx.get(f"{url}/readyz", timeout=5.0, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        yield Finding(f"no server answers at {url}", "carepath serve")
        return
    if response.is_success:
        yield Finding(f"the server at {url} is ready")
    else:
        mend = "see its log"
        yield Finding(
            f"the server at {url} is not ready (HTTP {response.status_code})", mend, wrong=True
        )


def _line(finding: Finding) -> Text:
    mark, colour = (
        ("wrong", "red")
        if finding.wrong
        else ("note ", "yellow")
        if finding.mend
        else ("ok   ", "green")
    )
    mend = f" → {finding.mend}" if finding.mend else ""
    return Text.assemble((mark, colour), f"  {finding.what}{mend}")
