"""Talking to a running server: one client for all commands, and troubles in words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
import orjson

from carepath import texts
from carepath.cli.options import settings
from carepath.cli.output import Trouble
from carepath.cli.signing_in import ClientKey
from fhir_mappings.codes import REFUSAL

FHIR: Final = "application/fhir+json"
_TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)


@contextmanager
def connect(url: str, organisation: str | None = None) -> Iterator[httpx.Client]:
    """A client for the server at ``url``, acting as ``organisation``; it signs in where it is set with what."""
    auth, headers = _signs_in(url), {"Accept": FHIR}
    if organisation:
        headers["X-Carepath-Org"] = organisation
    try:
        client = httpx.Client(
            base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False, auth=auth
        )
    except (httpx.InvalidURL, UnicodeEncodeError):
        raise Trouble(f"{url!r} is not a usable URL, or the organisation is not a key.") from None
    with client:
        try:
            yield client
        except httpx.ConnectError:
            raise Trouble(
                f"no server answers at {url}.",
                "Start one with 'carepath serve' or 'carepath demo', or name it with --url.",
            ) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise Trouble(
                f"{url!r} is not a usable URL.", "It begins with http:// or https://."
            ) from None
        except httpx.TimeoutException:
            raise Trouble(f"the server at {url} did not answer in time.") from None
        except httpx.TransportError as error:
            raise Trouble(f"the connection to {url} broke: {type(error).__name__}.") from None


def _signs_in(url: str) -> httpx.Auth | None:
    """How we sign in; not at all, for open mode."""
    chosen = settings()
    if chosen.client_id is None and chosen.client_key_file is None:
        return None
    if chosen.client_id is None or chosen.client_key_file is None:
        raise Trouble("CAREPATH_CLIENT_ID and CAREPATH_CLIENT_KEY_FILE are set together.")
    return ClientKey(url, chosen.client_id, chosen.client_key_file)


def answer(response: httpx.Response) -> dict[str, Any]:
    """The FHIR resource in a response; an error becomes the trouble its OperationOutcome tells."""
    body = resource(response)
    if response.is_success:
        return body
    told = "; ".join(told_issues(body)) or f"HTTP {response.status_code}"
    raise Trouble(f"the server says no: {told}")


def resource(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in a response, whatever its status."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        place = f"{response.request.url.copy_with(query=None)}"
        raise Trouble(
            f"{place} did not answer with FHIR (HTTP {response.status_code}).",
            "Is it a Carepath server?",
        )
    return body


def told_issues(body: Mapping[str, Any]) -> list[str]:
    """What the OperationOutcomes in a resource or Bundle say, with their places."""
    outcomes = [body, *resources(body, "OperationOutcome")]
    return [_issue(issue) for outcome in outcomes for issue in outcome.get("issue", ())]


def resources(bundle: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The resources of one type in a Bundle."""
    entries = [entry.get("resource", {}) for entry in bundle.get("entry", ())]
    return [found for found in entries if found.get("resourceType") == kind]


def _cause(issue: Mapping[str, Any]) -> str | None:
    """Which rule says no, in the reader's language."""
    codings = issue.get("details", {}).get("coding", ())
    causes = [coding.get("code", "") for coding in codings if coding.get("system") == REFUSAL]
    known = texts.catalogue(settings().language)
    return next((known[key] for c in causes if (key := f"refusal.{c}") in known), None)


def _issue(issue: Mapping[str, Any]) -> str:
    text = (
        _cause(issue)
        or issue.get("details", {}).get("text")
        or issue.get("diagnostics")
        or issue.get("code", "")
    )
    places = issue.get("expression", ())
    return f"{text} ({', '.join(places)})" if places else str(text)
