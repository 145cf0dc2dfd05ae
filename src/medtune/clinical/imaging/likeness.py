"""Is an image like those that were learnt from? The Mahalanobis distance of an encoder's features.

Source: Lee 2018, A simple unified framework for detecting out-of-distribution samples, NeurIPS,
arXiv 1807.03888, on one layer: a Gaussian for each class with one covariance, and the distance to
the nearest class. There are fewer images than features, so the covariance is shrunk (Ledoit and
Wolf 2004, J Multivar Anal 88:365). The limit is a conformal quantile of images not fitted on.

Shapes: N images, C classes, W features.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from medtune.errors import DataError

ALIKE: Final = 0.95
"""Share of the images like those learnt from that stay below the limit. Our choice."""
FEWEST: Final = 20
"""Images that a limit for this share needs: with fewer, none lies below it."""
Features = NDArray[np.float32]


class Likeness(NamedTuple):
    """What was learnt from, as Gaussians."""

    means_CW: Features
    precision_WW: Features
    limit: float
    """A greater distance is unlike."""

    def distance(self, features_W: Features) -> float:
        """To the nearest class, in standard deviations."""
        away_CW = features_W - self.means_CW
        squares_C = np.einsum("cw,wv,cv->c", away_CW, self.precision_WW, away_CW, optimize=True)
        return float(np.sqrt(max(0.0, float(squares_C.min()))))


def fit_likeness(
    learnt_NW: Features, classes: Sequence[str], others_NW: Features, *, alike: float = ALIKE
) -> Likeness:
    """Fit on the images that were learnt from, and choose the limit on others.

    Raises:
        DataError: A class has no image, or there are too few others for a limit.
    """
    if len(classes) != len(learnt_NW) or len(learnt_NW) < FEWEST or len(others_NW) < FEWEST:
        raise DataError(
            f"a score for unlike images needs {FEWEST} images to learn from and {FEWEST} others; "
            f"there are {len(learnt_NW)} and {len(others_NW)}"
        )
    names = sorted(set(classes))
    which_N = np.array([names.index(one) for one in classes])
    means_CW = np.stack([learnt_NW[which_N == n].mean(axis=0) for n in range(len(names))])
    centred_NW = (learnt_NW - means_CW[which_N]).astype(np.float64)
    covariance_WW, _ = ledoit_wolf(centred_NW, assume_centered=True)
    precision_WW = np.linalg.inv(covariance_WW).astype(np.float32)
    fitted = Likeness(means_CW.astype(np.float32), precision_WW, np.inf)
    distances = sorted(fitted.distance(one) for one in others_NW)
    rank = min(ceil(alike * (len(distances) + 1)), len(distances))
    return fitted._replace(limit=distances[rank - 1])
