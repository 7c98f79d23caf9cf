"""What price entities told, and when it holds."""

from custom_components.ladda.ledger import Ledger

from .records import a_price, at


async def states(ledger: Ledger, minutes: float | None) -> list[str | None]:
    """List the states that tell of the time from so many minutes after noon on."""
    since = None if minutes is None else at(minutes)
    return [told.state for told in await ledger.prices("sensor.spot", since)]


async def test_the_price_in_force_at_the_moment_asked_for_is_told_too(
    ledger: Ledger,
) -> None:
    await ledger.commit(
        prices=[
            a_price("0.10"),
            a_price("0.20", at=at(60)),
            a_price("9.99", entity="sensor.other", at=at(61)),
            a_price("0.30", at=at(120)),
        ]
    )
    assert await states(ledger, None) == ["0.10", "0.20", "0.30"]
    assert await states(ledger, -1) == ["0.10", "0.20", "0.30"]
    assert await states(ledger, 59) == ["0.10", "0.20", "0.30"]
    assert await states(ledger, 60) == ["0.20", "0.30"]
    assert await states(ledger, 119) == ["0.20", "0.30"]
    assert await states(ledger, 500) == ["0.30"]


async def test_an_entity_that_fell_silent_is_in_force_as_silent(
    ledger: Ledger,
) -> None:
    await ledger.commit(prices=[a_price("0.10"), a_price(None, at=at(60), unit=None)])
    assert await states(ledger, 90) == [None]


async def test_a_fill_is_told_while_it_lasts_and_does_not_hide_what_is_in_force(
    ledger: Ledger,
) -> None:
    await ledger.commit(prices=[a_price("0.10"), a_price(None, at=at(60))])
    await ledger.commit(
        prices=[a_price("0.20", at=at(60), until=at(90), origin="history")]
    )
    assert await states(ledger, 30) == ["0.10", None, "0.20"]
    assert await states(ledger, 89) == [None, "0.20"]
    assert await states(ledger, 90) == [None]


async def test_of_two_prices_for_one_moment_the_later_told_comes_last_and_holds(
    ledger: Ledger,
) -> None:
    await ledger.commit(prices=[a_price("0.20"), a_price("0.30", at=at(60))])
    await ledger.commit(prices=[a_price("0.25", recorded_at=at(99))])
    assert await states(ledger, None) == ["0.20", "0.25", "0.30"]
    assert await states(ledger, 0) == ["0.20", "0.25", "0.30"]
    assert await states(ledger, 30) == ["0.25", "0.30"]
