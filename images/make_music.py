"""Makes music.png and music_rolls.png from a run: `python images/make_music.py`.

Train first: `python -m mnistgan train --project music --out runs/music`. The singer is
trained here (a minute or two), and the table of lesson 12 is printed.
"""

from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from mnistgan.engine import machine

machine.load_tensorflow()

from tensorflow import keras  # noqa: E402

from mnistgan import plots  # noqa: E402
from mnistgan.datasets import chorales  # noqa: E402
from mnistgan.projects import melody, music  # noqa: E402
from mnistgan.sampling import draw, load_generator, make_noise  # noqa: E402
from mnistgan.settings import runs_folder  # noqa: E402

HERE = Path(__file__).resolve().parent
PIECE = 10  # four bars without rests or shared pitches


def one_roll(axes, notes):
    """A piece with its bars, and its four voices in colour, each with its name."""
    colours = ("#0072B2", "#D55E00", "#009E73", "#333333")
    names = ("soprano", "alto", "tenor", "bass")
    for voice, colour, name in zip(notes.T, colours, names, strict=True):
        changes = np.flatnonzero((voice > 0) | (np.diff(np.abs(voice), prepend=0) != 0))
        for start, stop in pairwise([*changes, len(voice)]):
            if key := abs(voice[start]):
                axes.plot((start + 0.2, stop - 0.3), (key, key), color=colour, lw=4)
        axes.text(-1, voice[0], name, ha="right", va="center", color=colour)
    for bar in range(0, 65, 16):
        axes.axvline(bar, color="#999999", lw=0.8)
    axes.set_xlim(-0.3, 64.3)
    axes.set_xticks(range(0, 64, 16), [f"bar {n}" for n in range(1, 5)], ha="left")
    axes.set_yticks([])
    axes.set_frame_on(False)


def rolls(rows):
    """Pieces of Bach, of the artist and of the singer, as the engine sees them."""
    figure, places = plt.subplots(len(rows), 1, figsize=(8, 5.6), layout="constrained")
    for axes, (title, images) in zip(places, rows.items(), strict=True):
        middle = images[:, 4:56]  # where the notes are
        sheet = plots.tile(middle, columns=4)
        axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    plots.save_figure(figure, HERE / "music_rolls.png")
    light = Image.open(HERE / "music_rolls.png").convert("L").quantize(16)
    light.save(HERE / "music_rolls.png", optimize=True)


if __name__ == "__main__":
    images, held_out = chorales.load_notes("train"), chorales.load_notes("test")
    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    one_roll(axes, held_out[PIECE])
    plots.save_figure(figure, HERE / "music.png")

    artist = load_generator(runs_folder() / "music" / "generator.keras")
    drawn = draw(artist, make_noise(artist, len(held_out)))
    keras.utils.set_random_seed(0)
    rnn = melody.build_chorale_rnn()
    melody.fit(rnn, images)
    sung = melody.compose(rnn, len(held_out), temperature=0.9)
    pairs = {"Bach": chorales.draw_rolls(held_out), "The artist (GAN)": drawn}
    pairs["The singer (autoregressive)"] = chorales.draw_rolls(sung)
    rolls({name: images[:4] for name, images in pairs.items()})

    known = {
        "Bach": held_out,
        "artist": chorales.read_rolls(drawn),
        "singer": sung,
        "shuffled": music.shuffle_bars(held_out),
        "repeated": music.repeat_chord(held_out),
        "strangers": music.strangers(held_out),
    }
    print(
        music.format_measures(
            {name: music.describe(x, images) for name, x in known.items()}
        )
    )
    print(f"the singer's surprise: {melody.nll(rnn, held_out):.2f} nats a note")
    print(f"who only counts: {melody.markov_nll(held_out, images):.2f} nats a note")
    going_on = np.mean(melody.to_choices(held_out) == 0)
    print(f"everything goes on as before: {going_on:.0%} of the choices")
    for moved in (False, True):
        white = music.in_scale(chorales.load_notes("train", white_keys=moved))
        print(f"white keys, {'moved' if moved else 'as written'}: {white:.0%}")
