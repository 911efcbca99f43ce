"""DPoP proofs and organisations in tokens, by themselves: what fits, and what is wrong by its name."""

import time
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from joserfc import jwk

from carepath.identity.issuers import Issuer, Vouched, party_of
from carepath.identity.proofs import Proven, Shown, proven
from carepath.identity.refusals import NotBelieved
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.parties import Directory, Identifier, Party
from tests.integration.issuer import HOLDER, WRONG_PROOFS, proof

URL: Final = "https://ke.example/fhir/Patient"
TOKEN: Final = "a.b.c"
AT: Final = datetime(2026, 3, 1, tzinfo=UTC)


def judged(made: str, *, url: str = URL, after: float = 0.0, key: Any = HOLDER) -> Proven:
    """A proof at a moment, in seconds from now."""
    shown = Shown(method="GET", url=url, token=TOKEN, thumbprint=key.thumbprint())
    return proven(made, shown, time.time() + after)


@pytest.mark.parametrize("reason", [one for one in WRONG_PROOFS if one != "proof-missing"])
def test_a_wrong_proof_is_named(reason: str) -> None:
    """Each by its own code."""
    with pytest.raises(NotBelieved) as refused:
        judged(WRONG_PROOFS[reason](TOKEN, URL))
    assert refused.value.fault == reason
    assert refused.value.error == "invalid_dpop_proof"


@pytest.mark.parametrize(
    ("after", "reason"),
    [(-4, None), (0, None), (5, None), (8, "proof-from-the-past"), (-8, "proof-from-the-future")],
)
def test_a_proof_is_good_for_seconds(after: float, reason: str | None) -> None:
    """One, and five that clocks may differ."""
    made = proof("GET", URL, TOKEN)
    if reason is None:
        assert judged(made, after=after).until > time.time() + after
        return
    with pytest.raises(NotBelieved, match=reason):
        judged(made, after=after)


def test_what_was_proven_is_remembered_as_long_as_it_is_good() -> None:
    """Else a proof could be shown again, at the end."""
    found = judged(proof("GET", URL, TOKEN))
    with pytest.raises(NotBelieved, match="proof-from-the-past"):
        judged(proof("GET", URL, TOKEN), after=found.until - time.time() + 1)


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://KE.EXAMPLE/fhir/Patient",
        "https://ke.example:443/fhir/Patient",
        "https://ke.example/fhir/Patient?identifier=1#a",
        "https://ke.example/fhir/%50atient",
    ],
)
def test_addresses_that_mean_the_same_are_the_same(url: str) -> None:
    """RFC 3986 §6.2."""
    assert judged(proof("GET", url, TOKEN)).id


@pytest.mark.parametrize(
    "url",
    [
        "http://ke.example/fhir/Patient",
        "https://ke.example:444/fhir/Patient",
        "https://[/",
        "Patient",
    ],
)
def test_other_addresses_are_others(url: str) -> None:
    """Whatever they look like."""
    with pytest.raises(NotBelieved, match="proof-of-other-address"):
        judged(proof("GET", url, TOKEN))


def test_a_long_key_fits_in_a_proof() -> None:
    """RSA of 4096 bits, as many of HelseID's clients have."""
    key = jwk.generate_key("RSA", 4096)
    assert judged(proof("GET", URL, TOKEN, key=key, header={"alg": "RS256"}), key=key).id


def _party(key: str, number: str, parent: str | None = None, **more: Any) -> Party:
    return Party(
        key, key, identifiers=(Identifier(ORGANISATION_NUMBER, number),), parent=parent, **more
    )


DIRECTORY: Final = Directory(
    {
        one.key: one
        for one in (
            _party("house", "1"),
            _party("clinic", "2", "house"),
            _party("ward", "3", "clinic"),
            _party("other", "4"),
            _party("closed", "5", "house", valid_to=AT),
            _party("ring", "6", "gnir"),
            _party("gnir", "7", "ring"),
        )
    }
)


def _vouched(parent: str | None, child: str | None) -> Vouched:
    return Vouched(
        issuer=Issuer(url="https://sts.example", audience="us", scopes={}),
        client="journal",
        scopes=frozenset(),
        parent=parent,
        child=child,
        supplier=None,
        person=None,
        thumbprint=None,
    )


@pytest.mark.parametrize(
    ("parent", "child", "found"),
    [
        ("1", None, "house"),
        ("1", "1", "house"),
        ("1", "2", "clinic"),
        ("1", "3", "ward"),
        ("2", "3", "ward"),
        ("3", "2", "organisation-child-not-of-parent"),
        ("1", "4", "organisation-child-not-of-parent"),
        ("4", "3", "organisation-child-not-of-parent"),
        ("1", "6", "organisation-child-not-of-parent"),
        ("1", "5", "organisation-child-unknown"),
        ("1", "9", "organisation-child-unknown"),
        ("9", "1", "organisation-unknown"),
        (None, "1", "organisation-missing"),
    ],
)
def test_the_point_of_care_is_a_unit_of_the_legal_entity(
    parent: str | None, child: str | None, found: str
) -> None:
    """By our directory, at whatever depth: HelseID does not check it."""
    assert _found(parent, child) == found


def _found(parent: str | None, child: str | None) -> str:
    """The party's key, or why there is none."""
    try:
        return party_of(_vouched(parent, child), DIRECTORY, AT).key
    except NotBelieved as refused:
        return refused.fault


def test_a_ring_in_the_directory_ends() -> None:
    """It is a mistake there, and no reason to hang."""
    assert "house" not in DIRECTORY.lineage("ring")
    assert "gnir" in DIRECTORY.lineage("ring")
