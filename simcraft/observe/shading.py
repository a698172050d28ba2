# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernels of the preview: texture, sun with exact shadow edges, sky, and sRGB.

No bounds are checked here; `Skin` and `Materials` have been clipped to what exists.
"""

from simcraft.observe.kernels import EMPTY, edge_functions, ray_sphere, row, vec3
from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()
color = ti.types.vector(3, ti.f32)
SPECULAR = 0.04
"""Reflectance of a dielectric seen head-on."""
BLOCK = 8
"""Rows that a thread takes at a time; left alone, Taichi gives so few long items to a single thread."""
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
    # x0 is -1 to width - 1, and y0 up to height - 1
    x0, y0 = ti.cast(left, ti.i32), ti.cast(top, ti.i32)
    x1 = 0 if x0 + 1 >= width else x0 + 1
    y1 = 0 if y0 + 1 >= height else y0 + 1
    x0 = width - 1 if x0 < 0 else ti.min(x0, width - 1)
    y0 = height - 1 if y0 < 0 else ti.min(y0, height - 1)
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
def fifth_power(x: ti.f32) -> ti.f32:
    return x * x * x * x * x


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
    x0, y0 = ti.cast(left, ti.i32), ti.cast(top, ti.i32)
    x1 = 0 if x0 + 1 >= width else x0 + 1
    x0 = width - 1 if x0 < 0 else ti.min(x0, width - 1)
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
def ray_triangle(origin: vec3, direction: vec3, a: vec3, b: vec3, c: vec3) -> ti.f64:
    """Distance along a ray of unit direction to a triangle, -1 where it misses (Moeller and Trumbore, 1997)."""
    side, other = b - a, c - a
    p = direction.cross(other)
    determinant = side.dot(p)
    distance = ti.cast(-1.0, ti.f64)
    if determinant != 0:
        from_a = origin - a
        q = from_a.cross(side)
        u, v = from_a.dot(p) / determinant, direction.dot(q) / determinant
        if u >= -1e-9 and v >= -1e-9 and u + v <= 1 + 1e-9:
            distance = other.dot(q) / determinant
    return distance


@ti.func
def blocks(
    origin: vec3, direction: vec3, surface: ti.i32, points: ti.template(), faces: ti.template(), radii: ti.template()
) -> ti.f64:
    """Distance along a ray of unit direction to `surface`; negative where it misses or lies behind."""
    distance = ti.cast(-1.0, ti.f64)
    if surface < radii.shape[0]:
        to_centre = row(points, surface) - origin
        middle = to_centre.dot(direction)
        inside = radii[surface] * radii[surface] - (to_centre - middle * direction).norm_sqr()
        if inside >= 0:
            distance = middle + ti.sqrt(inside)
    else:
        f = surface - radii.shape[0]
        distance = ray_triangle(
            origin, direction, row(points, faces[f, 0]), row(points, faces[f, 1]), row(points, faces[f, 2])
        )
    return distance


@ti.func
def map_position(at: vec3, which: ti.i32, maps: ti.template()) -> vec3:
    """Pixel coordinates (x, y) and depth of a world point in one of the sun's maps."""
    x, y, z = maps[which, 0, 3], maps[which, 1, 3], maps[which, 3, 3]
    for i in ti.static(range(3)):
        x, y, z = x + maps[which, 0, i] * at[i], y + maps[which, 1, i] * at[i], z + maps[which, 3, i] * at[i]
    return vec3(x, y, z)


