"""ID tokens: each thing that can be wrong is refused by its name, and nothing else is."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from carepath.identity.id_tokens import Expected, half_hash, verified
from carepath.identity.sign_in import Attempt, Refused, SignInFault, opened, own_path
from carepath.store.blind import Keys

NOW = 1_800_000_000.0
ES, OTHER, RS = (
    ECKey.generate_key("P-256", auto_kid=True),
    ECKey.generate_key("P-256", auto_kid=True),
    RSAKey.generate_key(2048, auto_kid=True),
)
KEYS: list[dict[str, Any]] = [dict(one) for one in KeySet([ES, RS]).as_dict(private=False)["keys"]]
EXPECTED = Expected(
    issuer="https://issuer.example",
    client_id="carepath",
    nonce="n-0S6_WzA2Mj",
    access_token="SlAV32hkKG",
    levels=("Level4",),
)
CLAIMS: dict[str, Any] = {
    "iss": EXPECTED.issuer,
    "sub": "248289761001",
    "aud": "carepath",
    "azp": "carepath",
    "exp": NOW + 300,
    "iat": NOW,
    "nbf": NOW,
    "nonce": EXPECTED.nonce,
    "at_hash": half_hash(EXPECTED.access_token, "ES256"),
    "acr": "Level4",
}
GONE = object()
F = SignInFault


def token(header: dict[str, Any] | None = None, key: Any = ES, **changes: Any) -> str:
    """An ID token; ``GONE`` takes a claim away."""
    told = {"alg": "ES256", "kid": ES.kid, **(header or {})}
    claims = {name: said for name, said in {**CLAIMS, **changes}.items() if said is not GONE}
    registry = JWSRegistry(algorithms=[told["alg"]], strict_check_header=False)
    header_ = {name: said for name, said in told.items() if said is not GONE}
    return jwt.encode(header_, claims, key, [told["alg"]], registry)


def fault(told: str, keys: list[dict[str, Any]] | None = None) -> SignInFault | None:
    """Why it is refused; ``None``: it is not."""
    try:
        verified(told, KEYS if keys is None else keys, EXPECTED, NOW)
    except Refused as refused:
        return refused.fault
    return None


def test_a_right_one_is_believed() -> None:
    """By either kind of key, with and without what may be left out."""
    assert verified(token(), KEYS, EXPECTED, NOW)["sub"] == "248289761001"
    assert fault(token(azp=GONE, at_hash=GONE, nbf=GONE)) is None
    assert fault(token(aud=["other", "carepath"])) is None
    by_rsa = {"alg": "PS256", "kid": RS.kid}
    assert fault(token(by_rsa, RS, at_hash=half_hash(EXPECTED.access_token, "PS256"))) is None
    assert fault(token({"kid": GONE}), KEYS[:1]) is None


def unsigned(algorithm: str | None, **more: Any) -> str:
    """A header that asks to be believed, over our claims."""
    told = token().split(".")
    header = orjson.dumps({**({"alg": algorithm} if algorithm else {}), **more})
    return f"{urlsafe_b64encode(header).rstrip(b'=').decode()}.{told[1]}."


def listed() -> str:
    """A signed list."""
    return jws.serialize_compact({"alg": "ES256", "kid": ES.kid}, b"[]", ES)


WRONG: dict[str, tuple[SignInFault, Callable[[], str]]] = {
    "another issuer": (F.ISSUER, lambda: token(iss="https://issuer.example/")),
    "no issuer": (F.ISSUER, lambda: token(iss=GONE)),
    "for another client": (F.AUDIENCE, lambda: token(aud="another")),
    "for nobody": (F.AUDIENCE, lambda: token(aud=GONE)),
    "for something": (F.AUDIENCE, lambda: token(aud={"carepath": True})),
    "asked for by another": (F.PARTY, lambda: token(azp="another")),
    "several, asked for by nobody": (F.PARTY, lambda: token(aud=["carepath", "x"], azp=GONE)),
    "of nobody": (F.CLAIMS, lambda: token(sub=GONE)),
    "of somebody empty": (F.CLAIMS, lambda: token(sub="")),
    "of a number": (F.CLAIMS, lambda: token(sub=17)),
    "expired": (F.EXPIRED, lambda: token(exp=NOW - 6)),
    "without end": (F.EXPIRED, lambda: token(exp=GONE)),
    "an end in words": (F.EXPIRED, lambda: token(exp="tomorrow")),
    "an end that is true": (F.EXPIRED, lambda: token(exp=True)),
    "from the future": (F.ISSUED, lambda: token(iat=NOW + 6)),
    "from yesterday": (F.ISSUED, lambda: token(iat=NOW - 86_400)),
    "from nowhen": (F.ISSUED, lambda: token(iat=GONE)),
    "not yet": (F.ISSUED, lambda: token(nbf=NOW + 60)),
    "not from a time": (F.ISSUED, lambda: token(nbf="now")),
    "the answer to another question": (F.NONCE, lambda: token(nonce="another")),
    "no answer": (F.NONCE, lambda: token(nonce=GONE)),
    "of another access token": (F.HASH, lambda: token(at_hash=half_hash("another", "ES256"))),
    "at_hash is no text": (F.HASH, lambda: token(at_hash=7)),
    "too low": (F.LEVEL, lambda: token(acr="Level3")),
    "no level": (F.LEVEL, lambda: token(acr=GONE)),
    "another's key": (F.SIGNATURE, lambda: token(key=OTHER)),
    "an unknown key": (F.KEY, lambda: token({"kid": OTHER.kid}, OTHER)),
    "no key named among two": (F.KEY, lambda: token({"kid": GONE})),
    "another kind of key": (F.KEY, lambda: token({"alg": "RS256", "kid": ES.kid}, RS)),
    "a logout token": (F.TYPE, lambda: token({"typ": "logout+jwt"})),
    "an access token": (F.TYPE, lambda: token({"typ": "at+jwt"})),
    "no signature": (F.ALGORITHM, lambda: unsigned("none")),
    "a shared secret": (
        F.ALGORITHM,
        lambda: token({"alg": "HS256"}, OctKey.import_key("k" * 32)),
    ),
    "no algorithm": (F.ALGORITHM, lambda: unsigned(None)),
    "something critical": (F.ALGORITHM, lambda: unsigned("ES256", crit=["exp"])),
    "not a token": (F.MALFORMED, lambda: "not a token"),
    "too long": (F.MALFORMED, lambda: token(name="x" * 20_000)),
    "encrypted": (F.MALFORMED, lambda: "a.b.c.d.e"),
    "claims that are none": (F.MALFORMED, listed),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_one_is_refused_by_name(what: str) -> None:
    """And the exception quotes nothing of it."""
    expected, make = WRONG[what]
    with pytest.raises(Refused) as refused:
        verified(make(), KEYS, EXPECTED, NOW)
    assert refused.value.fault is expected
    assert str(refused.value) == expected


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    """One other character anywhere: it is refused, or it is the same token written otherwise."""
    right = token()
    at = data.draw(st.integers(0, len(right) - 1))
    other = data.draw(st.characters(codec="ascii"))
    changed = right[:at] + other + right[at + 1 :]
    try:
        assert verified(changed, KEYS, EXPECTED, NOW) == CLAIMS
    except Refused:
        assert changed != right


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    """None of it is a fault of ours."""
    assert fault(text) is not None


# --- the attempt, and where it leads back to

SECRET = Keys(b"k" * 32)


def moment(seconds: float) -> datetime:
    """As aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def test_an_attempt_comes_back_as_it_was() -> None:
    """The challenge is what RFC 7636 appendix B says of its verifier."""
    attempt = Attempt("/patients/p?asOf=now", NOW)
    assert opened(attempt.sealed(SECRET), attempt.state, SECRET, moment(NOW + 599)) == attempt
    known = Attempt("/", NOW, verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert known.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    "case", ["state", "no state", "late", "no cookie", "other", "changed", "text"]
)
def test_an_attempt_that_is_not_this_one_is_refused(case: str) -> None:
    """Another state, too late, no cookie, another installation's, a changed one, anything."""
    attempt = Attempt("/", NOW)
    sealed = attempt.sealed(SECRET)
    cookie = {
        "no cookie": None,
        "other": attempt.sealed(Keys(b"o" * 32)),
        "changed": sealed[:-8] + "AAAAAAA=",
        "text": "not sealed at all",
    }.get(case, sealed)
    state = {"state": Attempt("/", NOW).state, "no state": None}.get(case, attempt.state)
    with pytest.raises(Refused) as refused:
        opened(cookie, state, SECRET, moment(NOW + (601 if case == "late" else 1)))
    assert refused.value.fault is SignInFault.STATE


@pytest.mark.parametrize(
    "path", ["/", "/patients/p-1", "/patients/p?asOf=2026-11-20T12:00", "/?a=/b"]
)
def test_a_place_of_ours_is_returned_to(path: str) -> None:
    """With its query."""
    assert own_path(path) == path


@pytest.mark.parametrize(
    "wanted",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example"),
        *("/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "evil.example", "", None),
        *("/sign-in?next=/", "/sign-out", "/act-as", "/" + "x" * 1000, "/pasient/ø", " /", "/\x00"),
    ],
)
def test_no_other_place_is(wanted: str | None) -> None:
    """The first page instead."""
    assert own_path(wanted) == "/"


@given(st.text(alphabet="/\\.:@?#%evil\t\n ", max_size=12))
def test_the_way_back_never_leaves(wanted: str) -> None:
    """As browsers read addresses (WHATWG URL): tabs and line ends dropped, a backslash is a slash."""
    path = own_path(wanted)
    seen = path.translate({9: None, 10: None, 13: None}).replace("\\", "/")
    assert seen.startswith("/")
    assert not seen.startswith("//")
