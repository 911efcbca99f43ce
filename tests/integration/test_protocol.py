"""Every address, asked wrongly: the status that HTTP and FHIR give it, and an OperationOutcome that says where.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import random
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from carepath.api.app import ROUTES
from carepath.api.openapi import document
from fhir_mappings.search_parameters import PARAMETERS
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import seeds
from tests.integration.stories import Matter, admission
from tests.integration.talk import FHIR, PROCESS, refused, taken
from tests.unit.asked import subscription

_EVERY: dict[str, dict[str, Any]] = document(ROUTES, "0.0.0")["paths"]
_SAME = {*PARAMETERS} - {"Patient", "Subscription"}
PATHS = {path: told for path, told in _EVERY.items() if {*path.split("/")}.isdisjoint(_SAME)}
"""Of the types that have the same addresses, one."""
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
FORM = "application/x-www-form-urlencoded"
NOT_FHIR = {"/livez", "/readyz", "/metrics", "/openapi.json", "/events"}
NOT_FHIR |= {"/auth/token", "/fhir/.well-known/smart-configuration"}  # OAuth's
KITH = "/kith/messages"
"""Its senders know neither formats nor OperationOutcome: it answers with AppRec (docs/kith.md), as test_kith has it."""
GARBAGE = "%C3%28%00%2F..%2F%FF'\"<x>"


def address(path: str) -> str:
    """The path for a thing that is not there."""
    return path.format(id="none", version="1")


def allowed(path: str) -> set[str]:
    """The methods of an address; whoever answers GET answers HEAD."""
    told = {method.upper() for method in PATHS[path]}
    return told | ({"HEAD"} if "GET" in told else set())


@pytest.mark.parametrize("path", PATHS)
def test_another_method(client: httpx.Client, path: str) -> None:
    """405 with all that are allowed (RFC 9110 §15.5.6), whatever routes share the address."""
    for method in sorted(METHODS - allowed(path)):
        answer = client.request(method, address(path))
        (issue,) = refused(answer, 405)
        assert issue["code"] == "not-supported"
        assert issue["expression"] == [f"http.{method.lower()}"]
        assert {*answer.headers["allow"].split(", ")} == allowed(path)


@pytest.mark.parametrize("path", sorted(path for path in PATHS if "get" in PATHS[path]))
def test_head_says_what_get_says_without_it(client: httpx.Client, path: str) -> None:
    """The same status and media type, and no body (RFC 9110 §9.3.2)."""
    if path == "/events":
        return  # it has no end
    get, head = client.get(address(path)), client.head(address(path))
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers.get("content-type") == get.headers.get("content-type")


@pytest.mark.parametrize("path", sorted({*PATHS} - NOT_FHIR))
def test_what_is_not_there(client: httpx.Client, path: str) -> None:
    """404, or 400 where the request cannot be read: below every address, beside it, garbled."""
    whole = address(path)
    for wrong in (f"{whole}/x/y/z", whole.replace("/fhir/", "/fhir//"), f"{whole}{GARBAGE}"):
        answer = client.get(wrong)
        refused(answer, answer.status_code)
        assert answer.status_code in {404, 405}, wrong


@pytest.mark.parametrize("path", sorted({*PATHS} - NOT_FHIR))
def test_a_slash_at_the_end(client: httpx.Client, path: str) -> None:
    """Is another address, where nothing is: a redirect would repeat whatever is asked for."""
    refused(client.get(f"{address(path)}/"), 404)


@pytest.mark.parametrize("path", sorted(path for path in PATHS if "/{id}" in path))
def test_an_id_that_is_none(client: httpx.Client, path: str) -> None:
    """Nothing is there: 404."""
    method = next(iter(PATHS[path]))
    for id_ in ("a b", "æ", "x" * 65, "a_b", "a%2Fb", "a%09b", "%", "%00", "a;b"):
        answer = client.request(method, path.format(id=id_, version="1"))
        (issue,) = refused(answer, 404)
        assert issue["code"] == "not-found"


@pytest.mark.parametrize("version", ["0", "-1", "x", "1" * 12, "1.0", "%31%00", ""])
def test_a_version_that_is_none(client: httpx.Client, version: str) -> None:
    """Nor is anything here."""
    answer = client.get(f"/fhir/Patient/none/_history/{version}")
    assert answer.status_code == 404


@pytest.mark.parametrize("path", sorted({*PATHS} - NOT_FHIR - {"/fhir/Binary/{id}", KITH}))
def test_formats_that_are_not_offered(client: httpx.Client, path: str) -> None:
    """406, by Accept; and by ``_format``, whatever Accept says."""
    fhir_5, none = f"{FHIR}; fhirVersion=5.0", f"{FHIR};q=0"
    for method in {*PATHS[path]} - {"delete"}:  # its answer has no body
        kind = FORM if path.endswith("_search") else FHIR
        body = {"Content-Type": kind} if method in {"post", "put"} else {}
        for accept in ("text/html", "image/png", fhir_5, none):
            headers = body | {"Accept": accept}
            (issue,) = refused(client.request(method, address(path), headers=headers), 406)
            assert issue["code"] == "not-supported"
        for name in ("text/html", "pdf", fhir_5, ""):
            asked = {"_format": name}
            refused(client.request(method, address(path), params=asked, headers=body), 406)


TAKING = sorted(
    (path, method)
    for path, told in PATHS.items()
    for method, operation in told.items()
    if operation.get("requestBody", {}).get("required") and path not in {KITH, *NOT_FHIR}
)


@pytest.mark.parametrize(("path", "method"), TAKING)
def test_bodies_of_another_kind(client: httpx.Client, path: str, method: str) -> None:
    """415, before anything of the body is looked at."""
    for said in ("text/plain", "multipart/form-data", f"{FHIR}; charset=utf-16", ";", ""):
        headers = {"Content-Type": said}
        answer = client.request(method, address(path), content=b"{}", headers=headers)
        (issue,) = refused(answer, 415)
        assert issue["code"] == "not-supported"


def test_a_body_of_neither_format(client: httpx.Client) -> None:
    """400: it is not what it is said to be."""
    for said, body in ((FHIR, b"<Bundle/>"), ("application/fhir+xml", b"{}"), (FHIR, b"\xff\xfe")):
        headers = {"Content-Type": said, "Accept": FHIR}
        refused(client.post(PROCESS, content=body, headers=headers), 400)


@pytest.mark.parametrize("path", sorted({*PATHS} - NOT_FHIR - {"/fhir/metadata"}))
def test_who_asks_must_be_somebody(client: httpx.Client, path: str) -> None:
    """400 for what is no directory key."""
    method = min(PATHS[path])
    content, said = b'{"resourceType":"Parameters"}' if method == "post" else b"", FHIR
    if path.endswith("_search"):
        content, said = b"", FORM
    for key in ("a b", "a/b", "", "x" * 65, "*", "\u00e6", "a,b"):
        headers = {b"X-Carepath-Org": key.encode(), b"Content-Type": said.encode()}
        answer = client.request(method, address(path), headers=headers, content=content)
        (issue,) = refused(answer, 400)
        assert issue["expression"] == ["http.X-Carepath-Org"]


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir/$mailbox", "/events"])
def test_who_asks_is_one(client: httpx.Client, path: str) -> None:
    """Two in one request could be told apart by nobody: neither is taken."""
    headers = [("X-Carepath-Org", "999999018"), ("X-Carepath-Org", "999999506")]
    (issue,) = refused(client.get(path, headers=headers), 400)
    assert issue["expression"] == ["http.X-Carepath-Org"]


def test_hosts_from_elsewhere(client: httpx.Client) -> None:
    """403 in open mode, whoever else is named beside it."""
    for host in (
        "attacker.example",
        "127.0.0.1.attacker.example",
        "127.0.0.1@attacker.example",
        "",
    ):
        refused(client.get("/fhir/Patient", headers={"Host": host}), 403)
    for origin in ("https://attacker.example", "null", "http://[::1", ""):
        refused(client.get("/fhir/Patient", headers={"Origin": origin}), 403)


def test_an_address_without_end(client: httpx.Client) -> None:
    """Is refused as that, whatever it asks for."""
    for path in (f"/fhir/Patient?_id={'a' * 60_000}", f"/fhir/{'x' * 60_000}"):
        refused(client.get(path), 414)


@pytest.mark.parametrize("length", [2_000, 8_000])
def test_a_very_long_address(client: httpx.Client, length: int) -> None:
    """It is answered as a short one is, or refused as what it is."""
    found = client.get("/fhir/Patient", params={"_id": "a" * length})
    assert found.status_code == 200
    assert found.json()["total"] == 0
    refused(client.get(f"/fhir/{'x' * length}"), 404)
    refused(client.get("/fhir/Encounter", params={"date": "2" * length}), 400)


@pytest.mark.parametrize("condition", ["", '"', "W/", "*", 'W/"1", W/"x"', "\u00e6", "1" * 9_000])
def test_conditions_that_mean_nothing(client: httpx.Client, condition: str) -> None:
    """They hold nothing back but what they name: 200 or 304, never a fault."""
    patient = taken(client, admission(Matter()))
    for name in ("If-None-Match", "If-Modified-Since"):
        headers = {name.encode(): condition.encode("latin-1")}
        answer = client.get(f"/fhir/Patient/{patient}", headers=headers)
        assert answer.status_code in {200, 304}


@pytest.mark.parametrize(
    "since",
    [
        "yesterday",
        "Mon, 99 Foo 99999 99:99:99 GMT",
        "Thu, 01 Jan 1970 00:00:00",
        "0",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_date_that_is_none(client: httpx.Client, since: str) -> None:
    """Counts as none (RFC 9110 §13.1.3)."""
    patient = taken(client, admission(Matter()))
    answer = client.get(f"/fhir/Patient/{patient}", headers={"If-Modified-Since": since})
    assert answer.status_code in {200, 304}


def test_what_is_gone_and_what_has_changed(client: httpx.Client) -> None:
    """412 when somebody else changed it meanwhile, 410 when it is gone, 404 when it never was, 400 for two ids."""
    headers = {"Content-Type": FHIR}
    off = subscription() | {"status": "off"}
    made = client.post("/fhir/Subscription", json=off, headers=headers)
    assert made.status_code == 201, made.text
    id_ = made.json()["id"]
    mine = f"/fhir/Subscription/{id_}"

    changed = client.put(mine, json=off | {"id": id_}, headers={**headers, "If-Match": 'W/"99"'})
    (issue,) = refused(changed, 412)
    assert issue["expression"] == ["http.put"]
    refused(client.put(mine, json=off | {"id": "other"}, headers=headers), 400)
    refused(client.put(mine, json=off, headers=headers), 400)
    never = off | {"id": "never"}
    refused(client.put("/fhir/Subscription/never", json=never, headers=headers), 405)

    assert client.delete(mine).status_code in {200, 204}
    refused(client.get(mine), 410)
    refused(client.get("/fhir/Subscription/never"), 404)


def test_search_parameters_by_chance(client: httpx.Client) -> None:
    """What the fuzzers make of queries, through the store: 200 or 400, and no third."""
    chance, kept = random.Random("search"), seeds("search")
    found: Counter[int] = Counter()
    for _ in range(300):
        data = mutated(chance.choice(kept), chance, kept)
        pairs = parse_qsl(data[1:].decode(errors="replace"), keep_blank_values=True)
        type_ = chance.choice((*PARAMETERS,))
        answer = client.get(f"/fhir/{type_}", params=[*pairs])
        found[answer.status_code] += 1
        if answer.status_code != 200:
            refused(answer, 406 if "_format" in dict(pairs) else 400)
    assert {*found} <= {200, 400, 406}
    assert found[200] > 30
    assert found[400] > 30
