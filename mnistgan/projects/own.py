"""Pictures of your own: any folder of them, with the networks of the faces."""

from typing import NoReturn

from mnistgan.engine.runs import Words
from mnistgan.projects import Project
from mnistgan.projects.faces import PROJECT as FACES
from mnistgan.projects.faces import build_face_networks


def need_pictures(settings, data_dir=None, chosen=slice(None)) -> NoReturn:
    """There is no album but yours: ValueError."""
    raise ValueError(
        "the project own learns from your pictures: python -m mnistgan train "
        "--project own --folder DIR, or train(settings, pictures=...)"
    )


PROJECT = Project(
    need_pictures,
    build_face_networks,
    FACES.defaults,  # as many steps as with faces, however many pictures there are
    words=Words(beliefs=("for your pictures", "for drawn ones")),
    limits="It draws what is alike in the pictures that it has seen, as fine as 28×28 "
    "points; of few pictures it may draw copies.",
    yours=True,
)
