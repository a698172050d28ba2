# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi functions that look up textures and the sky.

Callers have clipped materials and levels to what exists; texel positions are clamped here.
"""

from simcraft.observe.kernels import vec3
from simcraft.taichi_runtime import ti

color = ti.types.vector(3, ti.f32)
MOST_TAPS = 4
"""Texture samples along the longer side of a pixel's footprint."""


@ti.func
def rgb(values: ti.template(), index: ti.i32) -> color:
    return color(values[index, 0], values[index, 1], values[index, 2])


@ti.func
def bilinear(texels: ti.template(), first: ti.i32, width: ti.i32, height: ti.i32, u: ti.f32, v: ti.f32) -> color:
    """One mip level at (u, v), v upwards, repeated."""
    x, y = (u - ti.floor(u)) * width - 0.5, (1.0 - (v - ti.floor(v))) * height - 0.5
    left, top = ti.floor(x), ti.floor(y)
    fx, fy = x - left, y - top
    # clamped before they wrap: a footprint at the horizon may be infinite, and nothing else checks bounds
    x0 = ti.min(ti.max(ti.cast(left, ti.i32), -1), width - 1)
    y0 = ti.min(ti.max(ti.cast(top, ti.i32), -1), height - 1)
    x1 = 0 if x0 + 1 >= width else x0 + 1
    y1 = 0 if y0 + 1 >= height else y0 + 1
    x0 = width - 1 if x0 < 0 else x0
    y0 = height - 1 if y0 < 0 else y0
    upper = rgb(texels, first + y0 * width + x0) * (1 - fx) + rgb(texels, first + y0 * width + x1) * fx
    lower = rgb(texels, first + y1 * width + x0) * (1 - fx) + rgb(texels, first + y1 * width + x1) * fx
    return upper * (1 - fy) + lower * fy


@ti.func
def texture(
    texels: ti.template(),
    levels: ti.template(),
    last: ti.i32,
    m: ti.i32,
    uv: ti.template(),
    du: ti.template(),
    dv: ti.template(),
) -> color:
    """Material m's texture over a footprint with the sides `du`, `dv` (changes of uv from pixel to pixel).

    A few trilinear samples along the longer side, so that floors seen at a flat angle neither flicker nor blur.
    """
    size = ti.Vector([ti.cast(levels[m, 0, 1], ti.f32), ti.cast(levels[m, 0, 2], ti.f32)])
    across, down = (du * size).norm(), (dv * size).norm()
    longer, shorter, step = across, down, du
    if down > across:
        longer, shorter, step = down, across, dv
    taps = ti.min(ti.ceil(longer / ti.max(shorter, 1e-3)), ti.cast(MOST_TAPS, ti.f32))
    taps = ti.max(taps, 1.0)
    level = ti.min(ti.max(ti.log(ti.max(longer / taps, 1e-6)) / ti.log(2.0), 0.0), ti.cast(last, ti.f32))
    fine = ti.cast(ti.floor(level), ti.i32)
    coarse, blend = ti.min(fine + 1, last), level - ti.floor(level)
    total = color(0, 0, 0)
    for n in range(ti.cast(taps, ti.i32)):
        at = uv + step * ((n + 0.5) / taps - 0.5)
        near = bilinear(texels, levels[m, fine, 0], levels[m, fine, 1], levels[m, fine, 2], at[0], at[1])
        if blend > 0:
            far = bilinear(texels, levels[m, coarse, 0], levels[m, coarse, 1], levels[m, coarse, 2], at[0], at[1])
            near = near * (1 - blend) + far * blend
        total += near
    return total / taps


@ti.func
def sky_radiance(sky: ti.template(), direction: ti.template()) -> color:
    """Blender's equirectangular layout: the middle column is +x, then -y to the right; row 0 is the zenith."""
    height, width = sky.shape[0], sky.shape[1]
    pi = ti.cast(ti.math.pi, ti.f32)
    u = 0.5 - ti.atan2(direction[1], direction[0]) / (2 * pi)
    x = u * width - 0.5
    y = (0.5 - ti.asin(ti.min(ti.max(direction[2], -1.0), 1.0)) / pi) * height - 0.5
    y = ti.min(ti.max(y, 0.0), ti.cast(height - 1, ti.f32))
    left, top = ti.floor(x), ti.floor(y)
    fx, fy = x - left, y - top
    x0, y0 = ti.min(ti.max(ti.cast(left, ti.i32), -1), width - 1), ti.min(ti.max(ti.cast(top, ti.i32), 0), height - 1)
    x1 = 0 if x0 + 1 >= width else x0 + 1
    x0 = width - 1 if x0 < 0 else x0
    y1 = ti.min(y0 + 1, height - 1)
    result = color(0, 0, 0)
    for c in ti.static(range(3)):
        upper = sky[y0, x0, c] * (1 - fx) + sky[y0, x1, c] * fx
        lower = sky[y1, x0, c] * (1 - fx) + sky[y1, x1, c] * fx
        result[c] = upper * (1 - fy) + lower * fy
    return result


@ti.func
def ambient_radiance(ambient: ti.template(), n: ti.template()) -> color:
    """What a white diffuse surface with the normal `n` radiates under the sky; the basis of `lights.harmonics`."""
    result = 0.282095 * rgb(ambient, 0)
    result += 0.488603 * (n[1] * rgb(ambient, 1) + n[2] * rgb(ambient, 2) + n[0] * rgb(ambient, 3))
    result += 1.092548 * (n[0] * n[1] * rgb(ambient, 4) + n[1] * n[2] * rgb(ambient, 5) + n[0] * n[2] * rgb(ambient, 7))
    result += 0.315392 * (3 * n[2] * n[2] - 1) * rgb(ambient, 6)
    result += 0.546274 * (n[0] * n[0] - n[1] * n[1]) * rgb(ambient, 8)
    return ti.max(result, 0.0)


@ti.func
def painted(
    here: vec3,
    edges: ti.template(),
    step: ti.f64,
    face: ti.i32,
    m: ti.i32,
    uv: ti.template(),
    texels: ti.template(),
    levels: ti.template(),
    last: ti.i32,
) -> color:
    """Colour of the texture of triangle `face` over `step` pixels; `here` are its edge functions at the pixel."""
    right = here + step * vec3(edges[0, 0], edges[1, 0], edges[2, 0])
    below = here + step * vec3(edges[0, 1], edges[1, 1], edges[2, 1])
    centre = here / here.sum()
    to_right, to_below = right / right.sum() - centre, below / below.sum() - centre
    at, du, dv = ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0]), ti.Vector([0.0, 0.0])
    for i in ti.static(range(3)):
        corner = ti.Vector([uv[face, i, 0], uv[face, i, 1]])
        at += ti.cast(centre[i], ti.f32) * corner
        du += ti.cast(to_right[i], ti.f32) * corner
        dv += ti.cast(to_below[i], ti.f32) * corner
    return texture(texels, levels, last, m, at, du, dv)
