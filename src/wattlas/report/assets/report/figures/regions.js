// Where does it run, and what is paid there? The regions as a table, most energy first.
(function (W) {
  "use strict";

  const { el } = W;

  const byCarbon = () => (W.meta.objective || {}).minimise === "carbon";

  const columnsOf = () => [
    ["Baseline", (row) => W.say(row.baseline_share, "share")],
    ["Plan", (row) => bar(row.plan_share)],
    ["Utilisation", (row) => W.say(row.utilisation, "share")],
    ["Models, by requests", (row) => row.models || "–", "text"],
    ["Paid, USD/MWh", (row) => W.num(row.paid_usd_per_mwh)],
    ["Mean price, USD/MWh", (row) => W.num(row.price_usd_per_mwh), "wide"],
    ["Mean g/kWh", (row) => W.num(row.deciding_g_per_kwh)],
    ["Carbon", (row) => W.say(row.carbon_kg, "kg")],
    byCarbon()
      ? ["One more GPU-h, kg", (row) => W.num(row.capacity_price_kg_per_gpu_h), "wide"]
      : ["One more GPU-h, USD", (row) => W.num(row.capacity_price_usd_per_gpu_h), "wide"],
  ];

  // As long as its part of the largest share.
  const bar = (share) => [
    el("span", { class: "track" }, el("i", { style: `width:${((100 * (share || 0)) / Math.max(1e-12, ...W.column("regions", "plan_share"))).toFixed(1)}%` })),
    el("b", {}, W.say(share, "share")),
  ];

  // Texts to the left, numbers to the right; in a narrow window without those that are `wide`.
  const kindOf = (kind) => (kind === "text" ? null : kind === "wide" ? "n wide" : "n");

  function draw() {
    const columns = columnsOf();
    const rows = W.rows("regions");
    const used = rows.filter((row) => row.plan_share > 0);
    const gains = [...rows].sort((a, b) => b.plan_share - b.baseline_share - (a.plan_share - a.baseline_share));
    const [most, least] = [gains[0], gains.at(-1)];
    const name = (row) => W.name("region", row.region);
    const from = (row) => `${name(row)} from ${W.say(row.baseline_share, "share")} to ${W.say(row.plan_share, "share")} of the IT energy`;
    const moved = most.plan_share - most.baseline_share > 5e-4;
    const head = ["Region", ...columns.map(([text]) => text)];
    const node = el(
      "div", { class: "scroll whole", tabindex: "0" },
      el(
        "table", { class: "plain stack regions" },
        el("thead", {}, el("tr", {}, ...head.map((text, at) => el("th", { scope: "col", class: at ? kindOf(columns[at - 1][2]) : null }, text)))),
        el("tbody", {}, ...rows.map((row) => el(
          "tr", { class: row.plan_share > 0 ? null : "unused" },
          el("th", { scope: "row" }, el("i", { class: "swatch", style: `background:${W.colour(row.region)}` }), name(row)),
          ...columns.map(([text, cell, kind]) => el("td", { class: text === "Plan" ? "bar n" : kindOf(kind), "data-label": text }, cell(row))),
        ))),
      ),
    );
    return {
      answer: `The plan uses ${used.length} of ${rows.length} region${rows.length === 1 ? "" : "s"}${moved ? `; ${from(most)}, ${from(least).replace(" of the IT energy", "")}` : ", each as much as the baseline does"}.`,
      node,
      notes: [
        "Baseline and plan: share of all IT energy. Paid: the energy bill over the facility energy; the mean price and the mean intensity are over all hours. Utilisation is of the accelerators whose number is known. One more GPU-h: the mean shadow price of capacity.",
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  W.figure("regions", { draw });
})(window.Wattlas);
