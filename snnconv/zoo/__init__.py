"""Recipes, the trained networks that come with the package, and the run of a recipe."""
