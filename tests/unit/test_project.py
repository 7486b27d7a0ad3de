"""What the documents and the deployment files say stays true."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from jobset_client.cli import main
from jobset_client.settings import ClientSettings
from jobset_protocol.store.blobs import BlobSettings
from worker.settings import WorkerSettings, load_backends

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PACKAGES = ["jobset_protocol", "jobset_client", "worker", "jobset_bench"]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def consoles() -> str:
    """Return every console block of every document."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    return "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
    return document


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_make_targets_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", consoles(), re.MULTILINE))
    assert named >= {"demo", "test"}
    assert named <= targets


def test_commands_in_documents_exist() -> None:
    assert isinstance(main, click.Group)
    named = set(re.findall(r"\bjobset ([a-z]+)", consoles()))
    assert named >= {"up", "run", "results"}
    assert named <= set(main.commands)


def test_options_in_documents_exist() -> None:
    assert isinstance(main, click.Group)
    for name, rest in re.findall(r"\bjobset ([a-z]+)(.*)", consoles()):
        if main.commands[name].context_settings.get(
            "ignore_unknown_options"
        ):  # passed on to the worker's own
            continue
        named = set(re.findall(r"(--[a-z-]+)", rest.partition("#")[0]))
        known = {option for each in main.commands[name].params for option in each.opts}
        assert named <= known, name


def test_changelog_lists_every_command() -> None:
    assert isinstance(main, click.Group)
    unreleased = read("CHANGELOG.md")
    assert [name for name in main.commands if f"`{name}`" not in unreleased] == []


def settings_table(introduction: str) -> dict[str, str]:
    """Return the defaults by setting of one table of the operations page."""
    table = read("docs/operations.md").partition(introduction)[2].strip().partition("\n\n")[0]
    rows = re.findall(r"^\| `JOBSET_(\w+)` \| ([^|]+) \|", table, re.MULTILINE)
    return {name.lower(): default.strip("`") for name, default in rows}


def test_clients_settings_are_documented() -> None:
    assert settings_table("Clients read:").keys() == ClientSettings.model_fields.keys()


def test_workers_settings_are_documented_with_their_defaults() -> None:
    documented = settings_table("Workers and watchers read:")
    defaults = {name: field.default for name, field in WorkerSettings.model_fields.items()}
    assert documented.keys() == defaults.keys()
    for name, default in defaults.items():
        expected = f"{default:g}" if isinstance(default, float) else str(default).lower()
        assert documented[name] == expected, name


def test_settings_of_large_blobs_are_documented_with_their_defaults() -> None:
    documented = settings_table("Every side reads:")
    assert documented == {
        f"blobs_{name}": str(field.default).lower()
        for name, field in BlobSettings.model_fields.items()
    }


def test_backends_in_documents_and_deployment_are_valid(tmp_path: Path) -> None:
    assert load_backends(ROOT / "deploy/backends.toml").keys() == {"aer"}
    for path in DOCUMENTS:
        for number, block in enumerate(re.findall(r"```toml\n(.*?)```", path.read_text(), re.S)):
            config = tmp_path / f"{path.stem}-{number}.toml"
            config.write_text(block)
            assert load_backends(config)


def test_every_package_is_typed_and_in_the_wheel() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == PACKAGES
    assert [name for name in PACKAGES if not (ROOT / name / "py.typed").exists()] == []


def test_services_report_their_health(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in ("valkey", "worker", "watcher", "flower"):
        assert services[name]["healthcheck"]["test"], name
    assert "$$HOSTNAME" in services["worker"]["healthcheck"]["test"][1]


def test_workers_scale(compose: dict[str, Any]) -> None:
    for name in ("worker", "watcher"):
        assert not {"container_name", "hostname", "ports"} & compose["services"][name].keys()


def test_workers_have_time_to_hand_over(compose: dict[str, Any]) -> None:
    grace = compose["services"]["worker"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) >= 2 * WorkerSettings.model_fields["drain_seconds"].default


def test_store_hears_that_it_is_to_stop(compose: dict[str, Any]) -> None:
    command = compose["services"]["valkey"]["command"]
    assert command[:2] == ["sh", "-c"]
    assert command[2].startswith("exec valkey-server ")
    assert "|" not in command[2]


def test_one_service_builds_the_image_and_none_pulls_it(compose: dict[str, Any]) -> None:
    ours = {
        name: service
        for name, service in compose["services"].items()
        if service["image"].startswith("jobset:")
    }
    assert [name for name, service in ours.items() if "build" in service] == ["worker"]
    assert {service["pull_policy"] for service in ours.values()} == {"never"}


def test_ports_are_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(re.match(r"\$\{\w+:-127\.0\.0\.1:\d+\}:\d+$", port) for port in ports)


def test_passwords_come_from_the_environment_only() -> None:
    text = read("docker-compose.yml")
    needed = set(re.findall(r"\$\{(\w+)", text))
    offered = dict(re.findall(r"^(\w+)=(.*)$", read(".env.example"), re.MULTILINE))
    assert needed == offered.keys()
    # No default: without them nothing starts.
    for name in ("JOBSET_STORE_PASSWORD", "JOBSET_FLOWER_AUTH"):
        assert offered[name] == ""
        assert re.findall(rf"\$\{{{name}(?!:\?)", text) == []
    assert ".env\n" in read(".gitignore")
    assert "requirepass " not in read("deploy/valkey/valkey.conf")


def test_store_keeps_what_it_is_given() -> None:
    lines = read("deploy/valkey/valkey.conf").splitlines()
    assert {"appendonly yes", "maxmemory-policy noeviction"} <= set(lines)


def test_mounted_files_exist(compose: dict[str, Any]) -> None:
    mounted = [entry["file"] for entry in compose["configs"].values()]
    assert [path for path in mounted if not (ROOT / path).is_file()] == []


def test_dashboard_lists_chunk_and_outcome() -> None:
    columns = runpy.run_path(str(ROOT / "deploy/flower/flowerconfig.py"))["tasks_columns"]
    assert {"name", "args", "state", "result"} <= set(columns.split(","))


def test_the_guarantees_name_tests_that_exist() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    files = re.findall(r"`(tests/[\w/]+\.py)`", text)
    names = re.findall(r"`(test_\w+)`", text)
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert files
    assert names
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert [name for name in names if f"def {name}(" not in sources] == []
    for rows in re.findall(r"rows? ([\d–, ]+)", text):
        for number in re.findall(r"\d+", rows):
            assert f"def test_row_{number}_" in sources
