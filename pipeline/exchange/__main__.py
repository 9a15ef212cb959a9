"""`python -m pipeline.exchange DATASET NETWORK --out FOLDER` exports cases for outside tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.data import SeparatedDataset, load_dataset
from pipeline.exact import parse_norm, parse_ratio
from pipeline.exchange.ball_case import BallCase
from pipeline.exchange.export import MODEL, ExportedCase, exported_case
from pipeline.exchange.onnx_files import WrittenNetwork, write_onnx
from pipeline.exchange.outside import outside_answer
from pipeline.exchange.scip import scip_extremes
from pipeline.network import load_network, save_network
from pipeline.verification.verdicts import parse_decision


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline.exchange", description=main.__doc__)
    parser.add_argument("dataset", type=Path, help="dataset.npz")
    parser.add_argument("network", type=Path, help="network.npz")
    parser.add_argument("--rho", default="1/2", help="robustness ratio, a rational")
    parser.add_argument("--p", default="2", help="norm: 1, 2, another integer, inf")
    parser.add_argument("--ball", type=int, default=None, help="row of the point; all by default")
    parser.add_argument("--decision", default="nearest", help="nearest or exact")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--dtype", default="float64", help="float64, or float32: another network")
    parser.add_argument(
        "--rounded", action="store_true", help="round weights that do not fit: another network"
    )
    parser.add_argument("--run", default=None, help="'VERIFIER {onnx} {vnnlib} {result} {timeout}'")
    parser.add_argument("--query", default="ball", help="ball, inscribed or circumscribed")
    parser.add_argument("--scip", action="store_true", help="ask SCIP for the extremes of f")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds a question")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Write ONNX and VNN-LIB files of a network's balls, say what they mean, run a verifier.

    Exit code 0: all was written (and no ball FALSIFIED); 3: a counterexample was confirmed; 1: an
    error.
    """
    options = _parser().parse_args(arguments)
    try:
        return _export(options)
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _export(options: argparse.Namespace) -> int:
    dataset = load_dataset(options.dataset)
    network = load_network(options.network)
    options.out.mkdir(parents=True, exist_ok=True)
    written = write_onnx(network, options.out / MODEL, options.dtype, rounded=options.rounded)
    save_network(options.out / "network.npz", written.network)
    print(f"{MODEL}: {_about(written)}")
    print("network.npz: the network in that file, exactly; what follows is about it")
    balls = range(dataset.N) if options.ball is None else [options.ball]
    refuted = 0
    for index in balls:
        case = _case(options, dataset, written, index)
        exported = exported_case(case, options.out, options.dtype, options.time_limit)
        _print_case(exported)
        refuted += _asked(options, case, exported)
    return 3 if refuted else 0


def _about(written: WrittenNetwork) -> str:
    if written.rounded:
        return (
            f"{written.rounded} weights were rounded to {written.dtype}: ANOTHER network, to be "
            "verified for itself"
        )
    return f"the same network, every weight is a {written.dtype}; a tool evaluates it in floats"


def _case(
    options: argparse.Namespace, dataset: SeparatedDataset, written: WrittenNetwork, index: int
) -> BallCase:
    rho, p = parse_ratio(options.rho), parse_norm(options.p)
    return BallCase(written.network, dataset, rho, p, parse_decision(options.decision), index)


def _print_case(exported: ExportedCase) -> None:
    for file in exported.files:
        print(f"{file.name}: {file.meaning}")
    for kind, reason in exported.left_out:
        print(f"not written, {kind} of ball {exported.index}: {reason}")


def _asked(options: argparse.Namespace, case: BallCase, exported: ExportedCase) -> bool:
    """Ask the outside tools that were named, print their answers, return whether one refutes."""
    refuted = False
    if options.run is not None:
        files = {
            "onnx": options.out / MODEL,
            "vnnlib": options.out / exported.query(options.query),
            "result": options.out / f"ball_{case.index}_result.txt",
        }
        answer = outside_answer(case, options.run, files, options.time_limit)
        print(f"ball {case.index}: {answer.answer.value}; {answer.meaning(options.query)}")
        refuted = answer.falsified is not None
    if options.scip:
        for extreme in scip_extremes(case, options.time_limit):
            value = None if extreme.value is None else float(extreme.value)
            print(
                f"ball {case.index}: SCIP {extreme.sense} f: {extreme.status}, bound "
                f"{extreme.bound} (not rigorous), exact value at its point about {value}"
                + ("; FALSIFIED" if extreme.falsified else "")
            )
            refuted = refuted or extreme.falsified is not None
    return refuted


if __name__ == "__main__":
    sys.exit(main())
