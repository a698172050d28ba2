"""Small tileable pictures made of noise: (h, w, 3) float arrays of sRGB values from 0 to 1, row 0 at the top.

All noise is filtered in the Fourier domain, so that every picture repeats without a seam.
"""

from __future__ import annotations

import numpy as np

Colour = tuple[float, float, float]


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with a `share` (0 to 1) of `second`."""
    red, green, blue = (a + share * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue


def noise(size: int, seed: int, roughness: float = 1.6, stretch: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Tileable fractal noise of mean 0 and standard deviation 1, shape (size, size).

    `roughness` is the exponent of the amplitude's fall with frequency; `stretch` lengthens features along x and y.
    """
    white = np.random.default_rng(seed).standard_normal((size, size))
    frequency = np.fft.fftfreq(size) * size
    distance = np.hypot(frequency[None, :] * stretch[0], frequency[:, None] * stretch[1])
    spectrum = np.fft.fft2(white) / np.maximum(distance, 1.0) ** roughness
    spectrum[0, 0] = 0.0
    picture = np.fft.ifft2(spectrum).real
    return picture / picture.std()


def blend(low: Colour, high: Colour, amount: np.ndarray) -> np.ndarray:
    """`low` where `amount` is 0, `high` where it is 1."""
    amount = np.clip(amount, 0.0, 1.0)[..., None]
    return np.asarray(low) * (1.0 - amount) + np.asarray(high) * amount


def wood(size: int = 256, seed: int = 1, dark: Colour = (0.42, 0.26, 0.14), light: Colour = (0.76, 0.56, 0.36)):
    """Grain along x: warped annual rings under fine streaks."""
    y = np.linspace(0.0, 1.0, size, endpoint=False)[:, None]
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (7 * y + 0.35 * noise(size, seed, 1.8, (6.0, 1.0))))
    streaks = noise(size, seed + 1, 0.8, (16.0, 1.0))
    return blend(dark, light, 0.25 + 0.5 * rings**0.7 + 0.12 * streaks)


