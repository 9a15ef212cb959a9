"""ONNX files of networks, and the exact network in such a file.

A file holds one chain of Gemm (y = x W^T + b) and Relu nodes of opset 13, input (1, d), as the
operators are defined at https://onnx.ai/onnx/operators/. Its weights are floats, hence dyadic
numbers: a file IS an exact network, and `network_of_onnx` returns it. A network whose weights do
not fit is refused, or written rounded, and then the file holds ANOTHER network, which is returned
and has to be verified for itself. A runtime evaluates either network in floats: what it prints is
not the exact value.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.exchange.decimals import float_size, nearest_float, parse_dtype
from pipeline.network import Affine, ReLUNetwork

OPSET, IR_VERSION = 13, 8
# Before opset 11 Gemm and Relu had other rules of broadcasting.
_OLDEST = 11
INPUT, OUTPUT = "X", "Y"
# Protocol buffers end at 2 GiB.
_MOST_BYTES = 2**31 - 2**20
_TYPES = {"float64": TensorProto.DOUBLE, "float32": TensorProto.FLOAT}


@dataclass(frozen=True, eq=False)
class WrittenNetwork:
    """What an ONNX file holds.

    Args:
        network: the network in the file, read back from it.
        dtype: type of its weights and of the arithmetic of a runtime.
        rounded: how many weights and biases differ from those asked for; 0 means the same network.
    """

    network: ReLUNetwork
    dtype: str
    rounded: int


def write_onnx(
    network: ReLUNetwork, path: Path | str, dtype: str = "float64", *, rounded: bool = False
) -> WrittenNetwork:
    """Write the network as an ONNX file and return what the file holds, read back from it.

    Args:
        network: ReLUs only.
        path: of the file.
        dtype: `float64` or `float32`.
        rounded: whether weights that do not fit may be rounded to a neighbouring float.

    Raises:
        ValueError: if a neuron is a threshold, a weight does not fit (without `rounded`, or beyond
            the range of the type), or the file would exceed the 2 GiB of protocol buffers.
    """
    kind = parse_dtype(dtype)
    require_relu(network, "ONNX export")
    size = network.parameter_count() * np.dtype(kind).itemsize
    if size > _MOST_BYTES:
        raise ValueError(f"an ONNX file ends at 2 GiB, the weights alone take {size:,} bytes")
    changed = 0
    arrays = []
    for number, layer in enumerate(network.layers, 1):
        weight, bias, count = _floats(layer, number, kind, rounded)
        changed += count
        arrays.append((weight, bias))
    model = _model(arrays, kind)
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, str(path))
    return WrittenNetwork(network_of_onnx(path), kind, changed)


def require_relu(network: ReLUNetwork, what: str) -> None:
    """Check that the network has no threshold neuron.

    Raises:
        ValueError: if it has one.
    """
    for number in range(network.depth - 1):
        count = int(network.thresholds(number).sum())
        if count:
            raise ValueError(
                f"{what} knows ReLU neurons only, layer {number + 1} has {count} threshold neurons"
            )


def _floats(
    layer: Affine, number: int, dtype: str, rounded: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return weight and bias of a layer as floats, and how many of them are rounded.

    Raises:
        ValueError: if an entry does not fit.
    """
    places = layer.weight.index.tolist()
    names = [f"weight {divmod(place, layer.inputs)}" for place in places]
    names += [f"bias {i}" for i in range(layer.outputs)]
    entries = [*layer.weight.values.tolist(), *layer.bias.tolist()]
    scale = Fraction(2) ** layer.exponent
    floats = np.zeros(len(entries), dtype=dtype)
    changed = 0
    for place, (name, entry) in enumerate(zip(names, entries, strict=True)):
        value = int(entry) * scale
        near = nearest_float(value, dtype)
        if near is None or (near != value and not rounded):
            raise ValueError(_misfit(value, number, name, dtype))
        floats[place] = float(near)
        changed += near != value
    weight = np.zeros(layer.outputs * layer.inputs, dtype=dtype)
    weight[layer.weight.index] = floats[: len(places)]
    return weight.reshape(layer.outputs, layer.inputs), floats[len(places) :], changed


def _misfit(value: Fraction, layer: int, name: str, dtype: str) -> str:
    odd = abs(value.numerator) >> ((value.numerator & -value.numerator).bit_length() - 1)
    return (
        f"layer {layer}, {name} does not fit {dtype}: it has {odd.bit_length()} significant bits "
        f"and magnitude {float_size(value)}; rounding, where the range allows it, gives another "
        "network"
    )


