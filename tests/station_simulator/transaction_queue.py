"""The messages about transactions, which must arrive, and in order (§3.7)."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class TransactionMessage:
    """A message about the transaction `key`, and how often it failed."""

    action: str
    payload: dict[str, Any]
    key: int
    attempts: int = 0


class TransactionQueue:
    """Transaction messages in the order in which things happened."""

    def __init__(self) -> None:
        """Start empty."""
        self._messages: deque[TransactionMessage] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._messages)

    def put(self, action: str, payload: dict[str, Any], key: int) -> None:
        """Add a message of the transaction `key`."""
        self._messages.append(TransactionMessage(action, payload, key))
        self._filled.set()

    async def first(self) -> TransactionMessage:
        """Return the oldest message, waiting for one; it stays in the queue."""
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        return self._messages[0]

    def drop_first(self) -> None:
        """Take the oldest message away: it arrived, or was given up."""
        self._messages.popleft()

    def bind(self, key: int, transaction: int) -> None:
        """Give the messages of a transaction the id that it got at last."""
        for message in self._messages:
            if message.key == key and "transactionId" in message.payload:
                message.payload["transactionId"] = transaction

    def as_data(self) -> list[dict[str, Any]]:
        """Return the messages as JSON data."""
        return [asdict(message) for message in self._messages]

    def restore(self, data: Iterable[dict[str, Any]]) -> None:
        """Put back the messages that `as_data` wrote."""
        self._messages.extend(TransactionMessage(**message) for message in data)
        self._filled.set()
