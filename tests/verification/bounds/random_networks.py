"""Random networks, points and splits of the tests of bounds, from a seed."""

from __future__ import annotations

import numpy as np

from pipeline.data import SeparatedDataset
from pipeline.exact import as_dyadic
from pipeline.network import Affine, ReLUNetwork, SparseIntegers


def random_dataset(
    rng: np.random.Generator, d: int, points: int, scale: int = 0
) -> SeparatedDataset:
    """Return distinct points on a grid times 2^scale, labels 1 and 2 in turn."""
    X = np.zeros((points, d), dtype=np.int64)
    while len(np.unique(X, axis=0)) < points:
        X = rng.integers(-64, 65, size=(points, d))
    floats = as_dyadic(np.ldexp(X.astype(np.float64), -5))
    exact = type(floats)(floats.numerators, floats.exponent + scale)
    return SeparatedDataset("random", exact, np.arange(points) % 2 + 1)


def random_affine(rng: np.random.Generator, outputs: int, inputs: int, scale: int) -> Affine:
    """Return weights and biases of about 2^scale with 80 random bits: they are no floats."""
    entries = rng.normal(size=(outputs, inputs + 1))
    entries[rng.random(entries.shape) < 0.1] = 0.0
    whole = np.rint(entries * 2**30).astype(np.int64).astype(object) * 2**50
    whole += (rng.integers(-(2**49), 2**49, size=entries.shape) * (entries != 0)).astype(object)
    weight = SparseIntegers.from_dense(whole[:, :-1])
    return Affine(weight, whole[:, -1], scale - 80)


def random_network(
    rng: np.random.Generator, d: int, widths: list[int], scales: list[int] | None = None
) -> ReLUNetwork:
    """Return a scalar network; layer k has weights of about 2^scales[k]."""
    sizes = [d, *widths, 1]
    powers = [0] * (len(sizes) - 1) if scales is None else scales
    shapes = zip(sizes[1:], sizes[:-1], powers, strict=True)
    return ReLUNetwork.relu(*(random_affine(rng, out, inn, s) for out, inn, s in shapes))


def fitted(network: ReLUNetwork, data: SeparatedDataset) -> ReLUNetwork:
    """Return the network with another last layer: least squares, so that most labels are met."""
    features = ReLUNetwork(
        (*network.layers[:-1], _identity(network.hidden_widths[-1])), network.activations
    )
    h = features.evaluate_exact(data.X).nearest_float64()
    matrix = np.hstack([h, np.ones((len(h), 1))])
    found = np.linalg.lstsq(matrix, data.y.astype(np.float64), rcond=1e-3)[0]
    last = Affine.from_floats(found[None, :-1], found[-1:])
    return ReLUNetwork((*network.layers[:-1], last), network.activations)


def _identity(n: int) -> Affine:
    return Affine.from_floats(np.eye(n), np.zeros(n))
