"""The command `gen`: building, formatting, watching, plotting, settings, and the files that it reads and writes."""
