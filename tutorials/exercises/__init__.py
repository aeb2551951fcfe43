"""Exercises of the tutorials that check themselves: a module for each chapter, named like it."""
