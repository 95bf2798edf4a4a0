"""Compile the hot modules where there is a C compiler; everything else stands in pyproject.toml.

A hot module is an ordinary .py file in Cython's pure Python mode. `optional` makes a missing compiler cost speed, not the install.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

HOT = sorted(
    str(path)
    for package in ("parsers", "rules", "models", "sensor")
    for path in Path(package).rglob("*.py")
    if "cython import" in path.read_text(encoding="utf-8") or "import cython" in path.read_text(encoding="utf-8")
    if path.name != "_cython.py"
)
ONLY = os.environ.get("API_SENSOR_COMPILE")  # "none" leaves all of it interpreted; else one module's path

if ONLY:
    HOT = [path for path in HOT if path == ONLY]

if HOT:
    from Cython.Build import cythonize

    extensions = cythonize(
        [
            Extension(path[:-3].replace("/", "."), [path], extra_compile_args=["-O3", "-fno-strict-aliasing"])
            for path in HOT
        ],
        language_level=3,
        compiler_directives={
            "boundscheck": True,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "infer_types": False,
            "annotation_typing": True,
            "auto_pickle": False,
            "freethreading_compatible": False,
        },
    )
    for extension in extensions:
        extension.optional = True  # cythonize() makes extensions of its own, and forgets this of those it is given
else:
    extensions = []

setup(ext_modules=extensions)
