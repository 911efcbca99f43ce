"""How long a delivery waits after what failed."""

from hypothesis import given
from hypothesis import strategies as st

from carepath.delivery.sending import Later
from carepath.delivery.turns import back_off

LONGEST = 300.0


@given(st.integers(0, 10**9))
def test_pauses_grow_to_the_longest_and_no_further(tries: int) -> None:
    """However often it has failed."""
    seconds = back_off(tries, LONGEST)
    assert 1 <= seconds <= LONGEST
    assert back_off(tries + 1, LONGEST) >= seconds
    assert seconds == LONGEST or back_off(tries + 1, LONGEST) in (2 * seconds, LONGEST)


def test_a_receiver_that_is_away_for_a_week_is_still_tried() -> None:
    """2,000 tries in a row; a carrier that says when, is believed."""
    later = Later("no connection")
    assert later.again(7, tries=2000).at == 7 + 300_000_000
    assert later.again(7, tries=0).at == 7 + 1_000_000
    assert Later("locked", 60.0).again(7, tries=2000).at == 7 + 60_000_000
