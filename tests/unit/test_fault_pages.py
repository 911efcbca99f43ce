"""What went wrong, as people and as programs are told of it."""

import pytest
from starlette.requests import Request

from carepath.api.errors import outcome_response
from carepath.ui.faults import readable
from pathways.refusals import Issue

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def asked(path: str, accept: str, language: str = "nb") -> Request:
    """A request for a path."""
    headers = [(b"accept", accept.encode()), (b"accept-language", language.encode())]
    return Request({"type": "http", "method": "GET", "path": path, "headers": headers})


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "Denne siden finnes ikke"),
        (405, "Denne siden finnes ikke"),
        (500, "Noe gikk galt hos oss"),
        (503, "Carepath får ikke tak i dataene"),
        (418, "Dette kunne ikke vises"),
    ],
)
def test_people_are_told_in_words(status: int, said: str) -> None:
    """On a page with the status, and with when to try again; nothing of the outcome is on it."""
    issue = Issue("transient", "the store does not answer", "http.host")
    answer = outcome_response(status, (issue,), {"Retry-After": "5"})
    shown = readable(asked("/worklist", BROWSER), answer)
    assert shown.status_code == status
    assert shown.headers["content-type"].startswith("text/html")
    assert shown.headers["retry-after"] == "5"
    assert said in bytes(shown.body).decode()
    assert "the store does not answer" not in bytes(shown.body).decode()
    english = readable(asked("/worklist", BROWSER, "en"), answer)
    assert said not in bytes(english.body).decode()


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/fhir/Patient", BROWSER), ("/worklist", "*/*"), ("/events", BROWSER), ("/", "")],
)
def test_programs_get_the_outcome(path: str, accept: str) -> None:
    """FHIR's addresses always, the others where no page is asked for."""
    answer = outcome_response(500, (Issue("exception", "ours", "http.get"),))
    assert readable(asked(path, accept), answer) is answer
