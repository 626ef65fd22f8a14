"""The command line: `python -m mnistgan train`, `draw`, `judge`, `export`, …"""

import argparse
import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mnistgan.engine import files, legacy, runs
from mnistgan.engine.export import FORMATS
from mnistgan.engine.machine import load_tensorflow
from mnistgan.engine.runs import ON_DIVERGENCE, STRATEGIES, TrainingDiverged
from mnistgan.projects import PROJECTS
from mnistgan.settings import PRESETS, Settings, choose_settings, pick_preset


def explain(field: dataclasses.Field) -> str:
    """What the docstring of `Settings` says about a field, for `--help`."""
    pattern = rf"^ +{field.name}: (.+?)(?=^ +\w+: |\Z)"
    text = re.search(pattern, str(Settings.__doc__), re.M | re.S)
    return " ".join(text.group(1).split()).replace("`", "") if text else ""


def build_parser() -> argparse.ArgumentParser:
    """Builds the parser. Every field of `Settings` is an option of `train`."""
    choices = argparse.ArgumentParser(add_help=False)
    choices.add_argument("--preset", choices=PRESETS, help="default: suits the machine")
    for field in dataclasses.fields(Settings)[1:]:
        kind: dict[str, Any] = {"type": field.type, "metavar": "N"}
        if field.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        elif field.type is str:
            kind = {"choices": PROJECTS}
            kind["type"] = lambda name: legacy.PROJECTS.get(name, name)
        option, unset = "--" + field.name.replace("_", "-"), argparse.SUPPRESS
        choices.add_argument(option, default=unset, help=explain(field), **kind)
    choices.add_argument("--fog", dest="noise_std", type=float, **legacy.HIDDEN)

    about = "Teach a robot to draw: handwritten digits, faces, music."
    parser = argparse.ArgumentParser(prog="python -m mnistgan", description=about)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str, parents: list) -> argparse.ArgumentParser:
        sentence = about.capitalize() + "."
        return commands.add_parser(
            name, help=about, description=sentence, parents=parents
        )

    train = add(
        "train", "teach the two robots, or go on with an earlier run", [choices]
    )
    train.add_argument("--out", type=Path, metavar="DIR", help="default: runs/PROJECT")
    train.add_argument("--data-dir", type=Path, metavar="DIR", help="for data sets")
    kept = "what copies the history besides: tensorboard,wandb"
    train.add_argument("--loggers", default="csv", metavar="NAMES", help=kept)
    diverged = "when the losses explode, or the robots collapse: default warn"
    train.add_argument(
        "--on-divergence", choices=ON_DIVERGENCE, default="warn", help=diverged
    )
    legacy.add_options(train)
    anew = "put an earlier run in that folder aside, and begin a new one"
    train.add_argument("--afresh", action="store_true", help=anew)
    shared = "who shares the work: one device, or all of this machine, or the workers "
    shared += "that TF_CONFIG names; default one"
    train.add_argument("--strategy", choices=STRATEGIES, default="one", help=shared)
    add("settings", "print what training would use, and why", [choices])
    draw = add("draw", "draw new digits with a trained generator", [])
    own = "a .keras file; default: the newest in runs/, or else the course's own"
    draw.add_argument("--model", type=Path, help=own)
    draw.add_argument("--count", type=int, default=64, help="default: 64")
    draw.add_argument("--seed", type=int, default=0, help="default: 0")
    kinds = ".png for a grid, .npy for an array: uint8, (COUNT, 64, 64, 1)"
    draw.add_argument("--out", type=Path, required=True, metavar="FILE", help=kinds)
    judge = add("judge", "say in numbers how good a generator's digits are", [])
    judge.add_argument("--model", type=Path, help=own)
    judge.add_argument("--count", type=int, default=10_000, help="default: 10000")
    judge.add_argument("--seed", type=int, default=0, help="default: 0")
    judge.add_argument("--data-dir", type=Path, metavar="DIR", help="for data sets")
    judge.add_argument("--json", type=Path, metavar="FILE", help="write the table here")
    export = add("export", "write a generator for programs without Keras", [])
    export.add_argument("--model", type=Path, help=own)
    export.add_argument("--to", choices=FORMATS, required=True, help="the format")
    place = ".onnx, .tflite, or a new folder for saved_model"
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help=place)
    return parser


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


