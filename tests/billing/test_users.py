"""Who may charge, and on whose account."""

from datetime import UTC, datetime, timedelta
import re

from hypothesis import given, strategies as st
import pytest

from custom_components.ladda.billing.users import (
    Decision,
    Directory,
    DuplicateToken,
    RemoteStart,
    User,
    normalise_token,
)
from custom_components.ladda.charging.model import Authorization

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = "01JX3Y7Z5N6QK2"
ANNA = User(id="anna", name="Anna", tokens=("04A2B3C4D5E6F7", "0BADC0DE"))
BO = User(id="bo", name="Bo")


def directory(*users: User) -> Directory:
    """The users of a garage."""
    return Directory(users, SECRET)


def allowed(user: User, *, tokens_in_use: tuple[str, ...] = ()) -> Authorization:
    """What the only user is told when presenting the tag AB12 now."""
    return directory(user).authorize("AB12", NOW, tokens_in_use).authorization


@pytest.mark.parametrize(
    "token",
    ["AB12", "ab12", " Ab12\t", "AB12\x10\x0e", "\x00AB12\x00\x00", "AB12\x85\xa0"],
)
def test_case_spaces_and_control_characters_make_no_other_tag(token: str) -> None:
    assert normalise_token(token) == normalise_token("AB12")


@pytest.mark.parametrize("token", ["AB12-", "AB 12", "AB1", "AB12AB12", ""])
def test_every_printable_character_makes_another_tag(token: str) -> None:
    assert normalise_token(token) != normalise_token("AB12")


@given(st.text())
def test_a_normalised_token_stays_as_it_is(token: str) -> None:
    once = normalise_token(token)
    assert normalise_token(once) == once


def test_a_tag_belongs_to_its_user_however_it_is_spelt() -> None:
    house = directory(ANNA, BO)
    assert house.owner(" 0badc0de\n") == ANNA
    assert house.user("bo") == BO
    assert house.user("carl") is None


def test_a_known_tag_is_accepted() -> None:
    decision = directory(ANNA, BO).authorize("0badc0de", NOW, ["04A2B3C4D5E6F7"])
    assert decision == Decision(Authorization.ACCEPTED, ANNA)


@pytest.mark.parametrize("token", ["DEADBEEF", "", "-", "\x00", "anna"])
def test_an_unknown_tag_is_invalid(token: str) -> None:
    decision = directory(ANNA, BO).authorize(token, NOW, ())
    assert decision == Decision(Authorization.INVALID, None)


def test_a_user_who_is_switched_off_is_blocked_also_when_expired_and_charging() -> None:
    user = User(
        id="u", name="U", tokens=("AB12",), active=False, valid_until=NOW - timedelta(1)
    )
    assert allowed(user, tokens_in_use=("AB12",)) is Authorization.BLOCKED


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "answer"),
    [
        (timedelta(0), timedelta(seconds=1), Authorization.ACCEPTED),
        (timedelta(seconds=1), None, Authorization.EXPIRED),
        (None, timedelta(0), Authorization.EXPIRED),
        (None, -timedelta(1), Authorization.EXPIRED),
    ],
)
def test_a_user_may_charge_from_valid_from_until_before_valid_until(
    valid_from: timedelta | None, valid_until: timedelta | None, answer: Authorization
) -> None:
    user = User(
        id="u",
        name="U",
        tokens=("AB12",),
        valid_from=None if valid_from is None else NOW + valid_from,
        valid_until=None if valid_until is None else NOW + valid_until,
    )
    assert allowed(user) is answer


def test_a_tag_that_is_charging_elsewhere_is_concurrent() -> None:
    user = User(id="u", name="U", tokens=("AB12", "CD34"))
    assert allowed(user, tokens_in_use=("ab12 ",)) is Authorization.CONCURRENT
    assert allowed(user, tokens_in_use=("CD34",)) is Authorization.ACCEPTED


def test_an_expired_tag_that_is_charging_is_expired() -> None:
    user = User(id="u", name="U", tokens=("AB12",), valid_until=NOW)
    assert allowed(user, tokens_in_use=("AB12",)) is Authorization.EXPIRED


def test_the_tags_of_a_user_are_a_group_and_no_others() -> None:
    carl = User(id="carl", name="Carl", tokens=("CC01", "CC02"))
    dora = User(id="dora", name="Dora", tokens=("DD01",))
    house = directory(ANNA, BO, carl, dora)
    annas = house.group("04A2B3C4D5E6F7")
    assert annas is not None
    assert house.group(" 0badc0de ") == annas
    assert house.group("CC01") == house.group("CC02") != annas
    # Who has one tag needs none, and a tag that nobody has is in none.
    assert house.group("DD01") is None
    assert house.group(house.remote_token("bo")) is None
    assert house.group("FFFF") is None


def test_what_stands_for_a_group_is_no_tag() -> None:
    group = directory(ANNA).group("0BADC0DE")
    assert group is not None
    assert re.fullmatch("[0-9A-F]{14}", group)  # as stations take tags
    assert directory(ANNA).authorize(group, NOW, ()).authorization is (
        Authorization.INVALID
    )
    assert Directory([ANNA], "another house").group("0BADC0DE") != group


