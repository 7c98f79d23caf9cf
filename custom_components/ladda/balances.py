"""What everybody has charged, added up from the ledger: this month, and ever."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from .charging.session import Session
from .ledger import NOBODY, Ledger, SessionQuery, Total


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a user has charged: this month, and ever. Wh, and the house's money.

    Costs are None where nothing has a price; sessions in another currency count
    only by their energy. The `provisional` ones count sessions whose cost may
    still change. A session counts when it has ended, and in the month of its end.
    """

    month_energy_wh: Decimal = Decimal(0)
    month_cost: Decimal | None = None
    month_provisional: int = 0
    total_energy_wh: Decimal = Decimal(0)
    total_cost: Decimal | None = None
    provisional: int = 0
    last_session: Session | None = None


class Balances:
    """Everybody's account; None is the account of who charges on nobody's."""

    def __init__(
        self, ledger: Ledger, currency: str, tell: Callable[[str | None], None]
    ) -> None:
        """Take where sessions are kept, the house's money, and who hears of accounts."""
        self._ledger = ledger
        self._currency = currency
        self._tell = tell
        self._accounts: dict[str | None, Account] = {}
        self._counting = asyncio.Lock()
        self._closed = False
        self.month_start: datetime

    def of(self, user: str | None) -> Account:
        """Return a user's account."""
        return self._accounts.get(user, Account())

    async def begin_month(self, start: datetime, users: Collection[str]) -> None:
        """Add up everybody's account, of `users` and of who has been one, from `start`.

        Raises LedgerError.
        """
        self.month_start = start
        await self.count({None, *await self._ledger.users(), *users})

    async def count(self, users: Collection[str | None]) -> None:
        """Add up accounts and tell of them; raises LedgerError."""
        async with self._counting:
            for user in users:
                if self._closed:
                    return
                self._accounts[user] = await self._added_up(user)
        for user in users:
            self._tell(user)

    async def close(self) -> None:
        """Ask nothing of the ledger any more."""
        self._closed = True
        async with self._counting:
            pass

    async def _added_up(self, user: str | None) -> Account:
        """Add up one user's account."""
        whose = user or NOBODY
        ever = await self._ledger.totals(user=whose)
        month = await self._ledger.totals(user=whose, since=self.month_start)
        query = SessionQuery(user=whose, open=False, limit=1)
        newest = await self._ledger.sessions(query)
        return Account(
            month_energy_wh=_energy(month),
            month_cost=self._cost(month),
            month_provisional=sum(total.provisional for total in month),
            total_energy_wh=_energy(ever),
            total_cost=self._cost(ever),
            provisional=sum(total.provisional for total in ever),
            last_session=newest[0] if newest else None,
        )

    def _cost(self, totals: Iterable[Total]) -> Decimal | None:
        """Add up the costs that are in the house's currency; None: there are none."""
        costs = [total.cost for total in totals if total.currency == self._currency]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if known else None


def _energy(totals: Iterable[Total]) -> Decimal:
    """Add up energy, Wh."""
    return sum((total.energy_wh for total in totals), Decimal(0))
