"""Water, jelly, snow and sand by the moving least squares material point method, in 2D and 3D.

`material.material_solver` makes a `Solver` from a `state.Domain` and `material.Part`s, whose particles come from
`seeding` and whose constants from `substances`; `effect.solver` does so from a scene. `step` is the method itself.
"""
