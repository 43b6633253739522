// Mounts the figures in the order of the page, draws the first screen at once and the rest as it is wanted.
(function (W) {
  "use strict";

  const root = document.documentElement;
  const first = document.getElementById("first");
  const main = document.getElementById("figures");
  const appendix = document.getElementById("appendix");
  const contents = document.getElementById("contents");
  const figures = [];

  // The address holds the choices; jumping to a figure must not erase them.
  const goTo = (event, node) => {
    event.preventDefault();
    if (node.tagName === "DETAILS") node.open = true;
    node.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    const target = node.querySelector("summary") || node.querySelector("h2, h3");
    if (target.tagName !== "SUMMARY") target.tabIndex = -1;
    target.focus({ preventScroll: true });
  };

  function mount(id, parent, list, level) {
    const figure = W.figures.find((other) => other.spec.id === id);
    if (!figure) throw new Error(`no script draws the figure ${id}`);
    figures.push(figure);
    figure.mount(parent, level);
    if (list) list.append(W.el("li", {}, link(figure.root, `figure-${id}`, figure.spec.question)));
  }

  const link = (node, id, text) => W.el("a", { href: `#${id}`, onclick: (event) => goTo(event, node) }, text);
  const depthOf = (words) => W.figures.find((figure) => figure.spec.id === words.id)?.spec.depth ?? words.depth;
  const of = (part, depth) => [...W.words.values()].filter((words) => words.part === part.id && depthOf(words) === depth).map((words) => words.id);

  // A part with a table of its own stands on the page only where the results have that table.
  const parts = W.parts.filter((part) => !part.table || W.has(part.table));
  for (const part of parts) {
    for (const id of of(part, "first")) mount(id, first, null, "h2");
    if (!part.table) {
      for (const id of of(part, "body")) mount(id, main, contents, "h2");
      continue;
    }
    const heading = W.el("h2", { id: `${part.id}-title` }, part.title);
    const section = W.el("section", { class: "part", id: `part-${part.id}`, "aria-labelledby": `${part.id}-title` }, heading, W.el("p", { class: "lead" }, part.lead));
    main.append(section);
    contents.append(W.el("li", { class: "part" }, link(section, section.id, part.title)));
    for (const id of of(part, "body")) mount(id, section, null, "h3");
  }
  for (const part of parts) {
    const ids = of(part, "appendix");
    if (ids.length && part.title) appendix.append(W.el("h3", { class: "of" }, part.title));
    for (const id of ids) mount(id, appendix, null, part.title ? "h4" : "h3");
  }
  contents.append(W.el("li", { class: "part" }, link(appendix, "appendix", "Appendix")));

  for (const figure of figures) if (figure.spec.depth === "first") figure.show();
  performance.mark("wattlas-first-screen");
  requestAnimationFrame(() => root.classList.add("ready"));

  // The others wait for the library of charts, which follows this script; then those that come near the
  // window are drawn, and the rest while the browser has nothing else to do.
  const waiting = figures.filter((figure) => figure.spec.depth === "body");
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 30));
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) figures.find((figure) => figure.root === entry.target).show();
  }, { rootMargin: "300px" });
  const next = () => {
    const figure = waiting.shift();
    if (!figure) {
      near.disconnect();
      root.classList.add("drawn");
      return;
    }
    near.unobserve(figure.root);
    figure.show();
    idle(next, { timeout: 1000 });
  };
  addEventListener("DOMContentLoaded", () => {
    for (const figure of waiting) near.observe(figure.root);
    idle(next, { timeout: 1000 });
  });

  const redraw = () => figures.forEach((figure) => figure.draw());
  let width = innerWidth;
  let soon = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(soon);
    soon = setTimeout(redraw, 120);
  });
  addEventListener("hashchange", () => {
    W.reread();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  // On paper: one page with the verdict, the actions, the map and the totals, in light colours; smaller where
  // long names and notices would need a second one.
  const SHEET = 950; // pixels of text on the shorter of A4 and letter
  const page = document.querySelector(".page");
  const totals = document.querySelector("details.totals");
  const onPaper = (printing) => {
    root.classList.toggle("printing", printing);
    if (totals) {
      if (printing) totals.dataset.was = totals.open;
      totals.open = printing || totals.dataset.was === "true";
    }
    for (const figure of figures) if (figure.spec.depth === "first") figure.draw();
    page.style.zoom = printing ? Math.min(1, SHEET / page.offsetHeight) : "";
  };
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));
})(window.Wattlas);
