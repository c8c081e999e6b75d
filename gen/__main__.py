"""The command `gen`, which is also `python -m gen`."""

import sys


def main() -> None:
    """Run the command; print the version alone at once, without importing the command line."""
    if sys.argv[1:] == ["--version"]:
        from gen import __version__

        sys.stdout.write(f"gen {__version__}\n")
        return
    from gen.cli import main as command

    command()


if __name__ == "__main__":
    main()
