"""Write everything an outside tool may want to know about one ball, each file with its meaning."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.exact import digest_of_file
from pipeline.exchange.ball_case import BallCase
from pipeline.exchange.boxes import circumscribed_box, inscribed_box
from pipeline.exchange.crown import (
    crown_configuration,
    crown_loader,
    margins_network,
    require_crown,
)
from pipeline.exchange.onnx_files import write_onnx
from pipeline.exchange.vnnlib_files import ball_query, box_query

MODEL = "network.onnx"
FORMAT = "exchange-case 1"


@dataclass(frozen=True)
class ExportedFile:
    """One file of an exported case.

    Args:
        name: in the folder.
        kind: "ball", "inscribed", "circumscribed", "margins", "loader" or "crown".
        meaning: what it says and what a verdict on it means.
    """

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class ExportedCase:
    """The files of one ball.

    Args:
        index: the ball.
        files: those written.
        left_out: those that cannot be written, with the reason.
    """

    index: int
    files: tuple[ExportedFile, ...]
    left_out: tuple[tuple[str, str], ...]

    def query(self, kind: str) -> str:
        """Return the file name of the query of a kind.

        Raises:
            ValueError: if it was not written.
        """
        for file in self.files:
            if file.kind == kind:
                return file.name
        reasons = dict(self.left_out)
        raise ValueError(f"there is no query {kind!r}: {reasons.get(kind, 'no such kind')}")


_MEANINGS = {
    "ball": (
        "VNN-LIB 2.0, the open ball itself: sat with a confirmed counterexample refutes the ball, "
        "unsat would prove it"
    ),
    "inscribed": (
        "VNN-LIB 1.0, a box IN the ball: sat with a confirmed counterexample refutes the ball, "
        "unsat says nothing about the ball"
    ),
    "circumscribed": (
        "VNN-LIB 1.0, a box AROUND the ball: unsat would prove the ball, a counterexample counts "
        "only where it lies in the ball"
    ),
    "margins": "ONNX, outputs f - (y - 1/2) and (y + 1/2) - f: both positive is the rule nearest",
    "loader": "Python, centre and radius (rounded up) for the configuration below",
    "crown": "YAML for alpha-beta-CROWN, run from this folder: verified would prove the ball",
}


# The configuration is of no use without the model and the loader.
_NEEDS = {"loader": "margins", "crown": "loader"}


def exported_case(case: BallCase, folder: Path, dtype: str, time_limit: float) -> ExportedCase:
    """Write the queries of a ball beside the network's file and return what they mean.

    A query that cannot be stated is left out with the reason; an older file of its name goes.

    Args:
        case: the ball, about the network in the ONNX file of the folder.
        folder: where `network.onnx` lies.
        dtype: type of that file.
        time_limit: seconds, for the configuration of alpha-beta-CROWN.
    """
    stem = f"ball_{case.index}"
    margins, loader = f"{stem}_margins.onnx", f"{stem}_loader.py"
    writers: dict[str, tuple[str, Callable[[Path], object]]] = {
        "ball": (f"{stem}.v2.vnnlib", _text(lambda: ball_query(case, dtype))),
        "inscribed": (
            f"{stem}_inscribed.vnnlib",
            _text(lambda: box_query(case, inscribed_box(case, dtype), "inscribed")),
        ),
        "circumscribed": (
            f"{stem}_circumscribed.vnnlib",
            _text(lambda: box_query(case, circumscribed_box(case, dtype), "circumscribed")),
        ),
        "margins": (margins, lambda path: _write_margins(case, path)),
        "loader": (loader, _text(lambda: crown_loader(case))),
        "crown": (
            f"{stem}_crown.yaml",
            _text(lambda: crown_configuration(case, margins, loader, time_limit)),
        ),
    }
    files: list[ExportedFile] = []
    left_out: dict[str, str] = {}
    for kind, (name, write) in writers.items():
        (folder / name).unlink(missing_ok=True)
        if _NEEDS.get(kind) in left_out:
            left_out[kind] = left_out[_NEEDS[kind]]
            continue
        try:
            write(folder / name)
        except ValueError as error:
            left_out[kind] = str(error)
        else:
            files.append(ExportedFile(name, kind, _MEANINGS[kind]))
    exported = ExportedCase(case.index, tuple(files), tuple(left_out.items()))
    _write_index(case, exported, folder, dtype)
    return exported


def _text(content: Callable[[], str]) -> Callable[[Path], object]:
    return lambda path: path.write_text(content(), encoding="utf-8")


def _write_margins(case: BallCase, path: Path) -> None:
    require_crown(case)
    write_onnx(margins_network(case.network, case.label), path)


def _write_index(case: BallCase, exported: ExportedCase, folder: Path, dtype: str) -> None:
    names = [MODEL, *(file.name for file in exported.files)]
    document = {
        "format": FORMAT,
        "ball": case.index,
        "label": case.label,
        "rho": str(case.rho),
        "p": str(case.p),
        "decision": case.decision.value,
        "radius_power": str(case.power),
        "dtype": dtype,
        "sha256": {name: digest_of_file(folder / name) for name in names},
        "meaning": {file.name: file.meaning for file in exported.files},
        "left_out": dict(exported.left_out),
    }
    path = folder / f"ball_{case.index}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
