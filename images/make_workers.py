"""Makes the picture of lesson 13: do two workers learn the same, and how fast?

.venv/bin/python images/make_workers.py    # 3 minutes; leave the machine alone
"""

import json
import subprocess
import sys
from pathlib import Path

from matplotlib import pyplot as plt

from mnistgan import plots

IMAGES = Path(__file__).parent
STEPS = {64: 60, 256: 24, 1024: 12}
ROWS = {"one": "one worker", "workers": "two workers"}  # blue and orange, line and dots
STYLES = {"one": {"color": "#0072B2"}, "workers": {"color": "#D55E00", "ls": ":"}}


def take(strategy, batch, *words):
    """What tests/benchmarks/scaling.py finds."""
    script = IMAGES.parent / "tests" / "benchmarks" / "scaling.py"
    program = [sys.executable, script, strategy]
    program += ["--batch", str(batch), "--steps", str(STEPS[batch]), *words]
    ran = subprocess.run(program, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def main():
    """Measures, and draws."""
    found = {(name, batch): take(name, batch) for name in ROWS for batch in STEPS}
    silent = [take("workers", batch, "--silent")["ms"] for batch in STEPS]
    figure, (losses, times) = plt.subplots(
        1, 2, figsize=(10, 3.4), layout="constrained"
    )
    for name, label in ROWS.items():
        d_loss = [step[0] for step in found[name, 64]["steps"]]
        losses.plot(range(1, len(d_loss) + 1), d_loss, label=label, **STYLES[name])
    losses.set(xlabel="step", title="The detective's loss, batches of 64")
    losses.legend()
    places = range(len(STEPS))
    one, two = ([found[name, batch]["ms"] for batch in STEPS] for name in ROWS)
    bars = [
        times.bar([n - 0.2 for n in places], one, 0.38, color="#0072B2"),
        times.bar([n + 0.2 for n in places], silent, 0.38, color="#D55E00"),
    ]
    waited = [both - alone for both, alone in zip(two, silent, strict=True)]
    above = {"bottom": silent, "color": "white", "edgecolor": "#D55E00", "hatch": "//"}
    bars.append(times.bar([n + 0.2 for n in places], waited, 0.38, **above))
    words = ("one worker, two cores", "two workers, a core each", "messages, waiting")
    times.legend(bars, words)
    times.set_xticks(places, [f"batch {batch}" for batch in STEPS])
    times.set(title="Milliseconds for a step")
    plots.save_figure(figure, IMAGES / "workers.png")
    for batch, alone, both, quiet in zip(STEPS, one, two, silent, strict=True):
        ratio, share = alone / both, 1 - quiet / both
        print(f"| {batch} | {alone:.0f} | {both:.0f} | {ratio:.2f} × | {share:.0%} |")


if __name__ == "__main__":
    main()
