"""What alpha-beta-CROWN reads for an l_p ball: a configuration, a loader of the data, a model.

Origin: github.com/Verified-Intelligence/alpha-beta-CROWN, folder complete_verifier, commit
1a3533a02cddfc971213a9ef28002c8e131f7c96:

- `exp_configs/tutorial_examples/cifar_l2_norm.yaml`: `specification: norm: 2, epsilon`, and
  `attack: pgd_order: skip`, as its attack knows l_inf only;
- `specifications.py`: `robustness_type: all-positive` asks for every output > 0 on the ball of
  `dataset["X"]` with radius `dataset["eps"]`; without `data_min`, `data_max` nothing is clipped;
- `load_model.py`: `Customized("file.py", "function")` is found relative to the configuration file,
  `model: onnx_path` relative to the working directory;
- `loading.py`: a loader may return a dictionary; other norms than l_inf need a scalar `eps`.

The model has the two margins f - (y - 1/2) and (y + 1/2) - f as outputs: both positive is the
rule `nearest`. `eps` is mu rounded up to a float, so "verified" would cover the ball. The tool is
not on PyPI and has not been run on these files: they are tested to parse back to what was written.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import yaml

from pipeline.exact import root_upper
from pipeline.exact.dyadic import compact
from pipeline.exchange.ball_case import BallCase
from pipeline.exchange.decimals import float_beside, nearest_float
from pipeline.network import Affine, ReLUNetwork, SparseIntegers
from pipeline.verification.verdicts import Decision

NORMS = (1, 2, inf)
LOADER = "ball"


def margins_network(network: ReLUNetwork, label: int) -> ReLUNetwork:
    """Return the network with outputs f - (y - 1/2) and (y + 1/2) - f, exactly.

    Args:
        network: scalar network f.
        label: y.
    """
    last = network.layers[-1]
    # A half must be a multiple of the common power of two.
    fine = last.at_exponent(min(last.exponent, -1))
    index, values = fine.weight.index, fine.weight.values
    weight = SparseIntegers(
        (2, last.inputs),
        np.concatenate([index, index + last.inputs]),
        np.concatenate([values, -values]),
    )
    scale = Fraction(1, 2) ** fine.exponent
    low, high = (int((label + side) * scale) for side in (-Fraction(1, 2), Fraction(1, 2)))
    bias = np.array([int(fine.bias[0]) - low, high - int(fine.bias[0])], dtype=object)
    layers = (*network.layers[:-1], Affine(weight, compact(bias), fine.exponent))
    return ReLUNetwork(layers, network.activations)


def radius_above(case: BallCase) -> Fraction:
    """Return mu rounded up to a float64."""
    root = case.power if case.p == inf else root_upper(case.power, int(case.p))
    return float_beside(root, "float64", up=True)


def crown_configuration(
    case: BallCase, model_file: str, loader_file: str, time_limit: float
) -> str:
    """Return the YAML configuration for one ball.

    Args:
        case: the ball; p in {1, 2, inf}, rule `nearest`.
        model_file: ONNX file of `margins_network`.
        loader_file: file of `crown_loader`.
        time_limit: seconds of branch and bound.

    Raises:
        ValueError: if the tool cannot be asked this question.
    """
    require_crown(case)
    norm = inf if case.p == inf else int(case.p)
    settings: dict[str, Any] = {
        "general": {"device": "cpu", "double_fp": True},
        "model": {"onnx_path": model_file},
        "data": {"dataset": f'Customized("{loader_file}", "{LOADER}")', "num_outputs": 2},
        "specification": {
            "type": "lp",
            "norm": norm,
            "epsilon": float(radius_above(case)),
            "robustness_type": "all-positive",
        },
        "attack": {"pgd_order": "before" if case.p == inf else "skip"},
        "bab": {"timeout": float(time_limit)},
    }
    return yaml.safe_dump(settings, sort_keys=False)


def crown_loader(case: BallCase) -> str:
    """Return the Python source of the data loader: the centre, the radius, one label.

    Args:
        case: the ball; its centre must consist of float64 numbers.

    Raises:
        ValueError: if the tool cannot be asked this question.
    """
    require_crown(case)
    coordinates = ", ".join(repr(float(c)) for c in case.centre)
    norm = 'float("inf")' if case.p == inf else str(int(case.p))
    return f'''"""Ball {case.index}: centre, radius rounded up, norm, for alpha-beta-CROWN."""

import torch


def {LOADER}(spec):
    return {{
        "X": torch.tensor([[{coordinates}]], dtype=torch.float64),
        "labels": torch.tensor([0]),
        "eps": {float(radius_above(case))!r},
        "norm": {norm},
    }}
'''


def require_crown(case: BallCase) -> None:
    """Check that alpha-beta-CROWN can be asked about the ball.

    Raises:
        ValueError: for another norm, the rule `exact`, or a centre off the float64 numbers.
    """
    if case.p not in NORMS:
        raise ValueError(f"alpha-beta-CROWN knows the norms 1, 2 and inf, got p = {case.p}")
    if case.decision is not Decision.NEAREST:
        raise ValueError("alpha-beta-CROWN asks for positive margins: f = y has none, use nearest")
    for j, c in enumerate(case.centre):
        if nearest_float(c, "float64") != c:
            raise ValueError(f"coordinate {j} of the centre of ball {case.index} is no float64")
