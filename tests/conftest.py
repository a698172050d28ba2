"""What all rooms' tests share."""

import signal
from pathlib import Path

import numpy as np
import pytest

from simcraft.clip import MotionClip


def pytest_configure() -> None:
    """Ctrl-C reaches the programs that tests start, even where a shell has started the tests in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def moving_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip on disk: a textured plane that moves 2 px to the right a frame, nothing else known."""
    from simcraft.clip.store import save_clip

    frames, height, width = 5, 48, 64
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 255, (height // 8, width // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    flow = np.zeros((frames - 1, height, width, 2), np.float32)
    flow[..., 0] = 2
    valid = np.ones(flow.shape[:3], bool)
    clip = MotionClip(image, flow, -flow, valid, valid, fps=8.0, name="moving")
    path = tmp_path_factory.mktemp("clips") / "moving.npz"
    save_clip(clip, path)
    return path
