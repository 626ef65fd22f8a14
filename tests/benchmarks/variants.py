"""How near are the checks on trained robots to failing, whatever machine it is?

    python tests/benchmarks/variants.py                 # 20 variants, broken robots
    python tests/benchmarks/variants.py --variants 0 7  # only these two
    python tests/benchmarks/variants.py --variants 3 --whole  # all of `make test`
    python tests/benchmarks/variants.py --table         # what earlier calls have found

A variant is a simulated processor, a number of threads and a seed: each makes other
robots. Under each, the tests marked `trained` and the notebooks run, and every
comparison is noted by `margins.py`. The table shows, for each comparison, by how many
standard deviations the worst of the healthy robots was away from failing, and whether
a robot that learned nothing fails, as it should.

What is found goes to margins.csv beside this file, which is committed: all of it takes
hours, and so it may be measured a few variants at a time, on several machines. Raw
notes and logs are kept in build/variants, and a variant that is there is not run again.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = ROOT / "build" / "variants"
MARGINS = Path(__file__).with_name("margins.csv")
COUNT = 20
PYTEST = [sys.executable, "-m", "pytest", "-q", "--durations=50", "-m", "trained"]
BOTH = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
COMMANDS = {
    "trained": [*PYTEST, *BOTH, "tests", "notebooks"],
    "everything": ["make", "test"],
    # Of the broken robots, one by one: the tests' judge learns nothing either.
    "tests": [*PYTEST, "tests"],
    "notebooks": [*PYTEST, "notebooks"],
}

# oneDNN does not use more than it is allowed, nor more than the processor has.
PROCESSORS = {
    "as it is": {},
    "SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX-512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "oneDNN off": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}
QUICK = ("as it is", "AVX2", "AVX-512")  # the others take two or three times as long
THREADS = (1, 2, 4)
BROKEN = "learned nothing"


def describe(number):
    """The words for a variant, and its environment variables.

    The first ten simulate each processor twice. Another seed changes a robot just as
    much, and costs less.
    """
    if number < 10:
        processor = list(PROCESSORS)[number % len(PROCESSORS)]
    else:
        processor = QUICK[number // 3 % len(QUICK)]
    threads = str(THREADS[number % len(THREADS)])
    changes = PROCESSORS[processor] | {
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "MARGINS_SEED": str(number),
    }
    return f"{number:02} {processor}, {threads} threads", changes


def write_startup(folder):
    """Writes what an IPython kernel runs before the first cell."""
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "start.py").write_text(
        f"import sys\nsys.path.append({str(ROOT / 'tests')!r})\n"
        "import margins\nmargins.start_notebook(get_ipython())\n"
    )


def run(name, changes, part):
    """Runs one part of the checks under one variant, unless that has been done."""
    folder = KEPT / name
    if (folder / f"{part}.jsonl").exists():
        return
    write_startup(folder / "ipython")
    notes = folder / f"{part}.unfinished"
    notes.write_text("")
    own = {
        "IPYTHONDIR": str(folder / "ipython"),
        "MARGINS_FILE": str(notes),
        "MNISTGAN_PRESET": "smoke",
        "MNISTGAN_RUNS": str(folder / "runs"),
    }
    began = time.monotonic()
    with open(folder / f"{part}.txt", "w") as log:
        env = os.environ | changes | own
        ended = subprocess.run(COMMANDS[part], cwd=ROOT, env=env, stdout=log).returncode
    minutes = (time.monotonic() - began) / 60
    print(f"{name}, {part}: {minutes:.1f} minutes, exit {ended}", flush=True)
    notes.rename(folder / f"{part}.jsonl")


def run_broken():
    """Runs the checks with robots that learn nothing; the notebooks' judge can read."""
    nothing = {"MARGINS_BROKEN": "1", "MARGINS_SEED": "0"}
    run("broken", nothing, "tests")
    judges = [*KEPT.glob("variant*/runs/judge"), ROOT / "build/runs/judge"]
    for judge in judges[:1]:
        shutil.copytree(judge, KEPT / "broken/runs/judge", dirs_exist_ok=True)
    run("broken", nothing, "notebooks")


def read(folder):
    """For each check, the smallest slack: a check may compare several times."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        for row in map(json.loads, path.read_text().splitlines()):
            where = row["where"].split("::Cell")[0].removeprefix("tests/")
            check = where, row["text"]
            found[check] = min(row["slack"], found.get(check, row["slack"]))
    return found


def read_margins(path):
    """For each variant, and the broken robots, the smallest slack of each check."""
    found = defaultdict(dict)
    if path.exists():
        with open(path, newline="") as lines:
            for row in csv.DictReader(lines):
                check = row.pop("where"), row.pop("comparison")
                for name, slack in row.items():
                    if slack:
                        found[name][check] = float(slack)
    return found


def write_margins(path, found):
    """Writes what `read_margins` reads, without what is the same for all robots."""
    healthy = [found[name] for name in found if name != BROKEN]
    known = [name for name, slacks in found.items() if slacks]
    names = sorted(known, key=lambda name: (name != BROKEN, name))
    with open(path, "w", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["where", "comparison", *names])
        for check in sorted({check for slacks in healthy for check in slacks}):
            slacks = [found[name].get(check) for name in names]
            if spread([each.get(check) for each in healthy]) != 0:
                cells = ["" if slack is None else f"{slack:.4g}" for slack in slacks]
                writer.writerow([*check, *cells])


def spread(slacks):
    """Their standard deviation; None of a single one, which says nothing."""
    known = [slack for slack in slacks if slack is not None]
    return round(statistics.stdev(known), 9) if len(known) > 1 else None


def table(found):
    """The lines of the table, the smallest margins first; see `read_margins`."""
    broken = found.get(BROKEN, {})
    healthy = [slacks for name, slacks in found.items() if name != BROKEN]
    rows = []
    for check in {check for slacks in healthy for check in slacks}:
        slacks = [each[check] for each in healthy if check in each]
        if sd := spread(slacks):  # what is always the same does not hang on chance
            rows.append((min(slacks) / sd, check, slacks))
    yield "| margin | robots | worst | median | learned nothing | check |"
    yield "|---|---|---|---|---|---|"
    for margin, (where, text), slacks in sorted(rows):
        sick = broken.get((where, text))
        verdict = (
            "" if sick is None else f"{sick:.3g}, {'holds' if sick > 0 else 'fails'}"
        )
        yield (
            f"| {margin:.1f} | {len(slacks)} | {min(slacks):.3g} | "
            f"{statistics.median(slacks):.3g} | {verdict} | {where}: `{text}` |"
        )


def main():
    """Runs the variants, then the broken robots, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--variants", type=int, nargs="*", default=range(COUNT))
    parser.add_argument("--whole", action="store_true", help="all of `make test`")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    part = "everything" if options.whole else "trained"
    for number in () if options.table else options.variants:
        words, changes = describe(number)
        print(f"Variant {words}", flush=True)
        run(f"variant-{number:02}", changes, part)
    if not (options.table or options.whole):
        run_broken()
    found = read_margins(MARGINS)
    for folder in KEPT.glob("variant-*"):
        words, _ = describe(int(folder.name.removeprefix("variant-")))
        found[words] |= read(folder)
    found[BROKEN] |= read(KEPT / "broken")
    write_margins(MARGINS, found)
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
