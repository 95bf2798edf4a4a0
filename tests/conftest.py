"""Shared by all tests: the forms of the hot modules.

`pytest` runs a test that takes `hot` twice, on the interpreted and on the compiled form (skipped where there is none).
`pytest --form=python` runs everything interpreted, for a debugger or coverage; `pytest --form=compiled` runs everything compiled, and fails at
once when a hot module is not: a silent fallback is the one fault that this design invites.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import forms

SHARED = Path(__file__).resolve().parents[2] / "shared"
if "--form=python" in " ".join(sys.argv[1:]).replace("--form python", "--form=python"):
    forms.interpret_everything()  # before the other conftest files, which import modules of ours


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--form", choices=forms.FORMS, help="run everything in this form of the hot modules")


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that runs us in the background has it ignored, and so would the commands that tests interrupt: what is ignored stays so.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Compiled patterns of the rules that tests make up are kept beside the tests' own cache, not in the user's.
    kept = getattr(config, "cache", None)  # none under `-p no:cacheprovider`
    os.environ["XDG_CACHE_HOME"] = str(kept.mkdir("home") if kept is not None else tempfile.mkdtemp(prefix="api-sensor-tests-"))
    form = config.getoption("--form")
    if form == "compiled":
        missing = [name for name in forms.hot_modules() if not forms.is_compiled(name)]
        if missing:
            raise pytest.UsageError(
                f"not compiled: {', '.join(missing)}; build them (pip install . or setup.py build_ext --inplace)"
            )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "hot" in metafunc.fixturenames:
        form = metafunc.config.getoption("--form")
        metafunc.parametrize("hot", [form] if form else forms.FORMS, indirect=True)


@pytest.fixture
def hot(request: pytest.FixtureRequest) -> Callable[[str], ModuleType]:
    """Gives a hot module by name in the form that this run of the test is for: `frames = hot("parsers.frames")`."""
    form = request.param

    def load(name: str) -> ModuleType:
        if form == "compiled" and not forms.is_compiled(name):
            pytest.skip(f"{name} is not compiled here")
        return forms.module(name, form)

    return load


def pytest_collection_modifyitems(items: list[Any]) -> None:
    if not (SHARED / "eval").is_dir():
        absent = pytest.mark.skip(reason="the evaluation data is not beside the checkout")
        for item in items:
            if item.get_closest_marker("evaldata"):
                item.add_marker(absent)


@pytest.fixture(scope="session")
def evaldata() -> Path:
    """The evaluation data, for tests marked `evaldata`."""
    return SHARED / "eval"
