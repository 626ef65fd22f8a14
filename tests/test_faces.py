"""Cartoon faces: the album, pictures of one's own, and the witness."""

import io
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow import keras

from mnistgan import __main__
from mnistgan.datasets import faces, image_folder
from mnistgan.projects import attribute_classifier
from mnistgan.projects.faces import build_face_discriminator
from mnistgan.sampling import draw, load_generator, make_noise
from mnistgan.settings import choose_settings
from mnistgan.training import Options, train

pytest.importorskip("dicebear")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A data set of 48 and 16 faces instead of 10,000 and 2,000, and where it is."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "SIZES", {"train": 48, "test": 16})
        faces.prepare_faces(folder)
    return folder


def test_a_seed_always_gives_the_same_face():
    one, named = faces.render_face("7")
    assert one.shape == (64, 64, 3) and one.dtype == np.uint8
    assert np.array_equal(one, faces.render_face("7")[0])
    assert not np.array_equal(one, faces.render_face("8")[0])
    assert all(named[question] in faces.ANSWERS[question] for question in named)
    assert list(named) == list(faces.ANSWERS)


def test_what_a_face_is_made_of_can_be_seen():
    for seed in range(20):
        picture, named = faces.render_face(str(seed))
        colours = {f"#{bytes(pixel).hex()}" for pixel in picture.reshape(-1, 3)}
        assert named["skinColor"] in colours and named["hairColor"] in colours
        assert "#ffffff" in colours


def test_faces_become_a_data_set(few):
    pictures, named = faces.load_faces("train", few)
    assert pictures.shape == (48, 64, 64, 3) and pictures.dtype == np.uint8
    assert named.keys() == faces.ANSWERS.keys()
    others, _ = faces.load_faces("test", few)
    rows = np.concatenate([pictures, others]).reshape(64, -1)
    assert len(np.unique(rows, axis=0)) == 64
    some, _ = faces.load_faces("train[:10]", few)
    assert np.array_equal(some, pictures[:10])
    info = tfds.builder(f"cartoon_faces:{faces.VERSION}", data_dir=few).info
    written = info.description + info.homepage + info.citation
    assert (
        "Lisa Wischofsky" in written
        and "CC BY 4.0" in written
        and faces.SOURCE in written
    )


def test_labels_belong_to_their_pictures(few):
    pictures, named = faces.load_faces("test", few)
    for number, picture in enumerate(pictures):
        answer = faces.ANSWERS["skinColor"][named["skinColor"][number]]
        colours = {f"#{bytes(pixel).hex()}" for pixel in picture.reshape(-1, 3)}
        assert answer in colours


def test_a_prepared_data_set_is_kept(few, monkeypatch):
    monkeypatch.setattr(faces, "render_all", lambda: pytest.fail("drawn again"))
    assert faces.prepare_faces(few) == few
    assert [path.name for path in few.iterdir()] == ["cartoon_faces"]


