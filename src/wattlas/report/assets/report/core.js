// Data, numbers in words, colours, and the choices kept in the address.
(function (W) {
  "use strict";

  const page = JSON.parse(document.getElementById("wattlas-data").textContent);
  W.meta = page.meta;
  W.thinned = page.thinned;
  W.parts = page.parts;
  W.words = new Map(page.figures.map((words) => [words.id, words]));

  // -- tables ---------------------------------------------------------------------------------
  const cache = new Map();
  const decode = (column) => (Array.isArray(column) ? column : column.i.map((at) => column.d[at]));

  W.has = (name) => Boolean(page.tables[name]) && page.tables[name].n > 0;

  W.rows = (name) => {
    if (!cache.has(name)) {
      const table = page.tables[name] || { n: 0, c: {} };
      const names = Object.keys(table.c);
      const columns = names.map((key) => decode(table.c[key]));
      cache.set(
        name,
        Array.from({ length: table.n }, (_, at) =>
          Object.fromEntries(names.map((key, k) => [key, columns[k][at]])),
        ),
      );
    }
    return cache.get(name);
  };

  // One column as a list, without making rows of the whole table.
  W.column = (name, key) => {
    const column = page.tables[name] && page.tables[name].c[key];
    return column ? decode(column) : [];
  };

  W.unique = (values) => [...new Set(values)];
  W.sum = (values) => values.reduce((total, value) => total + (value || 0), 0);
  W.group = (rows, key) => {
    const out = new Map();
    for (const row of rows) {
      const at = key(row);
      if (!out.has(at)) out.set(at, []);
      out.get(at).push(row);
    }
    return out;
  };
  W.extent = (values) => {
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      if (value == null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  };

  // -- numbers in words -----------------------------------------------------------------------
  const STEPS = [
    [1e12, "T"], [1e9, "bn"], [1e6, "M"], [1e3, "k"], [1, ""],
  ];
  const LADDERS = {
    usd: { steps: STEPS, unit: (s) => (s ? `${s} USD` : "USD"), say: (n, s) => `USD ${n}${s ? ` ${s}` : ""}` },
    kg: { steps: [[1e9, "Mt"], [1e6, "kt"], [1e3, "t"], [1, "kg"], [1e-3, "g"]] },
    mwh: { steps: [[1e6, "TWh"], [1e3, "GWh"], [1, "MWh"], [1e-3, "kWh"], [1e-6, "Wh"]] },
    mw: { steps: [[1e3, "GW"], [1, "MW"], [1e-3, "kW"], [1e-6, "W"]] },
    bytes: { steps: [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]] },
    count: { steps: STEPS },
  };

  W.num = (value, digits = 3) => {
    if (value == null || !Number.isFinite(value)) return "–";
    // A row of zeros is misread, and nothing is not less than nothing.
    if (value && Math.abs(value) < 1e-6) return value.toExponential(digits - 1).replaceAll("-", "−");
    const rounded = 0 + Number(value.toPrecision(Math.max(digits, Math.abs(value) < 1e6 ? String(Math.trunc(Math.abs(value))).length : 0)));
    return rounded.toLocaleString("en-US", { maximumFractionDigits: 8 }).replace("-", "−");
  };

  // The step of a ladder on which `value` is written: {div, unit}.
  W.scale = (value, kind) => {
    const ladder = LADDERS[kind];
    const size = Math.abs(value || 0);
    const [div, symbol] = ladder.steps.find(([step]) => size >= step) || (size ? ladder.steps.at(-1) : ladder.steps.find(([step]) => step === 1));
    return { div, unit: ladder.unit ? ladder.unit(symbol) : symbol, symbol };
  };

  W.say = (value, kind, digits = 3) => {
    if (value == null || !Number.isFinite(value)) return "–";
    if (kind === "share") return `${W.num(value * 100, Math.abs(value) < 0.0995 ? 2 : 3)} %`;
    if (kind === "ms") return value >= 60000 ? `${W.num(value / 1000)} s` : `${W.num(value)} ms`;
    if (!LADDERS[kind]) return kind ? `${W.num(value, digits)} ${kind}` : W.num(value, digits);
    const { div, symbol } = W.scale(value, kind);
    const number = W.num(value / div, digits);
    const say = LADDERS[kind].say;
    return say ? say(number, symbol) : `${number}${symbol ? ` ${symbol}` : ""}`;
  };

  const represented = Number((W.meta.window || {}).hours_represented || 0);
  W.year = Math.abs(represented - 8760) <= 24;
  W.period = W.year ? "a year" : `in ${W.num(represented)} h`;

  // What the plan is compared with: the nearest region, or the nearest one with capacity.
  W.baseline = (W.meta.baseline || {}).label || "nearest region";
  W.Baseline = W.baseline[0].toUpperCase() + W.baseline.slice(1);

  W.hour = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
  W.month = (iso) => "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")[Number(iso.slice(5, 7)) - 1];

  // -- names and colours ----------------------------------------------------------------------
  const places = new Map();
  for (const row of W.rows("places")) places.set(`${row.kind} ${row.id}`, row);
  W.place = (kind, id) => places.get(`${kind} ${id}`);
  W.name = (kind, id) => (W.place(kind, id) || {}).name || id;
  // A class by its name, with its id: `interactive (A)`; by its id alone where it has none.
  const named = W.meta.classes || {};
  W.klass = (id) => (named[id] && named[id] !== id ? `${named[id]} (${id})` : id);

  // Okabe and Ito's colours (dark grey for black, which is the ink), then darker, then lighter ones.
  const PALETTE = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4d4d4d",
    "#004a75", "#946600", "#00614a", "#8a4a70", "#2a7fae", "#8a3c00", "#a89c00", "#949494",
    "#80b9d9", "#f5cf80", "#80cfb9", "#e6bcd3", "#aad9f4", "#eaaf80", "#f8f2a1", "#c6c6c6",
  ];
  W.palette = PALETTE;

  const rank = (() => {
    const energy = new Map();
    for (const table of ["flows", "baseline_flows"]) {
      const mwh = W.column(table, "it_mwh");
      W.column(table, "region").forEach((id, at) => energy.set(id, (energy.get(id) || 0) + mwh[at]));
    }
    for (const table of ["regions", "hourly", "candidates", "merit"])
      for (const id of new Set(W.column(table, "region"))) if (!energy.has(id)) energy.set(id, 0);
    for (const row of W.rows("places")) if (row.kind === "region" && !energy.has(row.id)) energy.set(row.id, 0);
    energy.delete("unserved");
    return [...energy].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([id]) => id);
  })();
  W.regions = rank;
  const colours = new Map(rank.map((id, at) => [id, PALETTE[at % PALETTE.length]]));
  // One colour per region, the same in every picture; the largest regions get the clearest ones.
  W.colour = (region) => lift(colours.get(region) || "#999999");

  // On a dark page every colour is mixed with white, lest the dark ones sink into it.
  function lift(hex) {
    const root = document.documentElement;
    if (!matchMedia("(prefers-color-scheme: dark)").matches || root.classList.contains("printing")) return hex;
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `#${parts.map((part) => Math.round(part + (255 - part) * 0.24).toString(16).padStart(2, "0")).join("")}`;
  }

  W.tint = lift;

  // From weak to strong in one hue (pale to dark, on a dark page dark to bright); t is 0..1.
  W.ramp = (t, theme) => {
    const ends = [theme.low, theme.high].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
    const part = Math.max(0, Math.min(1, t));
    return `rgb(${ends[0].map((value, at) => Math.round(value + (ends[1][at] - value) * part)).join(",")})`;
  };

  W.theme = () => {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(`--${name}`).trim();
    return {
      ink: get("ink"), muted: get("muted"), line: get("line"), paper: get("paper"), panel: get("panel"),
      plan: get("plan"), baseline: get("baseline"), user: get("user"), land: get("land"), font: get("sans"), low: get("low"), high: get("high"),
      carbon: { low: get("carbon-low"), high: get("carbon-high") }, price: { low: get("price-low"), high: get("price-high") },
    };
  };

  // -- choices, kept in the address -----------------------------------------------------------
  const chosen = new URLSearchParams(location.hash.slice(1));
  W.choice = (key) => chosen.get(key);
  W.choose = (key, value, standard) => {
    if (String(value) === String(standard)) chosen.delete(key);
    else chosen.set(key, value);
    const hash = chosen.toString();
    try {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    } catch {
      location.hash = hash; // some browsers allow no history on file:
    }
  };
  W.reread = () => {
    for (const key of [...chosen.keys()]) chosen.delete(key);
    for (const [key, value] of new URLSearchParams(location.hash.slice(1))) chosen.set(key, value);
  };

  // -- the page -------------------------------------------------------------------------------
  W.el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
    node.append(...children.flat().filter((child) => child != null && child !== false));
    return node;
  };

  const SVG = "http://www.w3.org/2000/svg";
  W.svg = (tag, attributes, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
    node.append(...children.flat().filter((child) => child != null && child !== false));
    return node;
  };

  // Runs a change of what is inside `root`, and puts the keyboard focus back where it was: on the
  // control of the same key and value, else on the same one by count.
  const FOCUSABLE = "input, select, button, summary, a[href], [tabindex='0']";
  W.keepFocus = (root, change) => {
    const held = document.activeElement;
    if (!held || held === root || !root.contains(held)) return change();
    const at = [...root.querySelectorAll(FOCUSABLE)].indexOf(held);
    const key = (node) => `${node.closest("[data-key]")?.dataset.key} ${node.type === "radio" ? node.value : ""}`;
    const [wanted, named] = [key(held), Boolean(held.closest("[data-key]"))];
    change();
    if (held.isConnected && document.activeElement === held) return;
    const now = [...root.querySelectorAll(FOCUSABLE)];
    const next = held.isConnected ? held : (named && now.find((node) => key(node) === wanted)) || now[Math.min(at, now.length - 1)];
    if (next) next.focus({ preventScroll: true });
  };

  const field = (value) => {
    if (value == null) return "";
    const text = String(value);
    // A leading = + - @ would make a spreadsheet run the cell; numbers may keep their sign.
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  W.csv = (columns, rows) =>
    [columns, ...rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";

  W.download = (name, text) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    const link = W.el("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };

  // A tooltip made of nodes: names come from the user's files and are never read as HTML.
  W.tip = (title, rows) =>
    W.el(
      "div", { class: "tip" },
      W.el("strong", {}, title),
      ...rows.map(([label, value, colour]) =>
        W.el(
          "div", {},
          W.el("span", {}, colour ? W.el("i", { style: `background:${colour}` }) : null, label),
          W.el("b", {}, value),
        ),
      ),
    );
})((window.Wattlas = window.Wattlas || {}));
