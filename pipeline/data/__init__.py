"""Separated datasets: exact points, labels 1..C, the separation constant eps_D."""

from pipeline.data.dataset import SeparatedDataset, merge_duplicates
from pipeline.data.files import load_dataset, save_dataset
from pipeline.data.generate import FAMILIES, generate_dataset
from pipeline.data.randomness import generator
from pipeline.data.separation import Separation, nearest_other_label_pair

__all__ = [
    "FAMILIES",
    "SeparatedDataset",
    "Separation",
    "generate_dataset",
    "generator",
    "load_dataset",
    "merge_duplicates",
    "nearest_other_label_pair",
    "save_dataset",
]
