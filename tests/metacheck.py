"""Check an integration's metadata offline, in the spirit of hassfest.

    python -m tests.metacheck custom_components/ladda

The rules are those of Home Assistant's developer documentation (manifest,
translations, icons, actions, quality scale) and of HACS. What Home Assistant
itself can check is left to it. The authority is hassfest, which runs in the
public CI.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
import re
import sys
import tomllib
from typing import Any

from awesomeversion import (
    AwesomeVersion,
    AwesomeVersionException,
    AwesomeVersionStrategy,
)

# Home Assistant's shim of voluptuous is not there before Home Assistant is.
import probatio  # noqa: TID251

from homeassistant.const import Platform
from homeassistant.helpers import selector
from homeassistant.util.json import load_json_object
from homeassistant.util.yaml import load_yaml_dict

type Json = Mapping[str, Any]


def words(text: str) -> frozenset[str]:
    """Return the words of `text`."""
    return frozenset(text.split())


NEEDED_FILES = (
    "brand/icon.png",
    "icons.json",
    "manifest.json",
    "quality_scale.yaml",
    "services.yaml",
    "translations/en.json",
    "translations/sv.json",
)
MANIFEST_NEEDS = words(
    "codeowners documentation domain iot_class issue_tracker name version"
)
MANIFEST_MAY_HAVE = words(
    "after_dependencies bluetooth config_flow dependencies dhcp homekit "
    "import_executor integration_type loggers mqtt preview_features quality_scale "
    "requirements single_config_entry ssdp usb zeroconf"
)
HACS_MAY_HAVE = words(
    "content_in_root country filename hacs hide_default_branch homeassistant name "
    "persistent_directory render_readme zip_release"
)
VERSION_STRATEGIES = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.PEP440,
    AwesomeVersionStrategy.SEMVER,
]
SECTIONS = words(
    "common conditions config config_panel config_subentries conversation device "
    "device_automation entity entity_component exceptions issues options "
    "preview_features selector services system_health title triggers"
)
KEYED_SECTIONS = (
    "conditions",
    "entity",
    "exceptions",
    "issues",
    "services",
    "triggers",
)
# File, section of the translations and of the icons, and the icon's key there
DESCRIBED = (
    ("services.yaml", "services", "service"),
    ("triggers.yaml", "triggers", "trigger"),
    ("conditions.yaml", "conditions", "condition"),
)
# Components that may be used without being declared as a dependency
ALWAYS_THERE = frozenset(Platform) | words(
    "automation device_automation frontend homeassistant panel_custom "
    "persistent_notification person script system_health webhook websocket_api "
    "zone"
)
PLATFORMS = frozenset(Platform)

KEY = re.compile(r"(?!.*[_-]{2})[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
URL = re.compile(r"(https?|ftp|mqtt)://|www\.", re.IGNORECASE)
HTML = re.compile(r"</?[a-z]+[^>]*>")
PLACEHOLDER = re.compile(r"{([^{}]*)}")
QUOTED_PLACEHOLDER = re.compile(r"'{\w+}'")

# https://developers.home-assistant.io/docs/core/integration-quality-scale
QUALITY_SCALE = {
    "bronze": words(
        "action-setup appropriate-polling brands common-modules config-flow "
        "config-flow-test-coverage dependency-transparency docs-actions "
        "docs-conditions docs-high-level-description "
        "docs-installation-instructions docs-removal-instructions docs-triggers "
        "entity-event-setup entity-unique-id has-entity-name runtime-data "
        "test-before-configure test-before-setup unique-config-entry"
    ),
    "silver": words(
        "action-exceptions config-entry-unloading docs-configuration-parameters "
        "docs-installation-parameters entity-unavailable integration-owner "
        "log-when-unavailable parallel-updates reauthentication-flow test-coverage"
    ),
    "gold": words(
        "devices diagnostics discovery discovery-update-info docs-data-update "
        "docs-examples docs-known-limitations docs-supported-devices "
        "docs-supported-functions docs-troubleshooting docs-use-cases "
        "dynamic-devices entity-category entity-device-class "
        "entity-disabled-by-default entity-translations exception-translations "
        "icon-translations reconfiguration-flow repair-issues stale-devices"
    ),
    "platinum": words("async-dependency inject-websession strict-typing"),
}


@dataclass(frozen=True)
class Integration:
    """What the checks look at; a file that does not exist reads as empty.

    `translations` are by language, `described` by the name of the YAML file.
    """

    root: Path
    manifest: Json
    translations: Mapping[str, Json]
    icons: Json
    described: Mapping[str, Json]
    quality_scale: Json
    hacs: Json
    project: Json
    sources: Mapping[Path, ast.Module]

    @property
    def english(self) -> Json:
        """The texts that every other language translates."""
        return self.translations.get("en", {})


@dataclass(frozen=True)
class KeyUse:
    """A place in the code that names a translation key.

    `section` is where the text belongs, None where the code does not tell.
    """

    where: str
    section: str | None
    platform: str | None
    key: str
    has_device_class: bool


def read_integration(root: Path) -> Integration:
    """Read an integration in `custom_components/<domain>` and what surrounds it.

    Raises HomeAssistantError for JSON or YAML, SyntaxError for Python and
    TOMLDecodeError for a project file that cannot be parsed.
    """
    repository = root.parents[1]
    project = repository / "pyproject.toml"
    languages = sorted(root.glob("translations/*.json"))
    return Integration(
        root=root,
        manifest=load_json_object(root / "manifest.json", default={}),
        translations={file.stem: load_json_object(file) for file in languages},
        icons=load_json_object(root / "icons.json", default={}),
        described={file: _read_described(root / file) for file, _, _ in DESCRIBED},
        quality_scale=_read_yaml(root / "quality_scale.yaml").get("rules") or {},
        hacs=load_json_object(repository / "hacs.json", default={}),
        project=tomllib.loads(project.read_text()) if project.is_file() else {},
        sources={
            file: ast.parse(file.read_text()) for file in sorted(root.rglob("*.py"))
        },
    )


def _read_yaml(path: Path) -> Json:
    """Read a YAML file, empty where there is none."""
    return load_yaml_dict(str(path)) if path.is_file() else {}


def _read_described(path: Path) -> Json:
    """Read what a YAML file describes, without the anchors of its author."""
    return {
        name: spec or {}
        for name, spec in _read_yaml(path).items()
        if not name.startswith(".")
    }


def leaves(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the way to each text below `node`, with the text itself as its end."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, (*path, str(key)))
    else:
        yield (*path, str(node))


def placeholders(text: str) -> frozenset[str]:
    """Return the names that are filled in when a text is shown."""
    return frozenset(PLACEHOLDER.findall(text))


def check_files(integration: Integration) -> Iterator[str]:
    """Every file that Home Assistant or HACS asks for is there."""
    for name in NEEDED_FILES:
        if not (integration.root / name).is_file():
            yield f"{name}: is missing"


def check_manifest(integration: Integration) -> Iterator[str]:
    """The manifest has the keys, the order and the kinds of values of hassfest."""
    manifest = integration.manifest
    keys = list(manifest)
    for key in sorted(MANIFEST_NEEDS - set(keys)):
        yield f"manifest.json: {key} is missing"
    for key in sorted(set(keys) - MANIFEST_NEEDS - MANIFEST_MAY_HAVE):
        yield f"manifest.json: unknown key {key}"
    if manifest.get("domain") != integration.root.name:
        yield "manifest.json: domain is not the name of the folder"
    if keys != ["domain", "name", *sorted({*keys} - {"domain", "name"})]:
        yield "manifest.json: keys must be domain, name, then alphabetical"
    for key in ("documentation", "issue_tracker"):
        url = str(manifest.get(key, ""))
        if not url.startswith("https://") or "www.home-assistant.io" in url:
            yield f"manifest.json: {key} must be an https URL of our own"
    for requirement in manifest.get("requirements", []):
        if not re.fullmatch(r"[\w.\[\],-]+==[\w.]+", requirement):
            yield f"manifest.json: requirement {requirement} is not pinned"
    try:
        AwesomeVersion(manifest.get("version"), ensure_strategy=VERSION_STRATEGIES)
    except AwesomeVersionException as error:
        yield f"manifest.json: {error}"


def check_release(integration: Integration) -> Iterator[str]:
    """HACS can read its file, and there is one version."""
    hacs = integration.hacs
    if not hacs.get("name"):
        yield "hacs.json: name is missing"
    for key in sorted(set(hacs) - HACS_MAY_HAVE):
        yield f"hacs.json: unknown key {key}"
    version = integration.project.get("project", {}).get("version")
    if version != integration.manifest.get("version"):
        yield f"pyproject.toml: version {version} is not the manifest's"


def check_quality_scale(integration: Integration) -> Iterator[str]:
    """Every rule of the quality scale is answered; the manifest claims no more."""
    answers = integration.quality_scale
    tiers = list(QUALITY_SCALE)
    claim = integration.manifest.get("quality_scale")
    if claim is not None and claim not in tiers:
        yield f"manifest.json: unknown quality_scale {claim}"
    claimed = tiers[: tiers.index(claim) + 1] if claim in tiers else []
    for tier, rules in QUALITY_SCALE.items():
        for rule in sorted(rules):
            if rule not in answers:
                yield f"quality_scale.yaml: {rule} is missing"
            elif answers[rule] == "todo" and tier in claimed:
                yield f"manifest.json: claims {claim}, but {rule} is to be done"
    for rule, answer in answers.items():
        if not any(rule in rules for rules in QUALITY_SCALE.values()):
            yield f"quality_scale.yaml: unknown rule {rule}"
        is_reasoned = isinstance(answer, Mapping) and answer.get("comment")
        if answer not in ("done", "todo") and not is_reasoned:
            yield f"quality_scale.yaml: {rule}: an exemption needs a comment"


def check_texts(integration: Integration) -> Iterator[str]:
    """Every text in every language is one that Home Assistant shows well."""
    for language, texts in integration.translations.items():
        file = f"{language}.json"
        for section in sorted(set(texts) - SECTIONS):
            yield f"{file}: unknown section {section}"
        for *path, text in leaves(texts):
            for problem in _problems_of_text(text):
                yield f"{file}: {'.'.join(path)}: {problem}"
            if path[0] in KEYED_SECTIONS:
                for key in path[1:]:
                    if not KEY.fullmatch(key):
                        yield f"{file}: {'.'.join(path)}: bad key {key}"


def _problems_of_text(text: str) -> Iterator[str]:
    """Say what is wrong with one text, whatever its language."""
    if "[%key:" in text:
        yield "a custom integration's references are not resolved"
    if URL.search(text):
        yield "a URL belongs in a placeholder"
    if text != text.strip():
        yield "white space at an end"
    if HTML.search(text):
        yield "HTML"
    if QUOTED_PLACEHOLDER.search(text):
        yield "a placeholder in single quotes"
    if text.count("{") != text.count("}"):
        yield "a brace without its other half"
    for name in sorted(placeholders(text)):
        if not name.isidentifier():
            yield f"bad placeholder {name}"


def check_languages(integration: Integration) -> Iterator[str]:
    """Every language has English's texts, no others, with the same placeholders."""
    english = {tuple(path): text for *path, text in leaves(integration.english)}
    for language, texts in integration.translations.items():
        other = {tuple(path): text for *path, text in leaves(texts)}
        for path in sorted(english.keys() - other.keys()):
            yield f"{language}.json: {'.'.join(path)} is missing"
        for path in sorted(other.keys() - english.keys()):
            yield f"{language}.json: {'.'.join(path)} is not in en.json"
        for path in sorted(english.keys() & other.keys()):
            if placeholders(english[path]) != placeholders(other[path]):
                yield f"{language}.json: {'.'.join(path)}: other placeholders"


