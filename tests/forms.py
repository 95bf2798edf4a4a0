"""Both forms of the hot modules in one process: the compiled ones, and beside them their interpreted twins.

A finder that sees only `.py` files loads a second copy of the four packages, whose modules import one another and none of the compiled
ones. The twins are the reference: same source, no compiler, and no Cython either: who has no C compiler has `parsers._cython` in its place.

    from tests.forms import both, hot_modules, module
    twin = module("parsers.frames", "python")
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("parsers", "rules", "models", "sensor")
FORMS = ("python", "compiled")


class SourceOnly(importlib.abc.MetaPathFinder):
    """Finds modules of our packages as `.py` files, whatever is compiled beside them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        loader = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        for entry in path if path is not None else [str(ROOT)]:
            spec = importlib.machinery.FileFinder(str(entry), loader).find_spec(fullname)
            if spec is not None:
                return spec
        return None


_twins: dict[str, ModuleType] = {}


@contextlib.contextmanager
def _only_twins() -> Iterator[None]:
    """Within, the names of our packages mean the twins."""

    def take() -> dict[str, ModuleType]:
        ours = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
        return {name: sys.modules.pop(name) for name in ours}

    usual = take()
    sys.modules.update(_twins)
    cython = sys.modules.get("cython", ...)
    sys.modules["cython"] = None  # type: ignore[assignment]  # not to be found
    finder = SourceOnly()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        del sys.modules["cython"]
        if cython is not ...:
            sys.modules["cython"] = cython
        _twins.update(take())
        sys.modules.update(usual)


def module(name: str, form: str) -> ModuleType:
    """A module of ours in one of the FORMS. "compiled" means as imported: `require_compiled` tells whether it really is."""
    if form == "python":
        with _only_twins():
            return importlib.import_module(name)
    return importlib.import_module(name)


def hot_modules() -> list[str]:
    """Names of the modules that the build compiles: those that import the shim."""
    names = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "_cython.py" and "from parsers import _cython as cython" in path.read_text(
                encoding="utf-8"
            ):
                names.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return names


def is_compiled(name: str) -> bool:
    """Whether a compiled form of the module stands beside its source, or is what was installed."""
    spec = importlib.util.find_spec(name)
    return spec is not None and isinstance(spec.loader, importlib.machinery.ExtensionFileLoader)


def interpret_everything() -> None:
    """From now on this process imports our packages as source only (`--form=python`)."""
    sys.modules["cython"] = None  # type: ignore[assignment]
    sys.meta_path.insert(0, SourceOnly())
