"""What can go wrong with the ledger."""


class LedgerError(Exception):
    """The ledger could not store or read something; nothing of it is stored."""


class LedgerUnusable(LedgerError):
    """The ledger cannot be opened; `reason` says why."""

    def __init__(self, reason: str) -> None:
        """Keep the reason, a sentence in English for logs and repairs."""
        super().__init__(reason)
        self.reason = reason


class LedgerCorrupt(LedgerUnusable):
    """The ledger's file is damaged, or is no database: restore a backup."""


class LedgerNewer(LedgerUnusable):
    """A newer Ladda made the ledger: update Ladda, or restore a backup."""

    def __init__(self, found: int, known: int) -> None:
        """Keep the schema version found and the newest one known here."""
        super().__init__(f"schema version {found} is newer than {known}")
        self.found = found
        self.known = known
