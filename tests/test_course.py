"""The course as a whole: every notebook and lesson keeps the house style."""

import ast
import builtins
import importlib
import inspect
import itertools
import re
import shutil
import statistics

import course
import nbformat
import pytest

from mnistgan import checks, data, evaluation, latent, sampling
from mnistgan.widgets import stamps

LESSONS = sorted((course.ROOT / "lessons").glob("[0-9]*.md"))
PAGES = [
    *(course.ROOT / "lessons").glob("*.md"),
    course.ROOT / "README.md",
    course.ROOT / "CONTRIBUTING.md",
]
PLAIN = ("01", "02", "03", "04", "05")
OUTSIDE = ("No module named", "Killed")  # said by Python and by the system

TAUGHT = {
    "mnistgan.data.prepare_image",
    "mnistgan.projects.attribute_classifier.build_attribute_classifier",
    "mnistgan.evaluation.build_judge",
    "mnistgan.projects.melody.build_chorale_rnn",
    "mnistgan.datasets.chorales.draw_rolls",
    "mnistgan.projects.anomaly.negative_elbo",
    "mnistgan.projects.faults.practise",
    "mnistgan.projects.flow.build_velocity",
    "mnistgan.projects.flow.guide",
    "mnistgan.projects.flow.make_flow_step",
    "mnistgan.projects.flow.residual_block",
    "mnistgan.projects.flow.straight_path",
    "mnistgan.projects.flow.walk",
    "mnistgan.projects.vae.kl_to_noise",
    "mnistgan.projects.vae.log_likelihood",
    "mnistgan.projects.vae.make_vae_step",
    "mnistgan.projects.conditional.build_conditional_discriminator",
    "mnistgan.projects.conditional.build_conditional_generator",
    "mnistgan.projects.conditional.make_conditional_step",
    "mnistgan.latent.find_directions",
    "mnistgan.metrics.frechet_distance",
    "mnistgan.metrics.power_spectrum",
    "mnistgan.data.to_float",
    "mnistgan.data.to_uint8",
    "mnistgan.models.build_features",
    "mnistgan.models.build_generator",
    "mnistgan.models.build_discriminator",
    "mnistgan.models.discriminator_loss",
    "mnistgan.models.generator_loss",
    "mnistgan.training.make_train_step",
}


def read(path):
    return nbformat.read(path, as_version=4)


def name(path):
    return path.relative_to(course.ROOT).as_posix()


def lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def is_lesson(path):
    return path.parent.name == "notebooks"


each_notebook = pytest.mark.parametrize("path", course.notebooks(), ids=name)


PAGE = course.ROOT / "mnistgan" / "site" / "explore.ipynb"


