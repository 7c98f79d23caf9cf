"""The metadata check finds what hassfest, HACS and the quality scale would."""

import json
from pathlib import Path

import pytest

from .metacheck import QUALITY_SCALE, problems

ENGLISH = {
    "config": {
        "step": {
            "user": {
                "data": {"port": "Port"},
                "data_description": {"port": "Where chargers connect."},
            }
        }
    },
    "config_subentries": {
        "station": {
            "entry_type": "Charger",
            "initiate_flow": {"user": "Add a charger"},
        }
    },
    "entity": {"sensor": {"price": {"name": "Price"}}},
    "exceptions": {"offline": {"message": "{station} is not connected"}},
    "services": {
        "unlock": {
            "name": "Unlock",
            "description": "Unlocks the plug.",
            "fields": {"device_id": {"name": "Charger", "description": "Which one."}},
        }
    },
}
SENSOR = '''"""Sensors."""

PARALLEL_UPDATES = 0
PRICE = SensorEntityDescription(key="price", translation_key="price")


class Power(SensorEntity):
    """A sensor that is named by its device class."""

    _attr_device_class = SensorDeviceClass.POWER
'''
SERVICES = '''"""Actions."""

UNLOCK = "unlock"


def refuse():
    """Say that the charger is offline."""
    raise HomeAssistantError(translation_domain="garage", translation_key="offline")
'''
FILES = {
    "hacs.json": {"name": "Garage", "homeassistant": "2026.10.0"},
    "pyproject.toml": '[project]\nname = "garage"\nversion = "1.2.0"\n',
    "manifest.json": {
        "domain": "garage",
        "name": "Garage",
        "codeowners": ["@garage"],
        "documentation": "https://example.org/garage",
        "iot_class": "local_push",
        "issue_tracker": "https://example.org/garage/issues",
        "quality_scale": "platinum",
        "requirements": ["ocpp==2.1.0"],
        "version": "1.2.0",
    },
    "quality_scale.yaml": "rules:\n"
    + "".join(f"  {rule}: done\n" for tier in QUALITY_SCALE.values() for rule in tier),
    "brand/icon.png": "",
    "icons.json": {
        "entity": {"sensor": {"price": {"default": "mdi:cash"}}},
        "services": {"unlock": {"service": "mdi:lock-open"}},
    },
    "services.yaml": "unlock:\n  fields:\n    device_id:\n"
    "      selector:\n        device:\n",
    "translations/en.json": ENGLISH,
    "translations/sv.json": ENGLISH,
    "__init__.py": '"""Garage."""\n',
    "sensor.py": SENSOR,
    "services.py": SERVICES,
}
AROUND = {"hacs.json", "pyproject.toml"}


