// Is a green tier worth offering? The verdict of each class, and what all figures of the tiers share.
(function (W) {
  "use strict";

  const { el } = W;
  const T = {};
  W.tiers = T;
  T.PART = "tiers";

  T.classes = () => W.rows("tier_verdicts").map((row) => row.class).sort();
  T.verdict = (id) => W.rows("tier_verdicts").find((row) => row.class === id) || { class: id, worth: false, reason: "" };

  // Shown first is the class whose tier gains most.
  const first = () => {
    const gains = W.rows("tier_verdicts").filter((row) => row.worth).sort((a, b) => (b.profit_gain_usd || 0) - (a.profit_gain_usd || 0));
    return gains.length ? gains[0].class : T.classes()[0];
  };
  T.controls = [
    () => {
      const ids = T.classes();
      return ids.length > 1 && { kind: ids.length > 6 ? "select" : "choice", shared: T.PART, key: "class", label: "Class", options: ids.map((id) => [id, id]), standard: first() };
    },
  ];
  T.klass = (state) => state.class ?? first();
  T.rows = (table, state) => W.rows(table).filter((row) => row.class === T.klass(state));

  // A reason is a clause; one that says the verdict again is cut to what follows.
  const clause = (row) => (row.reason || "").replace(/^no tier is worth (offering|it)\b[\s,:;.–-]*(because\s+)?/i, "").replace(/\.\s*$/, "");
  const because = (row) => (clause(row) ? `, because ${clause(row)}` : "");
  T.no = (row) => `No tier is worth offering for class ${row.class}${because(row)}.`;
  T.offer = (row) => `${W.say(row.discount, "share")} off for up to ${W.say(row.share, "share")} of the requests at ${row.floor}`;
  T.grams = (value) => (value == null ? "–" : `${W.num(value, 2)} g`);
  T.signed = (value, kind) => (value > 0 ? `+${W.say(value, kind)}` : W.say(value, kind));

  T.profit = (value) => (value < 0 ? `costs ${W.say(-value, "usd")} of profit` : `adds ${W.say(value, "usd")} of profit`);
  T.carbon = (value) => (value < 0 ? `adds ${W.say(-value, "kg")} of CO₂e` : `saves ${W.say(value, "kg")} of CO₂e`);

  // What stands in place of a picture that needs an offer where there is none.
  T.nothing = (state, what) => {
    const row = T.verdict(T.klass(state));
    return {
      answer: row.worth ? `These results hold ${what} for class ${row.class}.` : `No tier is worth offering for class ${row.class}, so there is ${what}.`,
      node: el("div", {}), empty: true, columns: ["class", "worth", "reason"], rows: [[row.class, row.worth, row.reason]],
    };
  };

  // `lacks` is what there is none of where no class has a tier worth offering, and so no table.
  T.figure = (spec) => W.figure({
    part: T.PART, ...spec,
    without: () => spec.lacks && !W.rows("tier_verdicts").some((row) => row.worth) && `No tier is worth offering for any class, so there is ${spec.lacks}.`,
  });

  // -- the verdict ------------------------------------------------------------------------------
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
    const each = told.map((row) => `${W.say(row.users_pay_usd_per_t, "usd", 2)} (class ${row.class})`).join(", ");
    return [`For a tonne of CO₂e less these users would pay, in the mean: ${each}. Whether they would in fact decides the verdict.`];
  }

  function answer(rows, yes) {
    const one = rows.length === 1;
    if (!yes.length) return one ? T.no(rows[0]) : `No tier is worth offering for any of the ${rows.length} classes; why stands with each.`;
    const best = [...yes].sort((a, b) => (b.profit_gain_usd || 0) - (a.profit_gain_usd || 0))[0];
    const head = one ? "A tier is worth offering" : `A tier is worth offering for ${yes.length} of ${rows.length} classes`;
    const gain = best.profit_gain_usd == null ? "" : `; ${one ? "it" : `most of all for class ${best.class}, where it`} ${T.profit(best.profit_gain_usd)} ${W.period}${best.carbon_saved_kg == null ? "" : ` and ${T.carbon(best.carbon_saved_kg)}`}`;
    return `${head}${gain}.`;
  }

  function card(row) {
    const mark = row.worth ? "✔ worth offering" : "✘ not worth offering";
    return el(
      "article", { class: `tier ${row.worth ? "yes" : "no"}` },
      el("h4", {}, `Class ${row.class}`, el("span", {}, mark)),
      el("p", { class: "big" }, row.worth ? offer(row) : "No tier"),
      el("p", {}, row.worth ? sentence(row) : T.no(row)),
      row.worth ? el("dl", {}, ...facts(row)) : null,
      el("p", { class: "full" }, full(row)),
    );
  }

  const sentence = (row) => (clause(row) ? `${clause(row)[0].toUpperCase()}${clause(row).slice(1)}.` : "A tier is worth offering.");
  const offer = (row) => (row.discount == null ? "An offer" : [el("b", {}, W.say(row.discount, "share")), " off, at most ", el("b", {}, W.say(row.share, "share")), " degraded"]);

  const facts = (row) => [
    fact("Floor", row.floor || "–"),
    fact("Adoption", `${W.say(row.adoption, "share")} of requests`, row.adoption),
    fact("Profit", more(row.profit_gain_usd, row.profit_gain_share, "usd"), row.profit_gain_share),
    fact("Carbon saved", `${W.say(row.carbon_saved_kg, "kg")}${part(row.carbon_saved_share)}`, row.carbon_saved_share),
  ];
  const part = (share) => (share == null ? "" : ` (${W.say(share, "share")})`);
  const more = (value, share, kind) => (value == null ? "–" : `${T.signed(value, kind)}${part(share)}`);

  function fact(name, text, share) {
    const wide = share == null ? null : Math.max(0, Math.min(100, share * 100));
    return el("div", {}, el("dt", {}, name), el("dd", {}, text, wide == null ? null : el("span", { class: "track" }, el("i", { style: `width:${wide}%` }))));
  }

  const full = (row) =>
    `Full service: ${W.say(row.price_usd * 1e6, "usd")} per million requests, of which it costs ${W.say(row.full_cost_usd * 1e6, "usd")}; accuracy ${W.num(row.full_accuracy)}, ${W.say(row.full_latency_ms, "ms")}, ${T.grams(row.full_carbon_g)} a request.`.replaceAll("USD ", "USD\u00a0");

  T.figure({
    id: "tier-verdict", question: "Is a green tier worth offering?", needs: ["tier_verdicts"],
    missing: "No tiers were designed", draw,
  });
})(window.Wattlas);
