"""The camera of one frame as the kernels want it: a projection matrix, and the ray of each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError
from simcraft.recording.format import CameraTrack, Recording

SMALLEST, LARGEST = 2, 16384
"""Limits of an image's width and height, in pixels."""
NEAREST = 1e-6
"""Metres; a clip_start of zero or below would make the nearest depth infinitely fine."""


@dataclass(frozen=True)
class Crop:
    """How an image of the recording's size becomes one of the wanted size: resize to `scaled`, then cut at `offset`."""

    source: tuple[int, int]
    """(width, height) of the recording's image."""
    scaled: tuple[int, int]
    """(width, height) after resizing; covers `size`."""
    offset: tuple[int, int]
    """(x, y) of the cut's upper left pixel in the resized image."""
    size: tuple[int, int]
    """(width, height) of the result."""

    def intrinsics(self, matrix: np.ndarray) -> np.ndarray:
        """(..., 3, 3) intrinsics for the result, from those of the recording's image."""
        change = np.diag([self.scaled[0] / self.source[0], self.scaled[1] / self.source[1], 1.0])
        change[:2, 2] = -self.offset[0], -self.offset[1]
        return change @ np.asarray(matrix, np.float64)

    def image(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 of the recording's size to one of `size`; areas are averaged where it shrinks."""
        if self.scaled != self.source:
            import cv2

            shrinks = self.scaled[0] < self.source[0]
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            image = cv2.resize(np.ascontiguousarray(image), self.scaled, interpolation=method)
        (x, y), (w, h) = self.offset, self.size
        return np.ascontiguousarray(image[y : y + h, x : x + w])


def fit(source: tuple[int, int], size: tuple[int, int] | None) -> Crop:
    """Cover `size` with an image of size `source` and cut the middle out of it.

    The resized image has whole pixels, so another aspect stretches it by less than one pixel in one direction; the
    intrinsics follow exactly. Raises `UserError` where `size` is below 2 or above 16384 pixels in a direction.
    """
    width, height = size or source
    if not all(isinstance(n, (int, np.integer)) and SMALLEST <= n <= LARGEST for n in (width, height)):
        raise UserError(
            f"The frame size {width} x {height} cannot be observed.",
            f"Give a width and a height of {SMALLEST} to {LARGEST} pixels.",
        )
    scale = max(width / source[0], height / source[1])
    scaled = max(width, round(source[0] * scale)), max(height, round(source[1] * scale))
    offset = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    return Crop(source, scaled, offset, (int(width), int(height)))


@dataclass(frozen=True)
class View:
    """The camera of one frame, for an image of `size` pixels."""

    size: tuple[int, int]
    """(width, height)."""
    perspective: bool
    intrinsics: np.ndarray
    """(3, 3) float64."""
    camera_to_world: np.ndarray
    """(4, 4) float64, OpenCV axes."""
    matrix: np.ndarray
    """(4, 4) float64: world point to (U, V, W, Z); the pixel is (U/W, V/W), Z the planar depth in metres. Perspective
    has W = Z, orthographic W = 1."""
    rays: np.ndarray
    """(6, 3) float64: the ray of image point (x, y) starts at rays[0] + x rays[1] + y rays[2] and has the direction
    rays[3] + x rays[4] + y rays[5]; in world, such that the ray's parameter is planar depth."""
    near: float
    """Metres; nothing nearer is seen."""
    far: float
    """Metres; nothing farther is seen."""

    @property
    def lens(self) -> np.ndarray:
        """(4,) float64: fx, fy, cx, cy."""
        k = self.intrinsics
        return np.array([k[0, 0], k[1, 1], k[0, 2], k[1, 2]])


def view_of(camera: CameraTrack, frame: int, crop: Crop) -> View:
    """The camera of `frame` for the image that `crop` makes."""
    k = crop.intrinsics(camera.intrinsics[frame])
    pose = np.asarray(camera.camera_to_world[frame], np.float64)
    rotation, position = pose[:3, :3], pose[:3, 3]
    to_camera = np.concatenate([rotation.T, -(rotation.T @ position)[:, None]], axis=1)
    perspective = camera.projection == "perspective"
    matrix = np.zeros((4, 4))
    matrix[3] = to_camera[2]
    rays = np.zeros((6, 3))
    # columns of the inverse of [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], turned into the world
    across, down = rotation[:, 0] / k[0, 0], rotation[:, 1] / k[1, 1]
    corner = -k[0, 2] * across - k[1, 2] * down
    if perspective:
        matrix[:3] = k @ to_camera
        rays[0], rays[3], rays[4], rays[5] = position, corner + rotation[:, 2], across, down
    else:
        matrix[:2] = k[:2, :2] @ to_camera[:2]
        matrix[:2, 3] += k[:2, 2]
        matrix[2, 3] = 1.0
        rays[0], rays[1], rays[2], rays[3] = position + corner, across, down, rotation[:, 2]
    near = max(float(np.asarray(camera.clip_start)[frame]), NEAREST)
    far = max(float(np.asarray(camera.clip_end)[frame]), near * 1.001)
    return View(crop.size, perspective, k, pose, matrix, rays, near, far)


def sky_matrix(here: View, there: View) -> np.ndarray:
    """(3, 3) float64 homography that takes a pixel (x, y, 1) of the sky in `here` to (U, V, W) in `there`.

    The sky is infinitely far away, so only the camera's rotation and lens move it. All pixels of an orthographic
    camera look in one direction, where a turning camera sees another, unrelated, part of the sky: no correspondence,
    and the matrix is zero. While it does not turn, the same part of the sky stays where it is in the image.
    """
    if here.perspective:
        directions = np.stack([here.rays[4], here.rays[5], here.rays[3]], axis=1)
        return there.matrix[:3, :3] @ directions
    # Blender's matrices are of single precision
    same = np.allclose(here.camera_to_world[:3, :3], there.camera_to_world[:3, :3], rtol=0, atol=1e-6)
    return np.eye(3) if same else np.zeros((3, 3))


def crop_of(recording: Recording, size: tuple[int, int] | None) -> Crop:
    """`fit` for a recording."""
    return fit((int(recording.size[0]), int(recording.size[1])), size)
