"""The language of `.nn` files: parsing, checks, diagnostics, dimensions, and what hostile texts do."""
