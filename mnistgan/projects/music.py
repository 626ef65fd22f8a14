"""Chorales as pictures, as sound, and how like Bach they are.

Notes are as in `mnistgan.datasets.chorales`.
"""

from itertools import pairwise

import numpy as np
from scipy.special import rel_entr
from tensorflow import keras
from tensorflow.keras import layers

from mnistgan.datasets.chorales import BAR, RANGES, STEPS, WHITE_KEYS, load_rolls
from mnistgan.engine.machine import import_extra
from mnistgan.engine.runs import Words
from mnistgan.engine.valid import array, checked
from mnistgan.models import build_discriminator
from mnistgan.projects import Dataset, Project


def load_roll_images(settings, data_dir=None, chosen=slice(None)) -> Dataset:
    """Loads the piano rolls, making them first if needed; see `Project.load`."""
    return load_rolls(f"train[:{settings.pictures}]", data_dir)[chosen], None


def build_roll_generator(
    noise_dim: int = 32, width: int = 16, channels: int = 1, hidden: int = 3
) -> keras.Model:
    """Builds an artist that draws all 64×64 points itself.

    The digits were enlarged, so their artist need not draw so finely. In a piano roll
    each point is a sixteenth of one key.

    Args:
        noise_dim: How many random numbers make one picture, at least 1.
        width: Channels of the 32×32 layer; each smaller layer has twice as many, up to
            `8 * width` at 4×4.
        channels: 1 for grey pictures, 3 for colours.
        hidden: Dense layers in which it sorts the noise before it draws.

    Returns:
        As of `mnistgan.models.build_generator`.
    """
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    x = noise = keras.Input((noise_dim,))
    for size in hidden * [128] + [4 * 4 * 8 * width]:
        x = layers.Dense(size, use_bias=False, **start)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Reshape((4, 4, 8 * width))(x)
    for depth in (4 * width, 2 * width, width):  # (8, 8), (16, 16), (32, 32)
        x = layers.Conv2DTranspose(depth, 4, 2, "same", use_bias=False, **start)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Conv2DTranspose(channels, 4, 2, "same", **start)(x)
    images = layers.Activation("tanh", dtype="float32")(x)  # (64, 64, channels)
    return keras.Model(noise, images, name="generator")


def build_roll_networks(settings):
    """Builds a generator of rolls, and the discriminator of notebook 02."""
    width, channels = settings.discriminator_width, settings.channels
    return build_roll_generator(
        settings.noise_dim, settings.generator_width, channels, settings.hidden
    ), build_discriminator(width, channels, settings.noise_std)


PROJECT = Project(
    load_roll_images,
    build_roll_networks,
    {
        "pictures": 2_600,
        # In `smoke` as large as in `quick`: with less, its robot keeps no bar lines.
        "batch_size": {"smoke": 32, "quick": 32, "laptop": 48, "full": 64},
        "previews": 1,
        "judged": 0,
        "discriminator_learning_rate": 4e-4,
        "generator_width": 16,  # also where digits make do with less
        "discriminator_width": 16,
    },
    words=Words(beliefs=("for Bach's notes", "for drawn notes")),
    credit="chorales by Johann Sebastian Bach, as music21 has written them down",
    limits="It draws four bars for four voices as a piano roll; it does not know what "
    "came before them.",
)


def to_midi(notes: np.ndarray, seconds: float = 0.16):
    """Writes one piece as MIDI.

    Args:
        notes: `(steps, 4)`, int16.
        seconds: How long a sixteenth lasts.

    Returns:
        A `pretty_midi.PrettyMIDI`, one instrument for each voice: `.write("tune.mid")`.
    """
    midi_file = import_extra("pretty_midi", "music")
    score = midi_file.PrettyMIDI(initial_tempo=15 / seconds)
    for voice in notes.T:
        player = midi_file.Instrument(program=19)  # a church organ
        starts = np.flatnonzero((voice > 0) | (np.diff(np.abs(voice), prepend=0) != 0))
        for start, stop in pairwise([*starts, len(voice)]):
            if pitch := int(abs(voice[start])):
                times = start * seconds, stop * seconds
                player.notes.append(midi_file.Note(80, pitch, *times))
        score.instruments.append(player)
    return score


def to_sound(notes: np.ndarray, rate: int = 16_000) -> np.ndarray:
    """Plays one piece, `(steps, 4)`, without a sound font: three sines for each note.

    Returns:
        The wave, `rate` numbers a second, in [-0.9, 0.9]; all 0 for a silent piece.
    """

    def organ(angle):
        return np.sin(angle) + 0.4 * np.sin(2 * angle) + 0.2 * np.sin(3 * angle)

    if not notes.any():
        return np.zeros(rate)
    return 0.9 * to_midi(notes).synthesize(rate, organ)


def in_range(notes: np.ndarray) -> float:
    """The share of steps in which all voices are in their ranges and none cross."""
    pitch = np.abs(notes)
    inside = (pitch >= RANGES[:, 0]) & (pitch <= RANGES[:, 1])
    return float(np.mean(inside.all(-1) & (np.diff(pitch) <= 0).all(-1)))