def test_a_tag_is_given_out_once() -> None:
    thief = User(id="carl", name="Carl", tokens=("0badc0de ",))
    with pytest.raises(DuplicateToken) as refused:
        directory(ANNA, thief)
    assert refused.value.token == "0badc0de "
    assert refused.value.user == ANNA


def test_one_user_does_not_have_a_tag_twice() -> None:
    with pytest.raises(DuplicateToken):
        directory(User(id="u", name="U", tokens=("AB12", "ab12")))


def test_a_tag_without_characters_opens_no_charger() -> None:
    with pytest.raises(ValueError, match="without characters"):
        directory(User(id="u", name="U", tokens=(" \x00",)))


def test_two_users_do_not_share_an_id() -> None:
    with pytest.raises(ValueError, match="Two users"):
        directory(ANNA, User(id="anna", name="Another Anna"))


def test_a_remote_session_has_the_users_first_own_tag() -> None:
    house = directory(ANNA, BO)
    assert house.remote_token("anna") == "04A2B3C4D5E6F7"
    assert house.resolve_remote("04A2B3C4D5E6F7") is None
    with pytest.raises(KeyError):
        house.remote_token("carl")


def test_a_tag_that_is_too_long_to_send_is_not_sent() -> None:
    two = User(id="dag", name="Dag", tokens=("0" * 21, "04DD44"))
    assert directory(two).remote_token("dag") == "04DD44"
    one = User(id="dag", name="Dag", tokens=("0" * 21,))
    assert len(directory(one).remote_token("dag")) == 14


@pytest.mark.parametrize("user", ["bo", None])
def test_a_derived_tag_looks_like_a_real_one_and_leads_back(user: str | None) -> None:
    house = directory(ANNA, BO)
    token = house.remote_token(user)
    assert re.fullmatch(r"[0-9A-F]{14}", token)
    assert house.resolve_remote(token.lower() + "\x10\x0e") == RemoteStart(user)
    assert house.authorize(token, NOW, ()) == Decision(
        Authorization.ACCEPTED, BO if user else None
    )


def test_a_derived_tag_is_the_same_after_a_restart_and_unlike_all_others() -> None:
    assert directory(BO).remote_token("bo") == directory(ANNA, BO).remote_token("bo")
    others = [Directory([BO], "another secret"), directory(BO)]
    tokens = {house.remote_token(user) for house in others for user in ("bo", None)}
    assert len(tokens) == 4


def test_a_derived_tag_stays_its_users_when_the_user_gets_a_tag() -> None:
    token = directory(BO).remote_token("bo")
    equipped = User(id="bo", name="Bo", tokens=("AB12",))
    assert directory(equipped).owner(token) == equipped


def test_a_derived_tag_is_blocked_with_its_user() -> None:
    gone = User(id="bo", name="Bo", active=False)
    token = directory(BO).remote_token("bo")
    assert directory(gone).authorize(token, NOW, ()) == Decision(
        Authorization.BLOCKED, gone
    )


def test_nobodys_tag_is_good_for_any_number_of_sessions() -> None:
    house = directory()
    token = house.remote_token(None)
    assert house.owner(token) is None
    assert house.authorize(token, NOW, [token]) == Decision(
        Authorization.ACCEPTED, None
    )


def test_a_derived_tag_cannot_be_given_to_somebody_else() -> None:
    token = directory().remote_token(None)
    with pytest.raises(DuplicateToken):
        directory(User(id="u", name="U", tokens=(token.lower(),)))


def test_remote_tags_need_a_secret() -> None:
    with pytest.raises(ValueError, match="secret"):
        Directory([ANNA], "")


def test_the_local_list_has_the_tags_that_are_accepted_now() -> None:
    later = NOW + timedelta(1)
    guest = User(id="g", name="Guest", tokens=(" 00ff ",), valid_until=later)
    house = directory(
        ANNA,
        BO,
        guest,
        User(id="gone", name="Gone", tokens=("AA01",), active=False),
        User(id="late", name="Late", tokens=("AA02",), valid_until=NOW),
        User(id="early", name="Early", tokens=("AA03",), valid_from=later),
    )
    annas = house.group("0BADC0DE")
    assert house.token_list(NOW) == (
        ("00ff", Authorization.ACCEPTED, later, None),
        ("04A2B3C4D5E6F7", Authorization.ACCEPTED, None, annas),
        ("0BADC0DE", Authorization.ACCEPTED, None, annas),
    )
    assert [line.token for line in house.token_list(later)] == [
        "04A2B3C4D5E6F7",
        "0BADC0DE",
        "AA03",
    ]


def test_the_local_list_does_not_depend_on_the_order_of_users_and_tags() -> None:
    backwards = User(id="anna", name="Anna", tokens=ANNA.tokens[::-1])
    guest = User(id="g", name="Guest", tokens=("0500",))
    assert directory(ANNA, guest).token_list(NOW) == directory(
        guest, backwards
    ).token_list(NOW)
