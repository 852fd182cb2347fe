"""The house's own checks can fail: a planted import or an overlong file is caught."""

from __future__ import annotations

import pkgutil
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hedger.core

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("hedger", "pricing", ".ci"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "_config")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_contracts_hold(checkout: Path) -> None:
    result = lint_imports(checkout)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("pricing/black.py", "import hedger.errors", "pricing never imports hedger"),
        (
            "hedger/core/bands/configured.py",
            "import hedger.core.decide",
            "the floors of hedger.core",
        ),
        ("hedger/core/plan.py", "import pricing", "only market, exposure and risk call pricing"),
        ("hedger/core/sizing/kelly.py", "import pricing", "exposure and risk call pricing"),
        ("hedger/core/sizing/kelly.py", "import hedger.core.sizing.grid", "knows another"),
        ("hedger/core/limits.py", "import time", "do not touch the world"),
        ("hedger/ports/store.py", "import hedger.service", "the floors of hedger"),
    ],
)
def test_planted_imports_are_caught(checkout: Path, file: str, line: str, contract: str) -> None:
    path = checkout / file
    path.write_text(path.read_text() + f"\n{line}\n")
    result = lint_imports(checkout)
    assert result.returncode != 0
    assert contract in result.stdout


def test_the_contract_on_pricing_names_every_module_of_core() -> None:
    """It is a list: one that is forgotten there may call pricing, and nobody says so."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (ours,) = (one for one in contracts if "call pricing" in one["name"])
    found = {f"hedger.core.{module.name}" for module in pkgutil.iter_modules(hedger.core.__path__)}
    assert found - {*ours["source_modules"]} == {
        "hedger.core.market",
        "hedger.core.exposure",
        "hedger.core.risk",
    }


def test_overlong_files_and_functions_are_caught(checkout: Path) -> None:
    check = [sys.executable, str(checkout / ".ci" / "sizes.py")]
    fine = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert fine.returncode == 0, fine.stdout
    (checkout / "hedger" / "long.py").write_text("x = 1\n" * 401)
    body = "    x = 1\n" * 60
    (checkout / "hedger" / "tall.py").write_text(f"def tall() -> None:\n{body}")
    caught = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert caught.returncode == 1
    assert "long.py: 401 lines" in caught.stdout
    assert "tall has 61 lines" in caught.stdout
