"""ONNX files: the table of cases through them, a runtime against the exact values, refusals."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipeline.exact import DyadicArray
from pipeline.exchange import network_of_onnx, write_onnx
from pipeline.network import ReLUNetwork
from pipeline.network.torch_bridge import network_of_module
from tests.cases import CASES, Case, dyadic, layer

THRESHOLDS = {"threshold", "relu_then_threshold", "relu_beside_threshold"}
every_relu_case = pytest.mark.parametrize(
    "case", [c for c in CASES if c.name not in THRESHOLDS], ids=lambda case: case.name
)
UNIT = Fraction(1, 2**53)
SMALL = st.integers(-9, 9)


def runtime_outputs(path: Path, X: DyadicArray) -> list[list[float]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    kind = np.float64 if "double" in session.get_inputs()[0].type else np.float32
    rows = X.nearest_float64().astype(kind)
    return [session.run(None, {"X": row[None, :]})[0][0].tolist() for row in rows]


def float_error_bound(network: ReLUNetwork, x: list[Fraction]) -> list[Fraction]:
    """Bound on |float64 - exact| of the outputs, for any order of summation (no underflow).

    A sum of n products and a bias has error at most gamma = (n + 1) u / (1 - (n + 1) u) times the
    sum of the magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
    """
    values, errors = list(x), [Fraction(0)] * len(x)
    for number, affine in enumerate(network.layers):
        weight, bias = (part.fractions() for part in affine.dense())
        gamma = (len(values) + 1) * UNIT / (1 - (len(values) + 1) * UNIT)
        size = [abs(v) + e for v, e in zip(values, errors, strict=True)]
        errors = [
            sum(abs(w) * e for w, e in zip(row, errors, strict=True))
            + gamma * (sum(abs(w) * s for w, s in zip(row, size, strict=True)) + abs(b))
            for row, b in zip(weight, bias, strict=True)
        ]
        values = [
            sum((w * v for w, v in zip(row, values, strict=True)), b)
            for row, b in zip(weight, bias, strict=True)
        ]
        if number < network.depth - 1:
            values = [max(v, Fraction(0)) for v in values]
    return errors


def same(first: ReLUNetwork, second: ReLUNetwork) -> bool:
    return first.activations == second.activations and all(
        a.dense()[0] == b.dense()[0] and a.dense()[1] == b.dense()[1]
        for a, b in zip(first.layers, second.layers, strict=True)
    )


@every_relu_case
def test_a_file_holds_exactly_the_network_or_is_refused(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    if case.name == "big_integers":
        with pytest.raises(
            ValueError, match=r"layer 1, weight \(0, 0\) does not fit float64: it ha"
        ):
            write_onnx(case.network, path)
        assert not path.exists()
        return
    written = write_onnx(case.network, path)
    assert written.rounded == 0 and same(written.network, case.network)
    assert network_of_onnx(path).evaluate_exact(case.X) == dyadic(case.outputs)


@every_relu_case
def test_a_runtime_agrees_exactly_where_float64_does_not_round(case: Case, tmp_path: Path) -> None:
    write_onnx(case.network, tmp_path / "n.onnx", rounded=True)
    outputs = runtime_outputs(tmp_path / "n.onnx", case.X)
    agrees = outputs == [list(row) for row in case.outputs]
    assert agrees == case.float64_is_exact


@pytest.mark.parametrize("case", [c for c in CASES if c.name in THRESHOLDS], ids=lambda c: c.name)
def test_thresholds_are_refused(case: Case, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ONNX export knows ReLU neurons only, layer \d has"):
        write_onnx(case.network, tmp_path / "n.onnx")


@settings(max_examples=25)
@given(st.data())
def test_a_runtime_agrees_exactly_on_small_integers(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    widths = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    layers = []
    for a, b in zip(widths[:-1], widths[1:], strict=True):
        rows = data.draw(st.lists(st.lists(SMALL, min_size=a, max_size=a), min_size=b, max_size=b))
        layers.append(layer(rows, data.draw(st.lists(SMALL, min_size=b, max_size=b))))
    network = ReLUNetwork.relu(*layers)
    X = dyadic((tuple(data.draw(st.lists(SMALL, min_size=widths[0], max_size=widths[0]))),))
    path = tmp_path_factory.mktemp("onnx") / "n.onnx"
    for dtype in ("float64", "float32"):
        assert write_onnx(network, path, dtype).rounded == 0
        assert runtime_outputs(path, X) == network.evaluate_exact(X).fractions().tolist()


def trained_like(seed: int, *widths: int) -> ReLUNetwork:
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for a, b in zip(widths[:-1], widths[1:], strict=True):
        parts += [nn.Linear(a, b, dtype=torch.float64), nn.ReLU()]
    return network_of_module(nn.Sequential(*parts[:-1]))


def test_a_runtime_stays_within_the_proved_error_of_float64(tmp_path: Path) -> None:
    network = trained_like(3, 5, 16, 16, 2)
    write_onnx(network, tmp_path / "n.onnx")
    X = dyadic(tuple(tuple(Fraction(i * j - 7, 8) for j in range(5)) for i in range(6)))
    exact = network.evaluate_exact(X).fractions()
    for row, x, outputs in zip(
        exact, X.fractions(), runtime_outputs(tmp_path / "n.onnx", X), strict=True
    ):
        bounds = float_error_bound(network, x.tolist())
        assert all(abs(Fraction(o) - v) <= b for o, v, b in zip(outputs, row, bounds, strict=True))
        # The bound is of use: far below the values.
        assert all(0 < b < Fraction(1, 10**12) for b in bounds)


def test_float32_is_another_network_that_is_returned(tmp_path: Path) -> None:
    network = trained_like(5, 2, 4, 1)
    with pytest.raises(
        ValueError, match=r"layer 1, weight \(0, 0\) does not fit float32: it has 5"
    ):
        write_onnx(network, tmp_path / "n.onnx", "float32")
    written = write_onnx(network, tmp_path / "n.onnx", "float32", rounded=True)
    assert written.rounded == network.nonzero_count()
    assert not same(written.network, network)
    assert same(written.network, network_of_onnx(tmp_path / "n.onnx"))
    for mine, theirs in zip(written.network.layers, network.layers, strict=True):
        W, V = mine.dense()[0].nearest_float64(), theirs.dense()[0].nearest_float64()
        assert np.array_equal(W, V.astype(np.float32))
    assert write_onnx(written.network, tmp_path / "m.onnx", "float32").rounded == 0


def test_weights_beyond_the_range_are_refused_even_if_rounding_is_allowed(tmp_path: Path) -> None:
    network = ReLUNetwork.relu(layer([[1, 2]], [1 << 130]))
    with pytest.raises(ValueError, match=r"layer 1, bias 0 does not fit float32: it has 1 sig"):
        write_onnx(network, tmp_path / "n.onnx", "float32", rounded=True)
    assert write_onnx(network, tmp_path / "n.onnx").rounded == 0


def gemm_model(**changes: object) -> onnx.ModelProto:
    """A file of one Gemm, and faults in it by name."""
    attributes = {"transB": 1} | dict(changes.get("attributes", {}))  # type: ignore[call-overload]
    weight = np.array([[1.0, 2.0]]) if attributes["transB"] else np.array([[1.0], [2.0]])
    nodes = [helper.make_node("Gemm", ["X", "W", "b"], ["Y"], **attributes)]
    nodes = list(changes.get("nodes", nodes))  # type: ignore[call-overload]
    name = str(changes.get("input", "X"))
    inputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [1, 2])]
    if changes.get("weight_is_input"):
        inputs.append(helper.make_tensor_value_info("W", TensorProto.DOUBLE, [1, 2]))
    graph = helper.make_graph(
        nodes,
        "g",
        inputs,
        [helper.make_tensor_value_info("Y", TensorProto.DOUBLE, [1, 1])],
        [
            numpy_helper.from_array(np.asarray(changes.get("weight", weight)), "W"),
            numpy_helper.from_array(np.array([0.5]), "b"),
            numpy_helper.from_array(np.array([[3.0]]), "V"),
        ],
    )
    opset = [helper.make_opsetid("", int(changes.get("opset", 13)))]  # type: ignore[call-overload]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def chain(*nodes: tuple[str, list[str], str]) -> list[onnx.NodeProto]:
    return [
        helper.make_node(op, inputs, [out], **({"transB": 1} if op == "Gemm" else {}))
        for op, inputs, out in nodes
    ]


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_gemm_of_another_writer_is_read(tmp_path: Path, transposed: int) -> None:
    onnx.save_model(gemm_model(attributes={"transB": transposed}), str(tmp_path / "n.onnx"))
    network = network_of_onnx(tmp_path / "n.onnx")
    assert network.evaluate_exact(dyadic(((3, 4),))).fractions().tolist() == [[Fraction(23, 2)]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attributes": {"alpha": 2.0}}, "must use Gemm as x W"),
        ({"attributes": {"transA": 1}}, "no valid ONNX model|must use Gemm"),
        ({"weight_is_input": True}, "one input, one output"),
        ({"opset": 7}, "opset 11 or later"),
        ({"weight": np.array([[np.nan, 1.0]])}, "must be finite"),
        ({"weight": np.array([[1.0, 2.0]], dtype=np.float32)}, "no valid ONNX|all float64"),
        ({"nodes": chain(("Relu", ["X"], "u"), ("Gemm", ["u", "W", "b"], "Y"))}, "must alternate"),
        ({"nodes": chain(("Gemm", ["X", "W", "b"], "u"), ("Relu", ["u"], "Y"))}, "end in a Gemm"),
        ({"nodes": chain(("Gemm", ["X", "W", "b"], "u"), ("Tanh", ["u"], "Y"))}, "must alternate"),
        (
            {"input": "W", "nodes": chain(("Gemm", ["W", "W", "b"], "Y"))},
            "one input, one output",
        ),
        (
            {
                "nodes": chain(
                    ("Gemm", ["X", "W", "b"], "u"),
                    ("Relu", ["u"], "a"),
                    ("Gemm", ["u", "V", "b"], "Y"),
                )
            },
            "must be one chain, node '' is off it",
        ),
        ({"nodes": chain(("Gemm", ["X", "W"], "Y"))}, "must store the weight and the bias"),
    ],
)
def test_files_of_anything_else_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    onnx.save_model(gemm_model(**changes), str(tmp_path / "n.onnx"))
    with pytest.raises(ValueError, match=message):
        network_of_onnx(tmp_path / "n.onnx")


def test_damaged_and_missing_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    write_onnx(CASES[1].network, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="is no"):
        network_of_onnx(path)
    with pytest.raises(FileNotFoundError):
        network_of_onnx(tmp_path / "other.onnx")
