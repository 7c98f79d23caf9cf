"""Who charges with a tag, on whose account and on what terms: pure, by the house."""

from collections.abc import Collection
from datetime import datetime

from .charging.connector import RemoteStart
from .charging.model import Authorization
from .charging.starts import Admittance
from .household import House
from .refusals import MayNotCharge


def admittance(
    house: House,
    identity: str,
    token: str,
    at: datetime,
    asked: RemoteStart | None = None,
    in_use: Collection[str] = (),
) -> Admittance:
    """Decide who charges with a tag at a station, and on what terms.

    `asked`: what was asked for from here, and who pays for that is clear. `in_use`: the
    tags that charge elsewhere; none where one was merely presented.
    """
    group = house.directory.group(token)
    if asked is not None:
        admitted = terms(house, asked.user or _default_user(house, identity))
        return admitted._replace(group=group)
    status, owner = house.directory.authorize(token, at, in_use)
    if status is Authorization.INVALID and house.stations[identity].open_to_all:
        status = Authorization.ACCEPTED
    user, until = (owner.id, owner.valid_until) if owner else (None, None)
    if user is None and status is Authorization.ACCEPTED:
        user = _default_user(house, identity)
    return terms(house, user)._replace(authorization=status, until=until, group=group)


def _default_user(house: House, identity: str) -> str | None:
    """Return who pays at a station for what is nobody else's."""
    return house.stations[identity].default_user


def terms(house: House, user: str | None) -> Admittance:
    """Return the terms of a user who charges, as they are now."""
    found = house.directory.user(user)
    tariff = house.tariff_of(user)
    return Admittance(
        Authorization.ACCEPTED,
        found.id if found else None,
        found.name if found else None,
        tariff.as_data() if tariff else None,
        tariff.currency if tariff else None,
    )


def payer(
    house: House, identity: str, user: str | None, token: str | None, now: datetime
) -> tuple[str | None, str]:
    """Return who pays, else the station's default user, and the tag to charge with.

    Raises MayNotCharge for a user who may not.
    """
    user = user or _default_user(house, identity)
    found = house.directory.user(user)
    if found and found.standing(now) is not Authorization.ACCEPTED:
        raise MayNotCharge(found.name)
    return user, token or house.directory.remote_token(user)
