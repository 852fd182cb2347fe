"""An edit of any source is seen; the cache is used when nothing changed and never needed."""

import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import pricing
from pricing import _kernel_cache

CALLEE = "_vector_math.py"
PROBE = """

from pricing._batch import evaluate
from pricing.spot import _inverse_kernel
values = (100.0, 100.0, 1.0, 0.2)
names = ("forward", "strike", "time_to_expiry", "vol")
print(repr(float(evaluate(_inverse_kernel, names, values, True).price)))
"""


@pytest.fixture(name="copy")
def _copy(tmp_path):
    source = pathlib.Path(pricing.__file__).parent
    target = tmp_path / "pricing"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    (target / "__init__.py").write_text("")
    # one kernel is enough to show it, and compiles in a quarter of the time
    spot = (target / "spot.py").read_text()
    line = '_spot_kernel = batch_kernel("black_scholes", _spot_option)'
    assert line in spot
    (target / "spot.py").write_text(spot.replace(line, "_spot_kernel = None"))
    return target


def run(package, home, probe=PROBE):
    """The probe's output in a new process whose home is `home`."""
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=package.parent,
        env={"HOME": str(home), "PATH": "", "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def machine_code(home):
    return sorted((p, p.stat().st_mtime_ns) for p in pathlib.Path(home).rglob("*.nbc"))


def test_edit_of_a_callee_is_seen(copy, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    before = run(copy, home)
    first = machine_code(home)
    assert first, "the kernel was not cached"
    callee = copy / CALLEE
    text = callee.read_text()
    assert "    2.129871446222046," in text
    callee.write_text(text.replace("    2.129871446222046,", "    2.229871446222046,"))
    edited = run(copy, home)
    assert edited != before
    second = machine_code(home)
    assert len(second) == 2 * len(first)
    assert run(copy, home) == edited  # warm: the same new result
    assert machine_code(home) == second, "a warm cache was written again"
    for path, _ in second:
        path.write_bytes(b"torn")  # a damaged file is compiled anew
    assert run(copy, home) == edited


def test_location_falls_back(copy, tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    monkeypatch.setattr(pathlib.Path, "home", lambda: blocked)
    monkeypatch.setattr(_kernel_cache._config, "CACHE_DIR", "")
    folder = _kernel_cache.cache_folder()
    assert folder is None or not folder.is_relative_to(blocked)
    monkeypatch.setattr(_kernel_cache, "_private_temporary_root", lambda: None)
    assert _kernel_cache.cache_folder() is None
    monkeypatch.setattr(_kernel_cache, "_FOLDER", None)

    @_kernel_cache.compiled("float64(float64)")
    def uncached(x):
        return x + 1.0

    assert uncached(1.0) == 2.0


def test_numba_configuration_is_untouched():
    code = (
        "import numba; before = numba.config.CACHE_DIR; "
        "from numba.core.caching import CacheImpl as C; locators = list(C._locator_classes); "
        "import pricing; assert numba.config.CACHE_DIR == before; "
        "assert C._locator_classes == locators; print('same')"
    )
    root = pathlib.Path(pricing.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "same", done.stderr


def test_kernels_take_one_signature_only():
    with pytest.raises(TypeError):
        pricing.portfolio._sums(1, 2)


def test_threads():
    generator = np.random.default_rng(1)
    forward = generator.uniform(50, 150, 20_000)
    inputs = {"strike": 100.0, "time_to_expiry": 0.5, "vol": 0.4, "is_call": True}
    wanted = pricing.black(forward=forward, **inputs)
    faults = []

    def work():
        for _ in range(20):
            got = pricing.black(forward=forward, **inputs)
            if not all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True)):
                faults.append("differs")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