def test_an_interrupted_album_leaves_nothing_behind(tmp_path, monkeypatch):
    def power_cut():
        raise RuntimeError("power cut")

    monkeypatch.setattr(faces, "render_all", power_cut)
    with pytest.raises(RuntimeError):
        faces.prepare_faces(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("split", ["validation", "train[:49]"])
def test_faces_that_are_not_there_are_named(few, split):
    with pytest.raises(ValueError, match="split is"):
        faces.load_faces(split, few)


@pytest.mark.parametrize("missing", ["dicebear", "resvg_py", "dicebear_styles"])
def test_without_dicebear_one_sentence_says_what_to_do(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    faces.load_style.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'mnistgan\[faces\]'"):
        faces.load_faces("train", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_robot_learns_from_the_faces(few, tmp_path):
    settings = choose_settings(
        "quick", project="faces", pictures=40, batch_size=20, epochs=1, previews=1
    )
    run = train(settings, tmp_path / "run", options=Options(data_dir=few))
    assert run.finished
    assert Image.open(tmp_path / "run" / "grid.png").mode == "RGB"


def save(folder, name, mode="RGB", size=(90, 70), colour=None, **options):
    """Saves one picture of a plain colour."""
    with Image.new(mode, size, colour if colour is not None else 0) as picture:
        picture.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize(
    "name, mode, colour, wanted",
    [
        ("rgb.png", "RGB", (200, 30, 40), (200, 30, 40)),
        ("black_and_white.png", "1", 1, (255, 255, 255)),
        ("grey.png", "L", 77, (77, 77, 77)),
        ("grey_and_alpha.png", "LA", (0, 0), (255, 255, 255)),
        ("see_through.png", "RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("half.png", "RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("palette.gif", "P", 0, (0, 0, 0)),
        ("deep.png", "I;16", 257 * 99, (99, 99, 99)),
        ("deep.tif", "I;16", 257 * 99, (99, 99, 99)),
        ("whole_numbers.tif", "I", 257 * 99, (99, 99, 99)),
        ("lab.tif", "LAB", (255, 128, 128), (255, 255, 255)),
        ("print.tif", "CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("print.jpg", "CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("web.webp", "RGB", (10, 200, 60), (10, 200, 60)),
    ],
)
def test_any_mode_becomes_colour(tmp_path, name, mode, colour, wanted):
    picture = image_folder.read_picture(save(tmp_path, name, mode, colour=colour))
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - wanted).max() <= 4  # JPEG and WebP are lossy


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (64, 64), (2000, 1500)])
def test_any_size_becomes_a_square(tmp_path, size):
    picture = image_folder.read_picture(
        save(tmp_path, "a.png", size=size, colour=(9, 8, 7))
    )
    assert picture.shape == (64, 64, 3) and (picture == (9, 8, 7)).all()


def test_the_middle_is_kept(tmp_path):
    wide = np.zeros((50, 150, 3), np.uint8)
    wide[:, 48:102] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert image_folder.read_picture(tmp_path / "wide.png").min() > 250


def test_a_turned_photo_is_turned_upright(tmp_path):
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[:, :32] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me clockwise by a quarter"
    Image.fromarray(photo).save(tmp_path / "turned.png", exif=exif)
    upright = image_folder.read_picture(tmp_path / "turned.png")
    assert upright[:30].min() == 255 and upright[34:].max() == 0


def test_of_an_animation_the_first_frame_is_kept(tmp_path):
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    red.save(tmp_path / "film.gif", save_all=True, append_images=[blue])
    assert (image_folder.read_picture(tmp_path / "film.gif") == (255, 0, 0)).all()


def test_bad_files_are_left_out_by_name(tmp_path, capsys, monkeypatch):
    (tmp_path / "deeper").mkdir()
    for number in range(3):
        save(tmp_path / "deeper", f"{number}.png", colour=(number, 0, 0))
    good = save(tmp_path, "good.jpg", colour=(50, 60, 70))
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:300])
    (tmp_path / "empty.png").touch()
    (tmp_path / "diary.txt").write_text("no picture")
    (tmp_path / ".hidden").write_text("not looked at")
    save(tmp_path, "float.tif", "F", colour=0.5)
    monkeypatch.setattr(image_folder, "MOST_PIXELS", 90 * 70)
    save(tmp_path, "huge.png", size=(91, 70))
    pictures = image_folder.load_folder(tmp_path, least=4)
    assert pictures.shape == (4, 64, 64, 3) and pictures.dtype == np.uint8
    assert pictures[:3, 0, 0, 0].tolist() == [0, 1, 2]
    said = capsys.readouterr().out
    assert said.startswith("Left out 5 of 9 files: ") and said.count("\n") == 1
    for name in ("cut.jpg", "empty.png", "diary.txt", "float.tif", "huge.png (91×70"):
        assert name in said


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path):
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    (tmp_path / "bomb.png").write_bytes(file.getvalue())
    with pytest.raises((ValueError, Image.DecompressionBombError), match="pixels"):
        image_folder.read_picture(tmp_path / "bomb.png")


