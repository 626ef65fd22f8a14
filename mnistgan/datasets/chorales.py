"""Bach's chorales as pictures: four voices, four bars, and back to notes.

Notes are arrays `(pieces, 64 steps, 4 voices)`, int16: 60 where a voice strikes middle
C in that sixteenth, -60 where it holds it, 0 where it is silent. A number is a key of
the piano, as in MIDI; the voices go from soprano to bass.
"""

import os
from itertools import product
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tqdm.auto import tqdm

from mnistgan.datasets import mnist
from mnistgan.engine import valid
from mnistgan.engine.machine import import_extra

NAME, VERSION = "chorale_rolls", "1.0.0"
BAR, STEPS = 16, 64  # sixteenths in a bar of 4/4, and in a piece
HIGHEST = 89  # the key of a roll's top row; its bottom row is 26
NOTE, AGAIN, DARK = 255, 128, 64  # grey levels; below DARK there is no note
WHITE_KEYS = np.isin(np.arange(12), (0, 2, 4, 5, 7, 9, 11))
# Where 99% of Bach's notes lie, voice by voice, once they are moved to the white keys.
RANGES = np.array([(57, 81), (52, 76), (48, 69), (36, 64)])
# Four voices may share fewer pitches: which one, from the top, does each of them sing?
# From voice to voice it is the same or the next one: 0000, 0001, 0011, … 0123.
SHARES = np.array([(0, *np.cumsum(next_one)) for next_one in product((0, 1), repeat=3)])


def read_score(score) -> tuple[np.ndarray, list[int]] | None:
    """Writes down a chorale of four voices in 4/4.

    Args:
        score: A music21 score.

    Returns:
        Its notes `(steps, 4)`, int16, and the steps at which bars begin. The last chord
        is held to the end of its bar. None for another metre or number of voices.
    """
    metres = {metre.ratioString for metre in score["TimeSignature"]}
    if len(score.parts) != 4 or metres != {"4/4"}:
        return None
    bars = [round(4 * m.offset) for m in score.parts[0].getElementsByClass("Measure")]
    notes = np.zeros((bars[-1] + BAR, 4), np.int16)
    for voice, part in enumerate(score.parts):
        for note in part.flatten().notes:
            start, pitch = round(4 * note.offset), max(p.midi for p in note.pitches)
            stop = start + round(4 * note.quarterLength)
            if start < stop:  # else too short for a sixteenth
                notes[start:stop, voice] = -pitch
                tied = note.tie is not None and note.tie.type != "start"
                notes[start, voice] = -pitch if tied else pitch
        notes[stop:, voice] = -pitch
    return notes, bars


def to_white_keys(notes: np.ndarray) -> int:
    """How many keys up, from -6 to 5, bring most of the notes to the white keys?"""
    counts = np.bincount(np.abs(notes[notes != 0]) % 12, minlength=12)
    return max(range(-6, 6), key=lambda up: np.roll(counts, up)[WHITE_KEYS].sum())


def cut(notes: np.ndarray, bars: list[int]) -> np.ndarray:
    """Cuts out all pieces of four whole bars, `(pieces, 64, 4)`; they begin struck."""
    begins = set(bars) | {len(notes)}
    whole = [b for b in bars if begins.issuperset(range(b, b + STEPS + 1, BAR))]
    pieces = np.array([notes[b : b + STEPS] for b in whole], np.int16)
    pieces = pieces.reshape(-1, STEPS, 4)
    pieces[:, 0] = np.abs(pieces[:, 0])
    return pieces


def store_notes(folder: Path) -> None:
    """Reads Bach's chorales in music21's corpus and stores them as `chorale_rolls`.

    Every eighth title is kept for the test split, with all of its chorales. (Few tunes
    have more than one title.)
    """
    corpus = import_extra("music21.corpus", "music")
    known = corpus.chorales.ChoraleListRKBWV().byRiemenschneider.values()
    chorales = {}
    for one in tqdm(known, "Chorales", mininterval=1):
        # From its source: a copy that music21 would keep for next time costs as much.
        score = corpus.parse(f"bach/bwv{one['bwv']}", forceSource=True)
        if read := read_score(score):  # some are numbered twice
            chorales[read[0].tobytes()] = (one["title"], *read)
    tunes = sorted({title for title, _, _ in chorales.values()})
    splits: dict[str, list] = {"train": [], "test": []}
    for title, notes, bars in chorales.values():
        split = splits["train" if tunes.index(title) % 8 else "test"]
        up = to_white_keys(notes)
        for piece in cut(notes, bars):
            split.append((len(split), {"notes": piece, "up": up, "title": title}))
    features = {
        "notes": tfds.features.Tensor(shape=(STEPS, 4), dtype=np.int16),
        "up": tfds.features.Scalar(dtype=np.int16),
        "title": tfds.features.Text(),
    }
    homepage = "https://www.music21.org"
    mnist.store(folder, NAME, VERSION, features, splits, homepage=homepage)


