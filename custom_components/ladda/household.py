"""Who and what belongs to the house, as the owner decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .billing.tariffs import Tariff
from .billing.users import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOptions:
    """What the owner decided about a station."""

    identity: str
    name: str = ""
    password_hash: str | None = None
    # of passwords that it was given since, in their order, and has not shown yet
    new_password_hashes: tuple[str, ...] = ()
    default_user: str | None = None
    open_to_all: bool = False  # whoever charges, the default user pays
    auto_start: bool = False  # whoever plugs in charges, and the default user pays
    keep_settings: bool = False  # the owner wants the station's settings left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Who and what belongs here: replaced as a whole when anything changes."""

    directory: Directory
    stations: Mapping[str, StationOptions] = field(default_factory=dict)
    turned_away: frozenset[str] = frozenset()
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    default_tariff: str | None = None

    def tariff_of(self, user: str | None) -> Tariff | None:
        """Return the tariff that a user's sessions begin under."""
        found = self.directory.user(user)
        chosen = (found.tariff if found else None) or self.default_tariff
        return self.tariffs.get(chosen) if chosen is not None else None
