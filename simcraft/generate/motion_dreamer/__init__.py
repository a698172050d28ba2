"""Motion Dreamer (arXiv 2412.00547): a first frame and a few arrows become motion, and motion becomes a video."""
