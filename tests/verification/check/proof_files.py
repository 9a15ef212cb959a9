"""Files of proofs for the tests: leaves as tuples, and two naive provers for tiny networks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data import SeparatedDataset, save_dataset
from pipeline.exact import digest_of_file
from pipeline.network import ReLUNetwork, save_network
from tests.verification.check.check_files import Answer, run

RELAXED, AFFINE = 0, 1


@dataclass(frozen=True)
class Leaf:
    """One leaf of a proof; `path` holds +-(neuron + 1), alpha is in units of 1/128."""

    ball: int
    side: int
    kind: int = RELAXED
    path: tuple[int, ...] = ()
    beta: tuple[float, ...] = ()
    alpha: tuple[int, ...] = ()

    def but(self, **fields: Any) -> Leaf:
        return replace(self, **fields)


@dataclass(frozen=True)
class ProofFiles:
    """Dataset, network and proofs in one folder."""

    folder: Path

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset.npz"

    @property
    def network(self) -> Path:
        return self.folder / "network.npz"

    @property
    def proofs(self) -> Path:
        return self.folder / "proofs.npz"

    def save(self, data: SeparatedDataset, network: ReLUNetwork) -> None:
        save_dataset(self.dataset, data)
        save_network(self.network, network)

    def arrays(self, leaves: Sequence[Leaf], hidden: int, **fields: Any) -> dict[str, np.ndarray]:
        """Return the arrays of a file; `fields` replace some, None removes one."""
        splits = [s for leaf in leaves for s in leaf.path]
        betas = [b for leaf in leaves for b in (leaf.beta or [0.0] * len(leaf.path))]
        alphas = [leaf.alpha or (0,) * hidden for leaf in leaves]
        arrays: dict[str, Any] = {
            "format": "robustness-proofs 1",
            "dataset_sha256": digest_of_file(self.dataset),
            "network_sha256": digest_of_file(self.network),
            "rho": "1/2",
            "p": "2",
            "decision": "nearest",
            "ball": np.array([leaf.ball for leaf in leaves], dtype=np.int64),
            "side": np.array([leaf.side for leaf in leaves], dtype=np.int8),
            "kind": np.array([leaf.kind for leaf in leaves], dtype=np.int8),
            "path_length": np.array([len(leaf.path) for leaf in leaves], dtype=np.int64),
            "path": np.array(splits, dtype=np.int32),
            "beta": np.array(betas, dtype=np.float64),
            "alpha": np.array(alphas, dtype=np.uint8).reshape(len(leaves), hidden),
            **fields,
        }
        return {name: np.asarray(a) for name, a in arrays.items() if a is not None}

    def check(self, leaves: Sequence[Leaf], hidden: int, *options: str, **fields: Any) -> Answer:
        """Write the proofs and run the checker on them."""
        arrays = self.arrays(leaves, hidden, **fields)
        np.savez(self.proofs, **arrays)  # type: ignore[arg-type]
        return run(self.dataset, self.network, self.proofs, *options)


def both_sides(balls: Iterable[int], **fields: Any) -> list[Leaf]:
    """Return one unsplit leaf for each side of the balls."""
    return [Leaf(ball, side, **fields) for ball in balls for side in (1, -1)]


def fully_split(ball: int, hidden: int) -> list[Leaf]:
    """Return the affine leaves of all sign patterns, without multipliers."""
    patterns = itertools.product((1, -1), repeat=hidden)
    return [
        Leaf(ball, side, AFFINE, tuple(s * (k + 1) for k, s in enumerate(signs)))
        for signs in patterns
        for side in (1, -1)
    ]


def fractions_of(network: ReLUNetwork) -> list[tuple[list[list[Fraction]], list[Fraction]]]:
    """Return the layers' weights and biases."""
    found = []
    for affine in network.layers:
        W, b = (part.fractions() for part in affine.dense())
        found.append((W.tolist(), b.tolist()))
    return found


def hidden_neurons(network: ReLUNetwork) -> int:
    """Return the number of hidden neurons."""
    return sum(affine.outputs for affine in network.layers[:-1])
