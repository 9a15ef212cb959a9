"""Partitions of a block of points into classes, and their common refinements.

Columns of `evaluate_columns` hold one value a class; an operation on several columns takes place on
a partition that refines all of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

# Joins of a block that are remembered.
_JOINS_KEPT = 64
# Classes are renumbered through a table of this size at most, else by sorting.
_TABLE_SHARE, _TABLE_FROM = 8, 1 << 16


@dataclass(frozen=True, eq=False, slots=True)
class Partition:
    """Points of a block in classes 0, ..., size - 1, none of them empty.

    Partitions of a block form a tree: the root has one class a point, any other one unites
    classes of its parent.

    Args:
        size: number of classes.
        parent: the finer partition, None for the root.
        labels: class of each class of the parent.
    """

    size: int
    parent: Partition | None = None
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def lineage(self) -> list[Partition]:
        """Return this partition and all above it, the root last."""
        out = [self]
        while (parent := out[-1].parent) is not None:
            out.append(parent)
        return out

    def over(self, ancestor: Partition) -> np.ndarray:
        """Return the class of each class of a partition in the lineage other than this one."""
        labels, above = self.labels, self.parent
        while above is not ancestor:
            assert above is not None
            labels, above = labels[above.labels], above.parent
        return labels


# A common refinement, and for each of its classes the one of either partition, None if the same.
_Join = tuple[Partition, np.ndarray | None, np.ndarray | None]


class Joins:
    """The latest joins of a block; the pairs are kept, for they are known by identity."""

    def __init__(self) -> None:
        self._latest: dict[tuple[Partition, Partition], _Join] = {}

    def common(self, partitions: Iterable[Partition]) -> Partition:
        """Return a partition that refines all the given ones."""
        distinct = sorted(dict.fromkeys(partitions), key=lambda p: p.size, reverse=True)
        return reduce(lambda p, q: self._join(p, q)[0], distinct)

    def classes(self, fine: Partition, coarse: Partition) -> np.ndarray | None:
        """Return the class in `coarse` of each class of its refinement `fine`, None if the same."""
        if fine is coarse:
            return None
        join, _, classes = self._join(fine, coarse)
        assert join is fine  # as everywhere that the first partition refines the second
        return classes

    def _join(self, p: Partition, q: Partition) -> _Join:
        join = self._latest.pop((p, q), None) or _joined(p, q)
        self._latest[p, q] = join
        if len(self._latest) > _JOINS_KEPT:
            del self._latest[next(iter(self._latest))]
        return join


def _joined(p: Partition, q: Partition) -> _Join:
    """Return a join of p and q, p.size >= q.size, on their closest common refinement in the tree.

    A join that does not halve that refinement's classes is replaced by it: most long columns then
    share one partition and need no join at all.
    """
    lineage = set(p.lineage())
    above = next(partition for partition in q.lineage() if partition in lineage)
    if above is p:
        return p, None, q.over(p)
    if above is q:
        return q, p.over(q), None
    of_p, of_q = p.over(above), q.over(above)
    present, labels = relabelled(of_p * q.size + of_q, p.size * q.size)
    first, second = present // q.size, present % q.size
    if len(present) == p.size:
        return p, None, second
    if 2 * len(present) > above.size:
        return above, of_p, of_q
    return Partition(len(present), above, labels), first, second


def relabelled(keys: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the different keys in [0, size), sorted, and the place of each key among them."""
    if size > _TABLE_SHARE * len(keys) + _TABLE_FROM:
        return np.unique(keys, return_inverse=True)
    seen = np.zeros(size, dtype=bool)
    seen[keys] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[keys]
