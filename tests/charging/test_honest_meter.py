"""An honest meter: whatever is told late or never, all that is billed is billed once."""

from collections.abc import Callable
from datetime import datetime

from hypothesis import given, settings, strategies as st

from .garage import Garage

KILOWATTS = 11


class Charger:
    """A charger with one outlet, which keeps what it cannot tell, and loses some of it."""

    def __init__(self) -> None:
        """Begin with a meter that somebody has read."""
        self.garage = Garage()
        self.wh = self.first_wh = 1_000_000
        self.away = False
        self.goes_on = False
        self.kept: list[Callable[[], object]] = []
        self.numbers: list[int] = []  # of its sessions, as far as it was told
        self.stops: dict[int, int] = {}  # what was told of their ends, Wh
        self.read: dict[int, list[tuple[datetime, int]]] = {}

    def tell(self, message: Callable[[], object]) -> None:
        """Tell something now, or once it is back."""
        self.kept.append(message)
        if not self.away:
            self.come_back()

    def come_back(self) -> None:
        """Tell what was kept."""
        self.away = False
        kept, self.kept = self.kept, []
        for message in kept:
            message()

    def go_away(self) -> None:
        """Keep everything."""
        self.away = True

    def charge(self, minutes: float) -> None:
        """Deliver energy; without a session somebody charges of whom nobody tells."""
        self.garage.wait(minutes)
        self.wh += round(KILOWATTS * 1000 * minutes / 60)

    def start(self) -> None:
        """Begin a session, if none goes on."""
        self._start(self.wh)

    def start_without_register(self) -> None:
        """Begin a session, and do not say where the meter stands."""
        self._start(None)

    def _start(self, wh: int | None) -> None:
        """Begin a session at a register."""
        if not self.goes_on:
            at = self.garage.now
            self.goes_on = True
            self.tell(lambda: self.numbers.append(self.garage.start(wh, stamped=at)))

    def show(self) -> None:
        """Read the meter for the session that goes on."""
        if self.goes_on:
            at, wh = self.garage.now, self.wh
            self.tell(lambda: self._show(at, wh))

    def _show(self, at: datetime, wh: int) -> None:
        """Tell a reading."""
        number = self.numbers[-1]
        self.garage.reads(wh, number, stamped=at)
        self.read.setdefault(number, []).append((at, wh))

    def stop(self) -> None:
        """End the session that goes on."""
        if self.goes_on:
            at, wh = self.garage.now, self.wh
            self.goes_on = False
            self.tell(lambda: self._stop(at, wh))

    def _stop(self, at: datetime, wh: int) -> None:
        """Tell an end."""
        self.garage.stop(self.numbers[-1], wh, stamped=at)
        self.stops[self.numbers[-1]] = wh

    def end_untold(self) -> None:
        """End the session that goes on, and never tell of it."""
        self.goes_on = False

    def close(self) -> None:
        """Somebody closes by hand what seems to go on; the charger goes on all the same."""
        for number in list(self.garage.station.open):
            self.garage.close(number)

    def restart(self) -> None:
        """Home Assistant restarts."""
        self.garage.station = self.garage.restarted()


MINUTES = st.sampled_from([0.1, 10, 100])  # between two steps
STEPS = st.sampled_from(
    [
        Charger.start,
        Charger.start_without_register,
        Charger.show,
        Charger.stop,
        Charger.end_untold,
        Charger.go_away,
        Charger.come_back,
        Charger.close,
        Charger.restart,
    ]
)


@settings(max_examples=200)
@given(st.lists(st.tuples(MINUTES, STEPS), min_size=20, max_size=60))
def test_what_an_honest_meter_counts_is_billed_once(
    steps: list[tuple[float, Callable[[Charger], None]]],
) -> None:
    charger = Charger()
    for minutes, step in steps:
        charger.charge(minutes)
        step(charger)
    charger.come_back()
    station = charger.garage.station
    billed = sum(session.energy_wh or 0 for session in charger.garage.sessions.values())
    billed += sum(opened.energy.delivered_wh for opened in station.open.values())
    outside = station.connector(1).unassigned_wh
    assert billed + outside <= charger.wh - charger.first_wh
    for number, stop_wh in charger.stops.items():
        session = charger.garage.sessions[number]
        if session.flags:  # it did not say where its meter stood
            continue
        start_wh = session.meter_start_wh
        assert session.energy_wh == stop_wh - start_wh
        points = charger.garage.curve_again(session).points
        for at, wh in charger.read.get(number, []):
            assert (at, wh - start_wh) in points
