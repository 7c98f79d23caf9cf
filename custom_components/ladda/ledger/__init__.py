"""What must never be lost: the journal, the sessions and the prices."""

from ..charging.journal import Entry
from .errors import LedgerCorrupt, LedgerError, LedgerNewer, LedgerUnusable
from .ledger import Ledger
from .records import NOBODY, PriceEntry, SessionQuery, Total

__all__ = [
    "NOBODY",
    "Entry",
    "Ledger",
    "LedgerCorrupt",
    "LedgerError",
    "LedgerNewer",
    "LedgerUnusable",
    "PriceEntry",
    "SessionQuery",
    "Total",
]
