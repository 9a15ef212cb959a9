"""Proofs of balls as files: the leaves of the search, for the independent checker (docs/format.md).

A leaf says which splits led to it and which slopes and multipliers prove its claim. That the leaves
of a ball cover it, and that each bound holds, is for the checker to see: nothing here is trusted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.exact import digest_of_file
from pipeline.verification.bounds import SLOPE_UNITS
from pipeline.verification.splitting.exact_regions import ExactLeaf
from pipeline.verification.splitting.nodes import Nodes
from pipeline.verification.verdicts import Decision

FORMAT = "robustness-proofs 1"
RELAXED, AFFINE = 0, 1


@dataclass(frozen=True, eq=False)
class Leaves:
    """Leaves of some balls as a proofs file holds them.

    Args:
        ball: index of the ball in the dataset, int64, shape (n,).
        side: 1 where f exceeds its lower bound, -1 for the upper one, int8, shape (n,).
        path_length: splits on the way to each leaf, int64, shape (n,).
        path: the splits of all leaves, one after the other: neuron number + 1 where its
            pre-activation is >= 0, minus that where it is <= 0, int32.
        beta: their multipliers, float64.
        alpha: lower slopes in units of 1/128, uint8, shape (n, H).
        kind: RELAXED or AFFINE, int8, shape (n,).
    """

    ball: np.ndarray
    side: np.ndarray
    path_length: np.ndarray
    path: np.ndarray
    beta: np.ndarray
    alpha: np.ndarray
    kind: np.ndarray

    @classmethod
    def of(cls, nodes: Nodes, balls: np.ndarray) -> Leaves:
        """Return the leaves of a search over the balls with these indices, ball by ball."""
        position = nodes.ball.cpu().numpy()
        order = np.argsort(position, kind="stable")
        rank = nodes.order.cpu().numpy()[order].astype(np.int64)
        signs = nodes.signs.cpu().numpy()[order]
        beta = nodes.beta.cpu().numpy()[order]
        leaf, neuron = np.nonzero(rank)
        along = np.lexsort((rank[leaf, neuron], leaf))
        leaf, neuron = leaf[along], neuron[along]
        alpha = np.rint(nodes.alpha.cpu().numpy()[order] * SLOPE_UNITS)
        return cls(
            np.asarray(balls, dtype=np.int64)[position[order]],
            nodes.side.cpu().numpy()[order].astype(np.int8),
            np.bincount(leaf, minlength=len(order)).astype(np.int64),
            (signs[leaf, neuron] * (neuron + 1)).astype(np.int32),
            beta[leaf, neuron],
            alpha.astype(np.uint8),
            np.full(len(order), RELAXED, dtype=np.int8),
        )

    @classmethod
    def affine(cls, found: Mapping[int, Sequence[ExactLeaf]], hidden: int) -> Leaves:
        """Return the leaves of exact regions, twice: once a side.

        Args:
            found: leaves of each ball.
            hidden: number of hidden neurons.
        """
        leaves = [(ball, leaf) for ball, some in found.items() for leaf in some]
        splits = [split for _, leaf in leaves for split in leaf.path * 2]
        betas = [beta for _, leaf in leaves for beta in leaf.above + leaf.below]
        lengths = [len(leaf.path) for _, leaf in leaves]
        return cls(
            np.array([ball for ball, _ in leaves], dtype=np.int64).repeat(2),
            np.array([1, -1] * len(leaves), dtype=np.int8),
            np.array(lengths, dtype=np.int64).repeat(2),
            np.array(splits, dtype=np.int32),
            np.array(betas, dtype=np.float64),
            np.zeros((2 * len(leaves), hidden), dtype=np.uint8),
            np.full(2 * len(leaves), AFFINE, dtype=np.int8),
        )

    @classmethod
    def joined(cls, parts: Sequence[Leaves]) -> Leaves:
        """Return the leaves of all parts."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self.ball)

    def of_balls(self, balls: np.ndarray) -> Leaves:
        """Return the leaves of some of the balls."""
        keep = np.isin(self.ball, balls)
        steps = np.repeat(keep, self.path_length)
        return Leaves(
            self.ball[keep],
            self.side[keep],
            self.path_length[keep],
            self.path[steps],
            self.beta[steps],
            self.alpha[keep],
            self.kind[keep],
        )


def no_leaves(hidden: int) -> Leaves:
    """Return no leaves of a network with so many hidden neurons."""
    whole = np.zeros(0, dtype=np.int64)
    return Leaves(
        whole,
        whole.astype(np.int8),
        whole,
        whole.astype(np.int32),
        np.zeros(0),
        np.zeros((0, hidden), dtype=np.uint8),
        whole.astype(np.int8),
    )


def save_proofs(
    path: Path,
    leaves: Leaves,
    *,
    dataset: Path,
    network: Path,
    rho: Fraction,
    p: int | float,
    decision: Decision,
    prefix_layers: int | None = None,
) -> None:
    """Write a proofs file about the dataset and the network in two files, all or nothing.

    Args:
        path: where to.
        leaves: of all proved balls.
        dataset: the dataset's file.
        network: the network's file.
        rho: robustness ratio.
        p: norm of the balls.
        decision: the decision rule.
        prefix_layers: affine maps of the prefix that the leaves are about, None for the network.
    """
    about: dict[str, Any] = {}
    if prefix_layers is not None:
        about["prefix_layers"] = np.array(prefix_layers)
    temporary = path.with_name(path.name + ".partial")
    with open(temporary, "wb") as handle:
        np.savez_compressed(
            handle,
            format=np.array(FORMAT),
            dataset_sha256=np.array(digest_of_file(dataset)),
            network_sha256=np.array(digest_of_file(network)),
            rho=np.array(f"{rho.numerator}/{rho.denominator}"),
            p=np.array("inf" if p == inf else str(p)),
            decision=np.array(decision.value),
            ball=leaves.ball,
            side=leaves.side,
            kind=leaves.kind,
            path_length=leaves.path_length,
            path=leaves.path,
            beta=leaves.beta,
            alpha=leaves.alpha,
            **about,
        )
    os.replace(temporary, path)
