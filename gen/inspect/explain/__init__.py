"""`gen explain`: a page that shows a `.nn` file, its graph, and its generated code side by side."""
