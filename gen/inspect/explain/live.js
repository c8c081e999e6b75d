(() => {
  // The server says when there is a newer page.
  const changes = new EventSource(`changes/${document.documentElement.dataset.page}`);
  changes.addEventListener("message", () => location.reload());
})();
