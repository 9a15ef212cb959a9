"""Robust memorization by ReLU networks: constructions, exact certificates, experiments.

Companion code to "The Cost of Robustness: Tighter Bounds on Parameter Complexity for Robust
Memorization in ReLU Nets" (Kim, Moon, Yun; NeurIPS 2025; arXiv:2510.24643). Importing this
package imports nothing else, so that the independent checker stays independent.
"""

__version__ = "0.1.0"
