"""Makes the pictures in this folder: `make digits robot test`, then `make pictures`.

Only quality.png is made elsewhere, by `make bench`, and those of the families, by
`tests/benchmarks/families.py`. `make screenshots` is for those of the website and the
notebook alone, `python images/make.py passport` for the passport.
"""

import dataclasses
import io
import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mnistgan.engine import machine

machine.load_tensorflow()

from mnistgan import data, evaluation, latent, metrics, plots, training  # noqa: E402
from mnistgan.engine.runs import read_history  # noqa: E402
from mnistgan.projects import digits, music  # noqa: E402
from mnistgan.sampling import PRETRAINED, draw, interpolate, load_generator, make_noise  # noqa: E402
from mnistgan.settings import Settings, choose_settings, runs_folder  # noqa: E402
from mnistgan.widgets import explore, stamps  # noqa: E402
from mnistgan.widgets import passport as passports  # noqa: E402
from mnistgan.widgets.passport_picture import draw_passport  # noqa: E402
from mnistgan.widgets.playground import PointGan  # noqa: E402
from mnistgan.widgets.points import make_points  # noqa: E402

HERE = Path(__file__).resolve().parent
RUN = runs_folder() / "digits"
DAY = "2026-11-28"  # of the stamps in the passport
BOX = {"boxstyle": "round,pad=0.6", "linewidth": 1.5, "edgecolor": "#333333"}
BLUE, ORANGE, GREEN = "#CCE5F6", "#FBE0CC", "#CDEDE1"


def canvas(width, height):
    """An empty sheet, in inches, without axes."""
    figure = plt.figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def box(axes, x, y, text, colour):
    """A labelled box around a point."""
    box = {**BOX, "facecolor": colour}
    axes.text(x, y, text, ha="center", va="center", fontsize=12, bbox=box)


def arrow(axes, start, end, text=""):
    """An arrow with words above its middle."""
    style = {"arrowstyle": "-|>", "lw": 1.5, "color": "#333333"}
    axes.annotate("", end, start, arrowprops=style)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.12
    axes.text(*middle, text, ha="center", fontsize=10)


def picture(axes, image, x, y, size=0.9):
    """A grey picture around a point."""
    half = size / 2
    extent = (x - half, x + half, y - half, y + half)
    axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, extent=extent, zorder=2)


def gan(real, drawn):
    """What a GAN is, in one picture."""
    figure, axes = canvas(9, 3.6)
    noise = np.random.default_rng(0).integers(0, 256, (8, 8))
    picture(axes, noise, 0.8, 2.6)
    axes.text(0.8, 1.95, "noise", ha="center", fontsize=10)
    box(axes, 2.7, 2.6, "artist\n(generator)", BLUE)
    picture(axes, drawn, 4.7, 2.6)
    axes.text(4.7, 1.95, "drawn digit", ha="center", fontsize=10)
    picture(axes, real, 4.7, 0.9)
    axes.text(4.7, 0.25, "real digit", ha="center", fontsize=10)
    box(axes, 6.7, 1.75, "detective\n(discriminator)", ORANGE)
    box(axes, 8.4, 1.75, "real?\ndrawn?", GREEN)
    arrow(axes, (1.3, 2.6), (1.95, 2.6))
    arrow(axes, (3.45, 2.6), (4.2, 2.6))
    arrow(axes, (5.2, 2.5), (5.85, 2.05))
    arrow(axes, (5.2, 1.0), (5.85, 1.45))
    arrow(axes, (7.55, 1.75), (7.85, 1.75))
    axes.plot([8.4, 8.4, 2.7], [2.2, 3.35, 3.35], "--", color="#333333", lw=1.5)
    arrow(axes, (2.7, 3.4), (2.7, 2.95))
    arrow(axes, (6.7, 3.4), (6.7, 2.1))
    axes.text(4.7, 3.42, "the verdict teaches both", ha="center", fontsize=10)
    plots.save_figure(figure, HERE / "gan.png")


def sheet():
    """Sixty real test digits for the quiz on a robot's page, six of each kind."""
    images, labels = data.load_mnist("test")
    chosen = [np.flatnonzero(labels == n)[:6] for n in range(10)]
    digits = images[np.transpose(chosen).ravel()]
    sheet = Image.fromarray(plots.tile(digits, 10, gap=0))
    sheet.save(HERE.parent / "mnistgan" / "site" / "digits.png", optimize=True)


