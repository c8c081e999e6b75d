"""Draws a model: calls, arrows with shapes, and a box around the calls of each model and block.

Facts ──diagram──▶ Diagram ──layout──▶ Layout ──svg──▶ text
                      │                   └────png──▶ bytes
                      └──────────mermaid──▶ text

`formats.py` chooses the format.  gen has its own layout, because the Python packages for layouts know no boxes, and the
others need a program that users would have to install.
"""
