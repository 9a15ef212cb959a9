"""Every nonzero entry of one small network per construction, changed a little: what is VERIFIED?

`make bench ARGS="--mutations"` changes every nonzero weight and bias, and every 23rd zero, by
one unit in its layer's last place either way and by one part in 2^20 either way. A change is
rejected or VERIFIED; what is VERIFIED is decided by a second method where the data lie on a line
(or a claim is about points), and attacked otherwise. A VERIFIED change that is refuted is an error.
Then every entry of trained networks is changed under their proofs, and the proofs are changed too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from pipeline.network import ReLUNetwork
from tests.verification.check.check_files import Files
from tests.verification.check.mutated import SUBJECTS, Outcomes, Subject, all_entries, outcomes
from tests.verification.check.mutated_proofs import TRAINED, ProofOutcomes, proof_outcomes

_WIDTH = 34
ZEROS = 23
# One of so many changes also goes through files, with digests of its own and the command line.
IN_FILES = 200
# One of so many rejected changes is decided, to see whether rejections are for a reason.
DECIDED = 50


@dataclass(frozen=True)
class MutationRow:
    """What became of the changes of one network.

    Args:
        label: construction and options.
        outcomes: of its changes.
        sampled: rejected changes that the second method looked at.
        wrong: those of them that it refuted.
        seconds: for all of it.
    """

    label: str
    outcomes: Outcomes
    sampled: int
    wrong: int
    seconds: float


class _Watch:
    """Sends some changed networks through files, and some rejected ones to the second method."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self._subject, self._files = subject, Files(folder)
        self._tried = Counter[bool]()
        self.sample = Counter[bool]()

    def see(self, network: ReLUNetwork, verified: bool) -> None:
        """Look at a changed network, which the checker in memory calls VERIFIED or not."""
        subject = self._subject
        if self._tried.total() % IN_FILES == 0:
            answer = self._files.write(subject.data, network, subject.built.certificate)
            if answer.verified != verified:
                raise ValueError(f"{subject.label}: in files it is otherwise: {answer.text}")
        self._tried[verified] += 1
        if not verified and self._tried[False] % DECIDED == 0 and subject.decided:
            self.sample[bool(subject.refutation(network))] += 1


def mutation_row(subject: Subject, zeros: int = ZEROS) -> MutationRow:
    """Return what became of all changes of one network.

    Args:
        subject: the network.
        zeros: one of so many zeros is changed.
    """
    start = time.perf_counter()
    entries = all_entries(subject.built.network, zeros)
    progress = tqdm(entries, subject.label, disable=None, leave=False)
    with TemporaryDirectory() as folder:
        watch = _Watch(subject, Path(folder))
        found = outcomes(subject, progress, watch.see)
    seconds = time.perf_counter() - start
    return MutationRow(subject.label, found, watch.sample.total(), watch.sample[True], seconds)


def mutation_lines(rows: Iterable[MutationRow]) -> Iterator[str]:
    """Yield a table of the rows, line by line: counts, their sums, and which layers changed.

    The last column says how many changes of which layer (from 1) are still VERIFIED, and how many
    of the rejected ones that the second method looked at are wrong.
    """
    names = ("entries", "changes", "rejected", "VERIFIED", "decided", "stable", "unread")
    names += ("attacked", "refuted", "seconds")
    head = f"{'construction':{_WIDTH}}" + "".join(f"{name:>10}" for name in names)
    yield head + "  VERIFIED by layer; rejected: wrong of sampled"
    total = [0.0] * len(names)
    for row in rows:
        numbers = _numbers(row)
        total = [a + b for a, b in zip(total, numbers, strict=True)]
        yield f"{row.label:{_WIDTH}}{_columns(numbers)}  {_notes(row)}"
    yield f"{'all':{_WIDTH}}{_columns(total)}"


def _numbers(row: MutationRow) -> list[float]:
    found = row.outcomes
    why = Counter[str]()
    for (_, argument), count in found.verified.items():
        why[argument] += count
    counts = [found.entries, found.tried, found.rejected.total(), found.verified.total()]
    return [*counts, *(why[k] for k in ("decided", "stable", "unread", "")), len(found.refuted)] + [
        row.seconds
    ]


def _columns(numbers: Sequence[float]) -> str:
    *counts, seconds = numbers
    return "".join(f"{int(n):10,d}" for n in counts) + f"{seconds:10.1f}"


def _notes(row: MutationRow) -> str:
    layers = Counter[int]()
    for (layer, _), count in row.outcomes.verified.items():
        layers[layer] += count
    places = " ".join(f"{layer}:{count}" for layer, count in sorted(layers.items()))
    return f"{places or '-'}; {row.wrong} of {row.sampled}"


def proof_lines(found: ProofOutcomes) -> Iterator[str]:
    """Yield what became of proved balls, by what was changed of the network or the proofs."""
    yield f"{'changed':{_WIDTH}}{'proved':>10}{'not':>10}{'wrong':>10}"
    for what in sorted({*found.proved, *found.unproved}):
        counts = found.proved[what], found.unproved[what], found.caught[what]
        yield f"{what:{_WIDTH}}" + "".join(f"{n:10,d}" for n in counts)


def print_mutations() -> int:
    """Print the tables and every refuted change; return 1 if there is one, else 0."""
    refuted: list[str] = []

    def rows() -> Iterator[MutationRow]:
        for subject in SUBJECTS:
            row = mutation_row(subject)
            refuted.extend(row.outcomes.refuted)
            yield row

    for line in mutation_lines(rows()):
        print(line, flush=True)
    for trained in TRAINED:
        start = time.perf_counter()
        entries = all_entries(trained.network, 1)
        found = proof_outcomes(trained, entries, most=20, networks=4)
        print(f"\n{trained.label}: {len(entries)} entries, {time.perf_counter() - start:.1f} s")
        print("\n".join(proof_lines(found)), flush=True)
        refuted += [f"{trained.label}: {each}" for each in found.refuted]
    print("\n".join(f"VERIFIED, BUT WRONG: {each}" for each in refuted) or "nothing refuted")
    return 1 if refuted else 0