def layers():
    """How noise becomes a picture, layer by layer."""
    figure, axes = canvas(8.7, 3)
    sizes = [("noise\n32 numbers", 0.15, 0), (7, 0.35, 64), (14, 0.7, 32)]
    sizes += [(28, 1.1, 1), (64, 2.0, 1)]
    x = 0.6
    for name, size, sheets in sizes:
        for offset in range(4 if sheets > 1 else 1, 0, -1):
            low = (x + offset * 0.05, 1.6 - size / 2 + offset * 0.05)
            patch = plt.Rectangle(
                low, size, size, fc=BLUE, ec="#333333", zorder=5 - offset
            )
            axes.add_patch(patch)
        label = f"{sheets} × {name}×{name}" if sheets else name
        axes.text(x + size / 2, 0.15, label, ha="center", fontsize=10)
        x += size + 0.85
        if name != 64:
            arrow(axes, (x - 0.6, 1.6), (x - 0.1, 1.6))
    plots.save_figure(figure, HERE / "generator.png")


def points():
    """The game on points: how it goes on, and an artist in a hurry."""
    figure, places = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
    gan = PointGan(make_points("eight clusters"))
    for axes, rounds in zip(places, (0, 100, 900, 300), strict=True):
        if axes is places[-1]:
            gan.restart(gan.real_points)
            gan.generator_learning_rate = 0.03
            gan.discriminator_learning_rate = 0.003
        gan.play(rounds)
        axes.imshow(gan.paint(500))
        axes.set_title(f"after {gan.rounds} rounds")
        axes.set_axis_off()
    places[-1].set_title("an artist in a hurry")
    plots.save_figure(figure, HERE / "points.png")
    light_copy(Image.open(HERE / "points.png"), "points.png", colours=200)


def prepare(digit):
    """One digit before and after, and its numbers."""
    large = data.prepare_image(digit).numpy().squeeze()
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
    axes[0].imshow(digit.squeeze(), cmap="gray")
    axes[0].set_title("28×28, from 0 to 255")
    axes[1].imshow(large, cmap="gray")
    axes[1].set_title("64×64, from -1 to 1")
    axes[2].imshow(large[20:28, 20:28], cmap="gray", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(large[20:28, 20:28]):
        colour = "white" if value < 0 else "black"
        axes[2].text(
            column,
            row,
            f"{value:.1f}",
            ha="center",
            va="center",
            fontsize=7,
            color=colour,
        )
    axes[2].set_title("a corner of it, as numbers")
    for each in axes:
        each.set_axis_off()
    plots.save_figure(figure, HERE / "prepare.png")


def judged(drawings):
    """What the judge is surest of, what puzzles it, and the nearest real digits."""
    found = (
        evaluation.read(evaluation.load_judge().network, drawings)[1]
        .max(axis=1)
        .argsort()
    )
    images = evaluation.load_real_rows("train")
    some = evaluation.shrink(drawings[:12])
    which, _ = metrics.nearest(some.reshape(12, -1), images)
    twins = images[which].reshape(some.shape)
    rows = {
        "Surest": drawings[found[-24:]],
        "Most puzzled": drawings[found[:24]],
        "Drawn (above), and the nearest of 60,000 real digits (below)": data.to_uint8(
            np.concatenate([some, twins])
        ).numpy(),
    }
    figure, places = plt.subplots(3, 1, figsize=(8, 5), layout="constrained")
    for axes, (title, images) in zip(places, rows.items(), strict=True):
        axes.imshow(plots.tile(images, columns=12), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    plots.save_figure(figure, HERE / "judged.png")
    light = Image.open(HERE / "judged.png").convert("L").quantize(16)
    light.save(HERE / "judged.png", optimize=True)


def every_pixel():
    """Teaches an artist that draws all 64×64 pixels itself, as of piano rolls."""
    ours, folder = digits.PROJECT, runs_folder() / "every_pixel"
    digits.PROJECT = dataclasses.replace(ours, build=music.build_roll_networks)
    training.train(choose_settings("quick"), folder)
    digits.PROJECT = ours
    return load_generator(folder / "generator.keras")


def spectrum():
    """What the judge cannot see: ours, beside an artist that draws every pixel."""
    artists = {"ours": load_generator(PRETRAINED), "64×64 by itself": every_pixel()}
    sets = {"real digits": data.prepare_all(data.load_mnist("test[:2000]")[0])}
    for name, artist in artists.items():
        sets[name] = draw(artist, make_noise(artist, 2000, seed=0))
    plots.save_figure(plots.plot_spectra(sets), HERE / "spectrum.png")


def rounds(run, epochs=(1, 5, 10, 20)):
    """The same 16 noises after some epochs of a run with a preview for each."""
    settings = Settings(**json.loads((run / "settings.json").read_text()))
    figure, places = plt.subplots(1, len(epochs), figsize=(10, 2.8))
    for axes, epoch in zip(places, epochs, strict=True):
        step = epoch * settings.steps_per_epoch
        preview = Image.open(run / "previews" / f"step_{step:06}.png")
        axes.imshow(preview.crop((0, 0, 262, 262)), cmap="gray")
        axes.set_title(f"after epoch {epoch}")
        axes.set_axis_off()
    figure.tight_layout()
    plots.save_figure(figure, HERE / "rounds.png")
    light = Image.open(HERE / "rounds.png").convert("L").quantize(16)
    light.save(HERE / "rounds.png", optimize=True)


def film():
    """The previews of the run, small enough for a web page."""
    frames = [Image.open(path) for path in sorted((RUN / "previews").glob("*.png"))]
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, 13).astype(int)]
    small = [
        frame.crop((0, 0, 262, 262)).resize((224, 224)).quantize(8) for frame in chosen
    ]
    plots.save_film(small, HERE / "progress.gif")