class Repository:
    """A repository with a small sound integration, to be spoilt by the tests."""

    def __init__(self, root: Path) -> None:
        """Write every file of the integration below `root`."""
        self.root = root
        self.integration = root / "custom_components" / "garage"
        for name, content in FILES.items():
            self.write(name, content)

    def path(self, name: str) -> Path:
        """Return where the file of that name lies."""
        return (self.root if name in AROUND else self.integration) / name

    def write(self, name: str, content: object) -> None:
        """Write a file, as JSON where it is no text."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be in the file, everywhere."""
        before = self.path(name).read_text()
        assert old in before
        self.path(name).write_text(before.replace(old, new))

    def problems(self) -> list[str]:
        """Check the integration."""
        return problems(self.integration)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository in which nothing is wrong."""
    return Repository(tmp_path)


def test_a_sound_integration_has_no_problems(repository: Repository) -> None:
    assert repository.problems() == []


def test_what_is_not_there_yet_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    integration = tmp_path / "custom_components" / "garage"
    integration.mkdir(parents=True)
    found = problems(integration)
    assert "translations/en.json: is missing" in found
    assert "services.yaml: is missing" in found
    assert "hacs.json: name is missing" in found


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        pytest.param(
            "manifest.json",
            "ocpp==2.1.0",
            "ocpp>=2.1.0",
            "manifest.json: requirement ocpp>=2.1.0 is not pinned",
            id="an open requirement",
        ),
        pytest.param(
            "manifest.json",
            '"iot_class"',
            '"iot_klass"',
            "manifest.json: unknown key iot_klass",
            id="a misspelt key of the manifest",
        ),
        pytest.param(
            "manifest.json",
            '"codeowners"',
            '"requirements_too"',
            "manifest.json: keys must be domain, name, then alphabetical",
            id="a manifest out of order",
        ),
        pytest.param(
            "manifest.json",
            "https://example.org/garage/issues",
            "http://example.org",
            "manifest.json: issue_tracker must be an https URL of our own",
            id="an issue tracker without https",
        ),
        pytest.param(
            "pyproject.toml",
            "1.2.0",
            "1.3.0",
            "pyproject.toml: version 1.3.0 is not the manifest's",
            id="two versions",
        ),
        pytest.param(
            "hacs.json",
            "homeassistant",
            "home_assistant",
            "hacs.json: unknown key home_assistant",
            id="a key that HACS does not know",
        ),
        pytest.param(
            "quality_scale.yaml",
            "strict-typing: done",
            "strict-typing: todo",
            "manifest.json: claims platinum, but strict-typing is to be done",
            id="a quality that is only claimed",
        ),
        pytest.param(
            "quality_scale.yaml",
            "discovery: done",
            "discovery: {status: exempt}",
            "quality_scale.yaml: discovery: an exemption needs a comment",
            id="an exemption without a reason",
        ),
        pytest.param(
            "translations/sv.json",
            '"Price"',
            '"Pris "',
            "sv.json: entity.sensor.price.name: white space at an end",
            id="white space",
        ),
        pytest.param(
            "translations/sv.json",
            "{station}",
            "{laddare}",
            "sv.json: exceptions.offline.message: other placeholders",
            id="a translation with other placeholders",
        ),
        pytest.param(
            "translations/sv.json",
            "{station}",
            "{station",
            "sv.json: exceptions.offline.message: a brace without its other half",
            id="a brace that is never closed",
        ),
        pytest.param(
            "translations/sv.json",
            '"offline"',
            '"frånkopplad"',
            "sv.json: exceptions.offline.message is missing",
            id="a text that is not translated",
        ),
        pytest.param(
            "translations/en.json",
            "Unlocks the plug.",
            "See https://example.org",
            "en.json: services.unlock.description: a URL belongs in a placeholder",
            id="a URL in a text",
        ),
        pytest.param(
            "translations/en.json",
            '"data_description"',
            '"data_descriptions"',
            "en.json: config.step.user: port needs both data and data_description",
            id="a field of a flow without a description",
        ),
        pytest.param(
            "translations/en.json",
            '"entry_type"',
            '"entry_kind"',
            "en.json: config_subentries.station lacks entry_type or initiate_flow",
            id="a subentry without a name of its kind",
        ),
        pytest.param(
            "translations/en.json",
            '"description": "Which one."',
            '"example": "1"',
            "en.json: services.unlock.device_id needs a name and a description",
            id="a field of an action without a description",
        ),
        pytest.param(
            "services.yaml",
            "device:",
            "devise:",
            "services.unlock: device_id: Unknown selector type devise found",
            id="a selector that does not exist",
        ),
        pytest.param(
            "services.yaml",
            "unlock",
            "lock",
            "services.yaml: lock is not in the code",
            id="an action that nobody registers",
        ),
        pytest.param(
            "services.py",
            "offline",
            "asleep",
            "services.py:8: exceptions.asleep is not in en.json",
            id="an exception without a text",
        ),
        pytest.param(
            "sensor.py",
            'translation_key="price"',
            'translation_key="cost"',
            "sensor.py:4: entity.cost is not in en.json",
            id="an entity without a name",
        ),
        pytest.param(
            "icons.json",
            "mdi:cash",
            "cash",
            "icons.json: entity.sensor.price.default: cash is no mdi: icon",
            id="an icon of no set",
        ),
        pytest.param(
            "icons.json",
            '"price"',
            '"cost"',
            "sensor.py:4: entity.sensor.price has no icon",
            id="an entity with neither device class nor icon",
        ),
        pytest.param(
            "sensor.py",
            "PARALLEL_UPDATES",
            "SERIAL_UPDATES",
            "sensor.py: PARALLEL_UPDATES is missing",
            id="a platform that does not limit its updates",
        ),
        pytest.param(
            "services.py",
            'UNLOCK = "unlock"',
            'from homeassistant.components.recorder import get_instance\nUNLOCK = "unlock"',
            "services.py: recorder is not a dependency of the manifest",
            id="a component that is used but not declared",
        ),
    ],
)
def test_the_check_finds(
    repository: Repository, file: str, old: str, new: str, problem: str
) -> None:
    repository.replace(file, old, new)
    assert problem in repository.problems()


def test_our_platform_of_a_component_may_use_the_component(
    repository: Repository,
) -> None:
    repository.write(
        "diagnostics.py",
        '"""Diagnostics."""\n'
        "from homeassistant.components.diagnostics import async_redact_data\n",
    )
    assert repository.problems() == []