@pytest.mark.parametrize("path", [*course.notebooks(), PAGE], ids=name)
def test_a_notebook_is_whole_and_stripped(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None


@each_notebook
def test_a_notebook_keeps_the_order(path):
    cells = read(path).cells
    text = [cell.source for cell in cells]
    assert text[0].startswith("# ") and "\n" not in text[0]
    assert text[1] == course.badge(path)
    assert text[2].startswith("**You will**") and "on 2 cores" in text[2]
    assert text[3] == course.setup_source()
    assert cells[3].metadata == {"tags": ["setup"], **course.COLLAPSED}
    assert text[3].startswith("# @title ") and len(lines(cells[3])) <= 15
    prose = "\n".join(cell.source for cell in cells if is_md(cell))
    assert len(re.findall(r"^# ", prose, re.M)) == 1
    headings = re.findall(r"^## (.+)$", prose, re.M)
    steps = [heading for heading in headings if heading.startswith("Step")]
    for number, step in enumerate(steps, start=1):
        assert re.match(rf"Step {number}: [A-Z]", step)
    tail = ["Your turn", "Recap"] if is_lesson(path) else []
    assert headings == steps + tail
    assert "**Next:**" in text[-1]


def is_md(cell):
    return cell.cell_type == "markdown"


@each_notebook
def test_cells_are_small_and_explained(path):
    cells = read(path).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    sizes = [len(lines(cell)) for cell in code]
    assert max(sizes) <= 20
    assert statistics.median(sizes) <= 5
    assert sum(size <= 12 for size in sizes) > 0.8 * len(sizes)
    assert max(len(line) for cell in code for line in cell.source.splitlines()) <= 88
    kinds = "".join(cell.cell_type[0] for cell in cells)
    assert "ccc" not in kinds, "more than two code cells without prose"
    for cell in filter(is_md, cells):
        prose = re.sub(r"^\|.*$|!?\[[^]]*\]\([^)]*\)", "", cell.source, flags=re.M)
        assert len(prose.split()) <= 80, cell.source


@each_notebook
def test_every_step_ends_in_a_checkpoint(path):
    steps, cells = [], read(path).cells
    for cell in cells:
        if is_md(cell) and re.match(r"## (Step|Your turn|Recap)", cell.source):
            steps.append([])
        elif steps and cell.cell_type == "code":
            steps[-1].append(cell.source)
    steps = [step for step in steps if step and not step[0].startswith("# Your own")]
    for step in steps:
        assert any(re.search(r"^assert |^checks\.", s, re.M) for s in step), step[0]


@pytest.mark.parametrize("path", list(filter(is_lesson, course.notebooks())), ids=name)
def test_a_notebook_has_its_lesson_and_its_solutions(path):
    cells = read(path).cells
    assert 25 <= len(cells) - 1 <= 40  # besides the passport, which is in all of them
    assert (course.ROOT / "lessons" / f"{path.stem}.md").exists()
    assert (path.parent / "solutions" / path.name).exists()
    turn = next(c.source for c in cells if c.source.startswith("## Your turn"))
    assert 2 <= len(re.findall(r"^\d\. ", turn, re.M)) <= 3
    recap = next(c.source for c in cells if c.source.startswith("## Recap"))
    assert len(re.findall(r"^- ", recap, re.M)) == 3
    assert any("redict, then run" in cell.source for cell in cells)
    after = cells[[cell.source for cell in cells].index(turn) + 1].source
    assert after == "# Your own experiments go here."


PASSPORT = """\
# Every check that passed has left a stamp.
from mnistgan.widgets import passport

passport.show()"""


def stamps_of(source):
    """The names of the stamps that a cell leaves in the passport, in their order."""
    plain = re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.M)
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("checks."):
            function = getattr(checks, node.func.attr)
            given = node.args if function in (checks.passed, checks.check) else []
            if not given and function is not checks.open_passport:
                (module,) = ast.parse(inspect.getsource(function)).body
                given = [x for x in ast.walk(module) if isinstance(x, ast.Call)]
                given = next(x.args for x in given[::-1] if len(x.args) == 4)
            where = 0 if function is checks.passed else 3
            yield from [part.value for part in given[where : where + 1]]


@pytest.mark.parametrize("path", list(filter(is_lesson, course.notebooks())), ids=name)
def test_a_notebook_fills_its_page_of_the_passport(path):
    cells, found, steps = read(path).cells, {}, []
    opened, *code = [cell.source for cell in cells if not is_md(cell)][1:]
    for cell in cells:
        if is_md(cell):
            steps += [[title] for title in re.findall(r"^## (.+)$", cell.source, re.M)]
        elif steps:
            steps[-1] += stamps_of(cell.source)
            found |= dict.fromkeys(stamps_of(cell.source))
    assert f'checks.open_passport("{path.stem}")' in opened.splitlines()
    assert not any("open_passport" in source for source in code)
    assert code[-2:] == ["# Your own experiments go here.", PASSPORT]
    title, known = stamps.PAGES[path.stem]
    assert cells[0].source == f"# {path.stem[:2]} · {title}"
    assert tuple(found) == known, "say in mnistgan/widgets/stamps.py what it stamps"
    for step, *names in steps:
        free = not step.startswith("Step") or "(optional)" in step
        assert bool(names) != free, f"{step}: {names}"


def test_the_passport_has_a_page_for_each_notebook():
    numbered = [path.stem for path in course.notebooks() if is_lesson(path)]
    assert list(stamps.PAGES) == numbered


@pytest.mark.parametrize(
    "path", [path for path in course.notebooks() if not is_lesson(path)], ids=name
)
def test_solutions_leave_no_stamps(path):
    assert "open_passport" not in path.read_text()


@each_notebook
def test_the_next_notebook_is_the_next_one(path):
    numbers = [p.stem for p in course.notebooks() if is_lesson(p)]
    after = numbers[numbers.index(path.stem) + 1 :][:1]
    linked = re.findall(
        r"\]\((?:\.\./)?(\d\d_\w+)\.ipynb\)", read(path).cells[-1].source
    )
    assert linked == after or not after


@pytest.mark.parametrize("path", list(filter(is_lesson, course.notebooks())), ids=name)
def test_an_exercise_names_only_what_the_notebook_has(path):
    """Or it says where a name comes from: "from `mnistgan.data`"."""
    cells = read(path).cells
    words = {w for c in cells if not is_md(c) for w in re.findall(r"\w+", c.source)}
    turn = next(c.source for c in cells if c.source.startswith("## Your turn"))
    for exercise in re.findall(r"^\d\. .*$", turn, re.M):
        known = words.union(dir(builtins))
        for module in re.findall(r"from `([\w.]+)`", exercise):
            known |= set(dir(importlib.import_module(module)))
        for code in re.findall(r"`([^`.][^`]*)`", exercise):
            tree = ast.parse(code.replace("…", "..."))
            names = {x.id for x in ast.walk(tree) if isinstance(x, ast.Name)}
            if names == {code}:  # an argument, unless a function bears that name
                names &= set().union(*map(dir, (data, evaluation, latent, sampling)))
            names -= {x.id for x in ast.walk(tree) if is_new(x)}
            assert not names - known, f"{code}: the notebook has no such name"


