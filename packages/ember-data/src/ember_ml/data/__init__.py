"""Datasets, loaders and features, on any backend.

Example:
    >>> from ember_ml.data import DataLoader, Dataset
    >>> dataset = Dataset([[0.0], [1.0], [2.0]], [0, 1, 0])
    >>> [y.tolist() for x, y in DataLoader(dataset, batch_size=2)]
    [[0, 1], [0]]
"""

from . import features
from ._dataset import Dataset
from ._loader import DataLoader

__all__ = ["DataLoader", "Dataset", "features"]
