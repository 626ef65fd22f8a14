"""`make test-seeds` notes what it says, and its table reads what it noted."""

import json

import margins
import pytest
import variants


def three_comparisons(value):
    assert 1 < value < 4
    assert value == pytest.approx(2.5, abs=0.5)


def noted(path):
    return [json.loads(line)["slack"] for line in path.read_text().splitlines()]


@pytest.fixture
def notes(tmp_path, monkeypatch):
    path = tmp_path / "notes.jsonl"
    monkeypatch.setenv("MARGINS_FILE", str(path))
    return path


def test_both_sides_of_every_comparison_are_noted(notes):
    margins.rewritten(three_comparisons)(2.25)
    assert noted(notes) == [1.25, 1.75, 0.25]


def test_a_comparison_that_fails_still_fails(notes):
    with pytest.raises(AssertionError):
        margins.rewritten(three_comparisons)(5)
    assert noted(notes) == [4, -1]


def test_robots_that_learn_nothing_fail_every_check_and_stop_at_none(
    notes, monkeypatch
):
    monkeypatch.setenv("MARGINS_BROKEN", "1")
    margins.rewritten(three_comparisons)(5)
    assert noted(notes) == [4, -1, -2]


def test_a_cell_of_a_notebook_is_rewritten(notes):
    cell = "checks.check(share > 0.5, 'good', 'bad')\nassert share < 1, 'too much'"
    tree = margins.Checks().visit(margins.ast.parse(cell))
    said = []
    checks = type("Checks", (), {"check": lambda *words: said.append(words[0])})
    exec(
        compile(tree, "cell", "exec"),
        {"share": 0.75, "checks": checks, "__compare__": margins.compare},
    )
    assert said == [True] and noted(notes) == [0.25, 0.25]


def test_margins_are_kept_and_merged(tmp_path):
    path = tmp_path / "margins.csv"
    check, constant = ("test_x.py::test_y", "a > b"), ("test_x.py::test_z", "c > 1")
    first = {
        "00 as it is": {check: 3.0, constant: 1.0},
        variants.BROKEN: {check: -1.0, constant: 1.0},
    }
    variants.write_margins(path, first)
    found = variants.read_margins(path)
    assert found == first
    found["01 AVX2"] = {check: 5.0, constant: 1.0}
    variants.write_margins(path, found)
    again = variants.read_margins(path)
    assert again["01 AVX2"] == {check: 5.0}  # what never differs is left out
    row = list(variants.table(again))[-1]
    assert row.startswith("| 2.1 | 2 | 3 | 4 | -1, fails |")  # 3 / stdev(3, 5) = 2.1


def test_each_variant_is_another():
    known = [variants.describe(number) for number in range(variants.COUNT)]
    assert len({words for words, _ in known}) == len(known)
    seeds = {changes["MARGINS_SEED"] for _, changes in known}
    assert len(seeds) == len(known)
    names = {words[3:].split(",")[0] for words, _ in known}
    assert names == set(variants.PROCESSORS)