@valid.checked(split=valid.text, data_dir=valid.optional(valid.path))
def load_notes(
    split: str = "train",
    data_dir: str | os.PathLike | None = None,
    white_keys: bool = True,
) -> np.ndarray:
    """Loads pieces of four bars, reading the chorales first if needed.

    Args:
        split: `"train"` or `"test"` (other titles), or a TFDS slice such as
            `"train[:1000]"`.
        data_dir: Where data sets are kept; see `mnistgan.datasets.mnist.data_folder`.
        white_keys: Move every chorale to the white keys, most of them to C major or A
            minor; otherwise each stays in Bach's key.

    Returns:
        Notes `(pieces, 64, 4)`, int16.

    Raises:
        ImportError: The chorales have to be read first, and music21 is not installed.
    """
    root = mnist.prepare(NAME, VERSION, mnist.data_folder(data_dir), store_notes)
    pieces = mnist.load_set(f"{NAME}:{VERSION}", split, root)
    notes, up = pieces["notes"], pieces["up"][:, None, None]
    return notes + np.sign(notes) * up * white_keys


def load_rolls(
    split: str = "train", data_dir: str | os.PathLike | None = None
) -> np.ndarray:
    """Loads the pieces, moved to the white keys, as pictures; see `draw_rolls`."""
    return draw_rolls(load_notes(split, data_dir))


def draw_rolls(notes: np.ndarray) -> np.ndarray:
    """Draws notes as a picture: time runs to the right, high notes are on top.

    Args:
        notes: `(pieces, 64, 4)`, int16.

    Returns:
        Rolls `(pieces, 64, 64, 1)`, uint8: `NOTE` where a note sounds, but `AGAIN` in
        the sixteenth in which a voice strikes the pitch that it has sung just before.
    """
    rolls = np.zeros((len(notes), 64, 64, 1), np.uint8)
    pitch = np.abs(notes)
    same = pitch == np.pad(pitch, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    for light, where in ((NOTE, notes != 0), (AGAIN, same & (notes > 0))):
        piece, step, _ = np.nonzero(where)
        rolls[piece, HIGHEST - pitch[where], step] = light
    return rolls


@valid.checked(rolls=valid.pictures(64, STEPS, 1, least=0))
def read_rolls(rolls: np.ndarray) -> np.ndarray:
    """Reads notes from pictures, sharp or smudged: the opposite of `draw_rolls`.

    In each step, up to four rows sound: the brightest of those that are not darker than
    their neighbours. If they are fewer, voices share a pitch, each as near as possible
    to the middle of its range.

    Args:
        rolls: `(pieces, 64, 64, 1)`, uint8.

    Returns:
        Notes `(pieces, 64, 4)`, int16. Voices never cross.
    """
    light = rolls[..., 0].transpose(0, 2, 1).astype(np.int16)  # (pieces, steps, rows)
    edge = np.pad(light, ((0, 0), (0, 0), (1, 1)))
    peak = (light >= DARK) & (light >= edge[..., :-2]) & (light >= edge[..., 2:])
    rows = np.argsort(np.where(peak, -light, 0), axis=-1, kind="stable")[..., :4]
    found = np.take_along_axis(peak, rows, -1)
    rows = np.sort(np.where(found, rows, 64), axis=-1)  # the highest first, gaps last
    options = rows[..., SHARES]  # (pieces, steps, 8, 4)
    far = np.abs(HIGHEST - options - RANGES.mean(1)).sum(-1)
    unfit = SHARES.max(1) != found.sum(-1, keepdims=True) - 1
    best = np.argmin(far + 1e6 * unfit, axis=-1)[..., None, None]
    row = np.take_along_axis(options, best, axis=2)[:, :, 0]
    shine = np.take_along_axis(light, np.minimum(row, 63), -1)
    pitch = np.where(row < 64, HIGHEST - row, 0).astype(np.int16)
    moved = np.diff(pitch, axis=1, prepend=0) != 0
    return np.where(moved | (2 * shine < NOTE + AGAIN), pitch, -pitch)
