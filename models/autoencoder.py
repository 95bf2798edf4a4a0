"""The autoencoder: a small network that learns to say a normal call's features again from a narrow waist, and its loss.

Trained with PyTorch (`train`), or in closed form as a linear one (`linear`: principal components, the optimum of a linear autoencoder), which
needs no torch and suits a single capture judged on the spot. Running it is a few products of matrices, done here in numpy: a forward pass of a batch
costs less than importing torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

PRODUCT = 262_144
"""Multiplications of one product of matrices, at most: with more OpenBLAS starts threads."""
TILE = 128
"""Rows that are added up at once where a network is made."""


@dataclass(slots=True, eq=False, repr=False)
class Autoencoder:
    """Weights and biases of its layers, in order; all but the last are followed by tanh when it is not linear. `noise` is the usual squared
    error of each feature on calls it did not learn from."""

    weights: list[Array]
    biases: list[Array]
    bent: bool
    noise: Array

    def reconstruct(self, z: Array) -> Array:
        """What a normal call would have had."""
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = z @ weight
            z += bias
            if self.bent and index + 1 < len(self.weights):
                np.tanh(z, out=z)
        return z

    def residuals(self, z: Array) -> Array:
        """Squared error of each feature, in units of what is usual for it."""
        error = z - self.reconstruct(z)
        np.square(error, out=error)
        error /= self.noise
        return error

    def score(self, z: Array) -> Array:
        """One number a call: the mean residual. The same for a call whatever stands beside it."""
        run = Run(self)
        out = np.zeros(-(-len(z) // run.tile) * run.tile, np.float32)
        for start in range(0, len(z), run.tile):
            part = z[start : start + run.tile]
            run.z[: len(part), :-1] = part
            run.errors(out[start : start + run.tile])
        return out[: len(z)]


class Run:
    """A network running on `tile` calls at a time: put them into `z`, whose last column is one, and call `errors`.

    Products are made of the same number of rows each time: a library of linear algebra adds in another order for another shape. They are also too small for
    it to start threads, whose waiting would cost more than the work. Biases are the weights of that last column, since to add them to narrow rows takes longer.
    """

    def __init__(self, network: Autoencoder) -> None:
        self.bent = network.bent
        most = PRODUCT // max((weight.shape[0] + 1) * (weight.shape[1] + 1) for weight in network.weights)
        self.tile = 1 << max(0, most.bit_length() - 1)
        self.weights = [np.vstack([weight, bias]).astype(np.float32) for weight, bias in zip(network.weights, network.biases, strict=True)]
        self.weights[-1] = np.hstack([self.weights[-1], np.zeros((len(self.weights[-1]), 1), np.float32)])
        self.even = np.append(1 / (network.noise * len(network.noise)), 0).astype(np.float32)
        self.z = np.ones((self.tile, len(self.weights[0])), np.float32)
        self.layers = [np.ones((self.tile, weight.shape[1] + 1), np.float32) for weight in network.weights]
        self.z[:, :-1] = 0

    def errors(self, out: Array) -> None:
        """Fill out[call] with the mean residual of each call of `z`."""
        before = self.z
        for weight, layer in zip(self.weights[:-1], self.layers[:-1], strict=True):
            to = np.matmul(before, weight, out=layer[:, :-1])
            if self.bent:
                np.tanh(to, out=to)
            before = layer
        error = np.matmul(before, self.weights[-1], out=self.layers[-1])
        error -= self.z
        np.square(error, out=error)
        np.matmul(error, self.even, out=out)


def linear(z: Array, waist: int) -> Autoencoder:
    """The best linear autoencoder: projection on the first principal components."""
    mean = z.mean(0)
    together = np.zeros((z.shape[1], z.shape[1]))
    for start in range(0, len(z), TILE // 2):
        centred = (z[start : start + TILE // 2] - mean).astype(np.float64)
        together += centred.T @ centred
    values, vectors = np.linalg.eigh(together / max(1, len(z)))
    # In C's order, as a model file gives it back: the library adds in another order for another layout.
    basis = np.ascontiguousarray(vectors[:, np.argsort(-values, kind="stable")[:waist]], np.float32)
    return Autoencoder([basis, basis.T.copy()], [-(mean @ basis), mean.astype(np.float32)], False, np.ones(z.shape[1], np.float32))


def set_noise(network: Autoencoder, held: Array) -> None:
    """Measure the usual error on calls it did not learn from. A floor keeps a feature that is always the same from ruling alone."""
    total = np.zeros(held.shape[1])
    for start in range(0, len(held), TILE):
        part = held[start : start + TILE]
        total += ((part - network.reconstruct(part)) ** 2).sum(0)
    network.noise = (total / len(held) + 0.05).astype(np.float32)


def train(z: Array, seed: int, hidden: int, waist: int, steps: int, rows: int = 256) -> Autoencoder:
    """Fit by Adam on random rows, some features blanked so that the others must tell of them. Deterministic from the seed."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order: the same weights on every machine with this build
    try:
        return _train(torch, z, seed, hidden, waist, steps, rows)
    finally:
        torch.set_num_threads(threads)


def _train(torch: Any, z: Array, seed: int, hidden: int, waist: int, steps: int, rows: int) -> Autoencoder:
    generator = torch.Generator().manual_seed(seed)
    width = z.shape[1]
    sizes = [width, hidden, waist, hidden, width]
    data = torch.from_numpy(np.ascontiguousarray(z, np.float32))
    parameters = []
    for a, b in pairwise(sizes):
        parameters.append((torch.rand(a, b, generator=generator) * 2 - 1) * (6 / (a + b)) ** 0.5)
        parameters.append(torch.zeros(b))
    for parameter in parameters:
        parameter.requires_grad_(True)
    first = [torch.zeros_like(p) for p in parameters]
    second = [torch.zeros_like(p) for p in parameters]
    # Adam (Kingma and Ba 2015) by hand: importing torch.optim costs more than all of this training.
    for step in range(1, steps + 1):
        x = data[torch.randint(0, len(data), (min(rows, len(data)),), generator=generator)]
        h = x * (torch.rand(x.shape, generator=generator) > 0.1)
        for index in range(0, len(parameters), 2):
            h = h @ parameters[index] + parameters[index + 1]
            if index + 2 < len(parameters):
                h = torch.tanh(h)
        # Huber's loss: one call that is far out does not bend the network towards itself.
        error = (h - x).abs()
        loss = torch.where(error < 1, error * error / 2, error - 0.5).mean()
        gradients = torch.autograd.grad(loss, parameters)
        rate = 3e-3 * min(1.0, 3 * (1 - step / (steps + 1)))
        with torch.no_grad():
            for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
                m.mul_(0.9).add_(g, alpha=0.1)
                v.mul_(0.999).addcmul_(g, g, value=0.001)
                p.sub_(rate * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8))
    arrays = [p.detach().numpy().copy() for p in parameters]
    return Autoencoder(arrays[0::2], arrays[1::2], True, np.ones(width, np.float32))
