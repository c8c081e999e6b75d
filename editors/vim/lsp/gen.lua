-- How Neovim 0.11 or newer starts gen's language server: `vim.lsp.enable('gen')` in init.lua.
-- The command comes with `pip install 'gen-nn[lsp]'`.
return {
  cmd = { 'gen', 'lsp' },
  filetypes = { 'nn' },
  root_markers = { 'pyproject.toml', '.git' },
}
