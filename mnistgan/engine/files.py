"""Writing files whole or not at all, and noticing when they were damaged since."""

import errno
import functools
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

LEDGER = "checksums.json"  # the file of a folder that holds the others' checksums
ASIDE = f".{8 * '[0-9a-f]'}-*"  # names that `aside_of` gives
OLD = ".old-"  # before the name of a folder whose place is being taken
CANNOT = {  # what a drive answers that does not know how to do something
    getattr(errno, name, 0)
    for name in ("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EISDIR", "ENOLCK")
}


def aside_of(path: Path) -> Path:
    """A new name beside `path`, with the same ending, hidden."""
    return path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")


@functools.cache
def say_once(sentence: str) -> None:
    """Prints a sentence, but not again in this process."""
    print(sentence, flush=True)


def flush(path: Path) -> None:
    """Waits until a file, or the list of a folder's files, has reached the disk.

    Many drives of other machines cannot say when. There, this is left out.
    """
    try:
        opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except PermissionError:
        return  # Windows cannot open folders
    except OSError as error:
        if error.errno not in CANNOT:
            raise
        say_once(
            "This drive does not say when a file has reached it, as network drives "
            "often do not. Training goes on all the same; only a power cut could cost "
            "the last checkpoint."
        )


def check_letters(path: Path) -> None:
    """Refuses a name that TensorFlow cannot read: OSError, with the way out.

    It takes UTF-8, which Python knows nothing of where the locale is plain.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise OSError(
            f"{path} has letters that are no text here, and TensorFlow cannot read "
            "them: set PYTHONUTF8=1, or choose another folder"
        ) from error


def make_folder(folder: Path) -> None:
    """Makes a folder, and those around it, where they are missing.

    Raises:
        OSError: Something else is in its place, or it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        around = folder, *folder.parents
        file = next(x for x in around if os.path.lexists(x) and not x.is_dir())
        kind = "a file" if file.exists() else "a link to nowhere"
        place = "" if file == folder else f", so {folder} cannot be in it"
        raise OSError(
            f"{file} is {kind}, not a folder{place}; choose another folder"
        ) from error
    except OSError as error:
        raise OSError(
            f"the folder {folder} cannot be made ({error.strerror}); choose another"
        ) from error
    if not os.access(folder, os.W_OK):
        raise OSError(f"{folder} cannot be written to; choose another folder")


def check_place(path: Path) -> None:
    """Refuses a file that could not be written, before work begins; makes its folder.

    Raises:
        OSError: Its name is taken, or its folder cannot be made or written to.
    """
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is not an ordinary file; choose another name")
    make_folder(path.parent)


def in_words(error: BaseException) -> str:
    """What went wrong on the disk, without names from inside TensorFlow."""
    if getattr(error, "error_code", None) == 8:  # TensorFlow's "resource exhausted"
        return os.strerror(errno.ENOSPC)
    said = str(getattr(error, "strerror", None) or getattr(error, "message", error))
    return re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", said).strip()


@contextmanager
def named_errors(path: Path, aside: Path) -> Iterator[None]:
    """Names the file that somebody asked for, where writing to another one fails.

    Args:
        path: The file that is wanted.
        aside: What the block writes to, a file or a folder.

    Raises:
        OSError: The block could not write.
    """
    try:
        yield
    except Exception as error:
        place = str(getattr(error, "filename", None) or aside)
        of_the_disk = getattr(error, "errno", None) or hasattr(error, "error_code")
        if not of_the_disk or not place.startswith(str(aside)):
            raise  # it is a sentence already, or of another file
        raise OSError(
            f"{path} cannot be written ({in_words(error)}): make room, or choose "
            "another place"
        ) from error


