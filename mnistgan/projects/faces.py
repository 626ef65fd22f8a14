"""Cartoon faces: the networks and the step of the digits, with three channels."""

from mnistgan.datasets.faces import CREDIT, load_faces
from mnistgan.projects import Dataset, Project
from mnistgan.projects.digits import build_networks


def load_face_images(settings, data_dir=None, chosen=slice(None)) -> Dataset:
    """Loads the faces, drawing them first if needed; see `Project.load`."""
    faces, _ = load_faces(f"train[:{settings.pictures}]", data_dir)
    return faces[chosen], None


PROJECT = Project(
    load_face_images,
    build_networks,
    {
        "channels": 3,
        "hidden": 0,
        "pictures": 10_000,
        "judged": 0,
        "epochs": {"smoke": 6, "quick": 12, "laptop": 24, "full": 36},
        "noise_std": 0.8,  # colours give the detective three times as much to go by
        "discriminator_learning_rate": 4e-4,
    },
    credit=CREDIT,
    limits="It draws faces of one style, seen from the front, as fine as 28×28 points.",
)
