"""ReLU networks with exact weights: counting, composition, exact evaluation, files, torch."""

from pipeline.network.affine import Affine, SparseIntegers
from pipeline.network.circuit import Circuit, Expression
from pipeline.network.compose import carry, parallel, serial
from pipeline.network.evaluate import evaluate_exact
from pipeline.network.files import load_network, save_network
from pipeline.network.plan import Plan, Repeat, repeated
from pipeline.network.relu_network import Activation, ReLUNetwork

__all__ = [
    "Activation",
    "Affine",
    "Circuit",
    "Expression",
    "Plan",
    "ReLUNetwork",
    "Repeat",
    "SparseIntegers",
    "carry",
    "evaluate_exact",
    "load_network",
    "parallel",
    "repeated",
    "save_network",
    "serial",
]
