"""The command line: `python -m mnistgan train`, `draw` and `settings`."""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

from mnistgan import files
from mnistgan.machine import load_tensorflow
from mnistgan.settings import (
    PRESETS,
    Settings,
    choose_settings,
    pick_preset,
    runs_folder,
)


def build_parser() -> argparse.ArgumentParser:
    """Builds the parser. Every field of `Settings` is an option of `train`."""
    parser = argparse.ArgumentParser(
        prog="python -m mnistgan",
        description="Teach a robot to draw handwritten digits.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("train", "teach the two robots, or go on where an earlier run stopped"),
        ("settings", "print the settings that training would use, and why"),
    ):
        command = commands.add_parser(
            name, help=text, description=text.capitalize() + "."
        )
        command.add_argument(
            "--preset", choices=PRESETS, help="default: suits the machine"
        )
        if name == "train":
            command.add_argument(
                "--out", type=Path, metavar="DIR", help="default: runs/digits"
            )
            command.add_argument(
                "--data-dir", type=Path, metavar="DIR", help="for data sets"
            )
        for field in dataclasses.fields(Settings)[1:]:
            option = "--" + field.name.replace("_", "-")
            if field.type is bool:
                command.add_argument(
                    option,
                    action=argparse.BooleanOptionalAction,
                    default=argparse.SUPPRESS,
                )
            else:
                command.add_argument(
                    option, type=field.type, metavar="N", default=argparse.SUPPRESS
                )
    command = commands.add_parser(
        "draw",
        help="draw new digits with a trained generator",
        description="Draw new digits.",
    )
    command.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help=".keras"
    )
    command.add_argument(
        "--count", type=int, default=64, metavar="N", help="default: 64"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    command.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=".png for a grid, .npy for an array: uint8, (N, 64, 64, 1)",
    )
    return parser


def settings_from(options: argparse.Namespace) -> Settings:
    """Makes the settings that the options ask for, and says what they are, and why."""
    names = {field.name for field in dataclasses.fields(Settings)[1:]}
    changes = {name: value for name, value in vars(options).items() if name in names}
    settings = choose_settings(options.preset, **changes)
    preset, reason = pick_preset(options.preset)
    print(
        f"Preset {preset}, because {reason}: {settings.epochs} rounds through "
        f"{settings.pictures:,} pictures."
    )
    return settings


def train(options: argparse.Namespace) -> int:
    """Runs `train`. Returns the exit code: 130 when Ctrl-C stopped it."""
    settings, folder = settings_from(options), options.out or runs_folder() / "digits"
    from mnistgan import training  # brings TensorFlow, which takes seconds

    run = training.train(settings, folder, options.data_dir)
    if not run.finished:
        print(
            f"Stopped and saved after step {run.step} of {run.total_steps}. "
            "The same command goes on from here."
        )
        return 130
    print(f"\nYour robot's digits: {folder / 'grid.png'}")
    print("Look for ten kinds of digits, no two alike: nobody ever wrote any of them.")
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
    from mnistgan import drawing, plots

    generator = drawing.load_generator(options.model)
    noise = drawing.make_noise(generator, options.count, options.seed)
    pictures = drawing.draw(generator, noise)
    if options.out.suffix == ".png":
        plots.save_grid(pictures, options.out)
    else:
        with files.whole(options.out) as aside:
            np.save(aside, pictures)
    print(f"Drew {options.count} digits: {options.out}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code; says in a sentence what was wrong."""
    options = build_parser().parse_args(arguments)
    commands = {"train": train, "settings": settings, "draw": draw}
    try:
        return commands[options.command](options)
    except KeyboardInterrupt:
        print("Stopped. The same command starts again.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"Sorry: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
