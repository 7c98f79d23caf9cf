"""Who may do what: who is no administrator reaches only what is theirs."""

from dataclasses import dataclass

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import UnknownUser

from .hub import LaddaHub


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose sessions somebody may see and touch; `users` None: everybody's."""

    users: frozenset[str] | None

    def covers(self, user: str | None) -> bool:
        """Tell whether a user's sessions are within reach; None: nobody's."""
        return self.users is None or user in self.users


async def async_reach(hass: HomeAssistant, hub: LaddaHub, context: Context) -> Reach:
    """Find out how far somebody who calls an action reaches.

    Automations act for the house and administrators run it: they reach everything.
    Others reach the users whose person has their account. Raises UnknownUser.
    """
    if context.user_id is None:
        return Reach(None)
    account = await hass.auth.async_get_user(context.user_id)
    if account is None:
        raise UnknownUser(context=context)
    if account.is_admin:
        return Reach(None)
    return Reach(
        frozenset(
            user.id
            for user in hub.desk.house.directory.users
            if user.person is not None and _account(hass, user.person) == account.id
        )
    )


def _account(hass: HomeAssistant, person: str) -> str | None:
    """Return the Home Assistant account of a person entity."""
    state = hass.states.get(person)
    return None if state is None else state.attributes.get("user_id")
