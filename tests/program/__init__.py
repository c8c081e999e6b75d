"""From a graph to a program: rewrites, operations, inlining, passes, memory, and the optimizer's step."""
