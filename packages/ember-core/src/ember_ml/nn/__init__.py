"""Models, layers, losses and optimizers."""
from . import tensor
