"""What a report leads to, before anything has changed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from .decisions import Decision, Noted
from .energy import EnergyCurve
from .journal import Entry
from .reading import Reading
from .session import Session


class Plan(NamedTuple):
    """What a report leads to: entries to keep, sessions as they become, an answer.

    `curves` are of the sessions that end, `readings` of those that go on, by id; the
    entries keep the latter, too. `lasting`: the answer may only be given once this is in
    the ledger.
    """

    decision: Decision = Noted()
    entries: tuple[Entry, ...] = ()
    sessions: tuple[Session, ...] = ()
    curves: Mapping[int, EnergyCurve] = MappingProxyType({})
    readings: Mapping[int, tuple[Reading, ...]] = MappingProxyType({})
    lasting: bool = True
