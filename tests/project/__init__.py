"""The repository itself: documentation, package, hooks, bench."""
