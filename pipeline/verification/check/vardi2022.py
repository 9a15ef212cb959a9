"""Vardi et al. 2022 (Theorem B.4): the memorizer of the integers floor(<u, x> + b), at the points.

Lemma. Let t_i = <u, x_i> + b, read from the first layer, lie in [k, k + 1 - eta] for an integer
k >= 0. Then the memorizer (memorizer.py), whose first layer holds relu(t), gives the label of k:
f(x_i) is the table's value of k, exactly. Nothing is said about any other point of ball i.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.verification.check.balls import Claim, Findings, centres_of, finite, first_failure
from pipeline.verification.check.forms import rows_of
from pipeline.verification.check.layers import Layers
from pipeline.verification.check.memorizer import confirm_memorizer, sizes_of
from pipeline.verification.check.readers import Network
from pipeline.verification.check.rejection import Rejected


def check_vardi2022(network: Network, structure: dict[str, Any], claim: Claim) -> Findings:
    """Return at which points f = y was proved; Rejected if the network is no memorizer.

    Raises:
        Rejected: if a layer is not what the memorizer needs.
    """
    network.require_relu()
    eta_bits = int(structure["eta_bits"])
    if not 0 <= eta_bits <= 1 << 16:
        raise Rejected(f"eta_bits must lie in 0..65536, got {structure['eta_bits']}")
    sizes = sizes_of(structure, eta_bits)
    layers = Layers(network, sizes.hidden_layers + 1)
    row = rows_of(network.layers[0])[0]
    memorizer = confirm_memorizer(layers, [], row, sizes)
    layers.confirm([memorizer.output], "the output")
    d = claim.data.points.shape[1]
    weights = [row.terms.get(k, Fraction(0)) for k in range(d)]
    values = centres_of(claim.data, [weights], [row.constant])
    bits = max(-values.exponent, eta_bits)
    t = values.at(-bits)[:, 0]
    keys = t >> bits
    room = (keys + 1 << bits) - (1 << (bits - eta_bits)) - t
    labels = claim.data.labels
    known = np.array([memorizer.table.get(int(k), 0) for k in keys], dtype=object)
    checks = [
        ("<u, x> + b is negative", (t >= 0).astype(bool)),
        ("<u, x> + b lies on a ramp of the memorizer", (room >= 0).astype(bool)),
        ("its key is memorized with another label", (known == labels).astype(bool)),
    ]
    points = np.logical_and.reduce([passed for _, passed in checks])
    reason = first_failure(labels, checks) or "this check proves nothing about the balls"
    nothing = np.zeros(len(labels), dtype=bool)
    facts = (
        f"memorizer: {sizes.groups} groups of {sizes.keys} keys of {sizes.key_bits} bits, "
        f"labels of {sizes.label_bits} bits, ramps of width 2^-{eta_bits}",
    )
    slack = finite(np.full(len(labels), np.inf))
    return Findings(nothing, slack, reason, facts, points=points)