def is_new(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


@each_notebook
def test_every_model_call_states_training(path):
    robots = {"generator", "discriminator", "inside", "model", "trained"}
    for cell in read(path).cells:
        if cell.cell_type == "code":
            source = re.sub(r"^(\s*)%.*$", r"\1pass", cell.source, flags=re.M)
            for node in ast.walk(ast.parse(source)):
                called = getattr(node, "func", None)
                if isinstance(called, ast.Name) and called.id in robots:
                    assert "training" in [k.arg for k in node.keywords], cell.source


# What a notebook calls something for: `SILENT` gives back nothing, what `DONE` gives
# back is of no interest, `SHOWN` is called for its value. A new name joins one of them.
SILENT = """print display show check prepared generator_works discriminator_works
    learned draws_digits finished passed open_passport set_random_seed
    apply_gradients save save_grid
    save_model save_film mkdir rmtree write go_to start_dark clear append terminate
    kill disable wait_for sleep train_attribute_classifier build apply add close
    write_page play stroke"""
DONE = """train write_text wait run set_value input set_xlabel set_ylabel set legend
    plot plot_scores plot_spectra plot_losses plot_wheel compare practise batch_norm
    quick_step old_step train_step step"""
SHOWN = "round numpy list len Image list_facts"


def useless(source):
    """The expressions of a cell that nobody sees, or that nobody asked to see."""
    tree = ast.parse(re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.M))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            called = getattr(node.value, "func", None)
            seen = node is tree.body[-1] and not source.rstrip().endswith(";")
            known = SILENT + " " + (SHOWN if seen else DONE)
            name = getattr(called, "attr", getattr(called, "id", ""))
            if name not in known.split() if called else not seen:
                yield ast.unparse(node)


@each_notebook
def test_a_cell_shows_its_result_and_nothing_else(path):
    for cell in read(path).cells:
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", []):
            assert not list(useless(cell.source)), (
                "not the cell's last expression, or nobody asked for its value: say in "
                "SILENT, DONE or SHOWN what a new name is called for"
            )


def test_a_lost_and_a_stray_result_are_noticed():
    lost = "probabilities.numpy()\nchecks.discriminator_works(discriminator)"
    for source in (lost, "server.wait()", "a, b\nc", "for x in y:\n    x.shape"):
        assert len(list(useless(source))) == 1, source
    for source in ("server.wait();", "print(a)\na.shape", "a.save(b)\nround(a)"):
        assert not list(useless(source)), source


def after_training(cells):
    """The code that follows each call of `train`, to the end of the next cell."""
    code = [cell.source for cell in cells if not is_md(cell)]
    for source, following in itertools.pairwise([*code, ""]):
        parts = re.split(r"^(\w+ = )?(?:training\.)?train\(", source, flags=re.M)
        for name, rest in zip(parts[1::2], parts[2::2], strict=True):
            yield name, rest + "\n" + following


@each_notebook
def test_no_notebook_goes_on_with_an_unfinished_run(path):
    for name, following in after_training(read(path).cells):
        assert name, "the run needs a name, to be checked"
        run = name.removesuffix(" = ")
        assert f"\nchecks.finished({run})\n" in f"{following}\n", following


@each_notebook
def test_robots_are_saved_for_older_keras(path):
    for cell in read(path).cells:
        assert not re.search(r"\.save\([^)]*\.keras", cell.source), "use save_model"


@each_notebook
def test_mirrors_match_the_package(path):
    for cell in read(path).cells:
        if mirrored := course.mirror_of(cell):
            taught = course.taught_source(mirrored)
            assert course.syntax(cell.source) == course.syntax(taught), (
                f"{mirrored} differs from its cell in {name(path)}: run `make mirrors`"
            )


def test_every_taught_function_has_one_home():
    homes = [course.mirror_of(c) for p in course.notebooks() for c in read(p).cells]
    assert sorted(filter(None, homes)) == sorted(TAUGHT)


