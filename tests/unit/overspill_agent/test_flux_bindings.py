from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from overspill_agent.flux_bindings import release

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import sys
from overspill_agent import flux_bindings
from overspill_shared.errors import FluxUnavailable
before = list(sys.path)
try:
    flux = flux_bindings.load(sys.argv[1])
except FluxUnavailable as exc:
    print("unavailable:", exc)
else:
    assert flux_bindings.load("nonesuch") is flux
    print(flux.__file__, flux.kvs.__name__, flux.constants.__name__)
assert sys.path == before
"""


@pytest.fixture
def wheel(tmp_path):
    return tmp_path / "wheel"


@pytest.fixture
def installed(tmp_path):
    return tmp_path / "installed" / "python3.7"


@pytest.fixture
def load(tmp_path, wheel, installed):
    """Give a function that loads the bindings in a fresh Python that finds `wheel`, beside a Flux of version 0.88."""

    def run(*, has_command=True):
        command = tmp_path / "flux"
        if has_command:
            command.write_text(
                "#!/bin/sh\n"
                'case "$*" in\n'
                f'"config builtin python_path") echo {installed} ;;\n'
                "version) printf 'commands:\\t0.88.0\\nlibflux-core:\\t0.88.0-59\\n' ;;\n"
                "*) exit 1 ;;\n"
                "esac\n"
            )
            command.chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(command)],
            env={"PYTHONPATH": str(wheel), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def make_package(directory: Path, first_line="", version=""):
    package = directory / "flux"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"{first_line}\ndef Flux(): ...\n")
    (package / "constants.py").touch()
    (package / "kvs.py").touch()
    if version:
        metadata = directory / f"flux_python-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: flux-python\nVersion: {version}\n")


def test_package_that_can_be_imported_is_taken(load, wheel, installed):
    make_package(wheel, version="0.88.1")
    make_package(installed)

    assert load().startswith(str(wheel / "flux"))


def test_package_without_a_flux_command_is_taken(load, wheel):
    make_package(wheel, version="0.87.0")

    assert load(has_command=False).startswith(str(wheel / "flux"))


def test_installed_bindings_are_found_by_the_command(load, installed):
    make_package(installed)

    assert load().startswith(str(installed / "flux"))


def test_wheel_without_its_library_gives_way_to_the_installed_bindings(load, wheel, installed):
    make_package(wheel, "raise ImportError('libflux-core.so.2: cannot open shared object file')", version="0.88.0")
    make_package(installed)

    assert load().startswith(str(installed / "flux"))


def test_wheel_for_another_release_gives_way_to_the_installed_bindings(load, wheel, installed):
    make_package(wheel, version="0.87.0")
    make_package(installed)

    assert load().startswith(str(installed / "flux"))


def test_wheel_for_another_release_is_taken_if_the_installed_bindings_cannot_be_loaded(load, wheel, installed):
    make_package(wheel, version="0.87.0")
    make_package(installed, "import _flux")

    assert load().startswith(str(wheel / "flux"))


def test_package_of_the_same_name_that_is_not_fluxs_gives_way(load, wheel, installed):
    make_package(wheel)
    (wheel / "flux" / "__init__.py").write_text("")
    make_package(installed)

    assert load().startswith(str(installed / "flux"))


def test_no_bindings_at_all_say_what_was_tried_and_what_to_do(load, wheel, installed):
    make_package(wheel, "raise ImportError('libflux-core.so.2: cannot open shared object file')", version="0.88.0")
    make_package(installed, "import _flux")

    said = load()

    assert said.startswith("unavailable:")
    assert "libflux-core.so.2: cannot open" in said
    assert f"{installed}: No module named '_flux'" in said
    assert "flux-python==0.88.0-59" in said
    assert "LD_LIBRARY_PATH" in said
    assert "PYTHONPATH" in said
    assert f"for Python 3.7; this is 3.{sys.version_info.minor}" in said


def test_no_flux_at_all_says_what_to_install(load):
    said = load(has_command=False)

    assert "No module named 'flux'" in said
    assert "flux-python==<the broker's version>" in said


@pytest.mark.parametrize(
    ("full", "expected"), [("0.88.0", ("0", "88")), ("0.88.0-59-gabc", ("0", "88")), ("1.2", ("1", "2"))]
)
def test_release_is_major_and_minor(full, expected):
    assert release(full) == expected
