"""What every network needs, and rows that make no sense."""

from __future__ import annotations

import pytest

from pipeline.baseline.price import LearningPrice, necessary_parameters
from pipeline.network import Affine, ReLUNetwork

ROW = dict(
    dataset="iris", N=149, d=4, C=3, rho="1/2", depth=3, decision="nearest", seeds=4, impossible=1,
    failed=4, succeeded=6, parameters_failed=45, parameters=79, necessary=12, lower_bound=9.0,
    upper_bound=None, ours=None,
)  # fmt: skip


@pytest.mark.parametrize("d", [1, 4, 64])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_smallest_network_of_a_width_has_what_is_necessary_and_no_network_less(d, width):
    def affine(rows: int, columns: int) -> Affine:
        return Affine.from_fractions((rows, columns), {}, {})

    narrow = ReLUNetwork.relu(affine(width, d), affine(1, width)).parameter_count()
    alone = ReLUNetwork.relu(affine(1, d)).parameter_count()
    # An affine map has one row: it counts where one is enough, and only there.
    least = min(narrow, alone) if width == 1 else narrow
    assert necessary_parameters(width, d) <= least
    assert necessary_parameters(width, d) >= least - 1


@pytest.mark.parametrize(
    "change", [{"failed": 6}, {"impossible": 5}, {"impossible": -1}, {"parameters": None}]
)
def test_rows_out_of_order_are_refused(change):
    assert LearningPrice(**ROW).succeeded == 6
    with pytest.raises(ValueError):
        LearningPrice(**{**ROW, **change})