@pytest.mark.parametrize("mirrored", sorted(TAUGHT))
def test_a_taught_function_is_small_and_is_all_there_is(mirrored):
    """What stands in the cell is the function of the package: nothing is around it."""
    source = course.taught_source(mirrored)
    assert len([line for line in source.splitlines() if line.strip()]) <= 18
    (function,) = ast.parse(source).body
    assert len(function.args.args) <= 5 and not function.args.kwonlyargs
    module, _, name = mirrored.rpartition(".")
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    (found,) = (x for x in tree.body if getattr(x, "name", "") == name)
    assert not found.decorator_list


@pytest.mark.parametrize("path", list(filter(is_lesson, course.notebooks())), ids=name)
def test_the_taught_cells_of_the_heart_are_plain_keras(path):
    """In notebooks 01 to 05: NumPy, TensorFlow, Keras, and what was taught before."""
    known = {"np", "tf", "keras", "layers", *dir(builtins)}
    for cell in read(path).cells if path.name[:2] in PLAIN else ():
        if course.mirror_of(cell):
            (function,) = ast.parse(cell.source).body
            own = {x.arg for x in ast.walk(function) if isinstance(x, ast.arg)}
            names = [x for x in ast.walk(function) if isinstance(x, ast.Name)]
            own |= {x.id for x in names if isinstance(x.ctx, ast.Store)}
            own |= {
                x.name for x in ast.walk(function) if isinstance(x, ast.FunctionDef)
            }
            assert not {x.id for x in names} - own - known, function.name
            known.add(function.name)


@pytest.mark.parametrize("path", [*course.notebooks(), *PAGES], ids=name)
def test_links_resolve_and_pictures_speak(path):
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in read(path).cells if is_md(cell))
    for alt, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", text):
        if "://" not in target and not target.startswith("#"):
            assert (path.parent / target.split("#")[0]).exists(), target
        assert alt, f"no words for {target}"


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_has_its_parts(path):
    text = path.read_text()
    assert text.startswith("# ") and "## Words to know" in text and "![" in text
    assert text.count("<details>") == text.count("</details>") == 3
    assert (course.ROOT / "notebooks" / f"{path.stem}.ipynb").exists()


def sentences(text):
    plain = re.sub(r"!\[[^]]*\]\([^)]*\)|[*`>#|]|\[|\]\([^)]*\)", "", text)
    return {
        s.strip() for s in re.split(r"(?<=[.?!])\s+|\n\n", plain) if len(s.split()) > 6
    }


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_no_sentence_stands_in_lesson_and_notebook(path):
    notebook = read(course.ROOT / "notebooks" / f"{path.stem}.ipynb")
    written = set().union(*(sentences(c.source) for c in notebook.cells if is_md(c)))
    assert not written & sentences(path.read_text())


def test_pictures_are_light():
    for path in (course.ROOT / "images").iterdir():
        if path.suffix in (".png", ".gif"):
            assert path.stat().st_size <= 150_000, path.name


def test_the_address_stands_in_one_place():
    readme = (course.ROOT / "README.md").read_text()
    places = set(re.findall(r"github\.com/([\w.-]+/[\w.-]+?)(?=[/)\s]|\.git)", readme))
    assert places <= {course.repository().removeprefix("https://github.com/")}


def test_new_badges_go_everywhere(tmp_path, monkeypatch):
    for part in ("notebooks", "pyproject.toml", "README.md", "CITATION.cff"):
        source, copy = course.ROOT / part, tmp_path / part
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    monkeypatch.setattr(course, "ROOT", tmp_path)
    old = course.repository()
    course.set_address("ada/robots")
    assert course.repository() == "https://github.com/ada/robots"
    for path in course.notebooks():
        text = path.read_text()
        assert "ada/robots/blob/main/notebooks" in text and old not in text
        assert read(path).cells[3].source == course.setup_source()
        assert "git+https://github.com/ada/robots" in course.setup_source()
    readme = (tmp_path / "README.md").read_text()
    assert "/ada/robots" in readme and "//ada.github.io/robots" in readme
    with pytest.raises(SystemExit, match="owner/name"):
        course.set_address("no address")


def test_a_broken_mirror_is_noticed():
    taught = course.taught_source("mnistgan.data.prepare_image")
    assert course.syntax(taught) != course.syntax(taught.replace("127.5", "128.5"))
    assert course.syntax(taught) == course.syntax(f"# a comment\n{taught}\n")


def test_every_error_is_in_the_troubleshooting_page():
    page = (course.ROOT / "lessons" / "troubleshooting.md").read_text()
    known = set(re.findall(r"^\| `(.+?)` \|", page, re.M))
    messages = course.error_messages()
    assert len(messages) > 70
    assert not messages - known, "these are missing on the page"
    outside = {words for words in known - messages if not words.startswith(OUTSIDE)}
    assert not outside, "no code says this any more"
