"""Proofs of balls by bounds and splits: the file, and whether its leaves cover every ball.

A leaf is a path of splits: neuron k has z_k >= 0 (+) or z_k <= 0 (-). The leaves of one side of a
ball are complete if there is one leaf with the empty path, or all paths start with the same neuron
and the rests behind + and behind - are both complete. Then they cover the ball: a point follows +
where z_k >= 0 and - where z_k < 0 down to a leaf, all of whose splits hold at it. (The closed
half-spaces overlap in z_k = 0, where relu is both z and 0; a threshold is 1 there, as on +.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path

import numpy as np

from pipeline.verification.check.readers import int64_array, rational, read_arrays
from pipeline.verification.check.rejection import Rejected

RELAXED, AFFINE = 0, 1
ALPHA_UNIT = 128
_NORMS = {"1": 1, "2": 2, "inf": inf}
_FORMAT = "robustness-proofs 1"


@dataclass(frozen=True)
class Proofs:
    """The leaves of all balls that a file is about (docs/format.md).

    Args:
        rho: robustness ratio.
        p: norm of the balls, 1, 2 or inf.
        decision: "nearest" or "exact".
        ball: ball of each leaf, shape (n,).
        side: +1 or -1, shape (n,); any other number makes the leaf defective.
        kind: RELAXED or AFFINE, shape (n,).
        starts: the splits of leaf k are starts[k]..starts[k + 1] - 1, shape (n + 1,).
        path: +-(neuron + 1) of each split.
        beta: multiplier of each split.
        alpha: lower slopes in units of 1/128, shape (n, hidden neurons).
        dataset_sha256: digest of the dataset's file.
        network_sha256: digest of the network's file.
        prefix_layers: affine maps of the prefix that the leaves are about; None for the network.
    """

    rho: Fraction
    p: float
    decision: str
    ball: np.ndarray
    side: np.ndarray
    kind: np.ndarray
    starts: np.ndarray
    path: np.ndarray
    beta: np.ndarray
    alpha: np.ndarray
    dataset_sha256: str
    network_sha256: str
    prefix_layers: int | None = None

    def splits(self, leaf: int) -> list[int]:
        """Return the path of a leaf."""
        return self.path[self.starts[leaf] : self.starts[leaf + 1]].tolist()


def is_proofs(path: Path) -> bool:
    """Return whether a file is an archive, as proofs are, and not a JSON document."""
    try:
        with Path(path).open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def read_proofs(path: Path) -> Proofs:
    """Return the proofs in a file.

    Raises:
        Rejected: if the file is damaged, an array has another kind or length, rho, p or the
            decision rule is none, or a prefix is named under another rule than `exact`.
    """
    arrays, _ = read_arrays(path, _FORMAT)
    texts = {name: _text(arrays, name) for name in ("rho", "p", "decision")}
    try:
        rho = rational(texts["rho"])
    except (ValueError, ArithmeticError) as error:
        raise Rejected(f"{path}: {error}") from None
    if not 0 < rho < 1:
        raise Rejected(f"rho must lie in (0, 1), got {rho} (Definition 2.2)")
    if texts["p"] not in _NORMS or texts["decision"] not in ("nearest", "exact"):
        raise Rejected(f"{path}: p = {texts['p'][:20]!r}, decision {texts['decision'][:20]!r}")
    ball, side, kind, lengths, splits = (
        int64_array(arrays, name) for name in ("ball", "side", "kind", "path_length", "path")
    )
    beta, alpha = _typed(arrays, "beta", "f8", 1), _typed(arrays, "alpha", "u1", 2)
    n = len(ball)
    if not len(side) == len(kind) == len(lengths) == len(alpha) == n or np.any(lengths < 0):
        raise Rejected(f"{path}: the arrays of leaves have different lengths")
    if sum(lengths.tolist()) != len(splits) or len(beta) != len(splits):
        raise Rejected(f"{path}: {len(splits)} splits do not divide into {n} paths")
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    digests = _text(arrays, "dataset_sha256"), _text(arrays, "network_sha256")
    p, rule = _NORMS[texts["p"]], texts["decision"]
    prefix = _prefix_layers(arrays, rule)
    return Proofs(rho, p, rule, ball, side, kind, starts, splits, beta, alpha, *digests, prefix)


def defective_leaves(proofs: Proofs) -> np.ndarray:
    """Return which leaves say something that no leaf can, shape (n,).

    That is another kind or side, a slope above 1, a multiplier that is negative or not finite, a
    neuron that does not exist, or one that is split twice.
    """
    hidden = proofs.alpha.shape[1]
    bad = ~np.isin(proofs.kind, (RELAXED, AFFINE)) | ~np.isin(proofs.side, (-1, 1))
    bad |= (proofs.alpha > ALPHA_UNIT).any(axis=1)
    leaf = np.repeat(np.arange(len(proofs.ball)), np.diff(proofs.starts))
    # Compared before taking magnitudes: the least integer has none.
    known = (proofs.path != 0) & (proofs.path >= -hidden) & (proofs.path <= hidden)
    wrong = ~known | ~((proofs.beta >= 0) & (proofs.beta < inf))
    bad[leaf[wrong]] = True
    where = leaf[known], np.abs(proofs.path[known])
    order = np.lexsort((where[1], where[0]))
    leaf, neuron = where[0][order], where[1][order]
    bad[leaf[1:][(leaf[1:] == leaf[:-1]) & (neuron[1:] == neuron[:-1])]] = True
    return bad


def is_complete(paths: Sequence[Sequence[int]]) -> bool:
    """Return whether paths form a complete binary tree; a path that stands twice does not.

    Every split is looked at once, without recursion, so that no depth is too large.
    """
    pending = [(list(range(len(paths))), 0)]
    while pending:
        members, depth = pending.pop()
        if len(members) == 1 and len(paths[members[0]]) == depth:
            continue
        if not members or any(len(paths[k]) == depth for k in members):
            return False
        neuron = abs(paths[members[0]][depth])
        if any(abs(paths[k][depth]) != neuron for k in members):
            return False
        for sign in (1, -1):
            pending.append(([k for k in members if paths[k][depth] == sign * neuron], depth + 1))
    return True


def _text(arrays: dict[str, np.ndarray], name: str) -> str:
    if name not in arrays or arrays[name].ndim or arrays[name].dtype.kind != "U":
        raise Rejected(f"the text {name!r} is missing")
    return str(arrays[name])


def _prefix_layers(arrays: dict[str, np.ndarray], rule: str) -> int | None:
    if "prefix_layers" not in arrays:
        return None
    array = arrays["prefix_layers"]
    if array.ndim or array.dtype.kind != "i" or rule != "exact":
        raise Rejected("prefix_layers must be one signed integer, and the decision rule `exact`")
    return int(array)


def _typed(arrays: dict[str, np.ndarray], name: str, kind: str, dimension: int) -> np.ndarray:
    if name not in arrays:
        raise Rejected(f"the array {name!r} is missing")
    array = arrays[name]
    if array.dtype != np.dtype(kind) or array.ndim != dimension:
        raise Rejected(f"{name}: {kind} in {dimension} dimensions expected, got {array.dtype}")
    return array
