# mypy: disable-error-code="valid-type, index, attr-defined"
"""How each material answers a deformation: its stress, and what of the deformation it forgets.

All solids here are isotropic, so each law is written for the principal stretches s of the elastic deformation gradient
F = U diag(s) V^T, and its Kirchhoff stress is U diag(t) U^T.
"""

from simcraft.sim.mpm.substances import LAWS
from simcraft.taichi_runtime import ti

WATER, JELLY, SNOW, SAND = range(len(LAWS))

WATER_EXPONENT = 7.0
"""Of Tait's equation of state."""
LEAST_WATER, MOST_WATER = 0.5, 1.0
"""Volume relative to rest. Water does not pull: what is spread out has no pressure, and no memory of it."""
SNOW_CRUSHES, SNOW_TEARS = 0.025, 0.0075
"""Compression and stretch beyond which snow yields (Stomakhin et al. 2013, table 2)."""
SNOW_HARDENING = 10.0
"""Exponent of hardening (the same table)."""
SNOW_SOFTEST, SNOW_HARDEST = 0.05, 8.0
"""Limits of the factor by which hardening changes the stiffness, so that steps cannot become arbitrarily short."""
LEAST_VOLUME = 0.02
"""Of jelly: what is squashed further, or turned inside out, is treated by its principal stretches, which still know the
way back."""
LEAST_STRETCH = 0.05
"""Of sand: keeps the logarithm finite."""


@ti.func
def water_pressure(volume: ti.f32, bulk: ti.f32) -> ti.f32:
    """Tait's equation, Pa, for a volume relative to rest."""
    return bulk / WATER_EXPONENT * (ti.pow(volume, -WATER_EXPONENT) - 1.0)


@ti.func
def rotation_of(F: ti.template(), D: ti.template()):
    """The rotation in F, whose determinant must be positive: Newton's iteration (Higham 1986, algorithm 2.1).

    A fifth of the time of a singular value decomposition, because F is never far from a rotation.
    """
    R = F
    change = ti.cast(1.0, ti.f32)
    rounds = 0
    while change > 1e-12 and rounds < 12:
        G = R.inverse().transpose()
        scale = ti.sqrt(G.norm() / R.norm())
        following = 0.5 * (scale * R + G / scale)
        change = (following - R).norm_sqr()
        R = following
        rounds += 1
    return R


@ti.func
def principal_axes(symmetric: ti.template(), D: ti.template()):
    """V, a rotation, with V^T S V diagonal for a symmetric S, and that diagonal: Jacobi's cyclic iteration.

    Few sweeps do for what is near the identity, as most of what is asked here; in the plane one rotation is exact.
    """
    S = symmetric
    V = ti.Matrix.identity(ti.f32, D)
    aside = ti.cast(1.0, ti.f32)
    sweeps = 0
    while aside > 1e-13 * S.norm_sqr() and sweeps < ti.static(1 if D == 2 else 10):
        aside = ti.cast(0.0, ti.f32)
        for p in ti.static(range(D - 1)):
            for q in ti.static(range(p + 1, D)):
                off = S[p, q]
                aside += off * off
                if off != 0.0:
                    ratio = (S[q, q] - S[p, p]) / (2.0 * off)
                    tangent = 1.0 / (ti.abs(ratio) + ti.sqrt(ratio * ratio + 1.0))
                    if ratio < 0.0:
                        tangent = -tangent
                    cosine = 1.0 / ti.sqrt(tangent * tangent + 1.0)
                    sine = tangent * cosine
                    S[p, p] -= tangent * off
                    S[q, q] += tangent * off
                    S[p, q], S[q, p] = 0.0, 0.0
                    for k in ti.static(range(D)):
                        if ti.static(k not in (p, q)):
                            a, b = S[k, p], S[k, q]
                            S[k, p] = cosine * a - sine * b
                            S[k, q] = sine * a + cosine * b
                            S[p, k], S[q, k] = S[k, p], S[k, q]
                    for k in ti.static(range(D)):
                        c, d = V[k, p], V[k, q]
                        V[k, p] = cosine * c - sine * d
                        V[k, q] = sine * c + cosine * d
        sweeps += 1
    return V, ti.Vector([S[d, d] for d in ti.static(range(D))])


@ti.func
def principal_stretches(F: ti.template(), D: ti.template()):
    """U, s and V with F = U diag(s) V^T, U and V rotations; the last stretch is the least, with the determinant's sign.

    By the axes of F^T F: where no stretch is tiny as good as Taichi's singular value decomposition, in half the time.
    """
    axes, squares = principal_axes(F.transpose() @ F, D)
    least = 0
    for d in ti.static(range(1, D)):
        if squares[d] < squares[least]:
            least = d
    V = axes
    for i in ti.static(range(D)):  # turned so that the least comes last, in the same cyclic order
        for d in ti.static(range(D)):
            if (least + 1 + i) % D == d:
                for k in ti.static(range(D)):
                    V[k, i] = axes[k, d]
    if ti.static(D == 2) and least == 0:  # swapping two axes mirrors
        for k in ti.static(range(D)):
            V[k, 1] = -V[k, 1]
    turned = F @ V
    U = ti.Matrix.identity(ti.f32, D)
    stretch = ti.Vector([turned[:, d].norm() for d in ti.static(range(D))])
    for d in ti.static(range(D - 1)):
        for k in ti.static(range(D)):
            U[k, d] = turned[k, d] / ti.max(stretch[d], 1e-20)
    if ti.static(D == 2):
        U[0, 1], U[1, 1] = -U[1, 0], U[0, 0]
    else:
        third = U[:, 0].cross(U[:, 1])
        for k in ti.static(range(D)):
            U[k, 2] = third[k]
    stretch[D - 1] = U[:, D - 1].dot(turned[:, D - 1])
    return U, stretch, V


