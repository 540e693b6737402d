"""The parts that the metrics have in common."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

from ..extras import require_extra


__all__ = ["LOWER_IS_BETTER", "is_error", "shown_figure"]


# Metrics of which less is better; of all others, more.
LOWER_IS_BETTER = frozenset(
    ("loss", "perplexity", "bits_per_character", "mse", "mae", "character_error_rate", "pinball")
)
# Of these, one of several outputs has a figure by its name, such as `mse_height`.
_OF_OUTPUTS = ("mse_", "mae_")


def is_error(metric: str) -> bool:
    """Whether less of a metric is better."""
    return metric in LOWER_IS_BETTER or metric.startswith(_OF_OUTPUTS)


def shown_figure(value: float) -> str:
    """A figure for people: four decimals, and three digits where these would all be 0, as errors in small units are.

    Example:
        >>> shown_figure(0.91236), shown_figure(0.0000213), shown_figure(0.0)
        ('0.9124', '2.13e-05', '0.0000')
    """
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.3g}"


SKLEARN_CITATION = """\
@article{scikit-learn,
  title={Scikit-learn: Machine Learning in {P}ython},
  author={Pedregosa, F. and Varoquaux, G. and Gramfort, A. and Michel, V. and others},
  journal={Journal of Machine Learning Research},
  volume={12},
  pages={2825--2830},
  year={2011}
}"""


class InMemoryMetric(evaluate.Metric):
    """The base of the metrics: the type of their inputs, and no cache file that two processes could meet in.

    Raises:
        MissingExtraError: the library that computes the figures is not installed.
    """

    input_type: Any
    # The libraries of the extra `train` that compute the figures, and how the first is cited.
    libraries: tuple[str, ...] = ("scikit-learn",)
    citation = SKLEARN_CITATION

    def __init__(self, **kwargs: Any) -> None:
        self.require_libraries()
        super().__init__(**{"keep_in_memory": True, **kwargs})

    @classmethod
    def require_libraries(cls) -> None:
        """Raise a `MissingExtraError` unless the libraries are installed that compute the figures."""
        if cls.libraries:
            require_extra("train", cls.__name__, *cls.libraries)

    def _info(self) -> evaluate.MetricInfo:
        features = datasets.Features({"predictions": self.input_type, "references": self.input_type})
        return evaluate.MetricInfo(
            description=self.__doc__ or "", citation=self.citation, inputs_description="", features=features
        )
