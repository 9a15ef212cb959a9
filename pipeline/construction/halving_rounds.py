"""The rounds of halving_lattice: lattices one after the other, until no ball lies in bands of all.

Round 1 knows the cells that all balls meet. A point within delta of one of its walls is left to
round 2, which therefore only needs the cells that balls with such points meet; and so on. Later
rounds have few balls, so coarser lattices (fewer digits) keep differently labelled balls apart, and
translations can be chosen so that few balls reach a wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.construction.lattice_cells import (
    Balls,
    Escapes,
    Lattice,
    all_balls,
    cells_met,
    escapes,
    gaps,
)

# Translations are multiples of 2^-_TRANSLATION_BITS of a cell where the unit allows.
_TRANSLATION_BITS = 16
# Places tried for the wall of a coordinate: all gaps between few balls, a draw among many.
_PLACES, _ANYWHERE = 512, 64
# Translations tried for a lattice of many balls and of few.
_MANY, _TRIES_OF_MANY, _TRIES_OF_FEW = 20_000, 4, 24


@dataclass(frozen=True)
class Round:
    """One lattice with the cells it has to know.

    Args:
        lattice: shift and translation.
        levels: digits a coordinate.
        balls: how many balls it is for.
        cells: the cells met, int64, shape (k, m).
        codes: the code of each cell, shape (k,).
    """

    lattice: Lattice
    levels: int
    balls: int
    cells: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Limits:
    """What bounds the search.

    Args:
        levels: L, all balls lie in [0, 2^L - 1]^m.
        delta: half the width of the bands, in the balls' units.
        cells: most cells a round may know, and most ways out of bands.
    """

    levels: int
    delta: int
    cells: int


def rounds_of(
    balls: Balls, codes: np.ndarray, limits: Limits, random: np.random.Generator
) -> list[Round] | None:
    """Return rounds that leave no ball; None if some lattice cannot keep the codes apart.

    Args:
        balls: the images in base cells, all of them within [0, 2^levels - 1]^m.
        codes: code of each ball, shape (N,).
        limits: what bounds the search.
        random: source of the translations.
    """
    rounds: list[Round] = []
    left = all_balls(len(codes))
    while len(left.balls):
        first = not rounds
        shifts = [0] if first else list(reversed(range(limits.levels)))
        found = _round(balls, codes, left, rounds, shifts, limits, random)
        if found is None:
            return None
        made, left = found
        rounds.append(made)
    return rounds


def _round(
    balls: Balls,
    codes: np.ndarray,
    left: Escapes,
    rounds: list[Round],
    shifts: list[int],
    limits: Limits,
    random: np.random.Generator,
) -> tuple[Round, Escapes] | None:
    """Return the coarsest lattice that keeps the codes apart, with what it leaves."""
    rows = left.alive
    tries = _TRIES_OF_MANY if len(rows) > _MANY else _TRIES_OF_FEW
    for shift in shifts:
        best: tuple[Round, Escapes] | None = None
        for _ in range(tries):
            lattice = _drawn(balls, rows, shift, rounds, limits, random)
            if lattice is None:
                continue
            made = _known(balls, codes, rows, lattice, limits)
            if made is None:
                continue
            after = escapes(balls, left, lattice, limits.delta)
            if len(after.balls) > limits.cells:
                continue
            if best is None or len(after.alive) < len(best[1].alive):
                best = made, after
            if len(after.balls) == 0 or len(rows) > _MANY:
                break
        if best is not None:
            return best
    return None


def _known(
    balls: Balls, codes: np.ndarray, rows: np.ndarray, lattice: Lattice, limits: Limits
) -> Round | None:
    """Return the round of a lattice, None if a cell is met by balls of two codes."""
    levels = limits.levels - lattice.shift
    centres = gaps(balls, rows, lattice).cells
    # Most lattices that are too coarse show it at the centres.
    if _codes_of_cells(centres, codes[rows], levels) is None:
        return None
    met = cells_met(balls, rows, lattice, limits.cells)
    if met is None:
        return None
    owners, cells = met
    known = _codes_of_cells(cells, codes[owners], levels)
    return None if known is None else Round(lattice, levels, len(rows), *known)


def _codes_of_cells(
    cells: np.ndarray, codes: np.ndarray, levels: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the distinct cells with their codes, None if one has two."""
    m = cells.shape[1]
    if m * levels < 63:
        packed = (cells << (levels * np.arange(m))).sum(axis=1)
        order = np.lexsort((codes, packed))
        changed = packed[order][1:] != packed[order][:-1]
    else:
        order = np.lexsort((codes, *cells.T))
        changed = (cells[order][1:] != cells[order][:-1]).any(axis=1)
    first = np.concatenate([[True], changed])
    ordered = codes[order]
    if np.any(~changed & (ordered[1:] != ordered[:-1])):
        return None
    return cells[order][first], ordered[first]


def _drawn(
    balls: Balls,
    rows: np.ndarray,
    shift: int,
    rounds: list[Round],
    limits: Limits,
    random: np.random.Generator,
) -> Lattice | None:
    """Return a lattice whose walls few balls reach, away from the walls of earlier rounds."""
    side = 1 << (balls.bits + shift)
    held = [each.lattice for each in rounds]
    translation = []
    for j in range(balls.points.shape[1]):
        column = balls.points[:, j]
        # Moved by at most so much, all balls stay below 2^levels.
        room = (1 << (balls.bits + limits.levels)) - int(column.max()) - balls.reach - 1
        places = np.sort(column[rows] & (side - 1))
        walls = _places(places, side, min(room, side - 1), random)
        walls = _quietest(places, walls, side, balls.reach)
        free = (w for w in walls.tolist() if _clear(w, side, j, held, balls.bits, limits.delta))
        wall = next(free, None)
        if wall is None:
            return None
        translation.append(-wall % side)
    return Lattice(shift, np.array(translation, dtype=np.int64))


def _places(places: np.ndarray, side: int, room: int, random: np.random.Generator) -> np.ndarray:
    """Return where walls may stand in [side - room, side], in gaps between balls and anywhere."""
    inside = np.flatnonzero(places >= side - room)
    if len(inside) > _PLACES:
        inside = np.sort(random.choice(inside, _PLACES, replace=False))
    gaps_after = np.append(places[1:], places[0] + side)[inside] - places[inside]
    share = random.uniform(0.25, 0.75, len(inside))
    between = places[inside] + (gaps_after * share).astype(np.int64)
    anywhere = random.integers(side - room, side + 1, _ANYWHERE)
    walls = np.concatenate([between[between <= side], anywhere])
    # Few bits a weight where that moves a wall by little.
    step = max(side >> _TRANSLATION_BITS, 1)
    rounded = -(-walls // step) * step
    return np.where(rounded <= side, rounded, walls)


def _quietest(places: np.ndarray, walls: np.ndarray, side: int, reach: int) -> np.ndarray:
    """Return the walls in order of how many of the sorted places lie within reach of them."""
    around = np.concatenate([places - side, places, places + side])
    last = np.searchsorted(around, walls + reach)
    return walls[np.argsort(last - np.searchsorted(around, walls - reach), kind="stable")]


def _clear(wall: int, side: int, j: int, held: list[Lattice], bits: int, delta: int) -> bool:
    """Return whether a coordinate's walls stay 4 delta away from those of earlier lattices."""
    for each in held:
        period = min(side, 1 << (bits + each.shift))
        apart = (wall + int(each.translation[j])) % period
        if min(apart, period - apart) <= 4 * delta:
            return False
    return True
