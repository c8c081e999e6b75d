"""The model as a picture: boxes for calls, arrows with shapes, calls of models and blocks as boxes around them.

Facts ──diagram──▶ Diagram ──layout──▶ Layout ──svg──▶ text
                      │                   └────png──▶ bytes
                      └──────────mermaid──▶ text
"""