@ti.func
def in_the_open(at: vec3, surface: ti.i32, mask: ti.i64, maps: ti.template(), keys: ti.template()) -> ti.i32:
    """1 where the sun sees nothing but `surface` in the sixteen pixels around the world point `at`."""
    result, decided, size = 0, 0, keys.shape[1]
    for which in range(2):
        position = map_position(at, which, maps)
        x0, y0 = ti.cast(ti.floor(position[0] - 0.5), ti.i32), ti.cast(ti.floor(position[1] - 0.5), ti.i32)
        if decided == 0 and x0 >= 1 and y0 >= 1 and x0 + 2 < size and y0 + 2 < size:
            decided, result, n = 1, 1, 0
            while n < 16 and result == 1:
                key = keys[which, y0 + n // 4 - 1, x0 + n % 4 - 1]
                if ti.cast(key & mask, ti.i32) != surface or key == ti.i64(EMPTY):
                    result = 0
                n += 1
    return result


@ti.func
def in_shadow(
    at: vec3,
    to_sun: vec3,
    surface: ti.i32,
    points: ti.template(),
    faces: ti.template(),
    radii: ti.template(),
    maps: ti.template(),
    keys: ti.template(),
    near: ti.f64,
    shift: ti.template(),
    id_bits: ti.i32,
    bias: ti.template(),
) -> ti.i32:
    """1 where another surface stands between the world point `at` of `surface` and the sun.

    A shadow map only proposes surfaces: those of the four pixels around the point. A ray to the sun decides on each,
    so edges are as sharp as the geometry, flat surfaces never shade themselves, and contact shadows begin at the
    contact. Surfaces too small to be among the four are found in two ways: where the four disagree, twelve pixels more
    are asked; where all four are nearer to the sun, the point is in shadow.
    The first of the two maps that holds the point is used.
    """
    mask, nearest = (ti.cast(1, ti.i64) << id_bits) - 1, ti.bit_cast(1.0 / near, ti.i64)
    shadow, size = -1, keys.shape[1]
    for which in range(2):
        position = map_position(at, which, maps)
        x0, y0 = ti.cast(ti.floor(position[0] - 0.5), ti.i32), ti.cast(ti.floor(position[1] - 0.5), ti.i32)
        if shadow < 0 and x0 >= 1 and y0 >= 1 and x0 + 2 < size and y0 + 2 < size:
            shadow = 0
            nearer, tested, n, end = 0, surface, 0, 4
            while n < end:
                i, j = n % 2, n // 2
                if n >= 4:
                    i, j = n % 4 - 1, n // 4 - 2
                key = keys[which, y0 + j, x0 + i]
                other = ti.cast(key & mask, ti.i32)
                if key != ti.i64(EMPTY) and other != surface:
                    if n < 4:
                        # a pixel's own depth may differ by the slope within it
                        depth = 1.0 / ti.bit_cast(nearest - ((key >> id_bits) << shift[which]), ti.f64)
                        nearer += depth < position[2] - 10 * bias[which]
                    if other != tested:
                        tested = other
                        if blocks(at, to_sun, other, points, faces, radii) > bias[which]:
                            shadow = 1
                n += 1
                if n == 4 and 0 < nearer < 4:
                    end = 20
                if shadow == 1:
                    end = 0
            if nearer == 4:
                shadow = 1
    return ti.max(shadow, 0)


@ti.func
def reflected_sun(normal: ti.template(), to_eye: ti.template(), to_sun: ti.template(), roughness: ti.f32) -> ti.f32:
    """GGX highlight times the cosine, for unit irradiance / pi (Walter et al. 2007; Karis 2013 for visibility)."""
    half = (to_eye + to_sun).normalized(1e-9)
    alpha = roughness * roughness
    cos_half = ti.max(normal.dot(half), 0.0)
    spread = cos_half * cos_half * (alpha * alpha - 1) + 1
    distribution = alpha * alpha / (spread * spread)
    cos_eye, cos_sun = ti.max(normal.dot(to_eye), 1e-3), ti.max(normal.dot(to_sun), 0.0)
    k = alpha / 2
    visibility = 1 / ((cos_eye * (1 - k) + k) * (cos_sun * (1 - k) + k))
    fresnel = SPECULAR + (1 - SPECULAR) * fifth_power(1 - ti.max(half.dot(to_eye), 0.0))
    return distribution * visibility * fresnel * cos_sun / 4


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


@ti.func
def sky_light(
    albedo: color, normal: color, to_eye: color, rough: ti.f32, sky: ti.template(), ambient: ti.template()
) -> color:
    """Diffuse and mirrored light of sky and ground; rough surfaces mirror the blurred sky."""
    bounced = normal * (2 * normal.dot(to_eye)) - to_eye
    mirror = ambient_radiance(ambient, bounced)
    if rough < 0.5 and bounced[2] > 0:
        mirror = mirror * rough + sky_radiance(sky, bounced) * (1 - rough)
    fresnel = SPECULAR + ti.max(1 - rough - SPECULAR, 0.0) * fifth_power(1 - ti.max(normal.dot(to_eye), 0.0))
    return albedo * (1 - SPECULAR) * ambient_radiance(ambient, normal) + fresnel * mirror


@ti.func
def to_srgb(value: ti.f32) -> ti.u8:
    """Linear light as a byte: Blender's "Standard" view transform."""
    encoded = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return ti.cast(encoded * 255 + 0.5, ti.u8)


@ti.kernel
def shade(
    points: Array,
    projected: Array,
    faces: Array,
    radii: Array,
    rays: Array,
    near: ti.f64,
    id_bits: ti.i32,
    keys: Array,
    uv: Array,
    material: Array,
    smooth: Array,
    vertex_normals: Array,
    colors: Array,
    roughness: Array,
    emission: Array,
    levels: Array,
    last_level: Array,
    texels: Array,
    sky: Array,
    ambient: Array,
    sun: Array,
    sun_color: Array,
    sun_maps: Array,
    sun_keys: Array,
    sun_near: ti.f64,
    sun_shift: Array,
    bias: Array,
    samples: ti.i32,
    image: Array,
):
    """The picture (H, W, 3) of what `keys`, with `samples` x `samples` as many pixels, names.

    Where all samples of a pixel see one surface, it is shaded once and only its shadow is sampled.
    """
    mask = (ti.cast(1, ti.i64) << id_bits) - 1
    spheres, count = radii.shape[0], samples * samples
    to_sun64 = -vec3(sun[0], sun[1], sun[2])
    to_sun = ti.cast(to_sun64, ti.f32)
    ti.loop_config(block_dim=BLOCK)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            first = keys[y * samples, x * samples]
            uniform = count > 1
            for n in range(count):
                other = keys[y * samples + n // samples, x * samples + n % samples]
                if (other & mask) != (first & mask) or (other == ti.i64(EMPTY)) != (first == ti.i64(EMPTY)):
                    uniform = False
            total = color(0, 0, 0)
            for n in range(1 if uniform else count):
                px, py, step = x * samples + n % samples + 0.5, y * samples + n // samples + 0.5, ti.cast(1, ti.f64)
                key = keys[y * samples + n // samples, x * samples + n % samples]
                if uniform:
                    px, py, step = (x + 0.5) * samples, (y + 0.5) * samples, ti.cast(samples, ti.f64)
                ray = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
                to_eye = ti.cast(-ray.normalized(), ti.f32)
                result = color(0, 0, 0)
                if key == ti.i64(EMPTY):
                    result = sky_radiance(sky, -to_eye)
                else:
                    surface = ti.cast(key & mask, ti.i32)
                    m = material[surface]
                    albedo = rgb(colors, m)
                    origin = row(rays, 0) + px * row(rays, 1) + py * row(rays, 2)
                    at, flat, normal = vec3(0, 0, 0), vec3(0, 0, 0), color(0, 0, 0)
                    if surface < spheres:
                        at = origin + ray_sphere(rays, px, py, row(points, surface), radii[surface], near) * ray
                        flat = at - row(points, surface)
                    else:
                        face = surface - spheres
                        edges, _ = edge_functions(projected, faces, face)
                        weights = edges @ vec3(px, py, 1.0)
                        if levels[m, 0, 1] > 0:
                            albedo *= painted(weights, edges, step, face, m, uv, texels, levels, last_level[m])
                        for i in ti.static(range(3)):
                            share = weights[i] / weights.sum()
                            at += share * row(points, faces[face, i])
                            if smooth[face] != 0:
                                normal += ti.max(ti.cast(share, ti.f32), 0.0) * rgb(vertex_normals, faces[face, i])
                        a = row(points, faces[face, 0])
                        flat = (row(points, faces[face, 1]) - a).cross(row(points, faces[face, 2]) - a)
                    if normal.norm() < 1e-6:
                        normal = ti.cast(flat.normalized(1e-30), ti.f32)
                    if flat.dot(ray) > 0:
                        flat, normal = -flat, -normal
                    normal = normal.normalized(1e-9)
                    result = sky_light(albedo, normal, to_eye, roughness[m], sky, ambient) + emission[m] * albedo
                    facing = normal.dot(to_sun)
                    if facing > 0 and flat.dot(to_sun64) > 0:
                        lit = ti.cast(0.0, ti.f32)
                        tests = count if uniform else 1
                        if uniform and in_the_open(at, surface, mask, sun_maps, sun_keys):
                            lit, tests = 1.0, 0
                        for k in range(tests):
                            spot = at
                            if uniform:
                                # the sample's own point, on the tangent plane
                                sx, sy = x * samples + k % samples + 0.5, y * samples + k // samples + 0.5
                                start = row(rays, 0) + sx * row(rays, 1) + sy * row(rays, 2)
                                way = row(rays, 3) + sx * row(rays, 4) + sy * row(rays, 5)
                                if flat.dot(way) != 0:
                                    spot = start + flat.dot(at - start) / flat.dot(way) * way
                            hidden = in_shadow(
                                spot, to_sun64, surface, points, faces, radii,
                                sun_maps, sun_keys, sun_near, sun_shift, id_bits, bias,
                            )  # fmt: skip
                            lit += (1.0 - hidden) / tests
                        highlight = reflected_sun(normal, to_eye, to_sun, roughness[m])
                        result += lit * rgb(sun_color, 0) * (albedo * ((1 - SPECULAR) * facing) + highlight)
                total += ti.min(ti.max(result, 0.0), 1.0)
            total /= 1.0 if uniform else count
            for c in ti.static(range(3)):
                image[y, x, c] = to_srgb(total[c])
