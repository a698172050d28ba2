"""Videos: frames and what made them, and their files (MP4, WebM, GIF, a folder of PNGs).

ffmpeg is imageio's (the package imageio-ffmpeg, which brings the program along), called directly: imageio itself would
choose codec settings and lose the comment that tells what made a video.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.errors import Failure, UserError
from simcraft.progress import Progress, silent, track
from simcraft.recording.format import replace_folder

EXTENSIONS = (".mp4", ".webm", ".gif")
"""What a video file may end in; a path without an extension is a folder of PNGs."""

INDEX = "video.json"
"""The file beside the PNGs of a folder that holds the frame rate and what made the frames."""

_WITHOUT_INDEX = f"Correct it, or remove {INDEX}: the PNGs are then read at 24 frames/s."

_BT709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
_TO_YUV = ["-vf", "scale=out_color_matrix=bt709:flags=accurate_rnd+full_chroma_int", "-pix_fmt", "yuv420p", *_BT709]
_PALETTE = "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=bayer:bayer_scale=4"
_CODECS = {
    ".mp4": ["-c:v", "libx264", "-preset", "medium", "-crf", "14", *_TO_YUV, "-movflags", "+faststart", "-f", "mp4"],
    ".webm": [
        "-c:v",
        "libvpx-vp9",
        "-b:v",
        "0",
        "-crf",
        "20",
        "-cpu-used",
        "4",
        "-row-mt",
        "1",
        *_TO_YUV,
        "-f",
        "webm",
    ],
    ".gif": ["-filter_complex", _PALETTE, "-f", "gif"],
}


@dataclass(frozen=True)
class Video:
    """Frames in sRGB, and what made them."""

    frames: np.ndarray
    """(T, H, W, 3) uint8, sRGB."""
    fps: float = 24.0
    """Frames a second."""
    made_by: dict[str, Any] = field(default_factory=dict)
    """JSON values: generator, options, where pixels came from, versions."""

    def __post_init__(self) -> None:
        shape = self.frames.shape
        if self.frames.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
            raise UserError(f"video.frames is {self.frames.dtype} {shape}; expected uint8 (T, H, W, 3).")
        problem = _problem({"fps": self.fps, "made_by": self.made_by})
        if problem:
            raise UserError(f"video.{problem}.")

    @property
    def frame_count(self) -> int:
        """T."""
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frames.shape[2], self.frames.shape[1]


def save_video(video: Video, path: str | os.PathLike[str], progress: Progress = silent) -> Path:
    """Write `video` as .mp4 (H.264), .webm (VP9), .gif, or, without an extension, as a folder of PNGs.

    The file appears when it is complete. `made_by` travels along: as the comment tag of the file, or in the folder's
    video.json. Odd sizes are padded by one repeated row or column in MP4 and WebM; `load_video` cuts it off again.

    Raises
    ------
    UserError: unknown extension, or the folder exists and is not a video.
    Failure: the disk is full or not writable; `path` is then as it was.
    """
    extension = check_video_path(path)
    path = Path(path)
    with _failures_of(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # the temporary name keeps the extension last, because players and encoders look at it
        temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{extension}")
        try:
            if extension:
                _encode(video, temporary, _CODECS[extension], progress)
                if extension == ".gif":
                    _add_gif_comment(temporary, _comment(video))
                temporary.replace(path)
            else:
                _save_pngs(video, temporary, progress)
                replace_folder(temporary, path)
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)
    return path


def check_video_path(path: str | os.PathLike[str]) -> str:
    """The lower-case extension of a video that can be written to `path`, "" for a folder; `UserError` otherwise.

    Cheap: call it before the work whose result goes there.
    """
    path = Path(path)
    extension = path.suffix.lower()
    if extension and extension not in EXTENSIONS:
        raise UserError(
            f"{path}: '{extension}' is not a video format that SimCraft writes.",
            f"Use {', '.join(EXTENSIONS)}, or a name without an extension for a folder of PNGs.",
        )
    if extension and path.is_dir():
        raise UserError(f"{path} is a folder; expected the name of a video file.", "Choose another name.")
    if not extension and path.exists() and not (path / INDEX).is_file() and not _is_empty_folder(path):
        raise UserError(f"{path} exists and is not a folder of video frames.", "Choose another name, or remove it.")
    return extension


def load_video(path: str | os.PathLike[str]) -> Video:
    """Read an MP4, WebM or GIF file, or a folder of PNGs (sorted by name).

    Raises `UserError` that names the file where it is missing, of an unknown kind, empty or damaged.
    """
    path = Path(path)
    if path.is_dir():
        return _load_pngs(path)
    if not path.is_file():
        raise UserError(f"{path} does not exist.", "Give a video file or a folder of PNGs.")
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        raise UserError(f"{path}: '{extension}' is not a video format that SimCraft reads.", f"Use {EXTENSIONS}.")
    frames, fps, comment = _load_gif(path) if extension == ".gif" else _decode(path)
    about = _parse_comment(comment)
    padded = frames.shape[2], frames.shape[1]
    width, height = about.get("size", padded)
    if not (0 <= padded[0] - width <= 1 and 0 <= padded[1] - height <= 1):
        width, height = padded  # somebody has scaled the video and kept our comment
    frames = np.ascontiguousarray(frames[:, :height, :width])
    return Video(frames, float(about.get("fps", fps)), about.get("made_by", {}))


# ------------------------------------------------------------------------------------------------------- through ffmpeg


def _encode(video: Video, path: Path, codec: list[str], progress: Progress) -> None:
    """Pipe the frames to ffmpeg; it is asked for the exact arguments, so no imageio defaults creep in."""
    import imageio_ffmpeg

    frames = video.frames
    if path.suffix != ".gif":
        frames = np.pad(frames, [(0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)], mode="edge")
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", repr(float(video.fps)), "-i", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *source, "-an", *codec]
    command += ["-metadata", f"comment={_comment(video)}", _local(path)]
    with tempfile.TemporaryFile() as log:
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
        assert encoder.stdin is not None
        try:
            for frame in track(frames, "encode video", len(frames), progress):
                encoder.stdin.write(np.ascontiguousarray(frame).data)
            encoder.stdin.close()
        except BrokenPipeError:
            pass  # the encoder stopped; its exit code and its log say why
        except BaseException:
            encoder.kill()
            encoder.wait()
            raise
        if encoder.wait() != 0:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            raise OSError(f"the encoder stopped ({lines[0] if lines else f'exit code {encoder.returncode}'})")


def _decode(path: Path) -> tuple[np.ndarray, float, str]:
    """Frames, frame rate and comment tag of a file that ffmpeg reads."""
    import imageio_ffmpeg

    try:
        exact = ["-sws_flags", "accurate_rnd+full_chroma_int+bicubic"]
        reader = imageio_ffmpeg.read_frames(_local(path), pix_fmt="rgb24", output_params=exact)
        about = next(reader)
        width, height = about["size"]
        frames = [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader]
    except (OSError, RuntimeError, KeyError, IndexError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1:] or ["no frames"]
        raise UserError(f"{path} is not a readable video ({reason[0]}).", "Is the file complete?") from None
    if not frames:
        raise UserError(f"{path} has no frames.", "Is the file complete?")
    dump = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", _local(path), "-f", "ffmetadata", "-"]
    tags = subprocess.run(dump, capture_output=True, stdin=subprocess.DEVNULL, check=False).stdout.decode(
        "utf-8", "replace"
    )
    found = re.search(r"^comment=((?:\\.|[^\\\n])*)", tags, re.MULTILINE | re.IGNORECASE | re.DOTALL)
    return np.stack(frames), float(about["fps"]), re.sub(r"\\(.)", r"\1", found[1]) if found else ""


def _local(path: Path) -> str:
    """The path as ffmpeg takes it: without the scheme, a colon in a name would start a protocol, a dash an option."""
    return f"file:{path}"


def _comment(video: Video) -> str:
    """What is stored inside the file, in plain ASCII."""
    return json.dumps({"simcraft": 1, "size": video.size, "fps": video.fps, "made_by": video.made_by})


def _parse_comment(text: str) -> dict[str, Any]:
    """The inverse of `_comment`; {} for files that somebody else made."""
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(about, dict) or about.get("simcraft") != 1 or _problem(about):
        return {}
    size = about.get("size")
    two_numbers = isinstance(size, list) and len(size) == 2 and all(type(number) is int for number in size)
    return about if two_numbers else {}


def _problem(about: Any) -> str:
    """What is wrong with the frame rate or with what made a video, "" where nothing is; both may be missing."""
    if not isinstance(about, dict):
        return f"index is {about!r:.40}; expected an object with fps and made_by"
    fps, made_by = about.get("fps", 24.0), about.get("made_by", {})
    if isinstance(fps, bool) or not isinstance(fps, int | float | np.floating) or not 0 < fps < 1000:
        return f"fps is {fps!r:.40}; expected a number between 0 and 1000"
    if not isinstance(made_by, dict):
        return f"made_by is {made_by!r:.40}; expected an object (a dict)"
    return ""


# ------------------------------------------------------------------------------------------------------- GIF and PNGs


def _add_gif_comment(path: Path, text: str) -> None:
    """Put a comment extension (GIF89a, section 24) before the trailer; ffmpeg writes none."""
    data = path.read_bytes()
    encoded = text.encode("ascii")
    blocks = b"".join(bytes([len(encoded[i : i + 255])]) + encoded[i : i + 255] for i in range(0, len(encoded), 255))
    path.write_bytes(data[:-1] + b"\x21\xfe" + blocks + b"\x00" + data[-1:])


def _gif_comment(path: Path) -> str:
    """Our comment extension, the last thing before the trailer."""
    data = path.read_bytes()
    start = data.rfind(b"\x21\xfe", 0)
    text, at = b"", start + 2
    while start >= 0 and at < len(data) and data[at]:
        text += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return text.decode("ascii", "replace")


def _load_gif(path: Path) -> tuple[np.ndarray, float, str]:
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(path) as gif:
            durations, frames = [], []
            for frame in ImageSequence.Iterator(gif):
                durations.append(frame.info.get("duration", 0))
                frames.append(np.asarray(frame.convert("RGB")))
    except (OSError, UnidentifiedImageError, SyntaxError, EOFError) as error:
        raise UserError(f"{path} is not a readable GIF ({error}).", "Is the file complete?") from None
    seconds = sum(durations) / 1000
    return np.stack(frames), len(frames) / seconds if seconds > 0 else 10.0, _gif_comment(path)


def _save_pngs(video: Video, folder: Path, progress: Progress) -> None:
    import cv2

    folder.mkdir()
    for t, frame in enumerate(track(video.frames, "write frames", video.frame_count, progress)):
        _, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        (folder / f"frame_{t:04d}.png").write_bytes(data.tobytes())
    (folder / INDEX).write_text(json.dumps({"fps": video.fps, "made_by": video.made_by}, indent=1), encoding="utf-8")


def _load_pngs(folder: Path) -> Video:
    import cv2

    names = sorted(folder.glob("*.png"))
    if not names:
        raise UserError(f"{folder} has no PNG files.", "Give a video file or a folder of PNGs.")
    frames: list[np.ndarray] = []
    for name in names:
        image = cv2.imread(str(name), cv2.IMREAD_COLOR)
        if image is None:
            raise UserError(f"{name} is not a readable PNG.", "Is the file complete?")
        if frames and image.shape != frames[0].shape:
            raise UserError(f"{name} is {image.shape[1]}x{image.shape[0]}; the frames before it are of another size.")
        frames.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    about = _load_index(folder / INDEX) if (folder / INDEX).is_file() else {}
    return Video(np.stack(frames), float(about.get("fps", 24.0)), about.get("made_by", {}))


def _load_index(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}.", _WITHOUT_INDEX) from None
    problem = _problem(about)
    if problem:
        raise UserError(f"{path}: {problem}.", _WITHOUT_INDEX)
    return about


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


@contextmanager
def _failures_of(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into a `Failure` that names `path` and what to do."""
    try:
        yield
    except OSError as error:
        raise Failure(
            f"{path} could not be written: {error.strerror or error}.",
            "Free some space, or choose a folder that you may write to.",
        ) from error
