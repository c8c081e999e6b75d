"""The model as a picture: boxes for calls, arrows with shapes, calls of models and blocks as boxes around them.

Facts ──diagram──▶ Diagram ──layout──▶ Layout ──svg──▶ text
                      │                   └────png──▶ bytes
                      └──────────mermaid──▶ text

`formats.py` chooses.  The layout is gen's own: of the packages that make one, those in Python know no boxes, and the
others need a program that has to be installed apart.
"""
