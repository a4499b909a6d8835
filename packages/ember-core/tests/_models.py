"""Models that several tests share."""

from ember_ml import nn
from ember_ml.nn import tensor as et


class Quadratic(nn.Module):
    """``sum(w * x**2) + c`` with a frozen c."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter([1.0, 2.0])
        self.c = nn.Parameter(3.0, requires_grad=False)

    def forward(self, x):
        return et.sum(self.w * x * x) + self.c


class Counting(nn.Module):
    """Keeps a running mean of what it sees, and counts, in buffers."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter([2.0])
        self.register_buffer("mean", [0.0])
        self.register_buffer("count", 0)

    def forward(self, x):
        y = self.w * x
        if self.training:
            self.mean = 0.5 * self.mean + 0.5 * et.stop_gradient(y)
            self.count += 1
        return et.sum(y * y)
