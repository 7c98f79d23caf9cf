"""The rooms of the house keep to themselves, and the house to no machine."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
import re
import subprocess
import sys

import pytest

REPOSITORY = Path(__file__).parents[1]
LADDA = REPOSITORY / "custom_components" / "ladda"

# Each room, and the rooms that it may build on
ROOMS = {
    "billing": {"charging"},
    "central_system": {"charging"},
    "charging": set(),
    "ledger": {"charging"},
    "smart_charging": {"billing", "charging"},
}

# Imports every module of the rooms, and the desk that joins them with those beside it,
# as if Ladda's root package were empty, and prints what came along.
IMPORT_ALL_ROOMS = """
import importlib, pkgutil, sys, types
root = types.ModuleType("custom_components.ladda")
root.__path__ = [sys.argv[1]]
sys.modules["custom_components"] = types.ModuleType("custom_components")
sys.modules[root.__name__] = root
for room in sys.argv[2:]:
    package = importlib.import_module(f"{root.__name__}.{room}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
for module in ("desk", "passwords", "known_connectors", "balances"):
    importlib.import_module(f"{root.__name__}.{module}")
print(*(name for name in sys.modules if name.partition(".")[0] == "homeassistant"))
"""

OF_A_MACHINE = re.compile(
    r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org"
    r"|(?<![\w}])/(root|work|home/\w+)/"
)


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of everything that a module imports.

    What is imported relatively is named from the root of Ladda, after a dot.
    """
    package = file.relative_to(LADDA).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield node.lineno, module
            case ast.ImportFrom(level=level, module=module, names=names):
                base = package[: len(package) - level + 1]
                tails = [module] if module else [alias.name for alias in names]
                yield from (
                    (node.lineno, "." + ".".join((*base, tail))) for tail in tails
                )


def may_import(room: str, name: str) -> bool:
    """Tell whether a module of `room` may import `name`."""
    if name.startswith("."):
        return name.split(".")[1] in {room, *ROOMS[room]}
    return name.split(".", maxsplit=1)[0] not in {"custom_components", "homeassistant"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_it_builds_on(room: str) -> None:
    forbidden = [
        f"{file.relative_to(LADDA)}:{line} imports {name}"
        for file in sorted((LADDA / room).rglob("*.py"))
        for line, name in imports(file)
        if not may_import(room, name)
    ]
    assert forbidden == []


def test_the_rooms_and_the_desk_can_be_used_without_home_assistant() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL_ROOMS, str(LADDA), *ROOMS],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == []


def kept_files() -> Iterator[Path]:
    """Yield the files of the repository, without what .gitignore names."""
    # With an ending too: a test run has .coverage.<process> beside .coverage.
    made = [
        line.rstrip("/") + "*"
        for line in (REPOSITORY / ".gitignore").read_text().split()
    ]

    def is_kept(name: str) -> bool:
        return name != ".git" and not any(fnmatch(name, pattern) for pattern in made)

    for folder, folders, files in REPOSITORY.walk():
        folders[:] = filter(is_kept, folders)
        yield from (folder / name for name in files if is_kept(name))


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    named = [
        f"{file.relative_to(REPOSITORY)}: {found.group()}"
        for file in kept_files()
        if file != Path(__file__)
        for found in OF_A_MACHINE.finditer(file.read_bytes().decode(errors="replace"))
    ]
    assert named == []
