"""What every test stands on."""

import logging

from hypothesis import settings
import pytest
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

# Imported first: the test plugin has a package custom_components too, and one wins.
import custom_components.ladda  # noqa: F401

pytest_plugins = ["tests.house"]

# The same examples on every machine and in every run, and no deadlines on slow ones
settings.load_profile("ci")

# The test plugin has every statement logged, from threads that outlive their test.
logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def ladda_can_be_set_up(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find Ladda, in the tests that have a Home Assistant.

    The recorder must be mocked before anything else asks for `hass`.
    """
    if "hass" not in request.fixturenames:
        return
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Leave out of snapshots what differs from run to run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)
