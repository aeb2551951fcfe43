"""Scores of a segmentation."""
