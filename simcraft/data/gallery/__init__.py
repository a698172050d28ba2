"""One static web page to look through a data set: no server, nothing fetched from elsewhere."""

from simcraft.data.gallery.make import make_gallery

__all__ = ["make_gallery"]
