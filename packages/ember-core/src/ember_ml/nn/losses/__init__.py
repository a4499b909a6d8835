"""Losses: what training makes small.

Names and meaning of the functions are those of ``torch.nn.functional`` without ``_loss``, and the
classes are PyTorch's.
"""

from ._binary import (
    BCELoss,
    BCEWithLogitsLoss,
    MultiLabelSoftMarginLoss,
    SoftMarginLoss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin,
    soft_margin,
)
from ._classes import CrossEntropyLoss, NLLLoss, cross_entropy, nll
from ._ctc import CTCLoss, ctc
from ._distributions import (
    GaussianNLLLoss,
    KLDivLoss,
    PoissonNLLLoss,
    gaussian_nll,
    kl_div,
    poisson_nll,
)
from ._pairs import (
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    cosine_embedding,
    hinge_embedding,
    margin_ranking,
)
from ._regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss, huber, l1, mse, smooth_l1
from ._triplets import (
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
    triplet_margin,
    triplet_margin_with_distance,
)

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelSoftMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding",
    "cross_entropy",
    "ctc",
    "gaussian_nll",
    "hinge_embedding",
    "huber",
    "kl_div",
    "l1",
    "margin_ranking",
    "mse",
    "multilabel_soft_margin",
    "nll",
    "poisson_nll",
    "smooth_l1",
    "soft_margin",
    "triplet_margin",
    "triplet_margin_with_distance",
]
