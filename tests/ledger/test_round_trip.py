"""Whatever goes into the ledger comes out of it, to the last digit."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from custom_components.ladda.charging.model import Authorization
from custom_components.ladda.charging.session import Closing, Session
from custom_components.ladda.ledger import Entry, Ledger, PriceEntry
from custom_components.ladda.ledger.schema import journal, price, session

# The file goes on growing from example to example, which does no harm
one_ledger = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)

texts = st.text(st.characters(codec="utf-8"), max_size=30)
zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=9))]
)
times = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001
decimals = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(places=2)
decimals = decimals.filter(Decimal.is_finite)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
    ),
    max_leaves=10,
)
documents = st.dictionaries(texts, json_values, max_size=4)


def field_names(record: Any) -> list[str]:
    """Name the fields of a record."""
    if is_dataclass(record):
        return [field.name for field in fields(record)]
    return list(record._fields)


def digits(record: Any) -> list[str]:
    """Spell a record's decimals, since 1.0 and 1.00 are equal but not the same."""
    values = (getattr(record, name) for name in field_names(record))
    return [str(value) for value in values if isinstance(value, Decimal)]


@one_ledger
@given(
    entry=st.builds(
        Entry,
        kind=texts,
        station=texts,
        connector=st.integers(0, 2**31 - 1),
        session=st.none() | st.integers(1, 2**31 - 1),
        occurred_at=times,
        received_at=times,
        data=documents,
        id=st.none(),
    )
)
async def test_an_entry_comes_back_as_it_was(ledger: Ledger, entry: Entry) -> None:
    await ledger.commit(entries=[entry])
    (stored,) = await ledger.entries(limit=1)
    assert stored.id is not None
    assert stored._replace(id=None) == entry
    assert stored.occurred_at.tzinfo is UTC


@one_ledger
@given(
    kept=st.builds(
        Session,
        id=st.integers(1, 2**31 - 1),
        station=texts,
        connector=st.integers(0, 2**31 - 1),
        token=st.none() | texts,
        authorization=st.sampled_from(Authorization),
        started_at=times,
        meter_start_wh=decimals,
        start_key=st.none(),
        user=st.none() | texts,
        user_name=st.none() | texts,
        ended_at=st.none() | times,
        meter_stop_wh=st.none() | decimals,
        energy_wh=st.none() | decimals,
        energy_method=st.none() | texts,
        stop_reason=st.none() | texts,
        closing=st.none() | st.sampled_from(Closing),
        tariff=st.none() | documents,
        cost=st.none() | decimals,
        currency=st.none() | texts,
        provisional=st.booleans(),
        flags=st.lists(texts, max_size=4).map(tuple),
    )
)
async def test_a_session_comes_back_as_it_was(ledger: Ledger, kept: Session) -> None:
    await ledger.commit(sessions=[kept])
    stored = await ledger.session(kept.id)
    assert stored == kept
    assert digits(stored) == digits(kept)


@one_ledger
@given(
    told=st.builds(
        PriceEntry,
        entity=texts,
        at=times,
        until=st.none() | times,
        state=st.none() | texts,
        unit=st.none() | texts,
        origin=texts,
        recorded_at=times,
    )
)
async def test_a_price_comes_back_as_it_was(ledger: Ledger, told: PriceEntry) -> None:
    await ledger.commit(prices=[told])
    assert told in await ledger.prices(told.entity)


def test_the_columns_of_each_table_are_the_fields_of_its_records() -> None:
    for table, record, more in (
        (journal, Entry, set()),
        (session, Session, set()),
        (price, PriceEntry, {"id"}),
    ):
        names = {column.name for column in table.columns}
        assert names == set(field_names(record)) | more