@ti.func
def jelly_stress(F: ti.template(), mu: ti.f32, lam: ti.f32, D: ti.template()):
    """Kirchhoff stress of the fixed corotated solid (Stomakhin et al. 2012), without principal axes."""
    volume = F.determinant()
    pull = (F - rotation_of(F, D)) @ F.transpose()
    return 2.0 * mu * pull + lam * volume * (volume - 1.0) * ti.Matrix.identity(ti.f32, D)


@ti.func
def corotated_stress(stretch: ti.template(), mu: ti.f32, lam: ti.f32, D: ti.template()):
    """Principal Kirchhoff stresses of the fixed corotated solid (Stomakhin et al. 2012)."""
    volume = ti.cast(1.0, ti.f32)
    for d in ti.static(range(D)):
        volume *= stretch[d]
    return 2.0 * mu * (stretch - 1.0) * stretch + lam * volume * (volume - 1.0)


@ti.func
def snow_yield(stretch: ti.template(), plastic: ti.f32, D: ti.template()):
    """Stretches clamped to what snow bears (Stomakhin et al. 2013, equation 11), and the plastic volume after it."""
    elastic = stretch
    for d in ti.static(range(D)):
        elastic[d] = ti.min(ti.max(stretch[d], 1.0 - SNOW_CRUSHES), 1.0 + SNOW_TEARS)
        plastic *= stretch[d] / elastic[d]
    return elastic, ti.min(ti.max(plastic, 0.1), 10.0)


@ti.func
def snow_hardness(plastic: ti.f32) -> ti.f32:
    """Factor of both moduli (Stomakhin et al. 2013, equation 4)."""
    return ti.min(ti.max(ti.exp(SNOW_HARDENING * (1.0 - plastic)), SNOW_SOFTEST), SNOW_HARDEST)


@ti.func
def sand_yield(stretch: ti.template(), gained: ti.f32, mu: ti.f32, lam: ti.f32, slope: ti.f32, D: ti.template()):
    """Stretches returned to the Drucker-Prager cone (Klar et al. 2016, equation 27), and the volume gained (log).

    The volume that sand gained while it flew apart is taken from the next compression (Tampubolon et al. 2017,
    section 4.3.4), so that it does not swell.
    """
    strain = ti.log(ti.max(stretch, LEAST_STRETCH))
    volume = strain.sum() + gained
    shear = strain - strain.sum() / D
    amount = shear.norm() + 1e-20
    elastic = stretch
    left = ti.cast(0.0, ti.f32)
    if volume >= 0.0:
        elastic = ti.Vector([1.0 for _ in ti.static(range(D))])
        left = volume
    else:
        excess = amount + (D * lam + 2.0 * mu) / (2.0 * mu) * volume * slope
        elastic = ti.exp(shear * (1.0 - ti.max(excess, 0.0) / amount) + volume / D)
    return elastic, left


@ti.func
def sand_stress(stretch: ti.template(), mu: ti.f32, lam: ti.f32):
    """Principal Kirchhoff stresses of Hencky's solid (Klar et al. 2016, section 6.1)."""
    strain = ti.log(stretch)
    return 2.0 * mu * strain + lam * strain.sum()


@ti.func
def rotated(basis: ti.template(), principal: ti.template(), other: ti.template(), D: ti.template()):
    """basis diag(principal) other^T."""
    scaled = basis
    for row in ti.static(range(D)):
        for column in ti.static(range(D)):
            scaled[row, column] = basis[row, column] * principal[column]
    return scaled @ other.transpose()


@ti.func
def respond(trial: ti.template(), plastic: ti.f32, constants: ti.template(), kind: ti.i32, D: ti.template()):
    """What a material makes of a trial deformation gradient (D, D).

    Returns its elastic part, the new `plastic` of `MaterialState`, the Kirchhoff stress in Pa and the speed of sound
    in m/s. Of water only `plastic` counts, which already is the new volume.
    """
    law = ti.cast(constants[kind, 0], ti.i32)
    density, mu, lam = constants[kind, 1], constants[kind, 2], constants[kind, 3]
    identity = ti.Matrix.identity(ti.f32, D)
    elastic, stress, sound = identity, identity, ti.cast(0.0, ti.f32)
    if law == WATER:
        stress = -plastic * water_pressure(plastic, lam) * identity
        sound = ti.sqrt(lam / density * ti.pow(plastic, 1.0 - WATER_EXPONENT))
    elif law == JELLY and trial.determinant() > LEAST_VOLUME:
        elastic = trial
        stress = jelly_stress(trial, mu, lam, D)
        sound = ti.sqrt((lam + 2.0 * mu) / density) * ti.max(1.0, trial.norm() / ti.sqrt(1.0 * D))
    else:
        U, stretch, V = principal_stretches(trial, D)
        hardness = ti.cast(1.0, ti.f32)
        if law == JELLY:
            elastic = trial
        elif law == SNOW:
            stretch, plastic = snow_yield(stretch, plastic, D)
            hardness = snow_hardness(plastic)
            elastic = rotated(U, stretch, V, D)
        else:
            stretch, plastic = sand_yield(stretch, plastic, mu, lam, constants[kind, 4], D)
            elastic = rotated(U, stretch, V, D)
        if law == SAND:
            stress = rotated(U, sand_stress(stretch, mu, lam), U, D)
        else:
            stress = rotated(U, corotated_stress(stretch, hardness * mu, hardness * lam, D), U, D)
        # stretched solids of this kind stiffen with the square of the stretch
        sound = ti.sqrt(hardness * (lam + 2.0 * mu) / density) * ti.max(1.0, stretch.max())
    return elastic, plastic, stress, sound
