// Is a green tier worth offering? The verdict of each class.
(function (W) {
  "use strict";

  const { el } = W;
  const T = W.tiers;
  const { clause } = T;

  function draw() {
    const rows = [...W.rows("tier_verdicts")].sort((a, b) => (a.class < b.class ? -1 : 1));
    const yes = rows.filter((row) => row.worth);
    return {
      answer: answer(rows, yes),
      node: el("div", { class: "tiers" }, ...rows.map((row) => card(row))),
      notes: [
        `Money and carbon are those of the whole window (${W.year ? "a year" : `${W.num((W.meta.window || {}).hours_represented)} h`}), against full service for everybody; bars are shares of 100 %.`,
        "What users say they would accept exceeds what they do accept: read a verdict with its sensitivities below.",
        ...paid(rows),
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  // What the assumed taste comes to per tonne, which is what makes it hard to believe.
  function paid(rows) {
    const told = rows.filter((row) => row.users_pay_usd_per_t > 0);
    if (!told.length) return [];
    const each = told.map((row) => `${W.say(row.users_pay_usd_per_t, "usd", 2)} (class ${W.klass(row.class)})`).join(", ");
    return [`For a tonne of CO₂e less these users would pay, in the mean: ${each}. Whether they would in fact decides the verdict.`];
  }

  function answer(rows, yes) {
    const one = rows.length === 1;
    if (!yes.length) return one ? T.no(rows[0]) : `No tier is worth offering for any of the ${rows.length} classes; why stands with each.`;
    const best = [...yes].sort((a, b) => (b.profit_gain_usd || 0) - (a.profit_gain_usd || 0))[0];
    const head = one ? "A tier is worth offering" : `A tier is worth offering for ${yes.length} of ${rows.length} classes`;
    const gain = best.profit_gain_usd == null ? "" : `; ${one ? "it" : `most of all for class ${W.klass(best.class)}, where it`} ${T.profit(best.profit_gain_usd)} ${W.period}${best.carbon_saved_kg == null ? "" : ` and ${T.carbon(best.carbon_saved_kg)}`}`;
    return `${head}${gain}.`;
  }

  function card(row) {
    const mark = row.worth ? "✔ worth offering" : "✘ not worth offering";
    return el(
      "article", { class: `tier ${row.worth ? "yes" : "no"}` },
      el("h4", {}, `Class ${W.klass(row.class)}`, el("span", {}, mark)),
      el("p", { class: "big" }, row.worth ? offer(row) : "No tier"),
      el("p", {}, row.worth ? sentence(row) : T.no(row)),
      row.worth ? el("dl", {}, ...facts(row)) : null,
      el("p", { class: "full" }, full(row)),
    );
  }

  const sentence = (row) => (clause(row) ? `${clause(row)[0].toUpperCase()}${clause(row).slice(1)}.` : "A tier is worth offering.");
  const offer = (row) => (row.discount == null ? "An offer" : [...(row.kind === "discount" ? [el("b", {}, W.say(row.discount, "share")), " off"] : ["A change of default service"]), ", at most ", el("b", {}, W.say(row.share, "share")), " degraded"]);

  // A share above 1 is said as a multiple: the tier may bring more than full service does.
  const ofProfit = (share) => (share == null ? "full service loses money" : share > 1 ? `${share.toFixed(1)} times the profit of full service` : `${W.say(share, "share")} of profit`);

  const facts = (row) => [
    fact("Fallback", row.fallback || "–"),
    fact("Adoption", `${W.say(row.adoption, "share")} of requests`, row.adoption),
    fact("Profit", `${more(row.profit_gain_usd, row.revenue_gain_share, "usd", "of revenue")}; ${ofProfit(row.profit_gain_share)}`, row.revenue_gain_share),
    fact("Carbon saved", `${W.say(row.carbon_saved_kg, "kg")}${part(row.carbon_saved_share)}`, row.carbon_saved_share),
    fact("Quality", `accuracy ${W.num(row.full_accuracy)} → ${W.num(row.fallback_accuracy)}, ${W.say(row.full_latency_ms, "ms")} → ${W.say(row.fallback_latency_ms, "ms")} where degraded; ${W.num(row.mean_accuracy)} in the mean`),
    fact("Who loses", row.losing_share > 0 ? `${W.say(row.losing_share, "share")} of those who adopt it${row.losing_most ? `, most of all: ${row.losing_most}` : ""}` : "nobody who adopts it", row.losing_share),
    fact("Degraded", row.trigger || "–"),
    fact("Tests", row.tests || "not made"),
  ];
  const part = (share, words) => (share == null ? "" : ` (${W.say(share, "share")}${words ? ` ${words}` : ""})`);
  const more = (value, share, kind, words) => (value == null ? "–" : `${T.signed(value, kind)}${part(share, words)}`);

  function fact(name, text, share) {
    const wide = share == null ? null : Math.max(0, Math.min(100, share * 100));
    return el("div", {}, el("dt", {}, name), el("dd", {}, text, wide == null ? null : el("span", { class: "track" }, el("i", { style: `width:${wide}%` }))));
  }

  const full = (row) =>
    `Full service: ${W.say(row.price_usd * 1e6, "usd")} per million requests, of which it costs ${W.say(row.full_cost_usd * 1e6, "usd")}; accuracy ${W.num(row.full_accuracy)}, ${W.say(row.full_latency_ms, "ms")}, ${T.grams(row.full_carbon_g)} a request.`.replaceAll("USD ", "USD\u00a0");

  T.figure("tier-verdict", { draw });
})(window.Wattlas);
