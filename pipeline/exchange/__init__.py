"""Networks and questions about balls for outside tools, and what their answers are worth."""

from pipeline.exchange.ball_case import BallCase
from pipeline.exchange.onnx_files import WrittenNetwork, network_of_onnx, write_onnx

__all__ = ["BallCase", "WrittenNetwork", "network_of_onnx", "write_onnx"]
