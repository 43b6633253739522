// When does a move pay? Break-even values, with the reason where there is none.
(function (W) {
  "use strict";

  const QUANTITIES = {
    stay_h: ["Stay", "h", "The block must stay at least this long."],
    volume_requests: ["Volume", "count", "The requests at which the verdict turns; the last column says on which side the move pays."],
    price_gap_usd_per_mwh: ["Price gap", "USD/MWh", "The difference of the mean prices at which the verdict turns; the last column says on which side the move pays."],
    carbon_price_usd_per_t: ["Carbon price", "USD/t", "The carbon price at which the verdict turns; the last column says on which side the move pays."],
    payload_bytes: ["Payload", "bytes", "The bytes per request at which the verdict turns; the last column says on which side the move pays."],
    state_bytes: ["State", "bytes", "The state per session at which the verdict turns; the last column says on which side the move pays."],
  };
  const titled = (id) => (QUANTITIES[id] || [id])[0];
  const say = (value, id, unit) => W.say(value, (QUANTITIES[id] || [null, unit || ""])[1]);

  // Whose demand moves.
  const of = (row) => {
    const metros = (row.demand_of || "").split(", ").filter(Boolean);
    if (!metros.length) return "";
    return metros.length > 3 ? `demand of ${metros.length} metros` : `demand of ${metros.map((id) => W.name("metro", id)).join(", ")}`;
  };

  const controls = [
    () => {
      const ids = W.unique(W.rows("breakeven").map((row) => row.quantity));
      return { kind: "choice", key: "quantity", label: "Break-even", options: ids.map((id) => [id, titled(id)]), standard: ids.find((id) => W.rows("breakeven").some((row) => row.quantity === id && row.value > 0)) };
    },
    () => {
      const ids = W.unique(W.rows("breakeven").map((row) => row.class)).sort();
      return ids.length > 1 && { kind: "choice", key: "class", label: "Class", options: [["", "All"], ...ids.map((id) => [id, W.klass(id)])] };
    },
  ];

  function draw(state, theme, width) {
    const all = W.rows("breakeven");
    const rows = all.filter((row) => row.quantity === state.quantity && (!state.class || row.class === state.class));
    const sorted = [...rows].sort((a, b) => (a.value == null) - (b.value == null) || a.value - b.value);
    const some = sorted.filter((row) => row.value != null);
    const [low, high] = W.extent(some.map((row) => row.value));
    const logged = low > 0 && high / low > 20;
    const part = (value) => {
      if (!(value > 0)) return 0;
      if (high <= low) return 60;
      return logged ? 8 + (92 * Math.log(value / low)) / Math.log(high / low) : Math.max(2, (100 * value) / high);
    };
    const body = sorted.map((row) => W.el(
      "tr", {}, W.el("td", {}, W.klass(row.class)),
      W.el("td", {}, `${W.name("region", row.from_region)} → ${W.name("region", row.to_region)}`, W.el("small", {}, [row.point && ` at ${row.point}`, of(row)].filter(Boolean).join(", "))),
      W.el("td", { class: "bar" }, row.value == null
        ? W.el("span", { class: "none" }, row.reason || "no such value")
        : [W.el("span", { class: "track" }, W.el("i", { style: `width:${part(row.value)}%` })), W.el("b", {}, say(row.value, row.quantity, row.unit))]),
      W.el("td", {}, W.el("span", { class: `verdict ${["pays", "always"].includes(row.verdict) ? "yes" : "no"}` }, row.verdict), row.value != null && row.reason ? W.el("small", {}, ` ${row.reason.replace(`${row.verdict} `, "")}`) : null),
    ));
    const pays = rows.filter((row) => ["pays", "always"].includes(row.verdict)).length;
    return {
      answer: `${pays} of the ${rows.length} moves listed pay.${some.length ? ` The break-even ${titled(state.quantity).toLowerCase()} ${low === high ? "is" : `lies between ${say(low, state.quantity, some[0].unit)} and`} ${say(high, state.quantity, some[0].unit)}.` : ""}${some.length < rows.length ? ` ${rows.length - some.length} ha${rows.length - some.length === 1 ? "s" : "ve"} no such value, for the reason given.` : ""}`,
      node: W.el("div", { class: "scroll tall", tabindex: "0" }, W.el(
        "table", { class: "plain moves" },
        W.el("thead", {}, W.el("tr", {}, ...["Class", "Move", `${titled(state.quantity)}${logged ? " (bar: logarithmic)" : ""}`, "Verdict"].map((text) => W.el("th", { scope: "col" }, text)))),
        W.el("tbody", {}, ...body),
      )),
      notes: [(QUANTITIES[state.quantity] || [])[2] || "", all.some((row) => row.demand_of) ? "A move is of all the demand of those metros of which the plan moves any so, for all hours." : ""].filter(Boolean),
      columns: Object.keys(all[0]), rows: all.map((row) => Object.values(row)),
    };
  }

  W.figure("breakeven", { controls, draw });
})(window.Wattlas);
