"""Videos on disk: every format comes back, with what made it; nothing half-written stays behind."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from simcraft.errors import Cancelled, Failure, UserError
from simcraft.video import Video, load_video, save_video
from tests.analytic import sliding_square

MADE_BY = {"generator": "warp", "options": {"text": 'quotes " = ; # \\ and ü'}, "pixels": [1, 0.5, None]}


@pytest.fixture(scope="module")
def video() -> Video:
    return Video(sliding_square(height=61, width=83, count=6).frames, 12.5, MADE_BY)


@contextlib.contextmanager
def small_files_only() -> Iterator[None]:
    """The operating system refuses to let any file grow beyond 2 kB: what a full disk does, without filling one.

    No fixture: pytest would write its own log while the limit holds.
    """
    old_limit, old_handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, old_limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)


@pytest.mark.parametrize(("name", "error"), [("a.mp4", 3.0), ("a.webm", 3.0), ("a.gif", 8.0), ("frames", 0.0)])
def test_round_trip(video: Video, tmp_path: Path, name: str, error: float) -> None:
    steps: list[tuple[int, int]] = []
    path = save_video(video, tmp_path / "new" / name, lambda stage, step, count: steps.append((step, count)))
    back = load_video(path)
    assert back.made_by == MADE_BY
    assert back.fps == pytest.approx(12.5)
    assert back.frames.shape == video.frames.shape  # odd sizes too
    difference = back.frames.astype(int) - video.frames
    assert np.abs(difference).mean() <= error
    assert np.abs(difference.mean((0, 1, 2))).max() <= 1.5  # no shift of the colours
    assert steps[-1] == (6, 6)
    assert [p.name for p in path.parent.iterdir()] == [name]


def test_saving_again_replaces(video: Video, tmp_path: Path) -> None:
    for name in ("a.gif", "frames"):
        save_video(video, tmp_path / name)
        save_video(Video(video.frames[:2]), tmp_path / name)
        assert load_video(tmp_path / name).frame_count == 2


def test_mp4_is_what_every_player_takes(video: Video, tmp_path: Path) -> None:
    import imageio_ffmpeg

    about = next(imageio_ffmpeg.read_frames(str(save_video(video, tmp_path / "a.mp4"))))
    assert about["codec"] == "h264"
    assert about["pix_fmt"].startswith("yuv420p")
    assert about["size"] == (84, 62)


def test_somebody_elses_folder(tmp_path: Path, video: Video) -> None:
    save_video(video, tmp_path / "frames")
    (tmp_path / "frames" / "video.json").unlink()
    back = load_video(tmp_path / "frames")
    assert back.fps == 24
    assert (back.frames == video.frames).all()


@pytest.mark.parametrize("name", ["a.avi", "a.mov", "a.png"])
def test_unknown_extension(video: Video, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"\.mp4"):
        save_video(video, tmp_path / name)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match="not a video format"):
        load_video(tmp_path / name)


def test_foreign_folders_are_left_alone(video: Video, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="mine exists"):
        save_video(video, tmp_path / "mine")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        save_video(video, tmp_path / "folder.mp4")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "frames"])
def test_full_disk(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4, 96, 96, 3)).astype(np.uint8)
    with pytest.raises(Failure, match=f"{name} could not be written.*space"), small_files_only():
        save_video(Video(noise), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written(video: Video) -> None:
    with pytest.raises(Failure, match=r"/proc/nowhere/a\.mp4 could not be written"):
        save_video(video, "/proc/nowhere/a.mp4")


def test_cancelling_leaves_nothing(video: Video, tmp_path: Path) -> None:
    def cancel(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == 3:
            raise Cancelled("stopped")

    for name in ("a.mp4", "frames"):
        with pytest.raises(Cancelled):
            save_video(video, tmp_path / name, cancel)
    assert not list(tmp_path.iterdir())


def test_damaged_files(video: Video, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.webm", "a.gif"):
        (tmp_path / name).write_bytes(b"this is not a video" * 20)
        with pytest.raises(UserError, match=f"{name} is not a readable"):
            load_video(tmp_path / name)
    with pytest.raises(UserError, match=r"gone\.mp4 does not exist"):
        load_video(tmp_path / "gone.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no PNG"):
        load_video(tmp_path / "empty")
    folder = save_video(video, tmp_path / "frames")
    (folder / "frame_0002.png").write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"frame_0002\.png is not a readable PNG"):
        load_video(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", r"index is \[1\]; expected an object"),
        ('{"fps": "x"}', "fps is 'x'; expected a number"),
        ('{"fps": null}', "fps is None; expected a number"),
        ('{"fps": true}', "fps is True; expected a number"),
        ('{"fps": NaN}', "fps is nan; expected a number"),
        ('{"fps": 0}', "fps is 0; expected a number"),
        ('{"made_by": 5}', "made_by is 5; expected an object"),
        ("[" * 100_000, "is not valid JSON"),
        ("\udcff", "is not valid JSON"),
    ],
)
def test_damaged_index(video: Video, tmp_path: Path, text: str, said: str) -> None:
    folder = save_video(video, tmp_path / "frames")
    (folder / "video.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=rf"video\.json.*{said}") as caught:
        load_video(folder)
    assert "remove video.json" in caught.value.fix


@pytest.mark.parametrize(
    "comment",
    [
        "a holiday",
        "[1]",
        '{"size": null, "fps": "x"}',
        '{"simcraft": 1, "size": null}',
        '{"simcraft": 1, "size": [80, "x"]}',
        '{"simcraft": 1, "size": [20, 10]}',
        '{"simcraft": 1, "fps": null, "size": [83, 61]}',
        '{"simcraft": 1, "made_by": 5, "size": [83, 61]}',
    ],
)
@pytest.mark.parametrize("extension", ["mp4", "gif"])
def test_comments_that_somebody_else_wrote(video: Video, tmp_path: Path, comment: str, extension: str) -> None:
    """The tag is ignored, the frames count."""
    import imageio_ffmpeg

    source = save_video(video, tmp_path / f"a.{extension}")
    if extension == "gif":
        bare = source.read_bytes()
        own = bare[: bare.rindex(b"\x21\xfe")]
        blocks = bytes([len(comment)]) + comment.encode()
        (tmp_path / "b.gif").write_bytes(own + b"\x21\xfe" + blocks + b"\x00\x3b")
    else:
        tag = ["-metadata", f"comment={comment}", str(tmp_path / "b.mp4")]
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", source, "-c", "copy", *tag], check=True)
    back = load_video(tmp_path / f"b.{extension}")
    assert back.size == ((84, 62) if extension == "mp4" else (83, 61))
    assert back.fps == pytest.approx(12.5)
    assert back.made_by == {}


@pytest.mark.parametrize("name", ["a:b.mp4", "http:b.webm", "a:b.gif", "-y.mp4", "100%d.mp4", "a b'c.mp4"])
def test_names_that_mean_something_to_ffmpeg(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_video(save_video(video, name)).made_by == MADE_BY
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_replacement_that_fails_leaves_the_old_frames(video: Video, tmp_path: Path) -> None:
    """The new folder goes away while it is written."""

    def lose_it(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step == steps:
            (partial,) = tmp_path.glob(".frames.*.partial")
            partial.rename(tmp_path / "elsewhere")

    folder = save_video(video, tmp_path / "frames")
    with pytest.raises(Failure, match="frames could not be written"):
        save_video(Video(video.frames[:2]), folder, lose_it)
    assert (load_video(folder).frames == video.frames).all()


def test_frames_are_checked() -> None:
    with pytest.raises(UserError, match="float64"):
        Video(np.zeros((2, 4, 4, 3)))
    with pytest.raises(UserError, match="fps"):
        Video(np.zeros((2, 4, 4, 3), np.uint8), fps=0)
    with pytest.raises(UserError, match=r"video\.made_by is 5"):
        Video(np.zeros((2, 4, 4, 3), np.uint8), made_by=5)
    assert Video(np.zeros((2, 4, 4, 3), np.uint8), fps=np.float32(12.5)).fps == 12.5


def test_index_is_json(video: Video, tmp_path: Path) -> None:
    save_video(video, tmp_path / "frames")
    assert json.loads((tmp_path / "frames" / "video.json").read_text()) == {"fps": 12.5, "made_by": MADE_BY}
