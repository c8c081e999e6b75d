"use strict";
(() => {
  const links = [...document.querySelectorAll("[data-keys]")];
  const keysOf = (element) => element.dataset.keys.split(" ");
  const told = document.getElementById("told");
  const title = told.textContent;
  const rows = links.filter((element) => element.matches("tr"));
  let kept = null;

  // What is said of a call: its row in the table.
  const sentence = (keys) => {
    const row = rows.find((each) => keys.includes(each.dataset.keys));
    if (!row) return keys[0].replace(":", " ");
    const [name, kind, shapes, formula, parameters] = [...row.cells].map((cell) => cell.textContent);
    return [name, kind, formula, shapes, `${parameters} parameters`].filter(Boolean).join("   ·   ");
  };

  // Scrolls a pane, and nothing around it, until an element is in view.
  const reveal = (element) => {
    const pane = element.closest("pre, .picture, #figures");
    const [inner, outer] = [element.getBoundingClientRect(), pane.getBoundingClientRect()];
    if (inner.top < outer.top || inner.bottom > outer.bottom) {
      pane.scrollTop += inner.top - outer.top - Math.max(0, (outer.height - inner.height) / 3);
    }
  };

  const light = (keys, from) => {
    const seen = new Set();
    for (const element of links) {
      const lit = keysOf(element).some((key) => keys.includes(key));
      element.classList.toggle("lit", lit);
      const pane = element.closest("pre, .picture, #figures");
      if (lit && !seen.has(pane) && !(from && pane.contains(from))) {
        seen.add(pane);
        reveal(element);
      }
    }
    told.textContent = keys.length ? sentence(keys) : title;
  };

  const keep = (element) => {
    document.querySelector(".kept")?.classList.remove("kept");
    kept = element;
    element?.classList.add("kept");
    light(element ? keysOf(element) : [], element);
  };

  const restore = () => light(kept ? keysOf(kept) : [], kept);

  document.addEventListener("pointerover", (event) => {
    const element = event.target.closest("[data-keys]");
    if (element) light(keysOf(element), element);
    else restore();
  });
  document.addEventListener("pointerleave", restore);
  document.addEventListener("focusin", (event) => {
    const element = event.target.closest("[data-keys]");
    if (element) light(keysOf(element), element);
  });
  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-keys]");
    if (element) keep(element === kept ? null : element);
  });

  // From call to call, in the order of the file.
  const step = (by) => {
    if (!rows.length) return;
    const at = kept ? rows.findIndex((row) => keysOf(kept).includes(row.dataset.keys)) : by > 0 ? -1 : 0;
    const row = rows[(at + by + rows.length) % rows.length];
    keep(row);
    reveal(row);
  };

  const theme = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };
  document.getElementById("theme").addEventListener("click", theme);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const element = document.activeElement.closest("[data-keys]");
    if (event.key === "ArrowDown" || event.key === "j") step(1);
    else if (event.key === "ArrowUp" || event.key === "k") step(-1);
    else if (event.key === "Escape") keep(null);
    else if (event.key === "t") theme();
    else if ((event.key === "Enter" || event.key === " ") && element) keep(element === kept ? null : element);
    else return;
    event.preventDefault();
  });
})();
