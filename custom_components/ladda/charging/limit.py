"""What a connector may draw, counted over its phases, and what it draws."""

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from .connector import Connector
from .model import Measurand, Phase
from .open_session import OpenSession
from .reading import NOMINAL_VOLTAGE, total_of

_LINES: Final = (Phase.L1, Phase.L2, Phase.L3)
_FLOWS_A: Final = Decimal(2)  # less is what electronics take, and no charging
_LIVE_V: Final = Decimal(60)  # some tell of phases that are not connected, as zeros


def own_limit(connector: Connector, opened: OpenSession | None) -> Decimal | None:
    """Return the limit that a session began with, unless another was set since. A."""
    if opened is None or connector.limit_session == opened.session.id:
        return None
    return opened.limit_a


def phases_for(connector: Connector, opened: OpenSession | None) -> int:
    """Return on how many phases a limit in watts is to be counted.

    Those that carry current in the session that goes on, also while it pauses; before
    any did, those that the connector has.
    """
    if opened is None:
        return _phases_there(connector)
    if (in_use := _phases_in_use(connector)) is not None:
        return in_use
    if connector.limit_session == opened.session.id:
        before = connector.limit_phases
    else:
        before = opened.limit_phases
    return before or _phases_there(connector)


def _phases_in_use(connector: Connector) -> int | None:
    """Count the phases that carry current; None: nothing flows, or it is not told.

    One that carries less than half of what another does is not charged on.
    """
    current = _currents(connector)
    most = max(current, default=Decimal(0))
    return sum(2 * amps >= most for amps in current) if most >= _FLOWS_A else None


def _phases_there(connector: Connector) -> int:
    """Count the phases that a connector has, as its meter tells; else three."""
    voltage = connector.live[Measurand.VOLTAGE]
    there = [
        phase
        for phase in _LINES
        if phase in connector.live[Measurand.CURRENT]
        and voltage.get(phase, NOMINAL_VOLTAGE) >= _LIVE_V
    ]
    return len(there) or len(_LINES)


def _currents(connector: Connector) -> list[Decimal]:
    """Return the currents of the phases, as far as they are told. A."""
    current = connector.live[Measurand.CURRENT]
    return [current[phase] for phase in _LINES if phase in current]


def drawn_a(
    connector: Connector, told: Collection[Measurand], phases: int
) -> Decimal | None:
    """Return the current of the phase that draws most, of the measurands just `told`.

    Where currents are not told by phase, what the station offers counts, else the power
    over so many `phases`. A; None: there is no telling.
    """
    if Measurand.CURRENT in told and (current := _currents(connector)):
        return max(current)
    if Measurand.CURRENT_OFFERED in told:
        return max(connector.live[Measurand.CURRENT_OFFERED].values(), default=None)
    if Measurand.POWER in told and (power := connector.live[Measurand.POWER]):
        return total_of(power) / (NOMINAL_VOLTAGE * phases)
    return None


def is_beyond(drawn: Decimal, limit: Decimal) -> bool:
    """Tell whether a current is clearly above a limit: by 1 A and by a tenth."""
    return drawn - limit > max(Decimal(1), limit / 10)