def fill_folder(folder, count=110):
    """Pictures as people have them: all kinds, broken, huge and tiny ones."""
    draw = np.random.default_rng(0)
    for number in range(count):
        size = tuple(int(side) for side in draw.integers(1, 300, 2))
        kind = ("png", "jpg", "webp", "gif", "bmp")[number % 5]
        colour = tuple(int(part) for part in draw.integers(0, 255, 3))
        Image.new("RGB", size, colour).save(folder / f"{number}.{kind}")
    Image.new("L", (9000, 6000), 80).save(folder / "huge.jpg")
    Image.new("RGBA", (1, 1), (9, 9, 9, 0)).save(folder / "tiny.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:40])
    (folder / "letter.txt").write_text("no picture")


def test_a_folder_of_your_own_teaches_two_robots(tmp_path, capsys):
    album, out = tmp_path / "album", tmp_path / "run"
    album.mkdir()
    fill_folder(album)
    narrow = ["--generator-width=2", "--discriminator-width=2", "--epochs=2"]
    command = ["train", "--project=own", f"--folder={album}", f"--out={out}"]
    assert __main__.main([*command, *narrow, "--preset=quick"]) == 0
    said = capsys.readouterr().out
    assert "Left out 2 of 114 files" in said and "pictures: 112." in said
    robot = load_generator(out / "generator.keras")
    assert draw(robot, make_noise(robot, 3)).shape == (3, 64, 64, 3)
    assert __main__.main([*command, *narrow, "--preset=quick"]) == 0  # it is finished


def test_however_many_pictures_are_yours_the_robots_take_as_many_steps():
    faces_steps = choose_settings("laptop", "faces").total_steps
    for count in (100, 1_000, 7_777):
        settings = choose_settings("laptop", "own", pictures=count)
        assert 0.8 < settings.total_steps / faces_steps < 1.4


def test_what_does_not_fit_your_folder_is_refused(tmp_path, complaint, capsys):
    place, own = f"--folder={tmp_path}", "--project=own"
    assert "--folder DIR" in complaint("train", own, f"--out={tmp_path / 'run'}")
    assert "has pictures of its own" in complaint("train", place, "--project=faces")
    assert "has pictures of its own" in complaint("train", place)
    assert __main__.main(["train", place, own]) == 2
    assert "at least 100" in capsys.readouterr().err
    fill_folder(tmp_path)
    assert __main__.main(["train", place, own, "--pictures=50"]) == 2
    said = capsys.readouterr().err
    assert "holds 112" in said and "leave --pictures out" in said


def test_too_few_pictures_and_no_folder_are_named(tmp_path):
    with pytest.raises(OSError, match=r"there is no folder .*nowhere"):
        image_folder.load_folder(tmp_path / "nowhere")
    save(tmp_path, "lonely.png")
    with pytest.raises(ValueError, match=r"has 1 pictures .* at least 100"):
        image_folder.load_folder(tmp_path)


@pytest.fixture(scope="module")
def taught(few):
    keras.utils.set_random_seed(0)
    eyes = attribute_classifier.build_attribute_classifier()
    pictures, named = faces.load_faces("train", few)
    attribute_classifier.train_attribute_classifier(eyes, pictures, named, epochs=40)
    return eyes, pictures, named


@pytest.mark.trained
def test_the_witness_learns_what_faces_are_made_of(taught):
    eyes, pictures, named = taught
    seen = attribute_classifier.ask(eyes, pictures)
    assert seen["features"].shape == (48, 256)
    for question, answers in faces.ANSWERS.items():
        assert seen[question].shape == (48, len(answers))
        assert np.allclose(seen[question].sum(1), 1, atol=1e-5)
        assert np.mean(seen[question].argmax(1) == named[question]) > 0.9, question


@pytest.mark.trained
def test_scores_tell_faces_from_what_is_none(taught, few):
    eyes, pictures, _ = taught
    real, _ = faces.load_faces("test", few)
    chance = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), np.uint8)
    good, bad = (
        attribute_classifier.score_faces(eyes, each, real)
        for each in (pictures[:16], chance)
    )
    assert good["frechet"] < bad["frechet"] and good["coverage"] > bad["coverage"]
    assert attribute_classifier.score_faces(eyes, real, real)["frechet"] < 1e-3
    with pytest.raises(ValueError, match="too few"):
        attribute_classifier.score_faces(eyes, real[:3], real)


def test_blended_faces_have_the_mean_and_the_spread_of_real_ones():
    chance = np.random.default_rng(1)
    mixed = chance.standard_normal((80, 3)) @ chance.standard_normal((3, 64 * 64 * 3))
    pictures = np.clip(128 + 20 * mixed, 0, 255).astype("uint8").reshape(80, 64, 64, 3)
    blends = faces.blend_faces(pictures, 300)
    assert blends.shape == (300, 64, 64, 3) and blends.dtype == np.uint8
    assert np.array_equal(blends, faces.blend_faces(pictures, 300))
    assert abs(blends.mean() - pictures.mean()) < 5
    assert 0.85 < blends.std(0).mean() / pictures.std(0).mean() < 1.15


def test_the_detective_of_faces_judges_one_picture_at_a_time():
    discriminator = build_face_discriminator(2)
    picture = np.zeros((2, 64, 64, 3), "float32")
    logits = discriminator(picture, training=False)
    assert logits.shape == (2, 1) and logits.dtype == "float32"
    assert np.ptp(discriminator(picture, training=True)) > 0, "its fog is thin"


def test_no_speck_is_too_small_for_the_detective_of_faces():
    """Each of 28×28 points counts, and none more than ten times as much as others."""
    shrink = build_face_discriminator(2).layers[2]
    points = np.zeros((28 * 28, 28, 28, 1), "float32")
    points.reshape(28 * 28, -1)[np.diag_indices(28 * 28)] = 1.0
    enlarged = tf.image.resize(points, (64, 64))
    seen = shrink(enlarged).numpy().reshape(28 * 28, -1)
    strength = np.linalg.norm(seen, axis=1)
    assert strength.min() > 0.1 * strength.max()
