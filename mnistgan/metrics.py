"""Two clouds of pictures: how alike are they? Formulas only, no network.

Most take features: rows of numbers, one row for a picture. The spectrum takes pixels.
"""

import numpy as np

from mnistgan.engine.bars import slow
from mnistgan.engine.valid import array, checked, finite, shares

NEIGHBOURS = 5  # k of precision, recall, density and coverage (Naeem et al. 2020)
PART = 1000  # rows compared at once: bounds the memory
BANDS = {  # of the spectrum, in cycles per pixel
    "power_25_35": (0.25, 0.35),
    "power_35_50": (0.35, 0.5),
    "power_50_75": (0.5, 0.75),  # as fine as that are only slanting waves
}


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances from each row of `a` to each row of `b`, float32."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"rows of {a.shape[1]} and of {b.shape[1]} numbers cannot be compared: "
            "measure both in the same way"
        )
    centre = b.mean(0)  # taken away, so that float32 loses fewer digits
    a, b = a - centre, b - centre
    square = np.sum(a * a, 1)[:, None] + np.sum(b * b, 1) - 2 * (a @ b.T)
    return np.sqrt(np.maximum(square, 0))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """How far apart two clouds of features are, if both were bell-shaped.

    It is the squared distance of the means, plus what differs between the covariances
    (Heusel et al. 2017, equation 6; like their FID, it is strictly a distance squared).
    On the judge's features it is our *digit Fréchet distance*; the FID of papers uses
    another network, so the numbers do not compare.

    Args:
        a: `(count, features)`, at least 2 rows.
        b: The same for the other cloud.

    Returns:
        At least 0; 0 for equal clouds.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    a_cov, b_cov = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(a_cov)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b_cov @ root), 0)).sum()
    apart = np.sum((a.mean(0) - b.mean(0)) ** 2)
    return max(0.0, float(apart + np.trace(a_cov) + np.trace(b_cov) - 2 * shared))


def reach(features: np.ndarray) -> np.ndarray:
    """Each row's distance to its `NEIGHBOURS`-th nearest other row, `(count,)`."""
    parts = [features[i : i + PART] for i in range(0, len(features), PART)]
    far = (distances(part, features) for part in slow(parts, "Measuring"))
    return np.concatenate([np.partition(x, NEIGHBOURS, 1)[:, NEIGHBOURS] for x in far])


@checked(real=finite(array(None)), fake=finite(array(None)))
def neighbourhoods(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """Asks of every picture: is there one of the other kind nearby?

    Around each picture lies a ball that reaches to its 5th nearest neighbour of its own
    kind (Kynkäänniemi et al. 2019; Naeem et al. 2020, sections 2 and 3).

    Args:
        real: `(count, features)`, more than 5 rows.
        fake: The same for drawn pictures.

    Returns:
        `precision`: the share of fakes inside a real ball. `recall`: the share of reals
        inside a fake ball. `density`: in how many real balls a fake lies, divided by 5.
        `coverage`: the share of real balls with a fake inside.

    Raises:
        ValueError: A set has too few rows.
    """
    if min(len(real), len(fake)) <= NEIGHBOURS:
        raise ValueError(
            f"{len(real)} real and {len(fake)} drawn pictures are too few to compare; "
            f"more than {NEIGHBOURS} of each are needed"
        )
    real_reach, fake_reach = reach(real), reach(fake)
    balls, nearest = np.zeros(len(fake)), np.full(len(real), np.inf)
    recalled = np.zeros(len(real), bool)
    for start in slow(range(0, len(fake), PART), "Comparing"):
        part = slice(start, start + PART)
        apart = distances(fake[part], real)
        balls[part] = np.sum(apart < real_reach, 1)
        nearest = np.minimum(nearest, apart.min(0))
        recalled |= np.any(apart < fake_reach[part, None], 0)
    return {
        "precision": float(np.mean(balls > 0)),
        "recall": float(np.mean(recalled)),
        "density": float(np.mean(balls) / NEIGHBOURS),
        "coverage": float(np.mean(nearest < real_reach)),
    }


@checked(rows=array(None), others=array(None))
def nearest(rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds, for each row, the nearest row of an album.

    Args:
        rows: `(count, numbers)`, float32.
        others: `(others count, numbers)`, float32.

    Returns:
        Which row of the album, `(count,)`, int64, and how far it is, `(count,)`.
    """
    which, far = [], []
    for start in slow(range(0, len(rows), PART // 2), "Comparing"):
        apart = distances(rows[start : start + PART // 2], others)
        which.append(apart.argmin(1))
        far.append(apart.min(1))
    return np.concatenate(which), np.concatenate(far)


@checked(counts=shares)
def kl_from_uniform(counts: np.ndarray) -> float:
    """The Kullback-Leibler divergence of a histogram from equal shares, in nats.

    Args:
        counts: How many of each class, at least one in all.

    Returns:
        0 when all are equal; the logarithm of the number of classes for just one.
    """
    share = np.asarray(counts) / np.sum(counts)
    share = share[share > 0]
    return float(np.sum(share * np.log(share * len(counts))))


def power_spectrum(images: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Says how strong coarse and fine waves are in pictures.

    Any picture is a sum of waves, its Fourier transform. Waves of one fineness lie on
    a ring around its middle, whichever way they run (Durall et al. 2020, section 3).

    Args:
        images: `(count, height, width)`, one channel.
        edges: Where rings end, rising, in cycles per pixel: 0 is an even grey, 0.5 a
            wave of two pixels.

    Returns:
        The mean power in each ring between two edges, `(len(edges) - 1,)`.
    """
    rows, columns = (np.fft.fftfreq(size) for size in images.shape[1:])
    fineness = np.hypot(rows[:, np.newaxis], columns)
    power = sum(np.abs(np.fft.fft2(image)) ** 2 for image in images) / len(images)
    ring = np.digitize(fineness, edges).ravel()  # 0 is before the first edge
    totals = np.bincount(ring, np.ravel(power), minlength=len(edges) + 1)
    counts = np.bincount(ring, minlength=len(edges) + 1)
    return totals[1:-1] / counts[1:-1]


def band_powers(images: np.ndarray) -> np.ndarray:
    """The power of pictures in each of `BANDS`, channel by channel.

    Args:
        images: `(count, height, width, channels)`, uint8.

    Returns:
        `(channels, len(BANDS))`, float64.
    """
    edges = np.unique(list(BANDS.values()))
    return np.array([power_spectrum(x, edges) for x in np.moveaxis(images, -1, 0)])


def detail(images: np.ndarray, real_powers: np.ndarray) -> dict[str, float]:
    """Compares the fine detail of pictures with that of real ones.

    Args:
        images: `(count, height, width, channels)`, uint8.
        real_powers: From `band_powers`, of the real ones.

    Returns:
        For each of `BANDS`, how many times the real power they have: 1 is right, more
        means specks and hard edges, less means blur. Of several channels, the worst.
    """
    with np.errstate(divide="ignore"):
        found = band_powers(images) / real_powers
        worst = np.abs(np.log(found)).argmax(axis=0)
    return {name: float(found[worst[i], i]) for i, name in enumerate(BANDS)}