def check_flows(integration: Integration) -> Iterator[str]:
    """Every field of a flow is described, every kind of subentry has its names."""
    english = integration.english
    subentries = english.get("config_subentries", {})
    for kind, texts in subentries.items():
        if "entry_type" not in texts or "user" not in texts.get("initiate_flow", {}):
            yield f"en.json: config_subentries.{kind} lacks entry_type or initiate_flow"
    flows = {name: english.get(name, {}) for name in ("config", "options")}
    flows |= {f"config_subentries.{kind}": texts for kind, texts in subentries.items()}
    for name, flow in flows.items():
        for step, texts in flow.get("step", {}).items():
            for part in (texts, *texts.get("sections", {}).values()):
                described = part.get("data_description", {})
                for field in sorted(part.get("data", {}).keys() ^ described.keys()):
                    yield (
                        f"en.json: {name}.step.{step}: {field} needs "
                        "both data and data_description"
                    )


def check_described(integration: Integration) -> Iterator[str]:
    """Actions, triggers and conditions have their texts, icons and selectors."""
    code = _constants(integration)
    for file, section, icon in DESCRIBED:
        described = integration.described[file]
        texts = integration.english.get(section, {})
        for name in sorted(texts.keys() ^ described.keys()):
            yield f"{file}: {name} is only in one of {file} and en.json"
        for name, spec in described.items():
            where = f"{section}.{name}"
            if name not in code:
                yield f"{file}: {name} is not in the code"
            if icon not in integration.icons.get(section, {}).get(name, {}):
                yield f"icons.json: {where} is missing"
            yield from _check_fields(where, spec, texts.get(name, {}))


