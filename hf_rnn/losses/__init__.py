"""The losses of vectors and pairs, those of weighted classes, and those that learn from a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .class_weights import balanced_class_weights as balanced_class_weights
    from .class_weights import label_weights as label_weights
    from .class_weights import weighted_cross_entropy as weighted_cross_entropy
    from .distillation import distillation_loss as distillation_loss
    from .in_batch import HardNegativeBatchLoss as HardNegativeBatchLoss
    from .in_batch import MultipleNegativesRankingLoss as MultipleNegativesRankingLoss
    from .mining import Triplets as Triplets
    from .mining import batch_hard_triplets as batch_hard_triplets
    from .mining import semi_hard_triplets as semi_hard_triplets
    from .objective import LOSSES as LOSSES
    from .objective import NamedLoss as NamedLoss
    from .objective import SimilarityObjective as SimilarityObjective
    from .pairs import ContrastiveLoss as ContrastiveLoss
    from .pairs import CoSENTLoss as CoSENTLoss
    from .pairs import CosineMseLoss as CosineMseLoss
    from .pairs import MaLstmLoss as MaLstmLoss
    from .pairs import PairClassificationLoss as PairClassificationLoss
    from .pairs import PairRegressionLoss as PairRegressionLoss
    from .triplets import BatchHardTripletLoss as BatchHardTripletLoss
    from .triplets import BatchSemiHardTripletLoss as BatchSemiHardTripletLoss
    from .triplets import TripletLoss as TripletLoss

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "BatchHardTripletLoss": ".triplets",
        "BatchSemiHardTripletLoss": ".triplets",
        "CoSENTLoss": ".pairs",
        "ContrastiveLoss": ".pairs",
        "CosineMseLoss": ".pairs",
        "HardNegativeBatchLoss": ".in_batch",
        "LOSSES": ".objective",
        "MaLstmLoss": ".pairs",
        "MultipleNegativesRankingLoss": ".in_batch",
        "NamedLoss": ".objective",
        "PairClassificationLoss": ".pairs",
        "PairRegressionLoss": ".pairs",
        "SimilarityObjective": ".objective",
        "TripletLoss": ".triplets",
        "Triplets": ".mining",
        "balanced_class_weights": ".class_weights",
        "batch_hard_triplets": ".mining",
        "distillation_loss": ".distillation",
        "label_weights": ".class_weights",
        "semi_hard_triplets": ".mining",
        "weighted_cross_entropy": ".class_weights",
    },
)
