// Mounts the figures in the order of the page, and draws them again when the page changes.
(function (W) {
  "use strict";

  // A part with a table of its own stands on the page only where the results have that table.
  const PARTS = [
    { ids: ["frontier", "map", "hours", "merit", "duration", "benefit", "policies", "relocation", "breakeven", "why", "layers"] },
    {
      id: "tiers", title: "Green tiers", table: "tier_verdicts",
      lead: "A green tier is a subscription for less: in return, up to a set share of its requests may be served at a floor below full service, and carbon decides which.",
      ids: ["tier-verdict", "tier-menu", "tier-targets", "tier-utility", "tier-shares", "tier-designer", "tier-pareto", "tier-floors", "tier-segments", "tier-sensitivity", "tier-split"],
    },
  ];
  const main = document.getElementById("figures");
  const contents = document.getElementById("contents");
  const figures = [];
  const goTo = (event, node) => {
    // The address holds the choices; jumping to a figure must not erase them.
    event.preventDefault();
    node.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  };

  function mount(id, parent, list, level) {
    const figure = W.figures.find((one) => one.spec.id === id);
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

  for (const part of PARTS) {
    if (!part.table) {
      for (const id of part.ids) mount(id, main, contents);
      continue;
    }
    if (!W.has(part.table)) continue;
    const heading = W.el("h2", { id: `${part.id}-title` }, part.title);
    const root = W.el("section", { class: "part", id: `part-${part.id}`, "aria-labelledby": `${part.id}-title` }, heading, W.el("p", { class: "lead" }, part.lead));
    const list = W.el("ol", { "aria-labelledby": `${part.id}-contents` });
    const link = W.el("a", { href: `#part-${part.id}`, onclick: (event) => goTo(event, root) }, part.title);
    contents.parentElement.append(W.el("p", { class: "part", id: `${part.id}-contents` }, link), list);
    main.append(root);
    for (const id of part.ids) mount(id, root, list, "h3");
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
