"""Which format a body has and an answer gets, by what callers say of it."""

import pytest

from carepath import texts
from carepath.api.negotiation import Format, named, sent, wanted

JSON, XML = Format.JSON, Format.XML


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        ("application/fhir+json", JSON),
        ("application/json; charset=UTF-8", JSON),
        ('Application/FHIR+XML;charset="utf-8";fhirVersion=4.0', XML),
        ("text/xml", XML),
        ("application/xml; charset=utf-16", XML),
        ("application/fhir+xml; fhirVersion=4.0.1", XML),
        ("application/fhir+xml; fhirVersion=3.0", None),
        ("application/fhir+json; fhirVersion=5.0", None),
        ("application/fhir+json; charset=utf-16", None),
        ("application/fhir+xml; charset=iso-8859-1", None),
        ("text/plain", None),
        ("xml", None),
        ("", None),
    ],
)
def test_a_body_is_what_its_content_type_says(content_type: str, found: Format | None) -> None:
    """FHIR R4 in one of two formats, in Unicode; or nothing that is read here."""
    assert sent(content_type) is found


@pytest.mark.parametrize("default", [JSON, XML])
@pytest.mark.parametrize(
    "accept",
    [
        *(None, "", "*/*", "application/*", "text/html, */*;q=0.1"),
        *("application/fhir+json, application/fhir+xml", "application/json;q=0.5, text/xml;q=0.5"),
        "application/fhir+xml;q=1.0, application/fhir+json;q=1.0, application/xml+fhir;q=0.9",
    ],
)
def test_who_likes_both_gets_the_format_of_the_request(accept: str | None, default: Format) -> None:
    """JSON, where it has no body."""
    assert wanted(accept, None, default) is default


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("application/fhir+xml", XML),
        ("application/xml", XML),
        ("text/xml", XML),
        ("APPLICATION/FHIR+XML ; Q=0.1", XML),
        ("application/fhir+json, application/fhir+xml;q=0.9", JSON),
        ("application/fhir+json;q=0.8, application/fhir+xml;q=0.9", XML),
        ("application/fhir+xml, */*;q=0.8", XML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", XML),
        ("application/fhir+json;q=0, */*", XML),
        ("application/fhir+json;q=0.000, application/*;q=0.2", XML),
        ("application/fhir+xml;q=0, application/fhir+json;q=0.1", JSON),
        ("application/fhir+xml; fhirVersion=4.0", XML),
        ("application/fhir+xml; fhirVersion=5.0, application/fhir+json", JSON),
        ("application/fhir+xml;q=x", XML),
    ],
)
@pytest.mark.parametrize("default", [JSON, XML])
def test_who_likes_one_better_gets_that(accept: str, found: Format, default: Format) -> None:
    """By their weights; what is named exactly counts more than a range that holds it."""
    assert wanted(accept, None, default) is found


@pytest.mark.parametrize(
    "accept",
    [
        *("text/html", "application/pdf, text/plain", "*/*;q=0", "application/fhir+xml;q=0.0"),
        *("application/fhir+json; fhirVersion=3.0", "text/*", ",", "application/fhir+turtle"),
    ],
)
def test_who_takes_neither_gets_neither(accept: str) -> None:
    """It is 406."""
    assert wanted(accept, None, JSON) is None


@pytest.mark.parametrize(
    ("format_", "found"),
    [
        ("xml", XML),
        ("json", JSON),
        ("text/xml", XML),
        ("application/fhir xml", XML),
        ("application/fhir+json; fhirVersion=4.0", JSON),
        ("application/fhir+xml;fhirVersion=1.0", None),
        ("ttl", None),
        ("html", None),
        ("", None),
    ],
)
@pytest.mark.parametrize(
    "accept", [None, "application/fhir+json", "application/fhir+xml", "text/html"]
)
def test_the_parameter_counts_more(format_: str, found: Format | None, accept: str | None) -> None:
    """Browsers cannot set Accept; and its plus sign may have become a space."""
    assert wanted(accept, format_, JSON) is found


@pytest.mark.parametrize(
    ("accept", "format_", "found"),
    [
        (None, None, set()),
        ("*/*", None, set()),
        ("application/fhir+xml", None, {XML}),
        ("application/fhir+xml, application/fhir+json;q=0.5", None, {XML, JSON}),
        ("application/fhir+xml;q=0, application/fhir+json", None, {JSON}),
        ("application/fhir+json, */*;q=0.1", None, set()),
        ("application/pdf", None, set()),
        ("*/*", "xml", {XML}),
        ("*/*", "ttl", set()),
    ],
)
def test_who_wants_fhir_and_nothing_else(
    accept: str | None, format_: str | None, found: set[Format]
) -> None:
    """Gets a Binary as a resource, where the bytes are something else."""
    assert named(accept, format_) == found


@pytest.mark.parametrize(("before", "found"), [(99, XML), (100, None)])
def test_a_hundred_ranges_are_read(before: int, found: Format | None) -> None:
    """Whoever names more gains nothing by it, and costs nobody time."""
    accept = "text/html," * before + "application/fhir+xml"
    assert wanted(accept, None, JSON) is found
    assert texts.language("fr," * before + "en") == ("en" if found else "nb")
