// Why here? The candidates of one metro and class, with what closed each of them.
(function (W) {
  "use strict";

  const controls = [
    () => {
      const ids = W.unique(W.rows("candidates").map((row) => row.metro));
      const size = (id) => -((W.place("metro", id) || {}).population || 0);
      ids.sort((a, b) => size(a) - size(b) || (a < b ? -1 : 1));
      return { kind: "select", key: "metro", label: "Requests from", options: ids.map((id) => [id, W.name("metro", id)]) };
    },
    (state) => {
      const ids = W.unique(W.rows("candidates").filter((row) => row.metro === state.metro).map((row) => row.class)).sort();
      return { kind: "choice", key: "class", label: "Class", options: ids.map((id) => [id, W.klass(id)]) };
    },
  ];

  const share = (row) => row.chosen_share || 0;

  function draw(state, theme) {
    const all = W.rows("candidates");
    const rows = all
      .filter((row) => row.metro === state.metro && row.class === state.class)
      .sort((a, b) => (a.cost_usd_per_million ?? Infinity) - (b.cost_usd_per_million ?? Infinity));
    const chosen = rows.filter((row) => share(row) > 0).sort((a, b) => share(b) - share(a));
    const cheaper = chosen.length ? rows.filter((row) => row.cost_usd_per_million < chosen[0].cost_usd_per_million) : [];
    const closed = cheaper.filter((row) => row.reason).length;
    const used = cheaper.filter((row) => share(row) > 0).length;
    const costs = rows.map((row) => row.cost_usd_per_million).filter((value) => value != null);
    const most = Math.max(1e-12, ...costs);
    const points = W.unique(rows.map((row) => row.point)).length > 1;
    const metro = W.name("metro", state.metro);
    const heads = ["Region", "Cost per million requests", "Verdict", "Latency", "Carbon"];
    return {
      answer: chosen.length
        ? `${metro}'s class ${W.klass(state.class)} runs mostly in ${W.name("region", chosen[0].region)} (${W.say(share(chosen[0]), "share")} of it)${cheaper.length ? `; ${cheaper.length} place${cheaper.length === 1 ? " is" : "s are"} cheaper on average${closed ? `, ${closed === cheaper.length ? (closed > 1 ? "all" : "but") : `${closed} of them`} closed to it` : ""}${used ? `, ${used === cheaper.length ? "" : `${used} of them `}used for a smaller part` : ""}` : ", the cheapest place on average"}.`
        : `None of the ${rows.length} places serves ${metro}'s class ${W.klass(state.class)}.`,
      node: W.el("div", { class: "scroll tall", tabindex: "0" }, W.el(
        "table", { class: "plain why" },
        W.el("thead", {}, W.el("tr", {}, ...heads.map((text) => W.el("th", { scope: "col", class: ["Carbon", "Latency"].includes(text) ? "n" : null }, text)))),
        W.el("tbody", {}, ...rows.map((row) => line(row, most, points))),
      )),
      notes: ["Costs and carbon are means over the window; the plan chooses hour by hour, so that several places may share the demand of one metro."],
      columns: Object.keys(all[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  function line(row, most, points) {
    const cost = row.cost_usd_per_million;
    return W.el(
      "tr", { class: share(row) > 0 ? "chosen" : row.reason ? "closed" : null },
      W.el("td", {}, W.el("i", { class: "swatch", style: `background:${W.colour(row.region)}` }), W.name("region", row.region), points && row.point && W.el("small", { class: "under" }, row.point)),
      W.el("td", { class: "bar" }, W.el("span", { class: "track" }, W.el("i", { style: `width:${cost == null ? 0 : Math.max(0, (100 * cost) / most)}%` })), W.el("b", {}, cost == null ? "–" : `${W.num(cost)} USD`)),
      W.el("td", { class: "verdict" }, verdict(row)),
      W.el("td", { class: row.latency_ms > row.budget_ms ? "n over" : "n" }, `${W.say(row.latency_ms, "ms")}`, W.el("small", {}, ` of ${W.say(row.budget_ms, "ms")}`)),
      W.el("td", { class: "n" }, row.carbon_g_per_request == null ? "–" : `${W.num(row.carbon_g_per_request, 2)} g`),
    );
  }

  function verdict(row) {
    const binds = row.binding ? W.el("small", {}, ` ${row.binding}${row.binding.includes(" ") ? "" : " binds"}`) : null;
    if (share(row) > 0) return [W.el("b", { class: "tick" }, `CHOSEN ✔ ${W.say(share(row), "share")}`), binds];
    if (row.reason) return row.reason;
    return ["open, not chosen", binds];
  }

  W.figure("why", { controls, draw });
})(window.Wattlas);
