"""Fluids on grids: smoke and fire (`smoke`), liquids (`liquid`); a quick solver in Taichi, PhiFlow as the reference."""