def light_copy(image, name, colours=32, **words):
    """Saves a picture with few colours, so that it is light; it may bear words."""
    kept = PngInfo()
    for key, text in words.items():
        kept.add_itxt(key, text)
    with plots.files.atomic_write(HERE / name) as aside:
        small = image.convert("RGB").quantize(colours)
        small.save(aside, "PNG", optimize=True, pnginfo=kept)


def passport():
    """A certificate; the robot that comes with the course stands in for one's own."""
    evaluation.load_judge()  # which is kept, and chooses
    generator = load_generator(PRETRAINED)
    noise = make_noise(generator, passports.COUNT, seed=0)
    digits, who = passports.choose_best(draw(generator, noise), PRETRAINED)
    pages = "00_pick_a_project", *stamps.MAIN
    kept = {page: dict.fromkeys(stamps.PAGES[page].stamps, DAY) for page in pages}
    kept["08_draw_with_a_vae"] = {"describer": DAY, "dice": DAY}
    picture = draw_passport(kept, digits, passports.WHO[who], "Ada")
    words = "\n".join(
        ", ".join((page, *kept)) for page, (_, kept) in stamps.PAGES.items()
    )
    light_copy(picture.reduce(2), "passport.png", colours=64, words=words)


def leaning(strip):
    """By how many degrees the slant of a strip's digits changes in all."""
    return float(np.ptp(latent.measure(strip)["slant"]))


def explorers():
    """What the sliders of notebook 06 do, for readers who cannot move them."""
    generator = load_generator(PRETRAINED)
    start = make_noise(generator, 1, seed=4).numpy()
    turns = np.linspace(-3, 3, 9, dtype="float32")
    raw = np.repeat(start, 27, axis=0)
    for row in range(3):
        raw[9 * row : 9 * row + 9, row] = turns
    plots.save_grid(draw(generator, raw), HERE / "raw_numbers.png", 9)
    directions = latent.find_directions(generator, 8).vectors
    slants = [abs(latent.effect(generator, knob)["slant"]) for knob in directions]
    slant = directions[int(np.argmax(slants))]
    strips = [
        draw(generator, make_noise(generator, 1, seed) + turns[:, None] * slant)
        for seed in range(60)
    ]
    network = evaluation.load_judge().network
    steady = [
        s for s in strips if len(set(evaluation.read(network, s)[1].argmax(1))) == 1
    ]
    plots.save_grid(max(steady, key=leaning), HERE / "knobs.png", 9)
    atlas = explore.MapExplorer(generator, directions[:2])
    atlas.x.value, atlas.y.value = 1.5, -1.0
    light_copy(Image.open(io.BytesIO(atlas.map.value)), "map.png")


def screenshots():
    """Those of the browser tests that the lessons show, with the words on the page."""
    for name in ("lab", "live", "playground", "quiz", "site", "site_phone", "page"):
        shot = HERE.parent / "build" / "screenshots" / f"{name}.png"
        image, words = Image.open(shot), shot.with_suffix(".txt")
        image.thumbnail((900, 900))
        said = words.read_text() if words.exists() else ""
        light_copy(image, shot.name, colours=128, words=said)


if sys.argv[1:] == ["screenshots"]:
    screenshots()
elif sys.argv[1:] == ["passport"]:
    passport()
elif __name__ == "__main__":
    generator = load_generator(RUN / "generator.keras")
    noise = make_noise(generator, 64, seed=0)
    drawings = draw(generator, noise)
    real, labels = data.load_mnist("test")
    gan(data.prepare_all(real[labels == 3][:1])[0], drawings[0])
    layers()
    sheet()
    points()
    prepare(real[labels == 5][0])
    grid = Image.fromarray(plots.tile(drawings)).resize(
        (396, 396), Image.Resampling.BOX
    )
    with plots.files.atomic_write(HERE / "drawn.png") as aside:
        grid.save(aside, optimize=True)
    plots.save_grid(
        draw(generator, interpolate(noise[0], noise[1], 12)),
        HERE / "interpolation.png",
        12,
    )
    plots.save_figure(plots.plot_losses(read_history(RUN)), HERE / "losses.png")
    judged(draw(generator, make_noise(generator, 2000, seed=1)))
    spectrum()
    film()
    rounds(runs_folder() / "pretrained")
    explorers()
    passport()
    screenshots()
