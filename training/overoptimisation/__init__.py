"""Notices when a policy games a learned reward: six signs, after Gao et al. (arXiv 2210.10760) and those who followed.

Pure Python on the figures of a run, so that the trainer stops by what a page shows.
"""