def planks(size: int = 512, seed: int = 2, rows: int = 6, dark: Colour = (0.56, 0.42, 0.29)) -> np.ndarray:
    """Floor boards along x, each row its own tone, with dark joints."""
    picture = wood(size, seed, dark, (0.86, 0.70, 0.52))
    generator = np.random.default_rng(seed)
    height = size // rows
    for row in range(rows):
        lines = slice(row * height, (row + 1) * height if row < rows - 1 else size)
        band = np.roll(picture[lines], generator.integers(size), axis=1)
        ends = [int(generator.integers(size)), 0]
        ends[1] = (ends[0] + size // 2) % size
        first = (np.arange(size) - ends[0]) % size < size // 2
        tones = generator.uniform(0.86, 1.1, 2)
        band = band * np.where(first, tones[0], tones[1])[None, :, None]
        for end in ends:
            band[:, [end, (end + 1) % size]] *= 0.55
        band[:2] *= 0.5
        picture[lines] = band
    return np.clip(picture, 0.0, 1.0)


def marble(size: int = 256, seed: int = 3, base: Colour = (0.90, 0.89, 0.87), vein: Colour = (0.38, 0.40, 0.45)):
    """Pale stone with thin veins where warped waves cross zero."""
    y, x = np.mgrid[0:size, 0:size] / size
    wave = np.sin(2 * np.pi * (x + 2 * y) + 1.7 * noise(size, seed, 2.1))
    veins = np.exp(-np.abs(wave) * 9.0)
    return blend(base, vein, 0.7 * veins + 0.08 * noise(size, seed + 1, 1.5))


def checker(squares: int, first: Colour, second: Colour, size: int = 256, seed: int = 4) -> np.ndarray:
    """`squares` squares a side (an even number tiles), slightly worn."""
    index = np.arange(size) * squares // size
    picture = blend(first, second, ((index[:, None] + index[None, :]) % 2).astype(float))
    return np.clip(picture * (1.0 + 0.03 * noise(size, seed, 1.2))[..., None], 0.0, 1.0)


def tiles(size: int = 256, seed: int = 5, count: int = 4, colour: Colour = (0.74, 0.72, 0.68)) -> np.ndarray:
    """Square stone tiles of slightly different tones with dark grout."""
    generator = np.random.default_rng(seed)
    cell = size // count
    tones = np.kron(generator.uniform(0.86, 1.06, (count, count)), np.ones((cell, cell)))
    line = np.arange(size) % cell < 2
    grout = np.where(line[:, None] | line[None, :], 0.6, 1.0)
    picture = np.asarray(colour) * (tones * grout * (1.0 + 0.045 * noise(size, seed, 1.1)))[..., None]
    return np.clip(picture, 0.0, 1.0)


def brushed_metal(size: int = 256, seed: int = 6, colour: Colour = (0.70, 0.71, 0.73)) -> np.ndarray:
    """Fine streaks along x."""
    streaks = noise(size, seed, 0.7, (24.0, 1.0))
    return np.clip(np.asarray(colour) * (1.0 + 0.07 * streaks)[..., None], 0.0, 1.0)


def concrete(size: int = 256, seed: int = 7, colour: Colour = (0.63, 0.62, 0.60)) -> np.ndarray:
    """Blotches with a few pores."""
    tone = 1.0 + 0.06 * noise(size, seed, 1.5) + 0.025 * noise(size, seed + 1, 0.2)
    pores = np.where(noise(size, seed + 2, 0.9) > 2.7, 0.72, 1.0)
    return np.clip(np.asarray(colour) * (tone * pores)[..., None], 0.0, 1.0)


def fabric(size: int = 256, seed: int = 8, colour: Colour = (0.30, 0.38, 0.52), threads: int = 48) -> np.ndarray:
    """A plain weave: warp over weft in alternating cells."""
    y, x = np.mgrid[0:size, 0:size] / size * threads
    over = (np.floor(x) + np.floor(y)) % 2 == 0
    thread = np.where(over, np.sin(np.pi * (x % 1)), np.sin(np.pi * (y % 1)))
    tone = 0.72 + 0.34 * thread + 0.05 * noise(size, seed, 0.9)
    return np.clip(np.asarray(colour) * tone[..., None], 0.0, 1.0)


def striped_ball(colours: tuple[Colour, ...], size: int = 256, poles: Colour = (0.95, 0.94, 0.9)) -> np.ndarray:
    """A beach ball for a sphere's own coordinates: vertical stripes and caps of another colour, so that spin shows."""
    column = np.arange(size) * 2 * len(colours) // size % len(colours)
    picture = np.broadcast_to(np.asarray(colours)[column], (size, size, 3)).copy()
    height = size // 10
    picture[:height] = picture[-height:] = poles
    return picture


def domino(paint: Colour, pips: tuple[int, int], width: int = 96) -> np.ndarray:
    """The face of a domino, twice as high as wide: two fields of white pips and a line between them.

    The left margin is plain paint: the sides of the stone take their colour there.
    """
    y, x = np.mgrid[0 : 2 * width, 0:width] / width
    mask = np.zeros_like(x)
    mask[(np.abs(y - 1.0) < 0.018) & (np.abs(x - 0.5) < 0.38)] = 1.0
    places = {1: [4], 2: [0, 8], 3: [0, 4, 8], 4: [0, 2, 6, 8], 5: [0, 2, 4, 6, 8], 6: [0, 2, 3, 5, 6, 8]}
    for field, count in enumerate(pips):
        for place in places.get(count, []):
            distance = np.hypot(x - (0.25 + 0.25 * (place % 3)), y - (field + 0.25 + 0.25 * (place // 3)))
            mask = np.maximum(mask, np.clip((0.092 - distance) * width, 0.0, 1.0))
    return blend(paint, (0.97, 0.96, 0.93), mask)


def sky(zenith: Colour, horizon: Colour, ground: Colour, width: int = 256, seed: int = 9) -> np.ndarray:
    """An equirectangular sky with a soft gradient and a few faint clouds, shape (width / 2, width, 3)."""
    height = width // 2
    altitude = np.linspace(1.0, -1.0, height)[:, None] * np.ones((1, width))
    picture = blend(horizon, zenith, np.maximum(altitude, 0.0) ** 0.6)
    clouds = noise(width, seed, 1.7, (2.5, 1.0))[:height]
    fade = np.clip(altitude * 6.0, 0.0, 1.0) * np.clip((1.0 - altitude) * 2.5, 0.0, 1.0)
    picture = blend((0.0,) * 3, (1.0,) * 3, np.zeros((height, width))) + picture
    white = np.clip(clouds * 0.35, 0.0, 0.75)[..., None] * fade[..., None]
    picture = picture * (1.0 - white) + 0.97 * white
    haze = blend(horizon, ground, -altitude * 5.0 - 0.25)
    return np.where(altitude[..., None] < 0.0, haze, picture)