def in_scale(notes: np.ndarray) -> float:
    """The share of sounding steps of all voices that lie on white keys."""
    sounding = np.abs(notes[notes != 0])
    return float(WHITE_KEYS[sounding % 12].sum() / max(1, len(sounding)))


def repeated(notes: np.ndarray) -> float:
    """The share of struck notes that repeat the pitch before; a piece's first not."""
    struck, pitch = notes[:, 1:] > 0, np.abs(notes)
    same = struck & (pitch[:, 1:] == pitch[:, :-1])
    return float(same.sum() / max(1, struck.sum()))


def moves(notes: np.ndarray) -> float:
    """How many times in a bar a voice goes to another pitch, all voices together."""
    steps = np.diff(np.abs(notes), axis=1) != 0
    return float(steps.sum() / len(notes) / (STEPS // BAR))


def leap(notes: np.ndarray) -> float:
    """How many keys a voice goes, on average, from a bar's end to the next bar."""
    pitch = np.abs(notes.astype(float))
    return float(np.abs(pitch[:, BAR::BAR] - pitch[:, BAR - 1 : -1 : BAR]).mean())


def chords(notes: np.ndarray) -> np.ndarray:
    """The chord on each beat, `(pieces, 16)`: one bit for each of 12 pitch classes."""
    beats = notes[:, ::4]
    return np.bitwise_or.reduce((beats != 0) << np.abs(beats) % 12, axis=-1)


def common_chords(notes: np.ndarray, train_notes: np.ndarray) -> float:
    """The share of beats with one of the 50 chords most common on the album's beats."""
    kinds, counts = np.unique(chords(train_notes), return_counts=True)
    return float(np.isin(chords(notes), kinds[np.argsort(-counts)[:50]]).mean())


def histogram_distance(notes: np.ndarray, train_notes: np.ndarray) -> float:
    """How far apart two histograms of pitch classes are, time-weighted.

    Returns:
        The Jensen-Shannon divergence, in nats: 0 if they agree, ln 2 if they share no
        pitch class (Lin 1991, "Divergence Measures Based on the Shannon Entropy").
    """
    both = [np.abs(x[x != 0]) % 12 for x in (notes, train_notes)]
    shares = np.array([np.bincount(x, minlength=12) / max(1, len(x)) for x in both])
    return float(rel_entr(shares, shares.mean(0)).sum() / 2)


def quoted(notes: np.ndarray, train_notes: np.ndarray) -> float:
    """The share of bars that stand in the album, pitch by pitch: copies."""
    bars, known = (np.abs(x).reshape(-1, BAR * 4) for x in (notes, train_notes))
    found = {bar.tobytes() for bar in known}
    return float(np.mean([bar.tobytes() in found for bar in bars]))


@checked(notes=array(STEPS, 4, kinds="i"))
def describe(notes: np.ndarray, train_notes: np.ndarray) -> dict[str, float]:
    """Measures pieces of music, beside the training pieces.

    Args:
        notes: `(pieces, 64, 4)`, int16, moved to the white keys.
        train_notes: The same for the training pieces.

    Returns:
        The name of each measure in words, and its value.
    """
    return {
        "voices in range": in_range(notes),
        "on white keys": in_scale(notes),
        "repeated notes": repeated(notes),
        "moves in a bar": moves(notes),
        "leap over a bar line": leap(notes),
        "common chords": common_chords(notes, train_notes),
        "histogram distance": histogram_distance(notes, train_notes),
        "quoted bars": quoted(notes, train_notes),
    }


def format_measures(rows: dict[str, dict[str, float]]) -> str:
    """Writes what `describe` found as a table, one column for each, ready to print."""
    lines = [" " * 20 + "".join(f"{name:>13}" for name in rows)]
    for name in next(iter(rows.values())):
        cells = (f"{row[name]:13.3f}" for row in rows.values())
        lines.append(f"{name:20}{''.join(cells)}")
    return "\n".join(lines)


def shuffle_bars(notes: np.ndarray, seed: int = 0) -> np.ndarray:
    """A baseline: pieces of four bars, each bar picked from any piece."""
    bars = notes.reshape(-1, BAR, 4)
    chosen = np.random.default_rng(seed).permutation(len(bars))
    return bars[chosen].reshape(notes.shape)


def repeat_chord(notes: np.ndarray) -> np.ndarray:
    """A baseline: each piece's first chord, struck again on every beat."""
    beat = np.array([1, -1, -1, -1], np.int16)[:, None]
    return np.tile(np.abs(notes[:, :1]) * beat, (1, STEPS // 4, 1))


def strangers(notes: np.ndarray, seed: int = 0) -> np.ndarray:
    """A baseline: four voices that cannot hear each other, each from another piece."""
    chance = np.random.default_rng(seed)
    mixed = [notes[chance.permutation(len(notes)), :, voice] for voice in range(4)]
    return np.stack(mixed, axis=-1)
