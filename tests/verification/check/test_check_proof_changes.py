"""Proofs of trained networks, with the network or the proof changed: what is proved is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verification.check.mutated import some_entries
from tests.verification.check.mutated_proofs import (
    TRAINED,
    ProofOutcomes,
    Trained,
    arrays_of,
    changed_networks,
    proof_outcomes,
)
from tests.verification.check.proof_files import ProofFiles, hidden_neurons

SMALL = {"network unit up", "network unit down", "network 1 + 2^-20", "network 1 - 2^-20"}


@pytest.mark.parametrize(("trained", "count"), [(TRAINED[0], 6), (TRAINED[1], 1)])
def test_no_changed_network_and_no_changed_proof_proves_what_is_wrong(
    trained: Trained, count: int
) -> None:
    of = trained.proved(trained.network, trained.proofs)
    assert of and trained.proved(trained.network, trained.versions[1]) == of
    assert trained.proved(trained.network, trained.versions[2]) <= of
    found = proof_outcomes(trained, some_entries(trained.network, count), most=3, networks=1)
    assert found.refuted == []
    for kind in SMALL:
        assert found.proved[kind] > 0, kind
    for name in ("alpha", "beta", "path", "side", "ball", "leaf"):
        assert found.caught[f"proof {name}"] > 0, name
    assert sum(found.caught[k] for k in found.caught if k.startswith("network")) > 0


def test_a_wrong_ball_that_is_proved_would_be_seen() -> None:
    found = ProofOutcomes.none()
    found.add("this", of={0, 1, 2}, proved={0, 1}, wrong={1, 2})
    assert found.refuted == ["this: balls [1]"]
    assert (found.proved["this"], found.unproved["this"], found.caught["this"]) == (1, 1, 1)


def test_files_say_the_same_of_changed_networks(tmp_path: Path) -> None:
    trained, files, said = TRAINED[0], ProofFiles(tmp_path), set()
    arrays = arrays_of(trained.proofs)
    entries = some_entries(trained.network, 4)
    for _, network in list(changed_networks(trained.network, entries))[::3]:
        files.save(trained.data, network)
        answer = files.check([], hidden_neurons(network), rho=str(trained.rho), **arrays)
        listed = {*trained.proofs.ball.tolist()}
        assert answer.verified == (trained.proved(network, trained.proofs) == listed), answer.text
        said.add(answer.verified)
    assert said == {True, False}
