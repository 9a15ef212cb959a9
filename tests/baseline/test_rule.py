"""Decision rules: what is put behind a trained network, and what it costs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.baseline.rule import rule_of
from pipeline.exact import as_dyadic
from pipeline.network import Affine, ReLUNetwork

IDENTITY = ReLUNetwork.relu(Affine.from_fractions((1, 1), {(0, 0): Fraction(1)}, {}))


@pytest.mark.parametrize("C", [2, 3, 10])
def test_exact_outputs_are_labels_within_the_tolerance_and_cost_what_is_said(C):
    rule = rule_of("exact")
    finished = rule.finished(IDENTITY, C)
    labels = np.arange(1, C + 1)
    for offset in (-rule.tolerance, 0.0, rule.tolerance):
        outputs = finished.evaluate_exact(as_dyadic((labels + offset)[:, None]))
        assert outputs == as_dyadic(labels[:, None].astype(float))
    assert finished.parameter_count() == IDENTITY.parameter_count() + rule.parameters_added(C)
    assert rule.parameters_added(C) == 6 * (C - 1) + 1


def test_the_nearest_label_needs_nothing_more():
    rule = rule_of("nearest")
    assert rule.finished(IDENTITY, 3) is IDENTITY
    assert (rule.tolerance, rule.parameters_added(3)) == (0.5, 0)


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match="decision must be nearest or exact, got 'sign'"):
        rule_of("sign")
