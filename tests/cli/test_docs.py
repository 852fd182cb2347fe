"""The documents name every command and every option, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cyclopts import App

from hedger.cli.entry import COMMANDS, application

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "CLI.md").read_text()
COMMON = {"--config", "--data", "--json"}


SHOWN = [entry.name for entry in COMMANDS if entry.is_shown]


def parts(name: str) -> dict[str, App]:
    """A command that people may call, or its subcommands, by full name."""
    command = application()[name]
    inner = [sub for sub in command if not sub.startswith("-")]
    return {f"{name} {sub}": command[sub] for sub in inner} or {name: command}


def options(command: App) -> set[str]:
    """Options of a command; of a flag and its opposite, each."""
    found: set[str] = set()
    for argument in command.assemble_argument_collection():
        found |= {name for name in argument.names if name.startswith("--")}
    return found


def section(name: str) -> str:
    """The part of the page under a command's heading."""
    head = f"## hedger {name.split()[0]}\n"
    assert head in PAGE, f"docs/CLI.md has no heading {head.strip()!r}"
    return PAGE.split(head, 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("name", SHOWN)
def test_readme_names_every_command(name: str) -> None:
    assert f"hedger {name}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", SHOWN)
def test_page_names_every_command_and_option(name: str) -> None:
    text = section(name)
    for full, command in parts(name).items():
        assert f"hedger {full}" in text
        missing = {option for option in options(command) - COMMON if option not in text}
        assert not missing, f"docs/CLI.md says nothing of {missing} of hedger {full}"
    assert all(option in PAGE for option in COMMON)


@pytest.mark.parametrize("name", SHOWN)
def test_page_names_no_option_that_does_not_exist(name: str) -> None:
    known = set().union(*(options(command) for command in parts(name).values()))
    written = set(re.findall(r"--[a-z][a-z-]+", section(name)))
    assert written <= known | COMMON


def test_page_names_no_command_that_does_not_exist() -> None:
    headings = re.findall(r"^## hedger (\S+)$", PAGE, re.MULTILINE)
    assert headings == SHOWN
