"""Both forms of the hot modules: compiled where they are built, and interpreted from the same source."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import pytest


class _SourceOnly:
    """Finds the modules of `parsers` as .py files, whatever stands compiled beside them."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "parsers" and not name.startswith("parsers."):
            return None
        loader = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        for entry in path if path is not None else sys.path:
            spec = importlib.machinery.FileFinder(entry or ".", loader).find_spec(name)
            if spec is not None and spec.loader is not None:
                return spec
        return None


def _interpreted(name: str, kept: dict[str, ModuleType] = {}) -> ModuleType:  # noqa: B006  (one set of twins for all tests)
    others = {key: module for key, module in sys.modules.items() if key == "parsers" or key.startswith("parsers.")}
    for key in others:
        del sys.modules[key]
    sys.modules.update(kept)
    sys.meta_path.insert(0, _SourceOnly)  # type: ignore[arg-type]
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(_SourceOnly)  # type: ignore[arg-type]
        for key in [key for key in sys.modules if key == "parsers" or key.startswith("parsers.")]:
            kept[key] = sys.modules.pop(key)
        sys.modules.update(others)


def _as_installed(name: str) -> ModuleType:
    return importlib.import_module(name)


def load(name: str, form: str) -> ModuleType:
    """The module `name` in one form."""
    return (_interpreted if form == "python" else _as_installed)(name)


@pytest.fixture(params=["python", "as installed"])
def form(request: pytest.FixtureRequest) -> Callable[[str], ModuleType]:
    """Import a module of `parsers` by name, in the form under test."""
    return _interpreted if request.param == "python" else _as_installed


@pytest.fixture(scope="session")
def forms() -> tuple[Callable[[str], ModuleType], Callable[[str], ModuleType]]:
    """Both ways to import, for tests that compare the forms."""
    return _interpreted, _as_installed
