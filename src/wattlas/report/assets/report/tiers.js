// What all figures of the tiers share: the class that is shown, its offer in words, verdicts.
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
      return ids.length > 1 && { kind: ids.length > 6 ? "select" : "choice", shared: T.PART, key: "class", label: "Class", options: ids.map((id) => [id, W.klass(id)]), standard: first() };
    },
  ];
  T.klass = (state) => state.class ?? first();
  T.rows = (table, state) => W.rows(table).filter((row) => row.class === T.klass(state));

  // A reason is a clause; one that says the verdict again is cut to what follows.
  T.clause = (row) => (row.reason || "").replace(/^no tier is worth (offering|it)\b[\s,:;.–-]*(because\s+)?/i, "").replace(/\.\s*$/, "");
  const because = (row) => (T.clause(row) ? `, because ${T.clause(row)}` : "");
  T.no = (row) => `No tier is worth offering for class ${W.klass(row.class)}${because(row)}.`;
  T.offer = (row) => `${W.say(row.discount, "share")} off for up to ${W.say(row.share, "share")} of the requests at ${row.fallback}`;
  T.grams = (value) => (value == null ? "–" : `${W.num(value, 2)} g`);
  T.signed = (value, kind) => (value > 0 ? `+${W.say(value, kind)}` : W.say(value, kind));

  T.profit = (value) => (value < 0 ? `costs ${W.say(-value, "usd")} of profit` : `adds ${W.say(value, "usd")} of profit`);
  T.carbon = (value) => (value < 0 ? `adds ${W.say(-value, "kg")} of CO₂e` : `saves ${W.say(value, "kg")} of CO₂e`);

  // What stands in place of a picture that needs an offer where there is none.
  T.nothing = (state, what) => {
    const row = T.verdict(T.klass(state));
    return {
      answer: row.worth ? `These results hold ${what} for class ${W.klass(row.class)}.` : `No tier is worth offering for class ${W.klass(row.class)}, so there is ${what}.`,
      node: el("div", {}), empty: true, columns: ["class", "worth", "reason"], rows: [[row.class, row.worth, row.reason]],
    };
  };

  // A figure of the tiers may say in `lacks` what there is none of where no class has a tier worth
  // offering, and so no table.
  T.figure = (id, spec) => W.figure(id, {
    ...spec,
    without: (words) => words.lacks && !W.rows("tier_verdicts").some((row) => row.worth) && `No tier is worth offering for any class, so there is ${words.lacks}.`,
  });
})(window.Wattlas);
