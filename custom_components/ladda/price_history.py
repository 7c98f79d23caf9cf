"""What the recorder knows of a price helper's past."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from sqlalchemy import func, or_, select

from homeassistant.components.recorder import history
from homeassistant.components.recorder.db_schema import RecorderRuns, States
from homeassistant.components.recorder.models import process_timestamp
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE, get_instance, session_scope
from homeassistant.util import dt as dt_util

from .billing.prices import Fill, Observation, Origin


async def async_known_prices(
    hass: HomeAssistant, entity: str, since: datetime, until: datetime
) -> list[Fill]:
    """Return what the recorder saw of a helper between two times (UTC).

    A state counts until the next one, though not beyond the end of the run of Home
    Assistant that recorded it: what a sensor would have shown while Home Assistant
    was down is not known. Without a recorder nothing is.
    """
    if DATA_INSTANCE not in hass.data:
        return []
    return await get_instance(hass).async_add_executor_job(
        lambda: [
            fill
            for run in _runs(hass, since, until)
            for fill in _seen(hass, entity, run)
            if fill.start < fill.end
        ]
    )


def _runs(
    hass: HomeAssistant, since: datetime, until: datetime
) -> list[tuple[datetime, datetime, datetime, datetime]]:
    """Return the runs of Home Assistant: begin, end, and both within bounds.

    A run that crashed is only known to have lasted until its last state.
    """
    found = []
    with session_scope(hass=hass, read_only=True) as session:
        runs = session.execute(
            select(RecorderRuns.start, RecorderRuns.end, RecorderRuns.closed_incorrect)
            .where(RecorderRuns.start < until)
            .where(or_(RecorderRuns.end.is_(None), RecorderRuns.end > since))
            .order_by(RecorderRuns.start)
        ).all()
        for start, end, crashed in runs:
            begun = process_timestamp(start)
            over = process_timestamp(end) if end is not None else until
            if crashed:
                last = session.execute(
                    select(func.max(States.last_updated_ts))
                    .where(States.last_updated_ts >= begun.timestamp())
                    .where(States.last_updated_ts < over.timestamp())
                ).scalar()
                over = begun if last is None else dt_util.utc_from_timestamp(last)
            found.append((begun, over, max(begun, since), min(over, until)))
    return found


def _seen(
    hass: HomeAssistant,
    entity: str,
    run: tuple[datetime, datetime, datetime, datetime],
) -> Iterator[Fill]:
    """Return what a helper showed during one run, within bounds."""
    begun, over, since, until = run
    changes = history.state_changes_during_period(
        hass, begun, over, entity, include_start_time_state=False
    )
    states = [(state.last_updated, state) for state in changes.get(entity, [])]
    for (at, state), (following, _) in pairwise([*states, (over, None)]):
        if state is None or state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
            continue
        start = max(at, since)
        told = Observation(
            start,
            state.state,
            state.attributes.get("unit_of_measurement"),
            Origin.HISTORY,
        )
        yield Fill(start, min(following, until), told)
