"""The command line: `mnistgan train`, or `python -m mnistgan train`; `draw`, …"""

import argparse
import dataclasses
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mnistgan.datasets.image_folder import load_folder
from mnistgan.engine import files, legacy, runs, valid
from mnistgan.engine.export import FORMATS
from mnistgan.engine.machine import load_tensorflow, open_streams
from mnistgan.engine.runs import ON_DIVERGENCE, STRATEGIES, TrainingDiverged
from mnistgan.projects import PROJECTS, find_project
from mnistgan.settings import (
    MOST_DRAWN,
    PRESETS,
    RANGES,
    Settings,
    choose_settings,
    pick_preset,
    runs_folder,
)
from mnistgan.site import serve


def explain(field: dataclasses.Field) -> str:
    """What the docstring of `Settings` says about a field, for `--help`."""
    pattern = rf"^ +{field.name}: (.+?)(?=^ +\w+: |\Z)"
    text = re.search(pattern, str(Settings.__doc__), re.M | re.S)
    words = " ".join(text.group(1).split()).replace("`", "") if text else ""
    if limits := RANGES.get(field.name):
        words += f" From {limits[0]} to {limits[1]}."
    return words


def whole(text: str) -> int:
    """Reads a whole number that was typed."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def number(text: str) -> float:
    """Reads a number that was typed."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def build_parser() -> argparse.ArgumentParser:
    """Describes the command line."""
    about = "Teach a robot to draw: handwritten digits, faces, music."
    name = "mnistgan" if Path(sys.argv[0]).stem == "mnistgan" else "python -m mnistgan"
    parser = argparse.ArgumentParser(prog=name, description=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(run: Callable, about: str, *parents: argparse.ArgumentParser):
        sentence = about.capitalize() + "."
        command = commands.add_parser(
            run.__name__, help=about, description=sentence, parents=parents
        )
        command.set_defaults(run=run)
        return command

    choices = describe_settings()
    add_train(add, choices)
    add(settings, "print what training would use, and why", choices)
    about = "describe this machine, in lines to paste into a report"
    option = add(doctor, about).add_argument
    option("--data-dir", type=Path, metavar="DIR", help="for data sets")
    add_robots(add)
    about = "draw your passport: your stamps, and the best digits of your robot"
    option = add(passport, about).add_argument
    place = "ends in .png; default: passport.png, where your runs are"
    option("--out", type=Path, metavar="FILE", help=place)
    yours = "to write on the picture; it is kept nowhere else"
    option("--name", default="", help=yours)
    serve.add_commands(add)
    return parser


def describe_settings() -> argparse.ArgumentParser:
    """Describes the options that each setting has."""
    choices = argparse.ArgumentParser(add_help=False)
    choices.add_argument("--preset", choices=PRESETS, help="default: suits the machine")
    kinds: dict[Any, dict[str, Any]] = {
        bool: {"action": argparse.BooleanOptionalAction},
        str: {"choices": PROJECTS, "type": lambda it: legacy.PROJECTS.get(it, it)},
        int: {"type": whole, "metavar": "N"},
        float: {"type": number, "metavar": "N"},
    }
    for field in dataclasses.fields(Settings)[1:]:
        kind = kinds[field.type]
        flag, unset = "--" + field.name.replace("_", "-"), argparse.SUPPRESS
        choices.add_argument(flag, default=unset, help=explain(field), **kind)
    choices.add_argument("--fog", dest="noise_std", type=number, **legacy.HIDDEN)
    return choices


def add_train(add: Callable, choices: argparse.ArgumentParser) -> None:
    """Describes `train`."""
    about = "teach the two robots, or go on with an earlier run"
    command = add(train, about, choices)
    legacy.add_options(command)
    option = command.add_argument
    option("--out", type=Path, metavar="DIR", help="default: runs/PROJECT")
    yours = "with --project own: pictures of yours, and those of the folders in it"
    option("--folder", type=Path, metavar="DIR", help=yours)
    option("--data-dir", type=Path, metavar="DIR", help="for data sets")
    kept = "what copies the history besides: tensorboard,wandb"
    option("--loggers", default="csv", metavar="NAMES", help=kept)
    diverged = "when the losses explode, or the robots collapse: default warn"
    option("--on-divergence", choices=ON_DIVERGENCE, default="warn", help=diverged)
    anew = "put an earlier run in that folder aside, and begin a new one"
    option("--afresh", action="store_true", help=anew)
    shared = "who shares the work: one device, or all of this machine, or the workers "
    shared += "that TF_CONFIG names; default one"
    option("--strategy", choices=STRATEGIES, default="one", help=shared)


def add_robots(add: Callable) -> None:
    """Describes the commands that take a robot, and do something with it."""
    robot = argparse.ArgumentParser(add_help=False)
    own = "a .keras file; default: your best in runs/, or else the course's own"
    robot.add_argument("--model", type=Path, help=own)

    option = add(draw, "draw new digits with a trained generator", robot).add_argument
    count = f"1 to {MOST_DRAWN}, fewer for a grid; default: 64"
    option("--count", type=whole, default=64, metavar="N", help=count)
    seed = f"0 to {valid.MOST}; default: 0"
    option("--seed", type=whole, default=0, metavar="N", help=seed)
    place = ".png for a grid, .npy for an array: uint8, (N, 64, 64, 1)"
    option("--out", type=Path, required=True, metavar="FILE", help=place)

    about = "say in numbers how good a generator's digits are"
    option = add(judge, about, robot).add_argument
    count = "6 to 10000; default: 10000"
    option("--count", type=whole, default=10_000, metavar="N", help=count)
    option("--seed", type=whole, default=0, metavar="N", help=seed)
    option("--data-dir", type=Path, metavar="DIR", help="for data sets")
    option("--json", type=Path, metavar="FILE", help="write the table here")

    about = "write a generator for programs without Keras"
    option = add(export, about, robot).add_argument
    option("--to", choices=FORMATS, required=True, help="the format")
    place = ".onnx, .tflite, or a new folder for saved_model"
    option("--out", type=Path, required=True, metavar="FILE", help=place)

    about = "write a page on which a generator draws in a browser, without a server"
    option = add(page, about, robot).add_argument
    option("--out", type=Path, required=True, metavar="FILE", help="ends in .html")

    about = "make a folder for a website or a model hub: page, card, robot, drawings"
    option = add(share, about, robot).add_argument
    option("--out", type=Path, required=True, metavar="DIR", help="a new folder")


def settings_from(options: argparse.Namespace) -> Settings:
    """Makes the settings that the options ask for, and says what they are, and why."""
    names = {field.name for field in dataclasses.fields(Settings)[1:]}
    changes = {name: value for name, value in vars(options).items() if name in names}
    settings = choose_settings(options.preset, **changes)
    preset, reason = pick_preset(options.preset)
    print(
        f"Preset {preset}, because {reason}. Epochs: {settings.epochs}, "
        f"pictures: {settings.pictures:,}."
    )
    return settings


def own_pictures(options: argparse.Namespace) -> np.ndarray | None:
    """Loads the pictures of `--folder`, and notes how many there are.

    Returns:
        See `mnistgan.datasets.image_folder.load_folder`; None without a folder.

    Raises:
        ValueError: The project has pictures of its own, or fewer are wanted.
    """
    if options.folder is None:
        return None
    project = getattr(options, "project", "digits")
    if not find_project(project).yours:
        raise ValueError(
            f"project is {project!r}, which has pictures of its own; with --folder it "
            "must be own"
        )
    pictures = load_folder(options.folder)
    if getattr(options, "pictures", len(pictures)) != len(pictures):
        raise ValueError(
            f"pictures is {options.pictures}, but {options.folder} holds "
            f"{len(pictures)}; leave --pictures out"
        )
    options.pictures = len(pictures)
    return pictures


def train(options: argparse.Namespace) -> int:
    """Runs `train`. Returns the exit code: 130 when Ctrl-C stopped it."""
    pictures = own_pictures(options)
    settings = settings_from(options)
    from mnistgan import training  # brings TensorFlow, which takes seconds

    care = training.Options(options.data_dir, options.on_divergence, options.strategy)
    loggers = options.loggers.split(",")
    run = training.train(
        settings, options.out, pictures, loggers, options.afresh, options=care
    )
    if not run.finished:
        return 130
    if not run.chief:
        print("Done. The first worker keeps what was learned.")
        return 0
    print(f"\nYour robot's drawings: {run.folder / 'grid.png'}")
    if known := runs.read_scores(run.folder):
        best = runs.best_score(known)
        print(
            f"Its best moment, kept in {run.folder / 'best.keras'}: step "
            f"{best['step']}, Fréchet distance {best['frechet']:.2f}, coverage "
            f"{best['coverage']:.2f}, of {settings.judged} drawings."
        )
    print("Look closely: no two should be alike, and nobody has ever made any of them.")
    return 0


def settings(options: argparse.Namespace) -> None:
    """Runs `settings`."""
    for name, value in dataclasses.asdict(settings_from(options)).items():
        print(f"  {name:28} {value}")


def doctor(options: argparse.Namespace) -> None:
    """Runs `doctor`."""
    from mnistgan import __version__
    from mnistgan.engine import doctor

    try:
        load_tensorflow()  # quietly, before the modules of the course load it
        from mnistgan.datasets import mnist

        data = mnist.data_folder(options.data_dir)
        digits = mnist.describe_source(options.data_dir)
    except ImportError as error:
        data, digits = Path.home(), f"not looked for: {error}"
    print("\n".join(doctor.describe(__version__, runs_folder(), data, digits)))


def open_robot(options: argparse.Namespace) -> tuple[Path, Any]:
    """Loads the generator that the options ask for, and says which file it is from."""
    load_tensorflow()  # quietly, before the modules of the course load it
    from mnistgan import sampling

    model = options.model or sampling.best_model()
    return model, sampling.load_generator(model)


def draw(options: argparse.Namespace) -> None:
    """Runs `draw`."""
    grid = options.out.suffix.lower() == ".png"
    if not grid and options.out.suffix.lower() != ".npy":
        raise ValueError(f"{options.out} must end in .png or .npy")
    valid.check("count", options.count, valid.integer(1, MOST_DRAWN))
    valid.check("seed", options.seed, valid.integer())
    from mnistgan import plots

    if grid:
        plots.check_grid(options.count)
    model, generator = open_robot(options)
    from mnistgan import sampling

    if grid:
        noise = sampling.make_noise(generator, options.count, options.seed)
        plots.save_grid(sampling.draw(generator, noise), options.out)
    else:
        sampling.save_drawings(generator, options.out, options.count, options.seed)
    many = "s" * (options.count > 1)
    print(f"{model} drew {options.count} picture{many}: {options.out}")


def judge(options: argparse.Namespace) -> None:
    """Runs `judge`."""
    valid.check("seed", options.seed, valid.integer())
    model, generator = open_robot(options)
    from mnistgan import data, evaluation, sampling
    from mnistgan.engine import model_io
    from mnistgan.projects import vae

    # Whatever cannot work is said before the judge is taught, which takes a minute.
    evaluation.check_kind(f"the drawings of {model}", generator.output_shape)
    least = 10 if sampling.classes(generator) == 10 else 6
    valid.check("count", options.count, valid.integer(least, 10_000))
    if options.json:
        files.check_place(options.json)
    file = vae.find_encoder(model)
    encoder = model_io.load_model(file) if file else None
    data_dir = options.data_dir
    the_judge = evaluation.load_judge(data_dir=data_dir)
    print(f"Judging {model}.")
    print(f"The judge names {the_judge.accuracy:.2%} of the test digits correctly.")
    given = the_judge, generator, options.count, options.seed
    rows = evaluation.compare(*given, data_dir)
    print(evaluation.format_scores(rows))
    second_judge = evaluation.load_judge(settings=evaluation.SECOND, data_dir=data_dir)
    opinion = evaluation.second_opinion(second_judge, *given[1:], data_dir)
    print(f"A second judge, who names {second_judge.accuracy:.2%} correctly, says:")
    print(evaluation.format_scores(opinion, evaluation.OPINION))
    counts = enumerate(rows["drawn"].class_counts)
    print("drawn digits: " + ", ".join(f"{count} × {digit}" for digit, count in counts))
    if sampling.classes(generator) == 10:
        table = evaluation.class_agreement(*given)
        share = np.trace(table) / table.sum()
        print(f"asked for a digit, it draws what reads as that digit: {share:.1%}")
    if encoder:
        digits, _ = data.load_mnist("test", data_dir)
        both = generator, encoder
        one, many = vae.elbo(*both, digits), vae.elbo(*both, digits[:1000], 50)
        print(f"ELBO {one:.1f} nats a test digit; of the first 1000, with 50 samples")
        print(f"each, {many:.1f}")
    if options.json:
        opinions = (the_judge, rows), (second_judge, opinion)
        with files.atomic_write(options.json) as aside:
            aside.write_text(evaluation.to_json(model, options.seed, *opinions))


def export(options: argparse.Namespace) -> None:
    """Runs `export`."""
    model, generator = open_robot(options)
    from mnistgan.engine import export

    export.export(generator, options.to, options.out)
    print(f"{model}, as {options.to}: {options.out}")


def page(options: argparse.Namespace) -> None:
    """Runs `page`."""
    model, generator = open_robot(options)
    from mnistgan.site import share

    share.write_page(share.open_robot(model, generator), options.out)
    size = options.out.stat().st_size / 1e6
    print(f"{model}, as a page of {size:.1f} MB: {options.out}")
    print("Open it with a browser, or send it to a friend: it needs nothing else.")


def share(options: argparse.Namespace) -> None:
    """Runs `share`."""
    model, generator = open_robot(options)
    from mnistgan.site import share

    made = share.share(share.open_robot(model, generator), options.out)
    print(f"{model} is ready to be shared, in {options.out}: {', '.join(made)}")


def passport(options: argparse.Namespace) -> None:
    """Runs `passport`."""
    load_tensorflow()  # quietly, before the modules of the course load it
    from mnistgan.widgets import passport, stamps

    path = options.out or stamps.passport_file().with_suffix(".png")
    kept = passport.save_picture(path, options.name)
    print("\n".join(stamps.tell_in_full(kept)))
    print(f"As a picture: {path}")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; says in a sentence what was wrong."""
    open_streams()
    try:
        try:
            options = build_parser().parse_args(arguments)
            return options.run(options) or 0  # where nothing is said, all went well
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("Stopped. The same command starts again.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read it, such as `head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as of a program that the system stops for it
    except (ValueError, OSError, ImportError, TrainingDiverged) as error:
        print(f"Sorry: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
