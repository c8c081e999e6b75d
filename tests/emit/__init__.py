"""The text of generated files: templates, names, layout, and that no text of a user becomes code."""
