"""auto_LiRPA's CROWN, where it can be imported: a peer, never a dependency.

The release on PyPI, 0.3, is of 2022; `auto_lirpa` gives it the few names of NumPy and torch that it
looks for: pip install --no-deps auto_LiRPA appdirs.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from math import inf
from types import ModuleType
from typing import Any

import numpy as np
import torch

from pipeline.network import ReLUNetwork

Bounds = tuple[torch.Tensor, torch.Tensor]


def auto_lirpa() -> Any | None:
    """Return the module, None where it is not installed or does not load."""
    if find_spec("auto_LiRPA") is None:
        return None
    try:
        _lend_old_names()
        import auto_LiRPA
    except (ImportError, AttributeError):
        return None
    return auto_LiRPA


def _lend_old_names() -> None:
    """Give torch and NumPy the names that auto_LiRPA 0.3 imports."""
    # Not by attribute: torch.onnx has others of these names.
    inner = "torch.onnx._internal.torchscript_exporter"
    symbolic_helper, utils = map(import_module, ("torch.onnx.symbolic_helper", "torch.onnx.utils"))
    helper, exporter = map(import_module, (f"{inner}.symbolic_helper", f"{inner}.utils"))
    sets = ModuleType("numpy.lib.arraysetops")
    sets.isin = np.isin  # type: ignore[attr-defined]
    sys.modules.setdefault(sets.__name__, sets)
    for name in dir(helper):
        if not hasattr(symbolic_helper, name):
            setattr(symbolic_helper, name, getattr(helper, name))
    if not hasattr(symbolic_helper, "_set_opset_version"):
        vars(symbolic_helper)["_set_opset_version"] = lambda version: None
    if not hasattr(utils, "_optimize_graph"):
        vars(utils)["_optimize_graph"] = exporter._optimize_graph
    node = torch._C.Node
    if not hasattr(node, "__getitem__"):
        node.__getitem__ = lambda self, key: getattr(self, self.kindOf(key))(key)


def crown_of_auto_lirpa(
    network: ReLUNetwork, centres: torch.Tensor, radius: float, p: float
) -> Callable[[], Bounds]:
    """Return a function that bounds the outputs on balls by auto_LiRPA's CROWN, shapes (B,)."""
    peer = auto_lirpa()
    assert peer is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = peer.BoundedModule(network.to_torch(torch.float64), centres[:1], bound_opts={})
    norm = peer.PerturbationLpNorm(norm=p if p != inf else np.inf, eps=radius)
    inputs = peer.BoundedTensor(centres, norm)

    def bounds() -> Bounds:
        with torch.no_grad():
            lower, upper = module.compute_bounds(x=(inputs,), method="CROWN")
        return lower[:, 0], upper[:, 0]

    return bounds