@contextmanager
def atomic_write(path: str | os.PathLike, noted: bool = False) -> Iterator[Path]:
    """Gives a path to write to, which takes `path`'s place when the block succeeds.

    Args:
        path: The file that is wanted. Its folder is made where it is missing.
        noted: Note its checksum in the folder's ledger, for `check_file`.

    Yields:
        A path beside it, with the same ending. If the block fails, that file is removed
        and an older file at `path` stays as it was.

    Raises:
        OSError: The folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    check_place(path)
    aside = aside_of(path)
    try:
        with named_errors(path, aside):
            yield aside
            flush(aside)
            if noted:  # first, so that a crash in between leaves no wrong entry
                note(path, checksum(aside))
            os.replace(aside, path)
            flush(path.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Gives a folder to fill, which takes `path`'s place when the block succeeds.

    The checksums of all its files come with it; see `damage`.

    Args:
        path: The folder that is wanted. An older one is replaced.

    Yields:
        A new folder beside it. If the block fails, or the new folder cannot take its
        place, it is removed, and an older one stays.

    Raises:
        OSError: It cannot be made or written to.
    """
    aside, old = aside_of(path), path.with_name(OLD + path.name)
    aside.mkdir(parents=True)
    try:
        yield aside
        write_checksums(aside)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(path, old)
        os.rename(aside, path)
        flush(path.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        settle(old)


def settle(old: Path) -> None:
    """Removes an old folder whose place was taken; else, puts it back there."""
    path = old.with_name(old.name.removeprefix(OLD))
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
    elif old.exists():
        os.rename(old, path)


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_ledger(folder: Path) -> dict[str, list[str]]:
    """The checksums that are right for the files of a folder; none where it has none.

    Raises:
        ValueError: The ledger is damaged.
    """
    ledger = folder / LEDGER
    try:
        entries = json.loads(ledger.read_text()) if ledger.exists() else {}
        return {name: list(sums) for name, sums in entries.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{ledger} is damaged ({error}); delete it if you trust the other files"
        ) from error


def write_ledger(folder: Path, entries: dict[str, list[str]]) -> None:
    """Writes the checksums of a folder."""
    with atomic_write(folder / LEDGER) as aside:
        aside.write_text(json.dumps(entries, indent=1) + "\n")


def note(path: Path, new: str) -> None:
    """Notes the checksum that a file is about to have; its present one stays right."""
    try:
        entries = read_ledger(path.parent)
    except ValueError:
        entries = {}  # what is being written makes a new one
    right = [new]
    if path.exists():
        present = checksum(path)
        if present in entries.get(path.name, [present]):  # else it is damaged
            right.append(present)
    write_ledger(path.parent, {**entries, path.name: right})


def write_checksums(folder: Path) -> None:
    """Notes the checksums of all files in a folder that is complete."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    for path in paths:
        flush(path)
    write_ledger(folder, {path.name: [checksum(path)] for path in paths})


def check_file(path: Path) -> None:
    """Refuses a file that is not what was noted when it was written.

    A file that nobody noted, such as one that was copied elsewhere, is let pass.

    Raises:
        ValueError: It was damaged since, or the ledger was.
    """
    right = read_ledger(path.parent).get(path.name)
    if right and checksum(path) not in right:
        raise ValueError(
            f"{path} is damaged: it is not what was once written there. Put an "
            "undamaged copy in its place, or make it again."
        )


def damage(folder: Path) -> str:
    """Says what is wrong with a folder that was sealed; empty when it is as it was."""
    try:
        names = read_ledger(folder)
        if not names:
            return f"{folder / LEDGER} is missing"
        for name in names:
            check_file(folder / name)
    except (ValueError, OSError) as error:
        return str(error)
    return ""


def remove_temp(folder: Path) -> None:
    """Clears up what a killed program left aside in a run's folder.

    A checkpoint that was about to be replaced gets its place back, if that is free.
    """
    places = folder, folder / "checkpoints", folder / "previews"
    for path in [path for place in places for path in place.glob(ASIDE)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for old in list(folder.glob(f"checkpoints/{OLD}*")):
        settle(old)


@contextmanager
def wait_for_turn(place: Path) -> Iterator[None]:
    """Lets one process at a time into a block; the others wait.

    Where a drive knows no locks, it lets all of them in.

    Args:
        place: A file for the lock, in a folder that exists.

    Raises:
        OSError: The folder cannot be written to.
    """
    lock = filelock.FileLock(place)
    try:
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in CANNOT:
            raise
    try:
        yield
    finally:
        lock.release()