def _model(arrays: list[tuple[np.ndarray, np.ndarray]], dtype: str) -> onnx.ModelProto:
    nodes, tensors, last = [], [], INPUT
    for number, (weight, bias) in enumerate(arrays, 1):
        names = [f"W{number}", f"b{number}"]
        tensors += [
            numpy_helper.from_array(a, n) for a, n in zip((weight, bias), names, strict=True)
        ]
        end = number == len(arrays)
        result = OUTPUT if end else f"u{number}"
        nodes.append(helper.make_node("Gemm", [last, *names], [result], f"gemm{number}", transB=1))
        if not end:
            last = f"a{number}"
            nodes.append(helper.make_node("Relu", [result], [last], f"relu{number}"))
    d, outputs = arrays[0][0].shape[1], arrays[-1][0].shape[0]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(INPUT, _TYPES[dtype], [1, d])],
        [helper.make_tensor_value_info(OUTPUT, _TYPES[dtype], [1, outputs])],
        tensors,
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="robust-memorization"
    )


def network_of_onnx(path: Path | str) -> ReLUNetwork:
    """Return the exact network in an ONNX file: its float weights are dyadic numbers.

    Args:
        path: a file of one chain Gemm, Relu, Gemm, ..., Gemm with float64 or float32 weights, all
            of one type, as `write_onnx` writes it.

    Raises:
        ValueError: if the file is damaged or holds anything else.
        OSError: if it cannot be read.
    """
    try:
        model = onnx.load_model(str(path), load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f"{path} is no valid ONNX model: {error}") from None
    except OSError:
        raise
    except Exception as error:
        # The decoder of protocol buffers has an exception class for each of its implementations.
        raise ValueError(f"{path} is no ONNX file: {type(error).__name__}") from None
    return _network_of_graph(model, str(path))


def _network_of_graph(model: onnx.ModelProto, path: str) -> ReLUNetwork:
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    # A weight that is an input as well could be replaced by whoever runs the file.
    inputs = list(graph.input)
    plain = not (model.functions or graph.sparse_initializer)
    if len(inputs) != 1 or len(graph.output) != 1 or inputs[0].name in tensors or not plain:
        raise ValueError(f"{path} must have one input, one output and plain weights")
    if any(o.domain not in ("", "ai.onnx") or o.version < _OLDEST for o in model.opset_import):
        raise ValueError(f"{path} must use standard ONNX operators of opset {_OLDEST} or later")
    types = {t.data_type for t in graph.initializer} | {
        value.type.tensor_type.elem_type for value in (*inputs, *graph.output)
    }
    if len(types) != 1 or not types <= set(_TYPES.values()):
        raise ValueError(f"{path} must be all float64 or all float32")
    layers, last = _layers(graph, tensors, inputs[0].name, path)
    if last != graph.output[0].name or not layers or graph.node[-1].op_type != "Gemm":
        raise ValueError(f"{path} must end in a Gemm node that is the output")
    dims = [d.dim_value for d in inputs[0].type.tensor_type.shape.dim]
    if len(dims) != 2 or dims[1] != layers[0].inputs:
        raise ValueError(f"{path} must have input (1, {layers[0].inputs}), got {dims}")
    return ReLUNetwork.relu(*layers)


def _layers(
    graph: onnx.GraphProto, tensors: dict[str, TensorProto], last: str, path: str
) -> tuple[list[Affine], str]:
    """Return the affine maps of the chain and the name of its last value.

    Raises:
        ValueError: if the nodes are no chain of Gemm and Relu.
    """
    layers: list[Affine] = []
    previous = "Relu"
    for node in graph.node:
        expected = "Gemm" if previous == "Relu" else "Relu"
        if node.op_type != expected or node.domain not in ("", "ai.onnx"):
            raise ValueError(f"{path} must alternate Gemm and Relu, got {node.op_type}")
        if node.input[0] != last or len(node.output) != 1:
            raise ValueError(f"{path} must be one chain, node {node.name!r} is off it")
        if node.op_type == "Gemm":
            layers.append(_affine(node, tensors, path))
        last, previous = node.output[0], node.op_type
    return layers, last


def _affine(node: onnx.NodeProto, tensors: dict[str, TensorProto], path: str) -> Affine:
    options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    transposed = options.pop("transB", 0)
    plain = {"alpha": 1.0, "beta": 1.0, "transA": 0}
    if any(options[key] != plain.get(key) for key in options):
        raise ValueError(f"{path} must use Gemm as x W^T + b, got {options}")
    names = list(node.input[1:])
    if len(names) != 2 or any(name not in tensors for name in names):
        raise ValueError(f"{path} must store the weight and the bias of node {node.name!r}")
    if any(tensors[name].data_location == TensorProto.EXTERNAL for name in names):
        raise ValueError(f"{path} must hold its weights itself, not in another file")
    weight, bias = (numpy_helper.to_array(tensors[name]) for name in names)
    weight = weight if transposed else weight.T
    if weight.ndim != 2 or bias.shape != (weight.shape[0],):
        raise ValueError(
            f"{path} must have one bias an output, got weight {weight.shape}, bias {bias.shape}"
        )
    return Affine.from_floats(weight.astype(np.float64), bias.astype(np.float64))
