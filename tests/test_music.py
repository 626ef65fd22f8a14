"""Music: from scores to pictures and back, to sound, and what is measured of it."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from tensorflow import keras

from mnistgan.datasets import chorales
from mnistgan.engine import machine
from mnistgan.projects import melody, music

CHORD = (72, 67, 64, 48)  # C major, from the soprano down


def piece(*chords, length=4):
    """A piece of chords that last `length` steps each, over and over, `(1, 64, 4)`."""
    steps = np.repeat(np.array(chords, np.int16), length, axis=0)
    steps[np.arange(len(steps)) % length != 0] *= -1
    return np.tile(steps, (-(-64 // len(steps)), 1))[None, :64]


@pytest.fixture(scope="module")
def tunes():
    """Sixteen pieces that walk through chords of four different pitches."""
    chance = np.random.default_rng(0)
    moves = chance.integers(-2, 3, (16, 16, 1)) + np.array(CHORD)
    return np.concatenate([piece(*chords) for chords in moves.astype(np.int16)])


def test_a_roll_shows_time_to_the_right_and_high_notes_on_top():
    roll = chorales.draw_rolls(piece(CHORD))
    assert roll.shape == (1, 64, 64, 1) and roll.dtype == np.uint8
    assert np.array_equal(np.flatnonzero(roll[0, :, 1, 0]), [17, 22, 25, 41])
    assert list(roll[0, 17, :5, 0]) == [chorales.NOTE] * 4 + [chorales.AGAIN]
    assert not chorales.draw_rolls(np.zeros((1, 64, 4), np.int16)).any()


def test_rolls_are_read_back(tunes):
    assert np.array_equal(chorales.read_rolls(chorales.draw_rolls(tunes)), tunes)


@pytest.mark.parametrize(
    "chord", [(60, 60, 55, 48), (72, 67, 67, 48), (72, 67, 52, 52)]
)
def test_two_voices_may_share_a_pitch(chord):
    notes = piece(chord)
    assert np.array_equal(chorales.read_rolls(chorales.draw_rolls(notes)), notes)


def test_smudges_are_not_notes():
    roll = chorales.draw_rolls(piece(CHORD))
    smudged = np.maximum(roll, np.roll(roll, 1, axis=1) // 2)
    smudged = np.maximum(smudged, chorales.DARK - 1)
    assert np.array_equal(chorales.read_rolls(smudged), piece(CHORD))


def test_an_empty_roll_is_silence():
    assert not chorales.read_rolls(np.zeros((2, 64, 64, 1), np.uint8)).any()


def test_the_way_to_the_white_keys():
    scale = np.array([62, 64, 66, 67, 69, 71, 73, 74])  # D major
    assert chorales.to_white_keys(scale) == chorales.to_white_keys(-scale) == -2
    assert chorales.to_white_keys(scale - 2) == 0
    assert chorales.to_white_keys(scale + 7) == 3


def test_pieces_are_four_whole_bars():
    notes = np.arange(1, 85, dtype=np.int16)[:, None] * [1, -1, 1, 1]
    pieces = chorales.cut(notes, [0, 4, 20, 36, 52, 68])  # a pick-up, then five bars
    assert pieces.shape == (2, 64, 4)
    assert np.array_equal(pieces[:, 0, 0], [5, 21])
    assert (pieces[:, 0] > 0).all() and (pieces[:, 1:, 1] < 0).all()
    assert chorales.cut(notes, [0, 4, 20, 36, 68]).shape == (0, 64, 4)


def small_score(pitch):
    """Four voices, a pick-up and four bars: quarters, the first of a bar tied over."""
    from music21 import meter, note, stream, tie

    score = stream.Score()
    for voice in (12, 7, 4, -12):
        part = stream.Part()
        part.append(pick_up := stream.Measure(number=0))
        pick_up.append(meter.TimeSignature("4/4"))
        pick_up.append(note.Note(pitch + voice, quarterLength=1))
        pick_up[-1].tie = tie.Tie("start")
        for number in range(1, 5):
            part.append(bar := stream.Measure(number=number))
            for beat in range(3 if number == 4 else 4):  # the last one is short
                bar.append(note.Note(pitch + voice + beat, quarterLength=1))
            if number == 1:
                bar.notes[0].tie = tie.Tie("stop")
        score.insert(0, part)
    return score


def test_a_score_is_written_down():
    pytest.importorskip("music21")
    notes, bars = chorales.read_score(small_score(60))
    assert bars == [0, 4, 20, 36, 52] and notes.shape == (68, 4)
    assert list(notes[:9, 0]) == [72, -72, -72, -72, -72, -72, -72, -72, 73]
    assert list(notes[-12:, 3]) == [
        49,
        -49,
        -49,
        -49,
        50,
        *[-50] * 7,
    ]  # held to the end


def test_other_scores_are_left_out():
    stream = pytest.importorskip("music21.stream")
    assert chorales.read_score(stream.Score()) is None


def test_chorales_are_read_once_and_whole_tunes_held_out(tmp_path, monkeypatch):
    corpus = pytest.importorskip("music21.corpus")
    few = {f"bach/bwv{i}": small_score(60 + i % 9) for i in range(10)}  # 9 is 0 again
    known = {i: {"title": f"Tune {i % 9}", "bwv": str(i)} for i in range(10)}
    listed = SimpleNamespace(byRiemenschneider=known)
    monkeypatch.setattr(corpus.chorales, "ChoraleListRKBWV", lambda: listed)
    monkeypatch.setattr(corpus, "parse", lambda name, **_: few[name])
    train = chorales.load_notes("train", tmp_path)
    monkeypatch.delattr(corpus, "parse")  # not needed any more
    test = chorales.load_notes("test", tmp_path)
    assert train.shape == (7, 64, 4) and test.shape == (2, 64, 4)
    assert len({p.tobytes() for p in np.abs(np.concatenate([train, test]))}) < 9
    as_bach = chorales.load_notes("train", tmp_path, white_keys=False)
    assert len({p.tobytes() for p in as_bach}) == 7
    rolls = chorales.load_rolls("train[:3]", tmp_path)
    assert np.array_equal(rolls, chorales.draw_rolls(train[:3]))
    assert [p.name for p in tmp_path.iterdir()] == ["chorale_rolls"]


def test_what_is_missing_is_named_with_its_remedy(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(ImportError, match=r"pip install 'mnistgan\[music\]'"):
        machine.import_extra("music21", "music")


def test_midi_has_every_note():
    pytest.importorskip("pretty_midi")
    score = music.to_midi(piece(CHORD)[0], seconds=0.25)
    assert len(score.instruments) == 4
    notes = score.instruments[0].notes
    assert [n.pitch for n in notes] == [72] * 16
    assert notes[1].start == 1.0 and notes[1].end == 2.0
    assert not music.to_midi(np.zeros((64, 4), np.int16)).instruments[0].notes


def test_sound_is_loud_but_not_clipped():
    pytest.importorskip("pretty_midi")
    wave = music.to_sound(piece(CHORD)[0], rate=8000)
    assert 64 * 0.16 <= len(wave) / 8000 < 64 * 0.16 + 2
    assert 0.5 < np.abs(wave).max() <= 0.9
    spectrum = np.abs(np.fft.rfft(wave))
    strongest = np.fft.rfftfreq(len(wave), 1 / 8000)[spectrum.argmax()]
    keys = [440 * 2 ** ((key - 69) / 12) for key in CHORD]
    assert min(abs(strongest - key) for key in keys) < 3
    assert not music.to_sound(np.zeros((64, 4), np.int16)).any()


def test_voices_leave_their_range_or_cross():
    assert music.in_range(piece(CHORD)) == 1
    assert music.in_range(piece(CHORD, (90, 67, 64, 48))) == 0.5
    assert music.in_range(piece(CHORD, (60, 67, 64, 48))) == 0.5
    assert music.in_range(piece((0, 67, 64, 48))) == 0


def test_black_keys_repeats_moves_and_leaps():
    assert music.in_scale(piece(CHORD)) == 1
    assert music.in_scale(piece((0, 0, 0, 0))) == 0  # nothing sounds
    assert music.in_scale(piece(CHORD, (73, 66, 64, 48))) == 0.75
    assert music.repeated(piece(CHORD)) == 1
    assert music.repeated(piece(CHORD, (74, 65, 62, 48))) == 0.25
    assert music.repeated(np.zeros((1, 64, 4), np.int16)) == 0
    assert music.moves(piece(CHORD)) == 0
    assert music.moves(piece((60, 60, 60, 60), (60, 60, 60, 62), length=16)) == 0.75
    assert music.leap(piece((60, 60, 60, 60), (60, 60, 60, 62), length=16)) == 0.5
    assert music.leap(piece(CHORD, (74, 65, 62, 48))) == 1.5


def test_chords_are_sets_of_pitch_classes():
    assert np.all(music.chords(piece(CHORD)) == 1 << 0 | 1 << 4 | 1 << 7)
    higher = piece((84, 79, 64, 36))
    assert music.common_chords(higher, piece(CHORD)) == 1
    assert music.common_chords(piece(CHORD, (73, 67, 64, 48)), piece(CHORD)) == 0.5
    assert not music.chords(np.zeros((1, 64, 4), np.int16)).any()


def test_histograms_are_compared_in_nats():
    c, d = piece((72, 60, 60, 48)), piece((74, 62, 62, 50))
    assert music.histogram_distance(c, c) == 0
    assert music.histogram_distance(c, d) == pytest.approx(np.log(2))
    half = piece((72, 60, 62, 50))
    expected = 0.5 * (np.log(4 / 3) + 0.5 * np.log(2 / 3) + 0.5 * np.log(2))
    assert music.histogram_distance(c, half) == pytest.approx(expected)


def test_copies_are_found(tunes):
    assert music.quoted(tunes, tunes) == 1
    assert music.quoted(tunes + np.sign(tunes) * 12, tunes) == 0
    mixed = tunes[:1].copy()
    mixed[0, :16] += 1
    assert music.quoted(mixed, tunes) == 0.75


def test_baselines(tunes):
    shuffled = music.shuffle_bars(tunes)
    assert music.quoted(shuffled, tunes) == 1 and not np.array_equal(shuffled, tunes)
    assert music.moves(music.repeat_chord(tunes)) == 0
    assert music.repeated(music.repeat_chord(tunes)) == 1
    mixed = music.strangers(tunes)
    for voice in range(4):
        assert sorted(mixed[:, 5, voice]) == sorted(tunes[:, 5, voice])
    assert not np.array_equal(mixed, tunes)


def test_the_table_has_a_column_for_each_row(tunes):
    rows = {"real": music.describe(tunes, tunes)}
    text = music.format_measures(
        rows | {"baseline": music.describe(music.strangers(tunes), tunes)}
    )
    lines = text.splitlines()
    assert len(lines) == 9 and "real" in lines[0] and "baseline" in lines[0]
    assert "1.000" in lines[-1]


def test_choices_say_go_on_strike_or_fall_silent():
    notes = np.zeros((1, 64, 4), np.int16)
    notes[0, :4, 0] = 60, -60, 62, 0
    choices = melody.to_choices(notes)
    assert list(choices[0, :6, 0]) == [35, 0, 37, melody.SILENT, 0, 0]
    assert list(choices[0, :3, 1]) == [melody.SILENT, 0, 0]


def test_a_voice_hears_only_what_came_before(tunes):
    rnn = melody.build_chorale_rnn(8)
    first = rnn(melody.inputs(tunes[:2]), training=False).numpy()
    assert first.shape == (2, 64, 4, 66)
    changed = tunes[:2].copy()
    changed[:, 30, 2] += 1
    second = rnn(melody.inputs(changed), training=False).numpy()
    same = np.isclose(first, second, atol=1e-6).all(axis=(0, 3))
    assert same[:30].all() and same[30, :3].all() and not same[30:32].all()


@pytest.mark.trained
def test_it_sings_what_it_foresees(tunes):
    keras.utils.set_random_seed(0)
    rnn = melody.build_chorale_rnn(16)
    sung = melody.compose(rnn, 3, temperature=1e-4)
    assert sung.shape == (3, 64, 4) and np.abs(sung).max() <= chorales.HIGHEST
    logits = rnn(melody.inputs(sung), training=False).numpy()
    chosen = melody.to_choices(sung)
    paid = np.take_along_axis(logits, chosen[..., None], -1)[..., 0]
    assert np.mean(logits.max(-1) - paid < 1e-4) > 0.9
    assert np.array_equal(melody.compose(rnn, 3, 5), melody.compose(rnn, 3, 5))


@pytest.mark.trained
def test_teaching_lowers_the_surprise(tunes):
    keras.utils.set_random_seed(0)
    rnn = melody.build_chorale_rnn(32)
    at_first = melody.nll(rnn, tunes)
    assert at_first == pytest.approx(4 * np.log(66), rel=0.1)  # a quarter is four steps
    melody.fit(rnn, np.concatenate([tunes] * 4), epochs=4)
    assert melody.nll(rnn, tunes) < 0.85 * at_first


def test_habit_counts():
    always, never = piece(CHORD), piece((71, 67, 64, 48))
    assert melody.markov_nll(always, np.tile(always, (20, 1, 1))) < 0.05
    assert melody.markov_nll(never, always) > melody.markov_nll(always, always) + 0.5
