// When does a move pay? Break-even values, with the reason where there is none.
(function (W) {
  "use strict";

  const QUANTITIES = {
    stay_h: ["Stay", "h", "The block must stay at least this long."],
    volume_requests: ["Volume", "count", "At least this many requests must move."],
    price_gap_usd_per_mwh: ["Price gap", "USD/MWh", "The prices must differ by at least this."],
    carbon_price_usd_per_t: ["Carbon price", "USD/t", "The carbon price at which the verdict turns; the last column says on which side the move pays."],
    payload_bytes: ["Payload", "bytes", "Up to this many bytes per request, egress leaves a gain."],
    state_bytes: ["State", "bytes", "Up to this much state per session may move along."],
  };
  const titled = (id) => (QUANTITIES[id] || [id])[0];
  const say = (value, id, unit) => W.say(value, (QUANTITIES[id] || [null, unit || ""])[1]);

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
      "tr", {}, W.el("td", {}, row.class),
      W.el("td", {}, `${W.name("region", row.from_region)} → ${W.name("region", row.to_region)}`, row.point ? W.el("small", {}, ` at ${row.point}`) : null),
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
      notes: [(QUANTITIES[state.quantity] || [])[2] || ""].filter(Boolean),
      columns: Object.keys(all[0]), rows: all.map((row) => Object.values(row)),
    };
  }

  W.figure("breakeven", { controls, draw });
})(window.Wattlas);
