"""Where `.nn` files are written: the language server, syntax files, the extension for VS Code, notebooks."""
