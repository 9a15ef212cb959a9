"""The journal of a search: one file a ball, so that a killed job goes on where it was."""

from __future__ import annotations

import json
import logging
import os
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.verification.splitting.proofs import Leaves, no_leaves
from pipeline.verification.splitting.proved import Proved
from pipeline.verification.splitting.question import SPLITS, Question
from pipeline.verification.verdict_table import dyadic_of_text, dyadic_text
from pipeline.verification.verdicts import BallVerdict, confirmed_witness

_DAMAGED = (OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, ArithmeticError)

_log = logging.getLogger(__name__)


def to_journal(folder: Path, ball: int, found: Proved) -> None:
    """Write what is known about a ball, all or nothing."""
    path = folder / f"ball_{ball}.npz"
    witness = found.witnesses[0].witness if found.witnesses else None
    note = {
        "witness": None if witness is None else dyadic_text(witness),
        "lower": found.lower.get(ball),
        "nodes": found.nodes.get(ball, 0),
    }
    temporary = path.with_name(path.name + ".partial")
    with open(temporary, "wb") as handle:
        arrays: dict[str, Any] = {f.name: getattr(found.leaves, f.name) for f in fields(Leaves)}
        np.savez(handle, note=np.array(json.dumps(note)), **arrays)
    os.replace(temporary, path)


def from_journal(folder: Path, ball: int, question: Question) -> Proved | None:
    """Return what the journal says about a ball; None if it says nothing or is damaged."""
    path = folder / f"ball_{ball}.npz"
    if not path.exists():
        return None
    try:
        # Opened here, for np.load would leave a damaged file open.
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as data:
            note = json.loads(str(data["note"]))
            leaves = Leaves(*(data[f.name] for f in fields(Leaves)))
        return _entry(question, ball, note, leaves)
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error):
        _log.warning("%-9s  %s is damaged: the ball is searched again", "", path)
        return None


def _entry(question: Question, ball: int, note: dict[str, Any], leaves: Leaves) -> Proved:
    """Return what an entry of the journal says.

    Raises:
        ValueError: if its leaves are about another ball or network, or its witness refutes nothing.
    """
    fresh = no_leaves(sum(question.bounded.hidden_widths))
    kinds = [(getattr(each, f.name).dtype, getattr(each, f.name).shape[1:])
             for each in (leaves, fresh) for f in fields(Leaves)]  # fmt: skip
    if kinds[: len(kinds) // 2] != kinds[len(kinds) // 2 :] or set(leaves.ball.tolist()) - {ball}:
        raise ValueError(f"leaves of ball {ball} expected")
    witnesses: tuple[BallVerdict, ...] = ()
    if note["witness"] is not None:
        at, point = question, dyadic_of_text(note["witness"])
        verdict = confirmed_witness(
            at.network, at.dataset, at.rho, at.p, at.rule, ball, point, SPLITS
        )
        if verdict is None:
            raise ValueError(f"a point that refutes ball {ball} expected")
        witnesses = (verdict,)
    lower = {} if note["lower"] is None else {ball: float(note["lower"])}
    return Proved(leaves, witnesses, lower, {ball: int(note["nodes"])})
