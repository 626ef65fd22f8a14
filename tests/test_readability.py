"""A twelve-year-old can read the lessons: short sentences, and mostly short words.

Measured as the school grade of Kincaid et al. 1975, "Derivation of New Readability
Formulas": long sentences and long words raise it. Terms, which are printed bold where
they are explained, formulas, code, tables and names are left out.
"""

import re

import course
import pyphen
import pytest

GRADE = 7
LESSONS = [
    *sorted((course.ROOT / "lessons").glob("[0-9]*.md")),
    course.ROOT / "lessons" / "for_teachers.md",
]
SYLLABLES = pyphen.Pyphen(lang="en_US", left=1, right=1)
NOT_PROSE = re.compile(
    r"^```.*?^```|^## Words to know.*?(?=^## |\Z)|^\|.*?$|^#.*?$|</?\w+>"
    r"|!\[[^]]*\]\([^)]*\)",
    re.M | re.S,
)


def sentences(text):
    """The sentences of a page; a term, a name or a piece of code is one short word."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", NOT_PROSE.sub("", text))
    text = re.sub(r"`[^`]*`|\*\*[^*]+\*\*|\*[^*]+\*", "it", text)
    parts = re.split(r"(?<=[.?!:;])[\s)]+|\n\s*\n|\n[-\d]", text)
    return [part for part in parts if len(words_of(part)) > 2]


def words_of(text):
    return re.findall(r"[A-Za-z]+(?:['’][a-z]+)?", text)


def grade(sentences):
    words = [word for sentence in sentences for word in words_of(sentence)]
    syllables = sum(len(SYLLABLES.positions(word)) + 1 for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_easy_to_read(path):
    found = sentences(path.read_text())
    hardest = max(found, key=lambda sentence: grade([sentence]))
    assert len(found) > 30
    assert grade(found) <= GRADE, f"begin with this sentence: {hardest}"


def test_a_hard_page_would_be_noticed():
    hard = (
        "Notwithstanding considerable methodological heterogeneity, convolutional "
        "architectures consistently demonstrate superior generalisation."
    )
    assert grade(sentences(hard)) > 2 * GRADE
    assert grade(sentences("The cat sat on the mat. Then it ran to the door.")) < 2


def test_what_is_no_prose_is_left_out():
    page = "# A heading\n\nWe call it **generalisation**, as in `a.b.c`.\n\n| a | b |\n"
    assert sentences(page) == ["We call it it, as in it."]