def _check_fields(where: str, spec: Json, texts: Json) -> Iterator[str]:
    """Check the fields of one action, trigger or condition."""
    fields: dict[str, Json] = {}
    for key, field in (spec.get("fields") or {}).items():
        fields |= field["fields"] if "fields" in (field or {}) else {key: field or {}}
    for key, field in fields.items():
        try:
            selector.validate_selector(field.get("selector", {"text": {}}))
        except probatio.Invalid as error:
            yield f"{where}: {key}: {error}"
    translated: Mapping[str, Json] = texts.get("fields", {})
    for key in sorted(fields.keys() ^ translated.keys()):
        yield f"en.json: {where}: field {key} is only in one of YAML and en.json"
    owners = {where: texts} | {
        f"{where}.{key}": field for key, field in translated.items()
    }
    for name, owner in owners.items():
        if not {"name", "description"} <= owner.keys():
            yield f"en.json: {name} needs a name and a description"


def _constants(integration: Integration) -> frozenset[str]:
    """Return every string that the code holds."""
    return frozenset(
        node.value
        for tree in integration.sources.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def key_uses(integration: Integration) -> Iterator[KeyUse]:
    """Yield the translation keys that the code names as literals."""
    for file, tree in integration.sources.items():
        platform = file.stem if _is_platform(integration, file) else None
        for node in ast.walk(tree):
            match node:
                case ast.Call():
                    given = {
                        word.arg: word.value
                        for word in node.keywords
                        if word.arg is not None
                    }
                    key = given.get("translation_key")
                    section = _section_of(_name(node.func))
                    has_class = "device_class" in given
                case ast.ClassDef():
                    given = dict(_assignments(node.body))
                    key = given.get("_attr_translation_key")
                    section = "entity"
                    has_class = "_attr_device_class" in given
                case _:
                    continue
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                where = f"{file.name}:{key.lineno}"
                yield KeyUse(where, section, platform, key.value, has_class)


def _name(called: ast.expr) -> str:
    """Return the last name of what is called."""
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _section_of(called: str) -> str | None:
    """Return the section in which the caller of `called` looks for its text."""
    if called == "async_create_issue":
        return "issues"
    for ending, section in (
        ("Description", "entity"),
        ("DeviceInfo", "device"),
        ("SelectorConfig", "selector"),
        ("Error", "exceptions"),
        ("NotReady", "exceptions"),
        ("AuthFailed", "exceptions"),
        ("UpdateFailed", "exceptions"),
    ):
        if called.endswith(ending):
            return section
    return None


def _is_platform(integration: Integration, file: Path) -> bool:
    """Tell whether a module holds the entities of a platform."""
    return file.parent == integration.root and file.stem in PLATFORMS


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Yield what the body of a module or a class assigns to simple names."""
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def check_keys(integration: Integration) -> Iterator[str]:
    """Every translation key in the code has its text."""
    english = dict(integration.english)
    entities = english.pop("entity", {})
    for use in key_uses(integration):
        places = [entities.get(use.platform, {})] if use.platform else entities.values()
        if use.section is None:
            places = [*english.values(), *entities.values()]
        elif use.section != "entity":
            places = [english.get(use.section, {})]
        if not any(use.key in keys for keys in places):
            yield f"{use.where}: {use.section or 'text'}.{use.key} is not in en.json"


def check_icons(integration: Integration) -> Iterator[str]:
    """Icons are known ones, and an entity without a device class has one."""
    icons = integration.icons
    entities = icons.get("entity", {})
    for *path, icon in leaves(icons):
        if not icon.startswith("mdi:"):
            yield f"icons.json: {'.'.join(path)}: {icon} is no mdi: icon"
    for platform, keys in entities.items():
        for key in keys:
            if key not in integration.english.get("entity", {}).get(platform, {}):
                yield f"icons.json: entity.{platform}.{key} has no translation"
    for use in key_uses(integration):
        if use.section == "entity" and use.platform and not use.has_device_class:
            if use.key not in entities.get(use.platform, {}):
                yield f"{use.where}: entity.{use.platform}.{use.key} has no icon"


def check_code(integration: Integration) -> Iterator[str]:
    """The code uses what the manifest declares, and follows the house rules."""
    # A module with a component's name is our platform of that component.
    declared = ALWAYS_THERE | {file.stem for file in integration.root.glob("*.py")}
    for key in ("dependencies", "after_dependencies"):
        declared |= set(integration.manifest.get(key, ()))
    for file, tree in integration.sources.items():
        if tree.body and not ast.get_docstring(tree):
            yield f"{file.name}: module docstring is missing"
        if _is_platform(integration, file):
            if "PARALLEL_UPDATES" not in dict(_assignments(tree.body)):
                yield f"{file.name}: PARALLEL_UPDATES is missing"
        for node in ast.walk(tree):
            for component in sorted(_components(node) - declared):
                yield f"{file.name}: {component} is not a dependency of the manifest"
            if isinstance(node, ast.keyword) and node.arg == "via_device":
                yield f"{file.name}:{node.lineno}: via_device is deprecated"


def _components(node: ast.AST) -> set[str]:
    """Return the components of Home Assistant that an import statement names."""
    prefix = "homeassistant.components"
    match node:
        case ast.ImportFrom(module=module, level=0) if module == prefix:
            return {alias.name for alias in node.names}
        case ast.ImportFrom(module=str(module), level=0):
            modules = [module]
        case ast.Import():
            modules = [alias.name for alias in node.names]
        case _:
            return set()
    return {name.split(".")[2] for name in modules if name.startswith(f"{prefix}.")}


CHECKS = (
    check_files,
    check_manifest,
    check_release,
    check_quality_scale,
    check_texts,
    check_languages,
    check_flows,
    check_described,
    check_keys,
    check_icons,
    check_code,
)


def problems(root: Path) -> list[str]:
    """Return what is wrong with the integration in `root`, one line each."""
    integration = read_integration(root)
    return [problem for check in CHECKS for problem in check(integration)]


def main() -> int:
    """Check the integration that the command line names."""
    found = problems(Path(sys.argv[1]).resolve())
    print(*found, f"{len(found)} problem(s)", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
