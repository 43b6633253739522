// Mounts the figures in the order of the page, and draws them again when the page changes.
(function (W) {
  "use strict";

  const main = document.getElementById("figures");
  const contents = document.getElementById("contents");
  const figures = [];
  const goTo = (event, node) => {
    // The address holds the choices; jumping to a figure must not erase them.
    event.preventDefault();
    node.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  };

  function mount(id, parent, list, level) {
    const figure = W.figures.find((other) => other.spec.id === id);
    if (!figure) throw new Error(`no script draws the figure ${id}`);
    figures.push(figure);
    try {
      figure.mount(parent, level);
    } catch (error) {
      // One broken picture must not take the others with it; the console still shows it.
      console.error(error);
      figure.root.append(W.el("p", { class: "answer" }, `This picture could not be drawn: ${error.message}`));
    }
    const link = W.el("a", { href: `#figure-${id}`, onclick: (event) => goTo(event, figure.root) }, figure.spec.question);
    list.append(W.el("li", { class: figure.root.classList.contains("absent") ? "absent" : null }, link));
  }

  // A part with a table of its own stands on the page only where the results have that table.
  for (const part of W.parts) {
    const ids = [...W.words.values()].filter((words) => words.part === part.id).map((words) => words.id);
    if (!part.table) {
      for (const id of ids) mount(id, main, contents);
      continue;
    }
    if (!W.has(part.table)) continue;
    const heading = W.el("h2", { id: `${part.id}-title` }, part.title);
    const root = W.el("section", { class: "part", id: `part-${part.id}`, "aria-labelledby": `${part.id}-title` }, heading, W.el("p", { class: "lead" }, part.lead));
    const list = W.el("ol", { "aria-labelledby": `${part.id}-contents` });
    const link = W.el("a", { href: `#part-${part.id}`, onclick: (event) => goTo(event, root) }, part.title);
    contents.parentElement.append(W.el("p", { class: "part", id: `${part.id}-contents` }, link), list);
    main.append(root);
    for (const id of ids) mount(id, root, list, "h3");
  }

  const redraw = () => figures.forEach((figure) => figure.draw());
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 120);
  });
  addEventListener("hashchange", () => {
    W.reread();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const root = document.documentElement;
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    redraw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    redraw();
  });
  root.classList.add("ready");
})(window.Wattlas);
