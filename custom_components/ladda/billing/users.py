"""Who may charge, and on whose account."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from hmac import digest
from typing import Final, NamedTuple

from ..charging.model import Authorization
from ..charging.tokens import MAX_TOKEN

# Spaces and control characters, which a reader cannot see and some stations append.
_PADDING: Final = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA1))))


def normalise_token(token: str) -> str:
    """The token in the form in which two spellings of one tag are equal.

    Tokens are opaque and case-insensitive (OCPP 1.6 §3.9, CiString). Spaces and
    control characters around them are dropped. Every printable character counts,
    also a "-" that some stations append: dropping it could make two tags one.
    """
    return token.strip(_PADDING).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who charges and pays.

    `valid_from` is the first moment (UTC) at which the user may charge,
    `valid_until` the first at which no more; None: no such limit.
    """

    id: str
    name: str
    tokens: tuple[str, ...] = ()
    tariff: str | None = None
    active: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    person: str | None = None

    def standing(self, at: datetime) -> Authorization:
        """Whether the user may charge at `at`: BLOCKED, EXPIRED or ACCEPTED.

        OCPP has no word for a user who is not valid yet; that is EXPIRED too.
        """
        if not self.active:
            return Authorization.BLOCKED
        early = self.valid_from is not None and at < self.valid_from
        late = self.valid_until is not None and at >= self.valid_until
        return Authorization.EXPIRED if early or late else Authorization.ACCEPTED


class DuplicateToken(ValueError):
    """A tag cannot be given out twice."""

    def __init__(self, token: str, user: User) -> None:
        """Keep the tag and the user who has it already."""
        super().__init__(f"Tag {token!r} is already in use")
        self.token = token
        self.user = user


class Decision(NamedTuple):
    """The answer to a presented token, and whose it is, as far as known."""

    authorization: Authorization
    user: User | None


class RemoteStart(NamedTuple):
    """What a tag of Home Assistant's own stands for; user None: nobody's account."""

    user: str | None


class ListedToken(NamedTuple):
    """A line of a station's local list; `expiry` (UTC) None: no limit."""

    token: str
    authorization: Authorization
    expiry: datetime | None
    group: str | None


class Directory:
    """All users and their tags.

    Sessions that are started from Home Assistant need a tag as well. Such a tag
    is derived from `secret`, so that nobody can write a card that bears it; the
    secret must stay the same, for tags come back in queued messages.
    """

    def __init__(self, users: Iterable[User], secret: str) -> None:
        """Take the users.

        Raises DuplicateToken where a tag is given out twice, and ValueError for
        an empty tag, an empty secret or two users of one id.
        """
        if not secret:
            raise ValueError("Remote tags need a secret")
        self._secret = secret.encode()
        self._users: dict[str, User] = {}
        self._owners: dict[str, User] = {}
        for user in users:
            self._register(user)
        self._remote = {
            normalise_token(self._derive(user)): RemoteStart(user)
            for user in (None, *self._users)
        }
        for token in self._remote.keys() & self._owners.keys():
            raise DuplicateToken(token, self._owners[token])

    @property
    def users(self) -> tuple[User, ...]:
        """All users."""
        return tuple(self._users.values())

    def user(self, user_id: str | None) -> User | None:
        """The user of that id; None for nobody's, and for one who is gone."""
        return None if user_id is None else self._users.get(user_id)

    def owner(self, token: str) -> User | None:
        """The user who has that tag or for whom Home Assistant uses it."""
        token = normalise_token(token)
        if user := self._owners.get(token):
            return user
        remote = self._remote.get(token)
        if remote is None or remote.user is None:
            return None
        return self._users[remote.user]

    def group(self, token: str) -> str | None:
        """What a tag has in common with its owner's others; None where it has none.

        Stations let each tag of a group stop what another began (OCPP 1.6 §3.10). It is
        derived, as the tags of Home Assistant are, and is no tag itself.
        """
        user = self.owner(token)
        if user is None or len(user.tokens) < 2:
            return None
        return self._digits(f"group {user.id}")

    def authorize(
        self, token: str, at: datetime, tokens_in_use: Collection[str]
    ) -> Decision:
        """Whether somebody may charge with `token` at `at` (UTC), and who it is.

        The first that fits: unknown INVALID, switched off BLOCKED, outside of
        the user's time EXPIRED, charging elsewhere CONCURRENT, else ACCEPTED.
        Only a start can be concurrent (OCPP 1.6 §7.2); for a tag that was
        merely presented, perhaps to stop, `tokens_in_use` is empty. Home
        Assistant's tag for nobody is good for any number of sessions.
        """
        user = self.owner(token)
        if user is None:
            ours = self.resolve_remote(token) is not None
            status = Authorization.ACCEPTED if ours else Authorization.INVALID
            return Decision(status, None)
        status = user.standing(at)
        if status is Authorization.ACCEPTED:
            in_use = map(normalise_token, tokens_in_use)
            if normalise_token(token) in in_use:
                status = Authorization.CONCURRENT
        return Decision(status, user)

    def remote_token(self, user_id: str | None) -> str:
        """The tag for a session that Home Assistant starts for a user (or nobody).

        The user's first own tag that stations take, else a derived one: 14 upper-case
        hexadecimal digits, as long as the id of a real tag, for some stations spoil
        longer ones and some take no others. Raises KeyError for an unknown user.
        """
        own = () if user_id is None else self._users[user_id].tokens
        stripped = (token.strip(_PADDING) for token in own)
        taken = (token for token in stripped if len(token) <= MAX_TOKEN)
        return next(taken, None) or self._derive(user_id)

    def resolve_remote(self, token: str) -> RemoteStart | None:
        """What a derived tag stands for, None for any other tag.

        A user's derived tag stays good when the user gets a tag of their own.
        """
        return self._remote.get(normalise_token(token))

    def token_list(self, at: datetime) -> tuple[ListedToken, ...]:
        """The users' tags that are accepted at `at` (UTC), sorted, as registered."""
        listed = [
            ListedToken(
                token.strip(_PADDING),
                Authorization.ACCEPTED,
                user.valid_until,
                self.group(token),
            )
            for user in self._users.values()
            if user.standing(at) is Authorization.ACCEPTED
            for token in user.tokens
        ]
        return tuple(sorted(listed, key=lambda line: normalise_token(line.token)))

    def _register(self, user: User) -> None:
        """Take one user and their tags."""
        if user.id in self._users:
            raise ValueError(f"Two users have the id {user.id!r}")
        self._users[user.id] = user
        for token in user.tokens:
            plain = normalise_token(token)
            if not plain:
                raise ValueError(f"{user.name} has a tag without characters")
            if plain in self._owners:
                raise DuplicateToken(token, self._owners[plain])
            self._owners[plain] = user

    def _derive(self, user_id: str | None) -> str:
        """The tag that Home Assistant uses for a user, or for nobody."""
        return self._digits("nobody" if user_id is None else f"user {user_id}")

    def _digits(self, what: str) -> str:
        """Derive 14 digits that nobody can guess."""
        return digest(self._secret, what.encode(), "sha256")[:7].hex().upper()
