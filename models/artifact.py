"""The model file: tensors and a JSON header in the safetensors layout. No code in it, so reading one runs none.

The header says what the model is and what it was trained on; a SHA-256 over header and tensors finds damage.
"""

from __future__ import annotations

import hashlib
import json
import struct
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from models.autoencoder import Autoencoder
from models.calibrate import Calibration
from models.endpoints import PathTree
from models.features import FEATURES, Scale
from models.model import MEASURES, Model, ModelConfig, ModelError
from models.profile import Profile

Array = np.ndarray[Any, Any]

VERSION = 3
"""Raised when a field, measure or feature changes meaning; an older file must then be learned again."""

_TREE = ("keys", "children", "calls", "visits", "once")
_SCALE = ("mean", "spread", "place_mean", "place_spread")


def _digest(header: str, tensors: dict[str, Array]) -> str:
    total = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        array = tensors[name]
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def to_bytes(model: Model) -> bytes:
    """The model file's octets."""
    from safetensors.numpy import save as pack

    tensors: dict[str, Array] = {f"tree.{name}": getattr(model.tree, name) for name in _TREE}
    tensors["bigrams"] = model.bigrams
    tensors.update({f"profile.{f.name}": getattr(model.profile, f.name) for f in fields(Profile) if f.name not in ("fresh_name", "extra")})
    tensors.update({f"scale.{name}": getattr(model.scale, name) for name in _SCALE})
    if model.network is not None:
        for index, (weight, bias) in enumerate(zip(model.network.weights, model.network.biases, strict=True)):
            tensors[f"network.{index}.weight"], tensors[f"network.{index}.bias"] = weight, bias
        tensors["network.noise"] = model.network.noise
    for index, calibration in enumerate([*model.calibrations, model.joint]):
        tensors[f"calibration.{index}.scores"], tensors[f"calibration.{index}.above"] = calibration.scores, calibration.above
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    header = json.dumps(
        {
            "version": VERSION,
            "config": asdict(model.config),
            "trained_on": model.trained_on,
            "roots": model.tree.roots,
            "names": model.tree.names,
            "fresh_name": model.profile.fresh_name,
            "features": [feature.name for feature in FEATURES],
            "measures": list(MEASURES),
            "betas": [calibration.beta for calibration in [*model.calibrations, model.joint]],
            "bent": None if model.network is None else model.network.bent,
            "layers": 0 if model.network is None else len(model.network.weights),
        },
        sort_keys=True,
    )
    octets: bytes = pack(tensors, {"api_sensor_model": _digest(header, tensors) + header})
    return octets


def save(model: Model, path: Any) -> None:
    """Write the file beside its place, then move it there: a reader sees the old model or the new one, whole."""
    place = Path(path)
    part = place.with_name(place.name + ".part")
    try:
        part.write_bytes(to_bytes(model))
        part.replace(place)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ModelError(f"{place}: the model cannot be written ({error.strerror}); name a file in a folder that can be written") from error


def load(path: Any) -> Model:
    """Read a model file; raises ModelError, with the file's name and what to do, for one that is missing, damaged or of another version."""
    try:
        octets = Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the model file cannot be read ({error.strerror}); make one with `api-sensor learn`") from error
    try:
        return from_bytes(octets)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


_AGAIN = "copy it again, or make it anew with `api-sensor learn`"


def from_bytes(octets: bytes) -> Model:
    """The model in these octets; whatever they are, nothing but ModelError comes of bad ones."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as unpack

    try:
        size = struct.unpack("<Q", octets[:8])[0]
        if size > len(octets) - 8:
            raise ModelError(f"this is no model file, or not all of it is there; {_AGAIN}")
        outer = json.loads(octets[8 : 8 + size])
        whole = str(outer["__metadata__"]["api_sensor_model"])
        digest, header = whole[:64], whole[64:]
        tensors = unpack(octets)
    except ModelError:
        raise
    except (SafetensorError, struct.error, ValueError, KeyError, TypeError, RecursionError, MemoryError, OverflowError) as error:
        raise ModelError(f"this is no model file, or it is damaged; {_AGAIN}") from error
    if _digest(header, tensors) != digest:
        raise ModelError(f"the model file is damaged: its checksum does not fit; {_AGAIN}")
    try:
        return _build(json.loads(header), tensors)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"the model file lacks a part ({error}); make it anew with `api-sensor learn`") from error


def _build(header: dict[str, Any], tensors: dict[str, Array]) -> Model:
    if header["version"] != VERSION or header["measures"] != list(MEASURES) or header["features"] != [f.name for f in FEATURES]:
        raise ModelError(f"the model was made by another version (format {header['version']}, this is {VERSION}); make it anew with `api-sensor learn`")
    tree = PathTree(**{name: tensors[f"tree.{name}"] for name in _TREE}, roots=dict(header["roots"]), names=list(header["names"]))
    parts: dict[str, Any] = {f.name: tensors[f"profile.{f.name}"] for f in fields(Profile) if f.name not in ("fresh_name", "extra")}
    profile = Profile(**parts, fresh_name=float(header["fresh_name"]))
    network = None
    if header["layers"]:
        network = Autoencoder(
            [tensors[f"network.{index}.weight"] for index in range(header["layers"])],
            [tensors[f"network.{index}.bias"] for index in range(header["layers"])],
            bool(header["bent"]),
            tensors["network.noise"],
        )
    calibrations = [
        Calibration(tensors[f"calibration.{index}.scores"], tensors[f"calibration.{index}.above"], float(beta))
        for index, beta in enumerate(header["betas"])
    ]
    return Model(
        ModelConfig(**header["config"]), tree, tensors["bigrams"], profile, Scale(**{name: tensors[f"scale.{name}"] for name in _SCALE}),
        network, calibrations[:-1], calibrations[-1], dict(header["trained_on"]),
    )  # fmt: skip