def train(options: argparse.Namespace) -> int:
    """Runs `train`. Returns the exit code: 130 when Ctrl-C stopped it."""
    settings, folder = settings_from(options), options.out
    from mnistgan import training  # brings TensorFlow, which takes seconds

    run = training.train(
        settings,
        folder,
        loggers=options.loggers.split(","),
        afresh=options.afresh,
        options=training.Options(
            options.data_dir, options.on_divergence, options.strategy
        ),
    )
    folder = run.folder
    if not run.finished:
        saved = "Stopped and saved" if run.chief else "Stopped with the others"
        print(
            f"{saved} after step {run.step} of {run.total_steps}. "
            "The same command goes on from here."
        )
        return 130
    if not run.chief:
        print("Done. The first worker keeps what was learned.")
        return 0
    print(f"\nYour robot's drawings: {folder / 'grid.png'}")
    if known := runs.read_scores(folder):
        best = runs.best_score(known)
        print(
            f"Its best moment, kept in {folder / 'best.keras'}: step {best['step']}, "
            f"Fréchet distance {best['frechet']:.2f}, coverage {best['coverage']:.2f}, "
            f"of {settings.judged} drawings."
        )
    print("Look closely: no two should be alike, and nobody has ever made any of them.")
    return 0


def settings(options: argparse.Namespace) -> int:
    """Runs `settings`."""
    for name, value in dataclasses.asdict(settings_from(options)).items():
        print(f"  {name:28} {value}")
    return 0


def draw(options: argparse.Namespace) -> int:
    """Runs `draw`."""
    if options.out.suffix not in (".png", ".npy"):
        raise ValueError(f"{options.out} must end in .png or .npy")
    load_tensorflow()  # quietly, before the modules below load it
    from mnistgan import plots, sampling

    model = options.model or sampling.newest_model()
    generator = sampling.load_generator(model)
    noise = sampling.make_noise(generator, options.count, options.seed)
    pictures = sampling.draw(generator, noise)
    if options.out.suffix == ".png":
        plots.save_grid(pictures, options.out)
    else:
        with files.atomic_write(options.out) as aside:
            np.save(aside, pictures)
    print(f"{model} drew {options.count} digits: {options.out}")
    return 0


def judge(options: argparse.Namespace) -> int:
    """Runs `judge`."""
    load_tensorflow()
    from mnistgan import data, evaluation, sampling
    from mnistgan.engine import model_io
    from mnistgan.projects import vae

    model = options.model or sampling.newest_model()
    generator = sampling.load_generator(model)
    the_judge = evaluation.load_judge(data_dir=options.data_dir)
    print(f"Judging {model}.")
    print(f"The judge names {the_judge.accuracy:.2%} of the test digits correctly.")
    rows = evaluation.compare(
        the_judge, generator, options.count, options.seed, options.data_dir
    )
    print(evaluation.format_scores(rows))
    counts = zip(range(10), rows["drawn"].class_counts, strict=True)
    print("drawn digits: " + ", ".join(f"{count} × {digit}" for digit, count in counts))
    if sampling.classes(generator) == 10:
        table = evaluation.class_agreement(
            the_judge, generator, options.count, options.seed
        )
        share = np.trace(table) / table.sum()
        print(f"asked for a digit, it draws what reads as that digit: {share:.1%}")
    if (encoder := model.parent / "encoder.keras").exists():
        digits, _ = data.load_mnist("test", options.data_dir)
        both = generator, model_io.load_model(encoder)
        one, many = vae.elbo(*both, digits), vae.elbo(*both, digits[:1000], 50)
        print(f"ELBO {one:.1f} nats a test digit; of the first 1000, with 50 samples")
        print(f"each, {many:.1f}")
    if options.json:
        with files.atomic_write(options.json) as aside:
            aside.write_text(evaluation.to_json(model, options.seed, the_judge, rows))
    return 0


def export(options: argparse.Namespace) -> int:
    """Runs `export`."""
    load_tensorflow()
    from mnistgan import sampling
    from mnistgan.engine import export

    model = options.model or sampling.newest_model()
    generator = sampling.load_generator(model)
    export.export(generator, options.to, options.out)
    print(f"{model}, as {options.to}: {options.out}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; says in a sentence what was wrong."""
    options = build_parser().parse_args(arguments)
    commands = {
        "train": train,
        "settings": settings,
        "draw": draw,
        "judge": judge,
        "export": export,
    }
    try:
        return commands[options.command](options)
    except KeyboardInterrupt:
        print("Stopped. The same command starts again.", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, TrainingDiverged) as error:
        print(f"Sorry: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
